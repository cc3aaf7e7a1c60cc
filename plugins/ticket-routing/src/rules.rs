//! How a ticket is routed.

use std::cmp::Reverse;

use guanjia_plugin_sdk::prelude::*;
use guanjia_plugin_sdk::ticket_policy::{AROUND, WORKING, allowed, escalation, ranked};
use guanjia_plugin_sdk::values::{Allowed, Candidate, EffectValue, Escalation, Ranked, Route, Ticket, TicketPoint};

facts! { REPEATS = "ticket.repeats" }
steps! {
    BY_CATEGORY = "by-category",
    BY_KIND = "by-kind",
    BY_WORDS = "by-words",
    REPEATED = "repeated",
    NOBODY = "nobody",
    SOLVE_WITHIN = "solve-within",
    OWN_AREA = "own-area",
    SKILLED = "skilled",
    LEAST_LOAD = "least-load",
    NEXT_IN_TURN = "next-in-turn",
}

/// The settings; `settings.schema.json` says what they mean.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    kinds: Vec<KindTerms>,
    #[serde(default)]
    categories: Vec<CategoryTerms>,
    #[serde(default)]
    urgent_words: Vec<String>,
    #[serde(default)]
    dispatch: Dispatch,
    #[serde(default)]
    only_on_shift: bool,
    #[serde(default)]
    escalations: Vec<EscalationTerms>,
    #[serde(default)]
    repeats_are_told_from: Option<u32>,
}

/// What holds for a kind of ticket where its category says nothing else.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KindTerms {
    kind: String,
    priority: String,
    response_minutes: u32,
    solve_minutes: u32,
    #[serde(default)]
    around_the_clock: bool,
    #[serde(default)]
    posts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CategoryTerms {
    category: String,
    /// What tickets of the category are, whatever they were called.
    #[serde(default)]
    kind: Option<String>,
    priority: String,
    response_minutes: u32,
    solve_minutes: u32,
    #[serde(default)]
    around_the_clock: bool,
    #[serde(default)]
    skill_at_least: u32,
}

/// What the settings say of one ticket, wherever they say it.
struct Terms<'a> {
    priority: &'a str,
    response_minutes: u32,
    solve_minutes: u32,
    clock: &'static str,
}

impl Terms<'_> {
    fn new(priority: &str, response_minutes: u32, solve_minutes: u32, around_the_clock: bool) -> Terms<'_> {
        Terms { priority, response_minutes, solve_minutes, clock: if around_the_clock { AROUND } else { WORKING } }
    }
}

/// Who gets a ticket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dispatch {
    /// The one who fits best: own service area, then skill, then the smallest load.
    #[default]
    BestFit,
    /// The one who got none for the longest time.
    RoundRobin,
    /// Whoever takes it first.
    Grab,
    /// A dispatcher decides; the ranking is a recommendation.
    Dispatcher,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EscalationTerms {
    percent_of_solve_time: u32,
    level: String,
}

/// The rule.
#[derive(Debug)]
pub struct TicketRouting;

impl Policy<TicketPoint> for TicketRouting {
    type Settings = Settings;
    const FACTS: &'static [&'static str] = FACTS;
    const STEPS: &'static [&'static str] = STEPS;

    /// Times by category, or by kind; a priority that urgent words may raise; and who may take it, in an order.
    fn decide(settings: &Settings, case: &Case<'_, TicketPoint>, out: &mut Reasons) -> Result<Route, No> {
        let ticket = case.subject;
        let category = settings.categories.iter().find(|terms| terms.category == ticket.category);
        let kind = category.and_then(|terms| terms.kind.as_ref()).unwrap_or(&ticket.kind);
        let of_kind = settings.kinds.iter().find(|terms| terms.kind == *kind);
        let mut terms = match (category, of_kind) {
            (Some(of), _) => {
                out.step(BY_CATEGORY, minutes(of.solve_minutes), &[]);
                Terms::new(&of.priority, of.response_minutes, of.solve_minutes, of.around_the_clock)
            }
            (None, Some(of)) => {
                out.step(BY_KIND, minutes(of.solve_minutes), &[]);
                Terms::new(&of.priority, of.response_minutes, of.solve_minutes, of.around_the_clock)
            }
            (None, None) => return Err(No::undecided("unknown-kind", "/kinds", &[])),
        };
        if terms.priority != "urgent" && says(ticket, &settings.urgent_words) {
            terms.priority = "urgent";
            out.step(BY_WORDS, minutes(terms.solve_minutes), &[]);
        }
        tell_repeats(settings, case, out)?;
        let posts = of_kind.map_or(&[][..], |terms| &terms.posts);
        let skill = category.map_or(0, |terms| terms.skill_at_least);
        let ranking = ranking(settings, ticket, posts, skill);
        if ranking.is_empty() {
            out.step(NOBODY, Decimal::integer(0), &[]);
        }
        let route = Route {
            kind: kind.clone(),
            dispatch: if ranking.is_empty() { "wait" } else { settings.dispatch.code() }.to_owned(),
            response: Some(allowed(terms.response_minutes, terms.clock)),
            solve: Some(allowed(terms.solve_minutes, terms.clock)),
            priority: terms.priority.to_owned(),
            ranking,
            escalations: escalations(settings, terms.solve_minutes, terms.clock),
        };
        out.arrive::<TicketPoint>(SOLVE_WITHIN, &route, &[])?;
        Ok(route)
    }
}

