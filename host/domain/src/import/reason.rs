//! Why a cell of a workbook cannot be used: typed where it is found, told in Chinese or English where it is read.

use crate::{
    Date,
    error::{InputProblem, Told},
    plugin::Language,
};

/// Why a cell cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    SheetMissing,
    ColumnMissing,
    Empty,
    Formula,
    SpreadsheetError,
    TooLong {
        max: usize,
    },
    ControlCharacter,
    LikeFormula,
    DigitsLost {
        kept: usize,
    },
    ReservedSign {
        sign: char,
    },
    NotWhole,
    NotInteger {
        min: i64,
        max: i64,
    },
    NotDecimal {
        measure: Measure,
    },
    Negative,
    NotPositive,
    AboveMaximum {
        max: i64,
        measure: Measure,
    },
    TooManyPlaces {
        max: u8,
    },
    NotDate,
    YearOutOfRange {
        min: i32,
        max: i32,
    },
    NoSuchDay,
    NotAfterStart {
        start: Date,
    },
    /// What is wrong with one entry of a list.
    Entry {
        entry: String,
        reason: Box<Reason>,
    },
    EmptyEntry,
    /// The lists of fee items and of their start dates belong together.
    ListLengths {
        days: usize,
        fees: usize,
    },
    Doubled {
        key: Key,
        row: u32,
    },
    UnknownWord {
        what: Choice,
        known: Vec<&'static str>,
    },
    UnknownFormula {
        code: String,
        known: Vec<&'static str>,
    },
    UnknownOwner,
    UnknownBuilding,
    UnknownEntrance {
        building: String,
    },
    AboveRoof {
        storeys: i64,
    },
    UnknownFee {
        number: String,
    },
    FeeTwice {
        number: String,
    },
    AreaOfTwoKinds {
        area: String,
        first: String,
    },
    HolderMissing,
    TenureMissing,
    PlateMissing,
    /// Stands behind the last problem of a list that was cut.
    More {
        count: usize,
    },
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    SquareMetres,
    Yuan,
}

/// By what a row of a table is known, so that no second row may have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Entrance,
    PartyRow,
    Owner,
    FeeNumber,
    FeeName,
    Unit,
    ParkingSpace,
    Plate,
}

/// A column that takes only a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Choice {
    Lift,
    Gender,
    PartyKind,
    UnitKind,
    SpaceTenure,
    VehicleKind,
}

impl Measure {
    fn word(self, language: Language) -> &'static str {
        let (zh, en) = match self {
            Measure::SquareMetres => ("平方米", "m²"),
            Measure::Yuan => ("元", "yuan"),
        };
        pick(language, zh, en)
    }
}

impl Key {
    fn words(self, language: Language) -> &'static str {
        let (zh, en) = match self {
            Key::Entrance => ("这栋楼的这个单元", "this entrance of the building"),
            Key::PartyRow => ("这个编号", "this number"),
            Key::Owner => ("这个业主编号", "this owner number"),
            Key::FeeNumber => ("这个费用编号", "this fee number"),
            Key::FeeName => ("同名的收费项目", "a fee item of this name"),
            Key::Unit => ("这个单元的这套房屋", "this unit of the entrance"),
            Key::ParkingSpace => ("这个车位", "this parking space"),
            Key::Plate => ("这个车牌号", "this number plate"),
        };
        pick(language, zh, en)
    }
}

impl Choice {
    fn words(self, language: Language) -> &'static str {
        let (zh, en) = match self {
            Choice::Lift => ("是否有电梯", "answer to whether there is a lift"),
            Choice::Gender => ("性别", "gender"),
            Choice::PartyKind => ("业主类型", "kind of owner"),
            Choice::UnitKind => ("房屋类型", "type of unit"),
            Choice::SpaceTenure => ("租售方式（S 为出售，H 为出租）", "kind of tenure (S sold, H let)"),
            Choice::VehicleKind => ("车辆类型", "kind of vehicle"),
        };
        pick(language, zh, en)
    }
}

pub(super) fn pick<T>(language: Language, zh: T, en: T) -> T {
    match language {
        Language::Zh => zh,
        Language::En => en,
    }
}

