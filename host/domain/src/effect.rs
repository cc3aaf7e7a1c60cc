//! The effect catalogue: what a rule may ask the host to do besides answering.
//!
//! An effect is an intent. It is applied in the transaction that keeps the decision when three agree: the manifest asked for
//! it, whoever switched the rule on granted it, and the host can do it as it was asked for. Otherwise it is refused, and
//! the reason is kept beside the decision.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

use crate::{
    plugin::ExtensionPoint,
    values::{self, EffectArgument, EffectValue},
};

/// Effects of one decision: a rule that wants more of one ticket or sheet is a flood.
pub const EFFECTS_PER_SUBJECT_MAX: usize = 8;
/// Arguments of an effect: the catalogue's largest has four.
pub const EFFECT_ARGS_MAX: usize = 16;

/// Type of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    /// One of these codes; any code where none are named.
    Code(&'static [&'static str]),
    /// Key of a sentence of the plug-in's manifest.
    Message,
    Flag,
}

impl ArgumentKind {
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Code(_) => "code",
            Self::Message => "message",
            Self::Flag => "flag",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct ArgumentDefinition {
    pub name: &'static str,
    pub kind: ArgumentKind,
    pub required: bool,
    pub title_zh: &'static str,
    pub title_en: &'static str,
}

/// One entry of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct EffectDefinition {
    pub kind: &'static str,
    /// What whoever grants it agrees to.
    pub title_zh: &'static str,
    pub title_en: &'static str,
    pub args: &'static [ArgumentDefinition],
    /// Whose rules may ask for it.
    pub points: &'static [ExtensionPoint],
}

/// Who is told: resolved by the host when it tells them, never a name.
const AUDIENCES: &[&str] = &["assignee", "steward", "supervisor", "project-head", "company"];

const AUDIENCE: ArgumentDefinition = ArgumentDefinition {
    name: "audience",
    kind: ArgumentKind::Code(AUDIENCES),
    required: true,
    title_zh: "通知谁",
    title_en: "who is told",
};
const MESSAGE: ArgumentDefinition = ArgumentDefinition {
    name: "message",
    kind: ArgumentKind::Message,
    required: true,
    title_zh: "内容",
    title_en: "what is said",
};

/// All effects that the host knows.
pub const CATALOGUE: &[EffectDefinition] = &[
    EffectDefinition {
        kind: "notify",
        title_zh: "向有关人员发出通知",
        title_en: "tell people of the company something",
        args: &[
            AUDIENCE,
            MESSAGE,
            ArgumentDefinition {
                name: "urgent",
                kind: ArgumentKind::Flag,
                required: false,
                title_zh: "是否紧急",
                title_en: "whether it is urgent",
            },
        ],
        points: &[ExtensionPoint::TicketPolicy],
    },
    EffectDefinition {
        kind: "open-ticket",
        title_zh: "为同一房屋另开一张工单",
        title_en: "open another ticket about the same unit",
        args: &[
            ArgumentDefinition {
                name: "kind",
                kind: ArgumentKind::Code(&[]),
                required: true,
                title_zh: "工单类型",
                title_en: "kind of ticket",
            },
            ArgumentDefinition {
                name: "category",
                kind: ArgumentKind::Code(&[]),
                required: false,
                title_zh: "类别",
                title_en: "category",
            },
            MESSAGE,
        ],
        points: &[ExtensionPoint::TicketPolicy],
    },
];

/// The catalogue's entry of that code.
#[must_use]
pub fn definition(kind: &str) -> Option<&'static EffectDefinition> {
    CATALOGUE.iter().find(|definition| definition.kind == kind)
}

/// An effect as the host applies it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Effect {
    Notify { audience: String, message: String, urgent: bool },
    OpenTicket { ticket_kind: String, category: String, message: String },
}

impl Effect {
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Notify { .. } => "notify",
            Self::OpenTicket { .. } => "open-ticket",
        }
    }

    /// Reads what a rule asked for, as the catalogue describes it.
    ///
    /// # Errors
    /// A sentence that says what does not fit.
    pub fn read(asked: &values::Effect, point: ExtensionPoint) -> Result<Self, String> {
        let kind = asked.kind.as_str();
        let definition = definition(kind).ok_or_else(|| format!("this host knows no effect {kind:?}"))?;
        if !definition.points.contains(&point) {
            return Err(format!("the effect {kind} does not belong to {point}"));
        }
        let args = read_arguments(definition, &asked.args)?;
        let text = |name: &str| args.get(name).map(|value| (*value).to_string()).unwrap_or_default();
        Ok(match kind {
            "notify" => Self::Notify {
                audience: text("audience"),
                message: text("message"),
                urgent: matches!(args.get("urgent"), Some(Argument::Flag(true))),
            },
            "open-ticket" => {
                Self::OpenTicket { ticket_kind: text("kind"), category: text("category"), message: text("message") }
            }
            _ => return Err(format!("this host cannot apply the effect {kind}")),
        })
    }
}

