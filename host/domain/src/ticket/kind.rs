//! Kinds and categories of tickets (诉求类型): what the company declares, with what a project declares differently.
//!
//! A few are built in, so that an office can begin; every one of them can be declared anew. What a category leaves open it
//! takes from the one above it, and in the end from its kind.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

use super::{COMPLAINT, Dispatch, EscalationStep, LINE_LENGTH_MAX, Level, Priority, routing::ESCALATIONS_MAX};
use crate::{Error, Result, access::codes, calendar::Allowed, ids::ProjectId, plugin::Text};

/// Kind whose work is at a unit or on the common parts.
pub const REPAIR: &str = "repair";

/// A kind. Repairs and complaints are always followed up (R82, R83).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketKind {
    pub title: Text,
    /// Its tickets cannot be closed before their follow-up.
    pub follow_up: bool,
    pub priority: Priority,
    /// Until somebody has accepted it.
    pub response: Option<Allowed>,
    pub solve: Option<Allowed>,
    /// From solved to the follow-up.
    pub follow_up_within: Option<Allowed>,
    pub dispatch: Dispatch,
    #[serde(default)]
    pub escalations: Vec<EscalationStep>,
    /// Not offered any more; its tickets stay what they are.
    #[serde(default)]
    pub retired: bool,
}

/// A category. What is left open is taken from the one above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketCategory {
    pub title: Text,
    /// Code of its kind.
    pub kind: String,
    /// Code of the category above, of the same kind.
    #[serde(default)]
    pub parent: Option<String>,
    /// What somebody has to be able to do.
    #[serde(default)]
    pub skill: Option<String>,
    #[serde(default)]
    pub priority: Option<Priority>,
    #[serde(default)]
    pub response: Option<Allowed>,
    #[serde(default)]
    pub solve: Option<Allowed>,
    #[serde(default)]
    pub dispatch: Option<Dispatch>,
    #[serde(default)]
    pub escalations: Option<Vec<EscalationStep>>,
    #[serde(default)]
    pub retired: bool,
}

codes! {
    /// What is declared.
    Noun {
        Kind = "kind",
        Category = "category",
    }
}

/// One declaration as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// None for the company's.
    pub project_id: Option<ProjectId>,
    pub code: String,
    pub declared: Declared,
    /// 0 for what is built in.
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Declared {
    Kind(TicketKind),
    Category(TicketCategory),
}

impl Declared {
    #[must_use]
    pub fn noun(&self) -> Noun {
        match self {
            Self::Kind(_) => Noun::Kind,
            Self::Category(_) => Noun::Category,
        }
    }
}

/// What applies to the tickets of a kind and category, with everything that is taken from above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub follow_up: bool,
    pub skill: Option<String>,
    pub priority: Priority,
    pub response: Option<Allowed>,
    pub solve: Option<Allowed>,
    pub follow_up_within: Option<Allowed>,
    pub dispatch: Dispatch,
    pub escalations: Vec<EscalationStep>,
}

/// What holds at one place: by code, with the version of the declaration that holds and whether it is that place's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketSetup {
    pub kinds: BTreeMap<String, Held<TicketKind>>,
    pub categories: BTreeMap<String, Held<TicketCategory>>,
}

/// A declaration that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held<T> {
    pub of: T,
    /// None where it is the company's or built in.
    pub project_id: Option<ProjectId>,
    pub version: i64,
}

/// Categories above one another; deeper trees are not read by anybody at a desk.
const DEPTH_MAX: usize = 6;
/// Kinds or categories that a company declares: more than a list can be chosen from.
pub const DECLARATIONS_MAX: usize = 500;

impl TicketSetup {
    /// What is built in, under what the company declares, under what the project declares.
    #[must_use]
    pub fn of(mut declarations: Vec<Declaration>) -> Self {
        declarations.sort_by_key(|declaration| declaration.project_id.is_some());
        let mut setup = Self::default();
        for Declaration { project_id, code, declared, version } in built_in().into_iter().chain(declarations) {
            match declared {
                Declared::Kind(of) => drop(setup.kinds.insert(code, Held { of, project_id, version })),
                Declared::Category(of) => drop(setup.categories.insert(code, Held { of, project_id, version })),
            }
        }
        setup
    }

