//! The migration workbook of the MicroCommunity system: five tables for buildings, owners, fee settings, units and
//! parking spaces.
//!
//! [`parse`] says what a workbook states, or everything that is wrong with it; [`plan`] says what has to change so that
//! the records say the same; [`export`] writes the records as such a workbook. `parse(export(estate))` never leads to a
//! change.
//!
//! # What the tables mean
//! - 楼栋单元: one row per entrance; the building comes from its number.
//! - 业主信息: owners (1001) and the people who live with them: family members (1002), lessees (1003), temporary persons
//!   (1004). An owner is known by 业主编号; for the others 业主编号 names their owner and 编号 is what they are known
//!   by. People of a household hold each home of their owner, but not the parking spaces.
//! - 费用设置: fee items; the formula code chooses the plug-in, see [`FormulaPlugins`].
//! - 房屋信息: homes and offices. Without an owner they are unsold.
//! - 车位信息: parking spaces: S is sold (the owner's tenure), H is let (a lessee's). A space that nobody holds is the
//!   developer's, as an unsold home is.
//! - Every end date is the first day on which something no longer holds.
//!
//! # What an import never does
//! A row that is missing from the workbook is reported and stays in the records. What a row cannot say stays as it is:
//! whether a home with an owner stands empty, who pays a fee item, ended tenures and assignments, the plug-in bound to a
//! fee item whose row did not change. A changed cell corrects the records as if it had always been so: a new owner takes
//! the place of the one before in the same tenure. A change of owner *on a day* is entered in the console, which keeps
//! both.

mod export;
mod formula;
mod parse;
mod plan;
mod records;
#[cfg(test)]
mod tests;

pub use export::{Exported, LeftOut, export};
pub use formula::{FormulaPlugins, PluginChoice};
pub use parse::parse;
pub use plan::plan;

use super::{ImportCounts, table::Layout};
use crate::{
    Date, Decimal,
    estate::{Gender, PartyKind, TenureKind, UnitKind},
};

/// What a workbook states, in the order of its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    pub entrances: Vec<DesiredEntrance>,
    pub parties: Vec<DesiredParty>,
    pub fee_items: Vec<DesiredFeeItem>,
    pub units: Vec<DesiredUnit>,
    pub spaces: Vec<DesiredSpace>,
}

/// A row of 楼栋单元.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredEntrance {
    pub building_no: String,
    pub entrance_no: String,
    pub storeys: i64,
    pub has_lift: bool,
}

/// A row of 业主信息.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredParty {
    /// 编号, unique in the table.
    pub row_no: String,
    /// 业主编号: an owner's own number, and for everybody else the number of their owner.
    pub owner_no: String,
    pub kind: PartyKind,
    pub name: String,
    pub gender: Option<Gender>,
    pub age: Option<i64>,
    pub phone: Option<String>,
    pub identity_no: Option<String>,
}

impl DesiredParty {
    /// By what the party is known from one import to the next: 业主编号 for an owner, 编号 for everybody else.
    ///
    /// Both kinds of number count from 1, so that the second kind is marked with an `@`. The same mark keeps an owner's
    /// 编号 where it is another one than 业主编号.
    #[must_use]
    pub fn source_no(&self) -> String {
        match self.kind {
            PartyKind::Owner if self.row_no == self.owner_no => self.owner_no.clone(),
            PartyKind::Owner => format!("{}{ROW_MARK}{}", self.owner_no, self.row_no),
            _ => format!("{ROW_MARK}{}", self.row_no),
        }
    }
}

/// Stands before the number of a row in [`DesiredParty::source_no`].
const ROW_MARK: char = '@';

/// A row of 费用设置.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredFeeItem {
    pub fee_no: String,
    pub category: String,
    pub name: String,
    pub recurrence: String,
    pub payment_mode: String,
    pub demand_months: i64,
    pub charge_day: String,
    pub starts_on: Date,
    pub ends_on: Option<Date>,
    pub formula: Formula,
    /// 计费单价 in yuan per m² and month.
    pub unit_price: Option<Decimal>,
    /// 固定费用 in yuan per month.
    pub fixed_amount: Option<Decimal>,
}

/// What the formula codes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formula {
    /// 1001: built-up area × unit price + fixed amount.
    AreaPrice,
    /// 2002: the fixed amount.
    FixedAmount,
}

impl Formula {
    const ALL: [Self; 2] = [Self::AreaPrice, Self::FixedAmount];

    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Formula::AreaPrice => "1001",
            Formula::FixedAmount => "2002",
        }
    }

    fn by_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|formula| formula.code() == code)
    }
}

/// A row of 房屋信息.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredUnit {
    pub building_no: String,
    pub entrance_no: String,
    pub unit_no: String,
    pub storey: Option<i64>,
    pub layout_code: Option<String>,
    pub gross_floor_area_cm2: i64,
    pub owner_no: Option<String>,
    /// Number of each fee item with the first day that it is charged.
    pub fees: Vec<(String, Date)>,
    pub kind: UnitKind,
    pub internal_area_cm2: Option<i64>,
    pub rent_fen: Option<i64>,
}