/// The value of an argument of the right type.
enum Argument<'a> {
    Text(&'a str),
    Flag(bool),
}

impl fmt::Display for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

fn read_arguments<'a>(
    definition: &EffectDefinition,
    given: &'a [EffectArgument],
) -> Result<BTreeMap<&'a str, Argument<'a>>, String> {
    let kind = definition.kind;
    let mut args = BTreeMap::new();
    for argument in given {
        let name = argument.name.as_str();
        let expected = definition
            .args
            .iter()
            .find(|expected| expected.name == name)
            .ok_or_else(|| format!("the effect {kind} has no argument {name:?}"))?;
        let value = match (expected.kind, &argument.value) {
            (ArgumentKind::Code(codes), EffectValue::Code(code)) => {
                if !codes.is_empty() && !codes.contains(&code.as_str()) {
                    return Err(format!("{name} of {kind} is {code:?}; it can be {}", codes.join(", ")));
                }
                Argument::Text(code)
            }
            (ArgumentKind::Message, EffectValue::Message(key)) => Argument::Text(key),
            (ArgumentKind::Flag, EffectValue::Flag(flag)) => Argument::Flag(*flag),
            (wanted, _) => return Err(format!("{name} of {kind} has to be a {}", wanted.code())),
        };
        if args.insert(name, value).is_some() {
            return Err(format!("{name} of {kind} is given twice"));
        }
    }
    match definition.args.iter().find(|expected| expected.required && !args.contains_key(expected.name)) {
        Some(missing) => Err(format!("{} of {kind} is missing", missing.name)),
        None => Ok(args),
    }
}

/// The sentences that an effect names.
pub fn messages(effect: &values::Effect) -> impl Iterator<Item = &str> {
    effect.args.iter().filter_map(|argument| match &argument.value {
        EffectValue::Message(key) => Some(key.as_str()),
        _ => None,
    })
}

/// What became of one effect that a rule asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedEffect {
    /// Number of the subject within its decision.
    pub subject: u32,
    pub kind: String,
    /// What is applied; `None` where it is refused.
    pub effect: Option<Effect>,
    /// Why it is refused; empty where it is applied.
    pub refused: String,
}

/// Says of each effect whether it is applied. `granted` are the codes that whoever switched the rule on agreed to.
#[must_use]
pub fn judge(asked: &[values::Effect], point: ExtensionPoint, granted: &[String]) -> Vec<JudgedEffect> {
    let judged = |asked: &values::Effect| {
        let outcome = if granted.contains(&asked.kind) {
            Effect::read(asked, point)
        } else {
            Err(format!("the effect {} was not granted when the rule was switched on", asked.kind))
        };
        let (effect, refused) = match outcome {
            Ok(effect) => (Some(effect), String::new()),
            Err(reason) => (None, reason),
        };
        JudgedEffect { subject: asked.subject, kind: asked.kind.clone(), effect, refused }
    };
    asked.iter().map(judged).collect()
}

