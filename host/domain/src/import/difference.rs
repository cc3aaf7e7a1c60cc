//! How records differ from a workbook: typed where it is found, told in Chinese or English where it is read. Names and
//! numbers of people are personal data and no part of it; people go by the numbers of the workbook.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use super::reason::pick;
use crate::{
    Date, Decimal, Error, Result,
    access::codes,
    estate::{OccupancyStatus, PartyKind, TenureKind, UnitKind, UnitPlace},
    plugin::Language,
};

codes! {
    /// How the records differ from the workbook.
    DifferenceKind {
        /// Will be added.
        Added = "added",
        /// Will be changed.
        Changed = "changed",
        /// Will be removed.
        Removed = "removed",
        /// Is in the records and not in the workbook; it stays.
        Missing = "missing",
    }
}

/// One line of the difference between records and workbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub kind: DifferenceKind,
    pub what: Thing,
    /// How it differs. Empty where there is nothing to say.
    pub changes: Vec<Change>,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    Building {
        building: String,
    },
    Entrance {
        building: String,
        entrance: String,
    },
    ParkingArea {
        area: String,
    },
    Unit(UnitPlace),
    ParkingSpace {
        area: String,
        space: String,
    },
    Owner {
        number: String,
    },
    /// Somebody of an owner's household.
    Member {
        kind: PartyKind,
        number: String,
        owner: String,
    },
    FeeItem {
        name: String,
    },
    /// Too many to be named one by one.
    Many {
        count: usize,
        of: Things,
    },
}

/// Rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Things {
    BuildingsAndEntrances,
    ParkingAreas,
    People,
    FeeItems,
    Units,
    ParkingSpaces,
}

/// How something differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Field {
        field: Field,
        before: Value,
        after: Value,
    },
    /// Fields of a person, whose values are nobody's business here.
    Personal(Vec<PersonalField>),
    CarAdded,
    CarChanged,
    CarRemoved,
}

/// A field whose values may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Storeys,
    Lift,
    Kind,
    Storey,
    Layout,
    GrossFloorArea,
    InternalArea,
    Rent,
    Occupancy,
    Owner,
    Holder,
    Tenure,
    Start,
    End,
    Fees,
    Number,
    Category,
    Name,
    Recurrence,
    PaymentMode,
    DemandMonths,
    ChargeDay,
    Formula,
    UnitPrice,
    FixedAmount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonalField {
    Name,
    Number,
    Kind,
    Gender,
    Age,
    Phone,
    IdentityNo,
    Household,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    None,
    Text(String),
    Whole(i64),
    Decimal(Decimal),
    Day(Date),
    Flag(bool),
    UnitKind(UnitKind),
    Occupancy(OccupancyStatus),
    Tenure(TenureKind),
    /// Numbers of fee items with the first day that each is charged.
    Fees(Vec<(String, Date)>),
}