    /// What applies to a kind and category; an empty category is none.
    ///
    /// # Errors
    /// `Refused` with `unknown-kind` or `unknown-category`, also for retired ones and for a category of another kind.
    pub fn terms(&self, kind: &str, category: &str) -> Result<Terms> {
        let unknown = || Error::refused("unknown-kind", format!("there is no kind {kind:?}"));
        let of_kind = &self.kinds.get(kind).filter(|held| !held.of.retired).ok_or_else(unknown)?.of;
        let mut terms = Terms {
            follow_up: of_kind.follow_up,
            skill: None,
            priority: of_kind.priority,
            response: of_kind.response,
            solve: of_kind.solve,
            follow_up_within: of_kind.follow_up_within,
            dispatch: of_kind.dispatch,
            escalations: of_kind.escalations.clone(),
        };
        if category.is_empty() {
            return Ok(terms);
        }
        let chain = self.chain(category);
        let unknown = || Error::refused("unknown-category", format!("{kind} has no category {category:?}"));
        let own = chain.first().ok_or_else(unknown)?;
        if own.retired || own.kind != kind {
            return Err(unknown());
        }
        for above in chain.iter().rev() {
            terms.skill = above.skill.clone().or(terms.skill);
            terms.priority = above.priority.unwrap_or(terms.priority);
            terms.response = above.response.or(terms.response);
            terms.solve = above.solve.or(terms.solve);
            terms.dispatch = above.dispatch.unwrap_or(terms.dispatch);
            terms.escalations = above.escalations.clone().unwrap_or(terms.escalations);
        }
        Ok(terms)
    }

    /// A category and those above it.
    fn chain(&self, category: &str) -> Vec<&TicketCategory> {
        let mut chain = Vec::new();
        let mut next = Some(category);
        while let Some(held) = next.and_then(|code| self.categories.get(code)) {
            if chain.len() == DEPTH_MAX {
                break;
            }
            chain.push(&held.of);
            next = held.of.parent.as_deref();
        }
        chain
    }

    /// Checks a declaration against the others that hold at its place.
    ///
    /// # Errors
    /// `Refused` with `follow-up-required` for a repair or complaint without its follow-up; `Invalid` for what cannot be.
    pub fn check(&self, code: &str, declared: &Declared) -> Result<()> {
        check_code(code)?;
        let (title, times, escalations) = match declared {
            Declared::Kind(kind) => {
                if matches!(code, REPAIR | COMPLAINT) && !kind.follow_up {
                    let message = format!("every {code} is followed up: this cannot be switched off");
                    return Err(Error::refused("follow-up-required", message));
                }
                (&kind.title, vec![kind.response, kind.solve, kind.follow_up_within], kind.escalations.as_slice())
            }
            Declared::Category(category) => {
                self.check_category(code, category)?;
                let steps = category.escalations.as_deref().unwrap_or_default();
                (&category.title, vec![category.response, category.solve], steps)
            }
        };
        for text in [&title.zh, &title.en] {
            if text.trim().is_empty() || text.chars().count() > LINE_LENGTH_MAX {
                return Err(Error::invalid(format!("a title has 1 to {LINE_LENGTH_MAX} characters in each language")));
            }
        }
        let steps = escalations.iter().map(|step| step.after);
        for allowed in times.into_iter().flatten().chain(steps) {
            allowed.check()?;
        }
        if escalations.len() > ESCALATIONS_MAX {
            return Err(Error::invalid(format!("at most {ESCALATIONS_MAX} steps")));
        }
        if self.kinds.len().max(self.categories.len()) >= DECLARATIONS_MAX {
            return Err(Error::invalid(format!("at most {DECLARATIONS_MAX} kinds and categories")));
        }
        Ok(())
    }