/// Effects of an answer belong to decided subjects, in their order, and are few.
pub(crate) fn check_effects(effects: &[values::Effect], decided: &[bool], text_bytes_max: usize) -> Result<(), String> {
    let mut before = None;
    let mut of_subject = 0;
    for effect in effects {
        let subject = effect.subject;
        if !decided.get(subject as usize).is_some_and(|decided| *decided) {
            return Err(format!("an effect belongs to subject {subject}, which is not decided"));
        }
        if before.is_some_and(|before| before > subject) {
            return Err("effects are not in the order of their subjects".to_owned());
        }
        of_subject = if before == Some(subject) { of_subject + 1 } else { 1 };
        before = Some(subject);
        if of_subject > EFFECTS_PER_SUBJECT_MAX {
            return Err(format!("subject {subject} has more than {EFFECTS_PER_SUBJECT_MAX} effects"));
        }
        if effect.args.len() > EFFECT_ARGS_MAX {
            return Err(format!("an effect of subject {subject} has more than {EFFECT_ARGS_MAX} arguments"));
        }
        let texts = effect.args.iter().flat_map(|argument| {
            let value = match &argument.value {
                EffectValue::Code(text) | EffectValue::Message(text) => text.as_str(),
                _ => "",
            };
            [argument.name.as_str(), value]
        });
        if texts.chain([effect.kind.as_str()]).any(|text| text.len() > text_bytes_max) {
            return Err(format!("an effect of subject {subject} has a text of more than {text_bytes_max} bytes"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn argument(name: &str, value: EffectValue) -> EffectArgument {
        EffectArgument { name: name.to_owned(), value }
    }

    fn notify() -> values::Effect {
        values::Effect {
            subject: 0,
            kind: "notify".to_owned(),
            args: vec![
                argument("audience", EffectValue::Code("supervisor".to_owned())),
                argument("message", EffectValue::Message("third-time".to_owned())),
            ],
        }
    }

    #[test]
    fn the_catalogue_has_every_effect_once_with_both_titles() {
        for (index, definition) in CATALOGUE.iter().enumerate() {
            assert!(CATALOGUE[index + 1..].iter().all(|other| other.kind != definition.kind));
            assert!(
                !definition.title_zh.is_empty() && !definition.title_en.is_empty() && !definition.points.is_empty()
            );
        }
    }

    #[rstest]
    #[case::as_described(|_: &mut values::Effect| {}, "")]
    #[case::unknown(|e: &mut values::Effect| e.kind = "wire-money".into(), "knows no effect")]
    #[case::missing(|e: &mut values::Effect| { e.args.pop(); }, "message of notify is missing")]
    #[case::twice(|e: &mut values::Effect| { let first = e.args[0].clone(); e.args.push(first); }, "given twice")]
    #[case::unknown_argument(|e: &mut values::Effect| e.args[0].name = "to".into(), "no argument \"to\"")]
    #[case::of_another_type(|e: &mut values::Effect| e.args[1].value = EffectValue::Flag(true), "has to be a message")]
    #[case::nobody(|e: &mut values::Effect| e.args[0].value = EffectValue::Code("mayor".into()), "it can be assignee")]
    fn what_does_not_fit_the_catalogue_is_named(#[case] spoil: fn(&mut values::Effect), #[case] expected: &str) {
        let mut effect = notify();
        spoil(&mut effect);
        let sentence = Effect::read(&effect, ExtensionPoint::TicketPolicy).err().unwrap_or_default();
        assert!(sentence.contains(expected) && sentence.is_empty() == expected.is_empty(), "{sentence:?}");
    }

    #[test]
    fn what_was_not_granted_is_refused_and_what_was_is_applied() {
        let asked = [notify()];
        let refused = judge(&asked, ExtensionPoint::TicketPolicy, &[]);
        assert!(refused[0].effect.is_none() && refused[0].refused.contains("not granted"));
        let granted = judge(&asked, ExtensionPoint::TicketPolicy, &["notify".to_owned()]);
        let expected = Effect::Notify { audience: "supervisor".into(), message: "third-time".into(), urgent: false };
        assert_eq!((granted[0].effect.as_ref(), granted[0].refused.as_str()), (Some(&expected), ""));
        let elsewhere = judge(&asked, ExtensionPoint::FeePolicy, &["notify".to_owned()]);
        assert!(elsewhere[0].refused.contains("does not belong to fee-policy"));
    }

    #[rstest]
    #[case::fine(&[0, 2], "")]
    #[case::of_nobody(&[3], "not decided")]
    #[case::of_an_undecided_one(&[1], "not decided")]
    #[case::out_of_order(&[2, 0], "order")]
    #[case::a_flood(&[0; EFFECTS_PER_SUBJECT_MAX + 1], "more than 8 effects")]
    fn effects_belong_to_who_was_decided(#[case] subjects: &[u32], #[case] expected: &str) {
        let effects: Vec<_> = subjects.iter().map(|subject| values::Effect { subject: *subject, ..notify() }).collect();
        let sentence = check_effects(&effects, &[true, false, true], 200).err().unwrap_or_default();
        assert!(sentence.contains(expected) && sentence.is_empty() == expected.is_empty(), "{sentence:?}");
    }
}