macro_rules! values {
    ($($type:ty => $variant:ident,)*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

values! {
    &str => Text,
    &String => Text,
    i64 => Whole,
    Decimal => Decimal,
    Date => Day,
    bool => Flag,
    UnitKind => UnitKind,
    OccupancyStatus => Occupancy,
    TenureKind => Tenure,
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

/// A difference in the language of whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldDifference {
    pub kind: DifferenceKind,
    /// What differs, such as `unit 6-1-101`, or a number of things.
    pub what: String,
    /// How, such as `gross floor area 89.5 -> 90`. Empty where there is nothing to say.
    pub detail: String,
}

impl Difference {
    #[must_use]
    pub fn told(&self, language: Language) -> ToldDifference {
        let changes: Vec<String> = self.changes.iter().map(|change| change.told(language)).collect();
        ToldDifference {
            kind: self.kind,
            what: self.what.told(language),
            detail: changes.join(pick(language, "；", "; ")),
        }
    }

    /// The difference as one line of a terminal.
    #[must_use]
    pub fn line(&self, language: Language) -> String {
        let ToldDifference { kind, what, detail } = self.told(language);
        let kind_word = match kind {
            DifferenceKind::Added => pick(language, "新增", kind.code()),
            DifferenceKind::Changed => pick(language, "修改", kind.code()),
            DifferenceKind::Removed => pick(language, "删除", kind.code()),
            DifferenceKind::Missing => pick(language, "缺少", kind.code()),
        };
        let colon = pick(language, "：", ": ");
        let mut line = format!("{kind_word}{colon}{what}");
        if !detail.is_empty() {
            line.push_str(colon);
            line.push_str(&detail);
        }
        if kind == DifferenceKind::Missing {
            line.push_str(pick(language, "（表里没有，予以保留）", " (not in the workbook; it stays)"));
        }
        line
    }
}

impl Thing {
    #[must_use]
    pub fn told(&self, language: Language) -> String {
        let either = |zh: String, en: String| pick(language, zh, en);
        match self {
            Thing::Building { building } => either(format!("楼栋 {building}"), format!("building {building}")),
            Thing::Entrance { building, entrance } => {
                either(format!("单元 {building}-{entrance}"), format!("entrance {building}-{entrance}"))
            }
            Thing::ParkingArea { area } => either(format!("停车场 {area}"), format!("parking area {area}")),
            Thing::Unit(place) => either(format!("房屋 {place}"), format!("unit {place}")),
            Thing::ParkingSpace { area, space } => {
                either(format!("车位 {area}-{space}"), format!("parking space {area}-{space}"))
            }
            Thing::Owner { number } => either(format!("业主 {number}"), format!("owner {number}")),
            Thing::Member { kind, number, owner } => either(
                format!("业主 {owner} 的{} {number}", party_word(*kind)),
                format!("{kind} {number} of owner {owner}"),
            ),
            Thing::FeeItem { name } => either(format!("收费项目 {name}"), format!("fee item {name}")),
            Thing::Many { count, of } => {
                let (zh, en) = of.words();
                either(format!("{count} {zh}"), format!("{count} {en}"))
            }
        }
    }
}

fn party_word(kind: PartyKind) -> &'static str {
    match kind {
        PartyKind::Owner => "业主",
        PartyKind::FamilyMember => "家庭成员",
        PartyKind::Lessee => "租户",
        PartyKind::Temporary => "临时人员",
        PartyKind::Developer => "开发商",
    }
}

impl Things {
    /// With the measure word that Chinese counts them by.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Things::BuildingsAndEntrances => ("个楼栋和单元", "buildings and entrances"),
            Things::ParkingAreas => ("个停车场", "parking areas"),
            Things::People => ("位业主和住户", "people"),
            Things::FeeItems => ("个收费项目", "fee items"),
            Things::Units => ("套房屋", "units"),
            Things::ParkingSpaces => ("个车位", "parking spaces"),
        }
    }
}

impl Change {
    #[must_use]
    pub fn told(&self, language: Language) -> String {
        match self {
            Change::Field { field, before, after } => {
                let (zh, en) = field.words();
                let arrow = pick(language, "→", "->");
                format!("{} {} {arrow} {}", pick(language, zh, en), before.told(language), after.told(language))
            }
            Change::Personal(fields) => {
                let words: Vec<&str> = fields
                    .iter()
                    .map(|field| {
                        let (zh, en) = field.words();
                        pick(language, zh, en)
                    })
                    .collect();
                words.join(pick(language, "、", ", "))
            }
            Change::CarAdded => pick(language, "新增车辆", "car added").to_owned(),
            Change::CarChanged => pick(language, "车辆有变", "car changed").to_owned(),
            Change::CarRemoved => pick(language, "删除车辆", "car removed").to_owned(),
        }
    }
}

impl Field {
    #[cfg(test)]
    const ALL: [Self; 25] = {
        use Field::*;
        [
            Storeys,
            Lift,
            Kind,
            Storey,
            Layout,
            GrossFloorArea,
            InternalArea,
            Rent,
            Occupancy,
            Owner,
            Holder,
            Tenure,
            Start,
            End,
            Fees,
            Number,
            Category,
            Name,
            Recurrence,
            PaymentMode,
            DemandMonths,
            ChargeDay,
            Formula,
            UnitPrice,
            FixedAmount,
        ]
    };