impl Reason {
    /// The reason in a language. One row for each: its code, Chinese, English.
    #[must_use]
    pub fn told(&self, language: Language) -> Told {
        let fixed = |code, zh: &str, en: &str| (code, pick(language, zh, en).to_owned());
        let either = |code, zh: String, en: String| (code, pick(language, zh, en));
        let (code, sentence) = match self {
            Reason::SheetMissing => fixed("sheet-missing", "缺少这张表", "the sheet is missing"),
            Reason::ColumnMissing => {
                fixed("column-missing", "首行没有这一列的标题", "no column of the first row has this title")
            }
            Reason::Empty => fixed("empty", "不能为空", "is empty"),
            Reason::Formula => fixed(
                "formula",
                "单元格里是公式，导入时只取数值，请复制后“粘贴为数值”",
                "holds a formula; only values are taken over, so paste it as a value",
            ),
            Reason::SpreadsheetError => fixed(
                "spreadsheet-error",
                "单元格里是表格软件的错误提示，不是数据",
                "holds an error of the spreadsheet instead of a value",
            ),
            Reason::TooLong { max } => {
                either("too-long", format!("超过了 {max} 个字"), format!("is longer than {max} characters"))
            }
            Reason::ControlCharacter => {
                fixed("control-character", "含有换行或其他控制字符", "holds a line break or another control character")
            }
            Reason::LikeFormula => fixed(
                "like-formula",
                "开头像公式，表格软件会拿去计算，请删掉第一个符号",
                "begins like a formula, which spreadsheets would run; remove the first sign",
            ),
            Reason::DigitsLost { kept } => either(
                "digits-lost",
                format!("表格软件的数字只保留 {kept} 位，请把单元格设为文本格式后重新填写"),
                format!("spreadsheets keep {kept} digits of a number; format the cell as text and type it again"),
            ),
            Reason::ReservedSign { sign } => {
                either("reserved-sign", format!("不能含有符号 {sign}"), format!("may not hold the sign {sign}"))
            }
            Reason::NotWhole => fixed("not-whole", "必须是整数", "has to be a whole number"),
            Reason::NotInteger { min, max } => either(
                "not-integer",
                format!("必须是 {min} 到 {max} 之间的整数"),
                format!("has to be a whole number from {min} to {max}"),
            ),
            Reason::NotDecimal { measure } => {
                let measure = measure.word(language);
                either(
                    "not-decimal",
                    format!("不是数字，请写成 89.5 这样（单位：{measure}）"),
                    format!("is not a number; write it like 89.5 ({measure})"),
                )
            }
            Reason::Negative => fixed("negative", "不能是负数", "may not be negative"),
            Reason::NotPositive => fixed("not-positive", "必须大于 0", "has to be greater than 0"),
            Reason::AboveMaximum { max, measure } => {
                let measure = measure.word(language);
                either("above-maximum", format!("不能超过 {max} {measure}"), format!("may be at most {max} {measure}"))
            }
            Reason::TooManyPlaces { max } => either(
                "too-many-places",
                format!("小数不能超过 {max} 位"),
                format!("has more than {max} decimal places"),
            ),
            Reason::NotDate => {
                fixed("not-date", "不是日期，请写成 2025-01-01 这样", "is not a date; write it like 2025-01-01")
            }
            Reason::YearOutOfRange { min, max } => either(
                "year-out-of-range",
                format!("年份必须在 {min} 到 {max} 之间"),
                format!("the year has to lie between {min} and {max}"),
            ),
            Reason::NoSuchDay => fixed("no-such-day", "日历上没有这一天", "there is no such day in the calendar"),
            Reason::NotAfterStart { start } => either(
                "not-after-start",
                format!("必须晚于开始时间 {start}"),
                format!("has to be after the start, {start}"),
            ),
            Reason::Entry { entry, reason } => {
                let Told { code, sentence } = reason.told(language);
                either(code, format!("“{entry}”：{sentence}"), format!("{entry:?}: {sentence}"))
            }
            Reason::EmptyEntry => fixed("empty-entry", "其中有一项是空的", "an entry of the list is empty"),
            Reason::ListLengths { days, fees } => either(
                "list-lengths",
                format!("开始时间有 {days} 个，收费项目有 {fees} 个，两边要一一对应"),
                format!("{} for {}", counted(*days, "start date"), counted(*fees, "fee item")),
            ),
            Reason::Doubled { key, row } => {
                let key = key.words(language);
                either("doubled", format!("{key}在第 {row} 行已经有了"), format!("{key} is in row {row} already"))
            }
            Reason::UnknownWord { what, known } => {
                let what = what.words(language);
                either(
                    "unknown-word",
                    format!("{what}只能填 {}", known.join("、")),
                    format!("is no known {what}; known are {}", known.join(", ")),
                )
            }
            Reason::UnknownFormula { code, known } => either(
                "unknown-formula",
                format!("计算公式 {code} 还没有对应的插件，目前能用的是 {}", known.join("、")),
                format!("formula code {code} has no plug-in yet; known are {}", known.join(", ")),
            ),
            Reason::UnknownOwner => {
                fixed("unknown-owner", "没有这个编号的业主（业主类型 1001）", "no owner (1001) has this number")
            }
            Reason::UnknownBuilding => fixed("unknown-building", "没有这栋楼", "there is no such building"),
            Reason::UnknownEntrance { building } => either(
                "unknown-entrance",
                format!("楼栋 {building} 没有这个单元"),
                format!("building {building} has no such entrance"),
            ),
            Reason::AboveRoof { storeys } => {
                either("above-roof", format!("这栋楼只有 {storeys} 层"), format!("the building has {storeys} storeys"))
            }
            Reason::UnknownFee { number } => either(
                "unknown-fee",
                format!("没有编号为“{number}”的收费项目"),
                format!("no fee item has the number {number:?}"),
            ),
            Reason::FeeTwice { number } => either(
                "fee-twice",
                format!("收费项目“{number}”填了两次"),
                format!("fee item {number:?} is in the list twice"),
            ),
            Reason::AreaOfTwoKinds { area, first } => either(
                "area-of-two-kinds",
                format!("停车场 {area} 在前面的行里填的是“{first}”，同一个停车场只能有一种类型"),
                format!("parking area {area} is {first:?} in an earlier row"),
            ),
            Reason::HolderMissing => fixed(
                "holder-missing",
                "这一行填了车辆、租售方式或起止时间，业主编号就不能为空",
                "is empty although the row names a car, a tenure or its dates",
            ),
            Reason::TenureMissing => fixed(
                "tenure-missing",
                "车位有业主就必须填租售方式：S 为出售，H 为出租",
                "is empty although the space has a holder; S is sold, H is let",
            ),
            Reason::PlateMissing => fixed(
                "plate-missing",
                "这一行填了车辆信息，车牌号就不能为空",
                "is empty although the row describes a car",
            ),
            Reason::More { count } => either(
                "more",
                format!("后面还有 {count} 处问题，请先改好前面这些"),
                format!("{count} more problems follow; mend these first"),
            ),
        };
        Told { code, sentence }
    }
}