impl Dispatch {
    fn code(self) -> &'static str {
        match self {
            Self::BestFit | Self::RoundRobin => "assign",
            Self::Grab => "offer",
            Self::Dispatcher => "wait",
        }
    }
}

fn minutes(count: u32) -> Decimal {
    Decimal::integer(i64::from(count))
}

fn says(ticket: &Ticket, words: &[String]) -> bool {
    let said = ticket.words.as_deref().unwrap_or_default();
    words.iter().any(|word| !word.is_empty() && said.contains(word.as_str()))
}

/// The same thing again and again is told to the supervisor, however small it is.
fn tell_repeats(settings: &Settings, case: &Case<'_, TicketPoint>, out: &mut Reasons) -> Result<(), No> {
    let Some(from) = settings.repeats_are_told_from else { return Ok(()) };
    let Some(before) = case.facts.number_if_known(REPEATS)? else { return Ok(()) };
    // The ticket itself is one more.
    let times = before.exact().checked_add(Decimal::integer(1).exact()).fits()?;
    if times.compare(minutes(from).exact()).fits()?.is_lt() {
        return Ok(());
    }
    let times = times.to_decimal(0, 0).fits()?;
    out.step(REPEATED, times, &[]);
    let message = EffectValue::Message("repeated-ticket".to_owned());
    out.effect("notify", &[("audience", EffectValue::Code("supervisor".to_owned())), ("message", message)]);
    Ok(())
}

/// Who may take it, the best first. Of equals the one who is named first, so that the same question has the same answer.
fn ranking(settings: &Settings, ticket: &Ticket, posts: &[String], skill: u32) -> Vec<Ranked> {
    let fits = |candidate: &Candidate| {
        (posts.is_empty() || candidate.posts.iter().any(|post| posts.contains(post)))
            && candidate.skill.unwrap_or(0) >= skill
            && (candidate.on_shift || !settings.only_on_shift)
            && !candidate.had_it
    };
    let mut fitting: Vec<(u32, &Candidate)> =
        (0..).zip(&ticket.candidates).filter(|(_, candidate)| fits(candidate)).collect();
    if settings.dispatch == Dispatch::RoundRobin {
        fitting.sort_by_key(|(_, candidate)| Reverse(idle(candidate)));
    } else {
        fitting.sort_by_key(|(_, candidate)| {
            (Reverse(candidate.on_shift), Reverse(candidate.own_area), Reverse(candidate.skill), candidate.load)
        });
    }
    fitting.into_iter().map(|(index, candidate)| why(settings.dispatch, index, candidate)).collect()
}

/// Who never got one waits for the longest time of all.
fn idle(candidate: &Candidate) -> u32 {
    candidate.idle_minutes.unwrap_or(u32::MAX)
}

fn why(dispatch: Dispatch, index: u32, candidate: &Candidate) -> Ranked {
    match (dispatch, candidate) {
        (Dispatch::RoundRobin, candidate) => ranked(index, NEXT_IN_TURN, minutes(candidate.idle_minutes.unwrap_or(0))),
        (_, Candidate { own_area: true, load, .. }) => ranked(index, OWN_AREA, minutes(*load)),
        (_, Candidate { skill: Some(level), .. }) => ranked(index, SKILLED, minutes(*level)),
        (_, candidate) => ranked(index, LEAST_LOAD, minutes(candidate.load)),
    }
}

fn escalations(settings: &Settings, solve_minutes: u32, clock: &str) -> Vec<Escalation> {
    let after = |percent: u32| -> Allowed {
        let minutes = u64::from(solve_minutes) * u64::from(percent) / 100;
        allowed(u32::try_from(minutes).unwrap_or(u32::MAX).max(1), clock)
    };
    settings.escalations.iter().map(|terms| escalation(after(terms.percent_of_solve_time), &terms.level)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_cases() {
        guanjia_plugin_sdk::testing::run_ticket_cases::<TicketRouting>(env!("CARGO_MANIFEST_DIR"));
    }
}