    fn check_category(&self, code: &str, category: &TicketCategory) -> Result<()> {
        if !self.kinds.contains_key(&category.kind) {
            return Err(Error::invalid(format!("there is no kind {:?}", category.kind)));
        }
        if category.skill.as_deref().is_some_and(|skill| check_code(skill).is_err()) {
            return Err(Error::invalid("a skill is a code of small letters, digits and hyphens"));
        }
        let Some(parent) = &category.parent else { return Ok(()) };
        let chain = self.chain(parent);
        let Some(above) = chain.first() else {
            return Err(Error::invalid(format!("there is no category {parent:?}")));
        };
        if above.kind != category.kind {
            return Err(Error::invalid(format!("{parent:?} is a category of {}", above.kind)));
        }
        let own = |above: &&TicketCategory| above.parent.as_deref() == Some(code);
        if parent == code || chain.iter().any(own) {
            return Err(Error::invalid(format!("{code:?} would lie above itself")));
        }
        if chain.len() >= DEPTH_MAX {
            return Err(Error::invalid(format!("at most {DEPTH_MAX} categories above one another")));
        }
        Ok(())
    }
}

/// Longest code.
const CODE_LENGTH_MAX: usize = 48;

fn check_code(code: &str) -> Result<()> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !code.is_empty() && code.len() <= CODE_LENGTH_MAX && code.bytes().all(good) {
        return Ok(());
    }
    Err(Error::invalid(format!("{code:?}: a code has 1 to {CODE_LENGTH_MAX} small letters, digits and hyphens")))
}

fn text(zh: &str, en: &str) -> Text {
    Text { zh: zh.into(), en: en.into() }
}