impl InputProblem<Reason> {
    /// The problem for whoever reads that language.
    #[must_use]
    pub fn told(self, language: Language) -> InputProblem {
        let Self { sheet, row, column, value, reason } = self;
        InputProblem { sheet, row, column, value, reason: reason.told(language) }
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every reason with the arguments that its sentences have to name, in Chinese and in English.
    fn every_reason() -> Vec<(Reason, &'static [&'static str], &'static [&'static str])> {
        let none: &[&str] = &[];
        let same = |reason, named| (reason, named, named);
        let mut reasons = vec![
            same(Reason::SheetMissing, none),
            same(Reason::ColumnMissing, none),
            same(Reason::Empty, none),
            same(Reason::Formula, none),
            same(Reason::SpreadsheetError, none),
            same(Reason::TooLong { max: 64 }, &["64"]),
            same(Reason::ControlCharacter, none),
            same(Reason::LikeFormula, none),
            same(Reason::DigitsLost { kept: 15 }, &["15"]),
            same(Reason::ReservedSign { sign: '#' }, &["#"]),
            same(Reason::NotWhole, none),
            same(Reason::NotInteger { min: -9, max: 200 }, &["-9", "200"]),
            (Reason::NotDecimal { measure: Measure::Yuan }, &["元"], &["yuan"]),
            same(Reason::Negative, none),
            same(Reason::NotPositive, none),
            (
                Reason::AboveMaximum { max: 1_000_000, measure: Measure::SquareMetres },
                &["1000000 平方米"],
                &["1000000 m²"],
            ),
            same(Reason::TooManyPlaces { max: 4 }, &["4"]),
            same(Reason::NotDate, &["2025-01-01"]),
            same(Reason::YearOutOfRange { min: 1900, max: 2999 }, &["1900", "2999"]),
            same(Reason::NoSuchDay, none),
            same(Reason::NotAfterStart { start: Date(31) }, &["1970-02-01"]),
            (
                Reason::Entry { entry: "2025-02-30".into(), reason: Box::new(Reason::NoSuchDay) },
                &["2025-02-30", "没有这一天"],
                &["2025-02-30", "no such day"],
            ),
            same(Reason::EmptyEntry, none),
            same(Reason::ListLengths { days: 3, fees: 2 }, &["3", "2"]),
            (
                Reason::UnknownFormula { code: "7007".into(), known: vec!["1001", "2002"] },
                &["7007", "1001、2002"],
                &["7007", "1001, 2002"],
            ),
            same(Reason::UnknownOwner, &["1001"]),
            same(Reason::UnknownBuilding, none),
            same(Reason::UnknownEntrance { building: "6A".into() }, &["6A"]),
            same(Reason::AboveRoof { storeys: 18 }, &["18"]),
            same(Reason::UnknownFee { number: "9".into() }, &["9"]),
            same(Reason::FeeTwice { number: "9".into() }, &["9"]),
            same(Reason::AreaOfTwoKinds { area: "P1".into(), first: "地下停车位".into() }, &["P1", "地下停车位"]),
            same(Reason::HolderMissing, none),
            same(Reason::TenureMissing, &["S", "H"]),
            same(Reason::PlateMissing, none),
            same(Reason::More { count: 12 }, &["12"]),
        ];
        let keys = [
            (Key::Entrance, "单元", "entrance"),
            (Key::PartyRow, "编号", "number"),
            (Key::Owner, "业主编号", "owner number"),
            (Key::FeeNumber, "费用编号", "fee number"),
            (Key::FeeName, "收费项目", "fee item"),
            (Key::Unit, "房屋", "unit"),
            (Key::ParkingSpace, "车位", "parking space"),
            (Key::Plate, "车牌号", "number plate"),
        ];
        for (key, zh, en) in keys {
            reasons.push((Reason::Doubled { key, row: 7 }, vec![zh, "第 7 行"].leak(), vec![en, "row 7"].leak()));
        }
        let choices = [
            (Choice::Lift, "电梯", "lift"),
            (Choice::Gender, "性别", "gender"),
            (Choice::PartyKind, "业主类型", "kind of owner"),
            (Choice::UnitKind, "房屋类型", "type of unit"),
            (Choice::SpaceTenure, "租售", "tenure"),
            (Choice::VehicleKind, "车辆类型", "kind of vehicle"),
        ];
        for (what, zh, en) in choices {
            let reason = Reason::UnknownWord { what, known: vec!["甲", "乙"] };
            reasons.push((reason, vec![zh, "甲、乙"].leak(), vec![en, "甲, 乙"].leak()));
        }
        reasons
    }

    fn is_chinese(sign: char) -> bool {
        ('\u{4e00}'..='\u{9fff}').contains(&sign)
    }

    #[test]
    fn every_reason_is_told_in_both_languages_with_its_arguments() {
        for (reason, zh_named, en_named) in every_reason() {
            let (zh, en) = (reason.told(Language::Zh), reason.told(Language::En));
            assert_eq!(zh.code, en.code, "{reason:?}");
            assert!(!zh.code.is_empty() && zh.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
            assert_ne!(zh.sentence, en.sentence);
            assert!(zh.sentence.contains(is_chinese), "{zh}");
            // What English sentences quote may be Chinese, but not their own words.
            let quoted = en_named.iter().fold(en.sentence.clone(), |text, named| text.replace(named, ""));
            assert!(en.sentence.is_ascii() || !quoted.contains(is_chinese), "{en}");
            for (told, named) in [(&zh, zh_named), (&en, en_named)] {
                assert!(named.iter().all(|argument| told.sentence.contains(argument)), "{told} lacks one of {named:?}");
            }
        }
    }

    #[test]
    fn a_code_belongs_to_one_kind_of_reason() {
        let mut kinds = BTreeSet::new();
        let mut codes = BTreeSet::new();
        for (reason, ..) in every_reason() {
            // An entry of a list goes by the code of what is wrong with it.
            if !matches!(reason, Reason::Entry { .. }) {
                let kind = format!("{reason:?}");
                kinds.insert(kind.split([' ', '{']).next().unwrap_or_default().to_owned());
                codes.insert(reason.told(Language::En).code);
            }
        }
        assert_eq!(kinds.len(), codes.len(), "{kinds:?} {codes:?}");
    }

    #[test]
    fn scripts_see_code_and_sentence_beside_the_place() {
        let problem = InputProblem {
            sheet: "房屋信息".into(),
            row: 4,
            column: "建筑面积".into(),
            value: "-1".into(),
            reason: Reason::Negative,
        };
        for (language, sentence) in [(Language::Zh, "不能是负数"), (Language::En, "may not be negative")] {
            let expected = serde_json::json!({
                "sheet": "房屋信息", "row": 4, "column": "建筑面积", "value": "-1",
                "code": "negative", "reason": sentence,
            });
            assert_eq!(serde_json::json!(problem.clone().told(language)), expected);
        }
    }
}
