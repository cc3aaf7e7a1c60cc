//! Values that either database can bind, and cells that either can give back.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use guanjia_domain::{
    Date, Error, Fen, Result,
    billing::RunState,
    calendar::Clock,
    decision::HoldKind,
    estate::*,
    fee_item::PayerRule,
    ids::*,
    job::*,
    journal::*,
    plugin::*,
    ticket::{
        Channel, FollowUpChannel, FollowUpResult, Level, Noun, Priority, TicketMove, TicketState, TimerKind,
        work_order::{Payment, WorkOrderState},
    },
};
use uuid::Uuid;

use crate::db::RawCell;

/// One argument. A missing one keeps its type, which PostgreSQL wants to know.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Bool(Option<bool>),
    Text(Option<String>),
    Uuid(Option<Uuid>),
    Bytes(Option<Vec<u8>>),
    Date(Option<Date>),
    Instant(Option<DateTime<Utc>>),
}

pub(crate) type Values = Vec<Value>;

/// The arguments of a statement, without the company.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::value::Value::from($value)),*] };
}

macro_rules! value_from {
    ($($variant:ident($type:ty);)*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self { Value::$variant(Some(value)) }
        }
        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self { Value::$variant(value) }
        }
    )*};
}
value_from! { Int(i64); Bool(bool); Text(String); Uuid(Uuid); Bytes(Vec<u8>); Date(Date); Instant(DateTime<Utc>); }

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(Some(value.to_owned()))
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Value::Text(Some(value.clone()))
    }
}

impl From<&Option<String>> for Value {
    fn from(value: &Option<String>) -> Self {
        Value::Text(value.clone())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Value::Int(Some(i64::from(value)))
    }
}

/// What a column is read as.
pub(crate) trait Cell: Sized {
    type Raw: RawCell;
    fn from_raw(raw: Self::Raw) -> Result<Self>;
}

macro_rules! plain_cells {
    ($($type:ty),*) => {$(
        impl Cell for $type {
            type Raw = $type;
            fn from_raw(raw: $type) -> Result<Self> { Ok(raw) }
        }
        impl Cell for Option<$type> {
            type Raw = Option<$type>;
            fn from_raw(raw: Option<$type>) -> Result<Self> { Ok(raw) }
        }
    )*};
}
plain_cells!(i64, bool, String, Uuid, Vec<u8>, DateTime<Utc>);

macro_rules! derived_cells {
    ($($type:ty => $raw:ty, $read:expr;)*) => {$(
        impl Cell for $type {
            type Raw = $raw;
            fn from_raw(raw: $raw) -> Result<Self> { $read(raw) }
        }
        impl Cell for Option<$type> {
            type Raw = Option<$raw>;
            fn from_raw(raw: Option<$raw>) -> Result<Self> { raw.map($read).transpose() }
        }
    )*};
}
derived_cells! {
    Date => NaiveDate, from_naive;
    Fen => i64, |fen| Ok(Fen(fen));
    serde_json::Value => String, |text: String| json(&text);
}

impl From<Fen> for Value {
    fn from(value: Fen) -> Self {
        Value::Int(Some(value.0))
    }
}

macro_rules! ids {
    ($($type:ident),*) => {$(
        impl From<$type> for Value {
            fn from(id: $type) -> Self { Value::Uuid(Some(id.0)) }
        }
        impl From<Option<$type>> for Value {
            fn from(id: Option<$type>) -> Self { Value::Uuid(id.map(|id| id.0)) }
        }
        derived_cells! { $type => Uuid, |id| Ok($type(id)); }
    )*};
}
ids!(
    CompanyId,
    ProjectId,
    BuildingId,
    EntranceId,
    UnitId,
    ParkingAreaId,
    PartyId,
    TenureId,
    VehicleId,
    FeeItemId,
    FeeAssignmentId,
    BindingId,
    ProposalId,
    TrialId,
    QuarantineId,
    BillingRunId,
    DecisionId,
    ChargeId,
    LedgerAccountId,
    JournalEntryId,
    UserId,
    TokenId,
    JobId,
    ScheduleId,
    EventId,
    MeterId,
    MeterReadingId,
    PublisherId,
    StaffId,
    TicketId,
    TimerId,
    FollowUpId,
    WorkOrderId,
    OwnerLinkId
);

macro_rules! codes {
    ($($type:ident),*) => {$(
        impl From<$type> for Value {
            fn from(code: $type) -> Self { Value::Text(Some(code.code().to_owned())) }
        }
        impl From<Option<$type>> for Value {
            fn from(code: Option<$type>) -> Self { Value::Text(code.map(|code| code.code().to_owned())) }
        }
        derived_cells! { $type => String, |text: String| text.parse::<$type>(); }
    )*};
}
codes!(
    UnitKind,
    OccupancyStatus,
    Gender,
    PartyKind,
    TenureKind,
    PayerRule,
    ExtensionPoint,
    BindingMode,
    ProposalState,
    RunState,
    HoldKind,
    JobKind,
    JobState,
    LedgerAccountKind,
    EntryKind,
    Clock,
    TicketState,
    TicketMove,
    TimerKind,
    Priority,
    Level,
    Channel,
    FollowUpResult,
    FollowUpChannel,
    Noun,
    WorkOrderState,
    Payment
);

/// JSON that the store wrote itself.
pub(crate) fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::unavailable("stored JSON is damaged", error))
}

pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::unavailable("a value cannot be written as JSON", error))
}

/// # Errors
/// `Invalid` for years that no calendar of a database has.
pub(crate) fn to_naive(date: Date) -> Result<NaiveDate> {
    let epoch = NaiveDate::default();
    let days = Days::new(u64::from(date.0.unsigned_abs()));
    let moved = if date.0 < 0 { epoch.checked_sub_days(days) } else { epoch.checked_add_days(days) };
    moved.ok_or_else(|| Error::invalid(format!("{date} is out of range")))
}

fn from_naive(date: NaiveDate) -> Result<Date> {
    let days = i64::from(date.num_days_from_ce()) - i64::from(NaiveDate::default().num_days_from_ce());
    i32::try_from(days).map(Date).map_err(|_| Error::invalid(format!("{date} is out of range")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dates_survive_the_calendar_of_the_database(days in -719_528..=2_932_896_i32) {
            let naive = to_naive(Date(days)).expect("is in range");
            prop_assert_eq!(from_naive(naive).expect("is in range"), Date(days));
            prop_assert_eq!(naive.to_string(), Date(days).to_string());
        }
    }
}
