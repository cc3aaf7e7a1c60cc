//! Why the host itself holds a subject: typed where it happens, told in Chinese or English where it is read.
//!
//! A policy's own "no" is not here: its words are in the plug-in's manifest.

use serde::{Deserialize, Serialize};

use crate::{decision::HoldKind, plugin::Language};

/// What the host found, with the limit that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldCause {
    /// No plug-in is bound to the fee item.
    NoBinding,
    /// The shared cost of the period is not entered.
    MissingCostPool,
    /// The plug-in is quarantined and was not asked.
    Quarantined,
    /// The plug-in broke while it computed.
    Broken,
    /// The plug-in cannot even be started.
    NotStarted,
    Fuel {
        units: u64,
    },
    Deadline {
        millis: u64,
    },
    Stack {
        bytes: u64,
    },
    Memory {
        bytes: u64,
    },
    Table {
        elements: u64,
    },
    AnswerSize {
        bytes: u64,
    },
    /// The answer breaks the rules of the contract.
    Malformed,
    /// The answer contradicts itself or is absurd.
    Unbelievable,
}

impl HoldCause {
    /// Which of the kinds of "no" it is.
    #[must_use]
    pub fn kind(self) -> HoldKind {
        match self {
            Self::NoBinding | Self::MissingCostPool => HoldKind::PolicyError,
            Self::Quarantined => HoldKind::Quarantined,
            Self::Broken | Self::NotStarted => HoldKind::Trap,
            Self::Fuel { .. }
            | Self::Deadline { .. }
            | Self::Stack { .. }
            | Self::Memory { .. }
            | Self::Table { .. }
            | Self::AnswerSize { .. } => HoldKind::Limit,
            Self::Malformed | Self::Unbelievable => HoldKind::InvalidOutput,
        }
    }

    /// Stable; scripts and groups go by it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoBinding => "no-binding",
            Self::MissingCostPool => "missing-cost-pool",
            Self::Quarantined => "quarantined",
            Self::Broken => "broken",
            Self::NotStarted => "not-started",
            Self::Fuel { .. } => "fuel",
            Self::Deadline { .. } => "deadline",
            Self::Stack { .. } => "stack",
            Self::Memory { .. } => "memory",
            Self::Table { .. } => "table",
            Self::AnswerSize { .. } => "answer-size",
            Self::Malformed => "malformed-answer",
            Self::Unbelievable => "unbelievable-answer",
        }
    }

    /// The limit that was met, as a text; empty where there is none.
    #[must_use]
    pub fn about(self) -> String {
        self.limit().map(|limit| limit.to_string()).unwrap_or_default()
    }

    fn limit(self) -> Option<u64> {
        match self {
            Self::Fuel { units: limit }
            | Self::Deadline { millis: limit }
            | Self::Stack { bytes: limit }
            | Self::Memory { bytes: limit }
            | Self::Table { elements: limit }
            | Self::AnswerSize { bytes: limit } => Some(limit),
            Self::NoBinding
            | Self::MissingCostPool
            | Self::Quarantined
            | Self::Broken
            | Self::NotStarted
            | Self::Malformed
            | Self::Unbelievable => None,
        }
    }

    /// The cause that was stored as its code and what it is about; `None` for a code that is not the host's.
    #[must_use]
    pub fn from_stored(code: &str, about: &str) -> Option<Self> {
        let limit = || about.parse().ok();
        Some(match code {
            "no-binding" => Self::NoBinding,
            "missing-cost-pool" => Self::MissingCostPool,
            "quarantined" => Self::Quarantined,
            "broken" => Self::Broken,
            "not-started" => Self::NotStarted,
            "fuel" => Self::Fuel { units: limit()? },
            "deadline" => Self::Deadline { millis: limit()? },
            "stack" => Self::Stack { bytes: limit()? },
            "memory" => Self::Memory { bytes: limit()? },
            "table" => Self::Table { elements: limit()? },
            "answer-size" => Self::AnswerSize { bytes: limit()? },
            "malformed-answer" => Self::Malformed,
            "unbelievable-answer" => Self::Unbelievable,
            _ => return None,
        })
    }

    /// What a clerk reads. What a developer needs besides is the failure's own sentence.
    #[must_use]
    pub fn told(self, language: Language) -> String {
        match language {
            Language::Zh => self.told_in_chinese(),
            Language::En => self.told_in_english(),
        }
    }

    fn told_in_chinese(self) -> String {
        match self {
            Self::NoBinding => "该收费项目还没有启用计费插件".into(),
            Self::MissingCostPool => "本期公摊总额还没有录入".into(),
            Self::Quarantined => "计费插件已被隔离，没有参与计算".into(),
            Self::Broken => "插件运行出错".into(),
            Self::NotStarted => "插件无法启动".into(),
            Self::Fuel { units } => format!("插件计算量超过上限（{units} 步）"),
            Self::Deadline { millis } => format!("插件两次超过 {} 秒没有算完", seconds(millis)),
            Self::Stack { bytes } => format!("插件占用的调用栈超过上限（{}）", size(bytes)),
            Self::Memory { bytes } => format!("插件占用的内存超过上限（{}）", size(bytes)),
            Self::Table { elements } => format!("插件占用的函数表超过上限（{elements} 项）"),
            Self::AnswerSize { bytes } => format!("插件给出的结果太大（上限 {}）", size(bytes)),
            Self::Malformed => "插件给出的结果不符合约定的格式".into(),
            Self::Unbelievable => "插件给出的结果自相矛盾或不合常理，没有采用".into(),
        }
    }

    fn told_in_english(self) -> String {
        match self {
            Self::NoBinding => "No plug-in is enabled for this fee item".into(),
            Self::MissingCostPool => "The shared cost of this period has not been entered".into(),
            Self::Quarantined => "The plug-in is quarantined and was not asked".into(),
            Self::Broken => "The plug-in broke".into(),
            Self::NotStarted => "The plug-in does not start".into(),
            Self::Fuel { units } => format!("The plug-in computed for more than {units} steps"),
            Self::Deadline { millis } => {
                format!("The plug-in did not finish within {} seconds, twice", seconds(millis))
            }
            Self::Stack { bytes } => format!("The plug-in needs more than {} of stack", size(bytes)),
            Self::Memory { bytes } => format!("The plug-in needs more than {} of memory", size(bytes)),
            Self::Table { elements } => format!("The plug-in needs a table of more than {elements} elements"),
            Self::AnswerSize { bytes } => format!("The plug-in answered more than {}", size(bytes)),
            Self::Malformed => "The plug-in answered what the contract does not allow".into(),
            Self::Unbelievable => "The plug-in's answer contradicts itself or is absurd, and was not used".into(),
        }
    }
}