    /// In Chinese by the titles of the workbook's columns.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Field::Storeys => ("总层数", "storeys"),
            Field::Lift => ("电梯", "lift"),
            Field::Kind => ("类型", "kind"),
            Field::Storey => ("楼层", "storey"),
            Field::Layout => ("户型", "layout"),
            Field::GrossFloorArea => ("建筑面积", "gross floor area"),
            Field::InternalArea => ("室内面积", "internal area"),
            Field::Rent => ("租金", "rent"),
            Field::Occupancy => ("使用状态", "occupancy"),
            Field::Owner => ("业主编号", "owner"),
            Field::Holder => ("车位业主编号", "holder"),
            Field::Tenure => ("租售方式", "tenure"),
            Field::Start => ("开始时间", "start"),
            Field::End => ("结束时间", "end"),
            Field::Fees => ("房屋费用", "fees"),
            Field::Number => ("费用编号", "number"),
            Field::Category => ("费用类型", "category"),
            Field::Name => ("名称", "name"),
            Field::Recurrence => ("费用标识", "recurrence"),
            Field::PaymentMode => ("付费类型", "payment mode"),
            Field::DemandMonths => ("缴费周期（月）", "months of a demand note"),
            Field::ChargeDay => ("出账类型", "charge day"),
            Field::Formula => ("计算公式", "formula"),
            Field::UnitPrice => ("计费单价", "unit price"),
            Field::FixedAmount => ("固定费用", "fixed amount"),
        }
    }
}

impl PersonalField {
    #[cfg(test)]
    const ALL: [Self; 8] = {
        use PersonalField::*;
        [Name, Number, Kind, Gender, Age, Phone, IdentityNo, Household]
    };

    fn words(self) -> (&'static str, &'static str) {
        match self {
            PersonalField::Name => ("姓名", "name"),
            PersonalField::Number => ("编号", "number"),
            PersonalField::Kind => ("业主类型", "kind"),
            PersonalField::Gender => ("性别", "gender"),
            PersonalField::Age => ("年龄", "age"),
            PersonalField::Phone => ("手机号", "phone"),
            PersonalField::IdentityNo => ("身份证号", "identity number"),
            PersonalField::Household => ("所属业主", "household"),
        }
    }
}