/// A row of 车位信息.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredSpace {
    pub area_no: String,
    pub space_no: String,
    pub area_kind: String,
    pub gross_floor_area_cm2: i64,
    pub holder: Option<DesiredHolder>,
}

/// Who holds a parking space, and the car in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredHolder {
    pub owner_no: String,
    /// `Owner` for a sold space (S), `Lessee` for a let one (H).
    pub kind: TenureKind,
    pub starts_on: Option<Date>,
    pub ends_on: Option<Date>,
    pub vehicle: Option<DesiredVehicle>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredVehicle {
    pub plate_no: String,
    pub brand: Option<String>,
    pub kind_code: Option<String>,
    pub colour: Option<String>,
}

impl Desired {
    /// What the workbook holds, for its summary.
    #[must_use]
    pub fn counts(&self) -> ImportCounts {
        let mut buildings: Vec<&str> = self.entrances.iter().map(|entrance| entrance.building_no.as_str()).collect();
        buildings.sort_unstable();
        buildings.dedup();
        let owners = self.parties.iter().filter(|party| party.kind == PartyKind::Owner).count();
        let vehicle = |space: &&DesiredSpace| space.holder.as_ref().is_some_and(|holder| holder.vehicle.is_some());
        ImportCounts {
            buildings: buildings.len(),
            entrances: self.entrances.len(),
            units: self.units.len(),
            unsold: self.units.iter().filter(|unit| unit.owner_no.is_none()).count(),
            parking_spaces: self.spaces.len(),
            owners,
            members: self.parties.len() - owners,
            vehicles: self.spaces.iter().filter(vehicle).count(),
            fee_items: self.fee_items.len(),
            fee_assignments: self.units.iter().map(|unit| unit.fees.len()).sum(),
        }
    }
}

/// Stands in the template for "no identity number".
const NO_IDENTITY_NO: &str = "111111111111111111";

/// 业主类型.
const PARTY_KINDS: [(&str, PartyKind); 4] = [
    ("1001", PartyKind::Owner),
    ("1002", PartyKind::FamilyMember),
    ("1003", PartyKind::Lessee),
    ("1004", PartyKind::Temporary),
];
/// 房屋类型.
const UNIT_KINDS: [(&str, UnitKind); 2] = [("110", UnitKind::Residential), ("120", UnitKind::Office)];
/// 出租还是出售.
const SPACE_TENURES: [(&str, TenureKind); 2] = [("S", TenureKind::Owner), ("H", TenureKind::Lessee)];
/// 性别.
const GENDERS: [(&str, Gender); 2] = [("男", Gender::Male), ("女", Gender::Female)];
/// 是否有电梯.
const LIFTS: [(&str, bool); 2] = [("有", true), ("无", false)];
/// 车类型.
const VEHICLE_KINDS: [&str; 3] = ["9901", "9902", "9903"];

/// How the template writes a value that the domain has a word for.
fn written<T: Copy + PartialEq>(table: &[(&'static str, T)], value: T) -> Option<&'static str> {
    table.iter().find(|(_, known)| *known == value).map(|(text, _)| *text)
}

/// Layouts in the order of the template's sheets.
mod layouts {
    use super::Layout;

    pub const ENTRANCES: Layout =
        Layout { sheet: "楼栋单元", titles: &["楼栋号", "单元编号", "总层数", "是否有电梯"] };
    pub const PARTIES: Layout = Layout {
        sheet: "业主信息",
        titles: &["编号", "业主名称", "性别", "年龄", "手机号", "身份证号", "业主类型", "业主编号"],
    };
    pub const FEE_ITEMS: Layout = Layout {
        sheet: "费用设置",
        titles: &[
            "费用编号",
            "费用类型",
            "收费项目",
            "费用标识",
            "付费类型",
            "缴费周期",
            "出账类型",
            "计费起始时间",
            "计费结束时间",
            "计算公式",
            "计费单价",
            "固定费用",
        ],
    };
    pub const UNITS: Layout = Layout {
        sheet: "房屋信息",
        titles: &[
            "房屋编号",
            "楼栋编号",
            "单元编号",
            "房屋楼层",
            "房屋户型",
            "建筑面积",
            "业主编号",
            "房屋费用",
            "费用开始时间",
            "房屋类型",
            "室内面积",
            "租金",
        ],
    };
    pub const SPACES: Layout = Layout {
        sheet: "车位信息",
        titles: &[
            "停车场编号",
            "车位编码",
            "停车场类型",
            "面积",
            "业主编号",
            "车牌号",
            "车品牌",
            "车类型（9901 家用小汽车 9902 客车 9903 货车）",
            "颜色",
            "出租还是出售（H出租S出售）",
            "开始时间",
            "结束时间",
        ],
    };
}