/// What an office begins with. No source says how long anything may take: these are times that an office can keep, and
/// the first thing a company declares for itself.
fn built_in() -> Vec<Declaration> {
    /// A working day of the built-in calendar.
    const DAY: i64 = 9 * 60;
    let kind = |code: &str, title, follow_up, response, solve, escalations| Declaration {
        project_id: None,
        code: code.to_owned(),
        version: 0,
        declared: Declared::Kind(TicketKind {
            title,
            follow_up,
            priority: Priority::Normal,
            response: Some(Allowed::working(response)),
            solve: Some(Allowed::working(solve)),
            follow_up_within: follow_up.then_some(Allowed::working(DAY)),
            dispatch: Dispatch::Wait,
            escalations,
            retired: false,
        }),
    };
    let rises = |minutes, level| EscalationStep { after: Allowed::working(minutes), level };
    let category = |code: &str, kind: &str, title, skill: Option<&str>| Declaration {
        project_id: None,
        code: code.to_owned(),
        version: 0,
        declared: Declared::Category(TicketCategory {
            title,
            kind: kind.to_owned(),
            parent: None,
            skill: skill.map(str::to_owned),
            priority: None,
            response: None,
            solve: None,
            dispatch: None,
            escalations: None,
            retired: false,
        }),
    };
    // Somebody may be shut in: every minute counts, day and night.
    let mut lift = category("lift", REPAIR, text("电梯", "Lift"), Some("lift"));
    if let Declared::Category(of) = &mut lift.declared {
        of.priority = Some(Priority::Urgent);
        of.response = Some(Allowed::around(15));
        of.solve = Some(Allowed::around(4 * 60));
        let after = Allowed::around(30);
        of.escalations = Some(vec![EscalationStep { after, level: Level::ProjectHead }]);
    }
    vec![
        kind(
            REPAIR,
            text("报修", "Repair"),
            true,
            30,
            DAY,
            vec![rises(DAY, Level::Supervisor), rises(2 * DAY, Level::ProjectHead)],
        ),
        kind(
            COMPLAINT,
            text("投诉", "Complaint"),
            true,
            30,
            DAY,
            vec![rises(60, Level::Supervisor), rises(DAY, Level::ProjectHead), rises(3 * DAY, Level::Company)],
        ),
        kind("request", text("求助", "Request"), false, 60, 2 * DAY, vec![rises(2 * DAY, Level::Supervisor)]),
        kind("enquiry", text("咨询", "Enquiry"), false, 60, DAY, vec![]),
        kind("suggestion", text("建议", "Suggestion"), false, DAY, 5 * DAY, vec![]),
        category("water", REPAIR, text("给排水", "Water and drains"), Some("plumbing")),
        category("electrics", REPAIR, text("电气", "Electrics"), Some("electrics")),
        lift,
        category("doors", REPAIR, text("门窗", "Doors and windows"), Some("carpentry")),
        category("common-parts", REPAIR, text("公共设施", "Common parts"), None),
        category("noise", COMPLAINT, text("噪音", "Noise"), None),
        category("conduct", COMPLAINT, text("服务态度", "Conduct of staff"), None),
        category("parking", COMPLAINT, text("停车", "Parking"), None),
        category("home-service", "request", text("家政服务", "Home service"), None),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Clock;
    use rstest::rstest;

    fn category(parent: Option<&str>, kind: &str) -> TicketCategory {
        TicketCategory {
            title: text("水管", "Pipe"),
            kind: kind.into(),
            parent: parent.map(str::to_owned),
            skill: None,
            priority: None,
            response: None,
            solve: Some(Allowed::around(90)),
            dispatch: Some(Dispatch::Offer),
            escalations: None,
            retired: false,
        }
    }

    fn declared(code: &str, project_id: Option<ProjectId>, declared: Declared) -> Declaration {
        Declaration { project_id, code: code.into(), declared, version: 1 }
    }

    #[test]
    fn what_is_built_in_holds_together() {
        let setup = TicketSetup::of(vec![]);
        for Declaration { code, declared, .. } in built_in() {
            setup.check(&code, &declared).expect("is a declaration");
        }
        let lift = setup.terms(REPAIR, "lift").expect("is known");
        assert_eq!(
            (lift.priority, lift.response.map(|allowed| allowed.clock)),
            (Priority::Urgent, Some(Clock::Around))
        );
        assert!(lift.follow_up && setup.terms(COMPLAINT, "").expect("is known").follow_up);
    }

    #[test]
    fn a_category_takes_what_it_leaves_open_from_above() {
        let project = ProjectId::generate();
        let own = TicketCategory { solve: Some(Allowed::around(5)), ..category(Some("water"), REPAIR) };
        let setup = TicketSetup::of(vec![
            declared("pipe", Some(project), Declared::Category(own)),
            declared("pipe", None, Declared::Category(category(Some("water"), REPAIR))),
        ]);
        let terms = setup.terms(REPAIR, "pipe").expect("is known");
        assert_eq!(terms.skill.as_deref(), Some("plumbing"), "from the category above");
        assert_eq!(terms.response, Some(Allowed::working(30)), "from the kind");
        assert_eq!(terms.solve, Some(Allowed::around(5)), "the project's own, not the company's");
        assert_eq!(terms.dispatch, Dispatch::Offer);
        assert_eq!(setup.categories["pipe"].project_id, Some(project));
    }

    #[rstest]
    #[case::another_kind(COMPLAINT, "lift", "unknown-category")]
    #[case::no_category(REPAIR, "sauna", "unknown-category")]
    #[case::no_kind("praise", "", "unknown-kind")]
    fn what_is_not_declared_is_refused(#[case] kind: &str, #[case] of: &str, #[case] expected: &str) {
        let refused = TicketSetup::of(vec![]).terms(kind, of);
        assert!(matches!(refused, Err(Error::Refused { code, .. }) if code == expected));
    }

    #[rstest]
    #[case::no_such_parent("pipe", Some("sauna"), REPAIR)]
    #[case::parent_of_another_kind("pipe", Some("noise"), REPAIR)]
    #[case::above_itself("water", Some("tap"), REPAIR)]
    #[case::its_own_parent("pipe", Some("pipe"), REPAIR)]
    #[case::no_such_kind("pipe", None, "praise")]
    #[case::no_code("Pipe!", None, REPAIR)]
    fn trees_that_cannot_be_are_refused(#[case] code: &str, #[case] parent: Option<&str>, #[case] kind: &str) {
        let tap = declared("tap", None, Declared::Category(category(Some("water"), REPAIR)));
        let setup = TicketSetup::of(vec![tap]);
        assert!(setup.check(code, &Declared::Category(category(parent, kind))).is_err());
        assert!(setup.check("pipe", &Declared::Category(category(Some("tap"), REPAIR))).is_ok());
    }

    #[rstest]
    #[case(REPAIR)]
    #[case(COMPLAINT)]
    fn the_follow_up_cannot_be_switched_off(#[case] code: &str) {
        let setup = TicketSetup::of(vec![]);
        let mut kind = setup.kinds[code].of.clone();
        kind.follow_up = false;
        let refused = setup.check(code, &Declared::Kind(kind.clone()));
        assert!(matches!(refused, Err(Error::Refused { code: "follow-up-required", .. })));
        assert!(setup.check("enquiry", &Declared::Kind(kind)).is_ok());
    }
}