impl Value {
    fn told(&self, language: Language) -> String {
        let coded = |zh: &str, code: &str| pick(language, zh, code).to_owned();
        match self {
            Value::None => pick(language, "无", "none").to_owned(),
            Value::Text(text) if text.is_empty() => pick(language, "无", "none").to_owned(),
            Value::Text(text) => text.clone(),
            Value::Whole(number) => number.to_string(),
            Value::Decimal(number) => number.to_string(),
            Value::Day(day) => day.to_string(),
            Value::Flag(true) => pick(language, "有", "yes").to_owned(),
            Value::Flag(false) => pick(language, "无", "no").to_owned(),
            Value::UnitKind(kind) => {
                let zh = match kind {
                    UnitKind::Residential => "住宅",
                    UnitKind::Office => "办公",
                    UnitKind::Shop => "商铺",
                    UnitKind::ParkingSpace => "车位",
                    UnitKind::Storage => "储藏室",
                };
                coded(zh, kind.code())
            }
            Value::Occupancy(status) => {
                let zh = match status {
                    OccupancyStatus::Occupied => "入住",
                    OccupancyStatus::Vacant => "空置",
                    OccupancyStatus::Unsold => "未售",
                };
                coded(zh, status.code())
            }
            Value::Tenure(kind) => {
                let zh = match kind {
                    TenureKind::Owner => "出售",
                    TenureKind::Lessee => "出租",
                    TenureKind::FamilyMember => "家庭成员",
                    TenureKind::Temporary => "临时人员",
                };
                coded(zh, kind.code())
            }
            Value::Fees(fees) => {
                let fee = |(number, day): &(String, Date)| {
                    pick(language, format!("{number} 自 {day} 起"), format!("{number} from {day}"))
                };
                let fees: Vec<String> = fees.iter().map(fee).collect();
                format!("[{}]", fees.join(pick(language, "、", ", ")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_chinese(sign: char) -> bool {
        ('\u{4e00}'..='\u{9fff}').contains(&sign)
    }

    /// Everything that a difference can say, without arguments that are Chinese themselves.
    fn every_difference() -> Vec<Difference> {
        let text = |text: &str| text.to_owned();
        let places = UnitPlace { building: text("6"), entrance: text("1"), unit: text("101") };
        let member = |kind| Thing::Member { kind, number: text("4"), owner: text("2") };
        let things = [
            Thing::Building { building: text("6") },
            Thing::Entrance { building: text("6"), entrance: text("1") },
            Thing::ParkingArea { area: text("P1") },
            Thing::Unit(places),
            Thing::ParkingSpace { area: text("P1"), space: text("B0001") },
            Thing::Owner { number: text("2") },
            member(PartyKind::FamilyMember),
            member(PartyKind::Lessee),
            member(PartyKind::Temporary),
            Thing::FeeItem { name: text("X") },
            Thing::Many { count: 21, of: Things::BuildingsAndEntrances },
            Thing::Many { count: 21, of: Things::ParkingAreas },
            Thing::Many { count: 21, of: Things::People },
            Thing::Many { count: 21, of: Things::FeeItems },
            Thing::Many { count: 21, of: Things::Units },
            Thing::Many { count: 21, of: Things::ParkingSpaces },
        ];
        let field = |field, before: Value, after: Value| Change::Field { field, before, after };
        let mut changes: Vec<Change> =
            Field::ALL.into_iter().map(|name| field(name, Value::None, Value::Whole(90))).collect();
        changes.extend(PersonalField::ALL.map(|name| Change::Personal(vec![name, PersonalField::Age])));
        changes.extend([Change::CarAdded, Change::CarChanged, Change::CarRemoved]);
        changes.extend(UnitKind::ALL.iter().map(|kind| field(Field::Kind, Value::None, (*kind).into())));
        changes.extend(OccupancyStatus::ALL.iter().map(|kind| field(Field::Occupancy, true.into(), (*kind).into())));
        changes.extend(TenureKind::ALL.iter().map(|kind| field(Field::Tenure, false.into(), (*kind).into())));
        changes.push(field(Field::Fees, Value::Fees(Vec::new()), Value::Fees(vec![(text("1"), Date(31))])));
        let named = things.into_iter().flat_map(|what| {
            DifferenceKind::ALL.iter().map(move |kind| Difference { kind: *kind, what: what.clone(), changes: vec![] })
        });
        let changed = changes.into_iter().map(|change| Difference {
            kind: DifferenceKind::Changed,
            what: Thing::Owner { number: text("2") },
            changes: vec![change],
        });
        named.chain(changed).collect()
    }

    #[test]
    fn every_difference_is_told_in_both_languages() {
        for difference in every_difference() {
            let (zh, en) = (difference.told(Language::Zh), difference.told(Language::En));
            assert!(zh.what.contains(is_chinese) && !en.what.contains(is_chinese), "{difference:?}");
            assert_eq!(zh.detail.is_empty(), difference.changes.is_empty());
            assert!(zh.detail.is_empty() || zh.detail.contains(is_chinese), "{zh:?}");
            assert!(en.detail.is_empty() == zh.detail.is_empty() && !en.detail.contains(is_chinese), "{en:?}");
            let line = difference.line(Language::Zh);
            let latin = |part: &str| part.bytes().filter(u8::is_ascii_alphabetic).count();
            assert!(!line.contains("->") && latin(&line) <= "P1B".len(), "{line}");
        }
    }

    #[test]
    fn a_difference_reads_as_a_clerk_would_write_it() {
        let difference = Difference {
            kind: DifferenceKind::Changed,
            what: Thing::Unit(UnitPlace { building: "6".into(), entrance: "1".into(), unit: "101".into() }),
            changes: vec![
                Change::Field {
                    field: Field::GrossFloorArea,
                    before: Decimal::new(895, 1).into(),
                    after: Value::Whole(90),
                },
                Change::Field { field: Field::Owner, before: Value::None, after: "2".into() },
            ],
        };
        assert_eq!(difference.line(Language::Zh), "修改：房屋 6-1-101：建筑面积 89.5 → 90；业主编号 无 → 2");
        assert_eq!(
            difference.line(Language::En),
            "changed: unit 6-1-101: gross floor area 89.5 -> 90; owner none -> 2"
        );
        let gone = Difference {
            kind: DifferenceKind::Missing,
            what: Thing::Member { kind: PartyKind::Lessee, number: "4".into(), owner: "1".into() },
            changes: Vec::new(),
        };
        assert_eq!(gone.line(Language::Zh), "缺少：业主 1 的租户 4（表里没有，予以保留）");
        assert_eq!(gone.line(Language::En), "missing: lessee 4 of owner 1 (not in the workbook; it stays)");
    }
}
