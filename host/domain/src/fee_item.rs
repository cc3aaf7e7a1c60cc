//! What is charged (收费项目) and to which units.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use crate::{Date, Error, Result, access::codes, ids::*};

codes! {
    /// Who owes the charge of a segment. Unsold units fall to the developer under every rule.
    PayerRule {
        /// The owner of the unit.
        Owner = "owner",
        /// The lessee while there is one, else the owner.
        Occupant = "occupant",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeItem {
    pub id: FeeItemId,
    /// Unique in the project.
    pub name: String,
    /// 费用编号 of the workbook it came from.
    pub source_no: Option<String>,
    /// 费用类型, such as 物业费.
    pub category: String,
    /// 费用标识, such as 周期性费用.
    pub recurrence: String,
    /// 付费类型, such as 预付费.
    pub payment_mode: String,
    /// 缴费周期: how many months one demand note covers. Charges stay one line a month.
    pub demand_months: i64,
    /// 出账类型 as the firm writes it, such as 每月1日.
    pub charge_day: String,
    pub starts_on: Date,
    /// The first day that is no longer charged.
    pub ends_on: Option<Date>,
    pub payer_rule: PayerRule,
    /// Code of the formula in the system it came from, such as 1001; kept for export.
    pub formula_code: Option<String>,
    /// 计费单价 and 固定费用 as the workbook says them; kept for export. What is charged is in the binding's settings.
    pub source_price: Option<String>,
    pub source_fixed: Option<String>,
}

/// A unit is charged a fee item from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeAssignment {
    pub id: FeeAssignmentId,
    pub unit_id: UnitId,
    pub fee_item_id: FeeItemId,
    pub starts_on: Date,
    /// The first day that is no longer charged.
    pub ends_on: Option<Date>,
}

/// The cost of one period that the units of a shared-cost fee item bear together (公摊).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostPool {
    pub fee_item_id: FeeItemId,
    /// First day of the period.
    pub period_start: Date,
    pub total_fen: i64,
}

/// The largest shared cost of a month: a hundred million yuan, beyond any project, and far from where shares overflow.
pub const COST_POOL_MAX_FEN: i64 = 10_000_000_000;