/// Seconds with the places that say something.
fn seconds(millis: u64) -> String {
    if millis.is_multiple_of(1_000) {
        return (millis / 1_000).to_string();
    }
    format!("{}.{:03}", millis / 1_000, millis % 1_000).trim_end_matches('0').to_owned()
}

/// A size in the largest unit that leaves no remainder, because limits are round.
fn size(bytes: u64) -> String {
    [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        .into_iter()
        .find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit))
        .map_or_else(|| format!("{bytes} B"), |(unit, name)| format!("{} {name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const ALL: [HoldCause; 13] = [
        HoldCause::NoBinding,
        HoldCause::MissingCostPool,
        HoldCause::Quarantined,
        HoldCause::Broken,
        HoldCause::NotStarted,
        HoldCause::Fuel { units: 105_000_000 },
        HoldCause::Deadline { millis: 10_000 },
        HoldCause::Stack { bytes: 512 << 10 },
        HoldCause::Memory { bytes: 64 << 20 },
        HoldCause::Table { elements: 20_000 },
        HoldCause::AnswerSize { bytes: (1 << 20) + (4 << 10) },
        HoldCause::Malformed,
        HoldCause::Unbelievable,
    ];

    #[test]
    fn a_cause_survives_being_stored() {
        for cause in ALL {
            assert_eq!(HoldCause::from_stored(cause.code(), &cause.about()), Some(cause));
        }
        assert_eq!(HoldCause::from_stored("missing-fact", "unit.area"), None);
        assert_eq!(HoldCause::from_stored("fuel", "much"), None);
    }

    #[test]
    fn a_chinese_sentence_holds_no_internals() {
        for cause in ALL {
            let sentence = cause.told(Language::Zh);
            let units = ["GiB", "MiB", "KiB"].iter().fold(sentence.clone(), |text, unit| text.replace(unit, ""));
            assert!(!units.contains(|letter: char| letter.is_ascii_alphabetic()), "{sentence}");
            assert_ne!(sentence, cause.told(Language::En));
        }
    }

    #[rstest]
    #[case::round(64 << 20, "64 MiB")]
    #[case::not_round((1 << 20) + (4 << 10), "1028 KiB")]
    #[case::odd(1_025, "1025 B")]
    fn sizes_are_exact(#[case] bytes: u64, #[case] expected: &str) {
        assert_eq!(size(bytes), expected);
        assert_eq!((seconds(10_000), seconds(50)), ("10".to_owned(), "0.05".to_owned()));
    }
}
