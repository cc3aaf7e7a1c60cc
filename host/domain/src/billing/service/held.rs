//! What a run held, counted by reason and page by page, in the reader's language.

use std::collections::HashMap;

use super::Billing;
use crate::{
    Error, Result,
    access::{Permission, Stamp},
    billing::{HeldCount, HeldFilter, HeldSubject, problem_sentence},
    decision::{Decision, HoldKind},
    estate::UnitPlace,
    hold::HoldCause,
    ids::*,
    plugin::{InstalledPlugin, Language},
    ports::Page,
};

/// Groups of held subjects that are told apart, the largest first. A plug-in can name a reason of its own for every
/// subject; nobody reads more than this, and each costs a look at its first subject.
pub const HELD_GROUPS_MAX: u32 = 100;
/// Held subjects read at a time when all of them are wanted.
const HELD_PER_READ: u32 = 500;

/// A held subject with names and its reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldView {
    pub held: HeldSubject,
    pub place: UnitPlace,
    pub fee_item: String,
    /// In the reader's language.
    pub sentence: String,
    /// What a developer needs besides, in English: what the plug-in broke with, what was wrong with its answer. Empty for
    /// what is said completely by the sentence.
    pub detail: String,
}

/// Subjects of one fee item that are held for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldGroup {
    pub fee_item_id: FeeItemId,
    pub fee_item: String,
    pub kind: HoldKind,
    pub code: String,
    pub about: String,
    pub count: i64,
    /// The first subject's sentence: the others' may differ in its numbers.
    pub sentence: String,
}

impl HeldGroup {
    /// What finds the subjects of the group.
    #[must_use]
    pub fn filter(&self) -> HeldFilter {
        HeldFilter {
            fee_item_id: Some(self.fee_item_id),
            kind: Some(self.kind),
            code: Some(self.code.clone()),
            about: Some(self.about.clone()),
        }
    }
}

impl Billing {
    /// One page of what a run held, by fee item and unit.
    ///
    /// # Errors
    /// `Refused` without the permission; `Invalid` for a cursor that no page gave.
    pub async fn held_page(
        &self,
        stamp: &Stamp,
        run_id: BillingRunId,
        filter: &HeldFilter,
        cursor: Option<&str>,
        limit: u32,
        language: Language,
    ) -> Result<Page<HeldView>> {
        stamp.actor.require(Permission::ReadCharges)?;
        let run = self.store.run(run_id).await?;
        let fee_items = self.fee_item_names(run.project_id).await?;
        let page = self.store.held_page(run_id, filter, cursor, limit).await?;
        Ok(Page { items: self.held_views(page.items, &fee_items, language).await?, next: page.next })
    }

    /// Gives everything that a run held to `each`, page by page.
    ///
    /// # Errors
    /// `Refused` without the permission; whatever `each` returns.
    pub async fn for_each_held(
        &self,
        stamp: &Stamp,
        run_id: BillingRunId,
        language: Language,
        each: &mut (dyn FnMut(HeldView) -> Result<()> + Send),
    ) -> Result<()> {
        stamp.actor.require(Permission::ReadCharges)?;
        let run = self.store.run(run_id).await?;
        let fee_items = self.fee_item_names(run.project_id).await?;
        let mut cursor = None;
        loop {
            let page = self.store.held_page(run_id, &HeldFilter::default(), cursor.as_deref(), HELD_PER_READ).await?;
            for view in self.held_views(page.items, &fee_items, language).await? {
                each(view)?;
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// What a run held, counted by fee item and reason: the largest groups first, at most so many
    /// ([`HELD_GROUPS_MAX`] in any case).
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn held_groups(
        &self,
        stamp: &Stamp,
        run_id: BillingRunId,
        groups_max: u32,
        language: Language,
    ) -> Result<Vec<HeldGroup>> {
        stamp.actor.require(Permission::ReadCharges)?;
        let run = self.store.run(run_id).await?;
        let fee_items = self.fee_item_names(run.project_id).await?;
        let counts = self.store.held_counts(run_id, groups_max.min(HELD_GROUPS_MAX)).await?;
        let mut groups = Vec::with_capacity(counts.len());
        for HeldCount { fee_item_id, kind, code, about, count } in counts {
            let fee_item = fee_items.get(&fee_item_id).cloned().unwrap_or_default();
            let mut group = HeldGroup { fee_item_id, fee_item, kind, code, about, count, sentence: String::new() };
            let first = self.store.held_page(run_id, &group.filter(), None, 1).await?.items;
            let mut sentences = HeldSentences { billing: self, language, read: None };
            if let Some(first) = first.first() {
                group.sentence = sentences.sentence(first).await?;
            }
            groups.push(group);
        }
        Ok(groups)
    }

    async fn fee_item_names(&self, project: ProjectId) -> Result<HashMap<FeeItemId, String>> {
        Ok(self.store.fee_items(project).await?.into_iter().map(|item| (item.id, item.name)).collect())
    }

    async fn held_views(
        &self,
        held: Vec<HeldSubject>,
        fee_items: &HashMap<FeeItemId, String>,
        language: Language,
    ) -> Result<Vec<HeldView>> {
        let units: Vec<UnitId> = held.iter().map(|held| held.unit_id).collect();
        let places: HashMap<UnitId, UnitPlace> = self.store.places(&units).await?.into_iter().collect();
        let mut sentences = HeldSentences { billing: self, language, read: None };
        let mut views = Vec::with_capacity(held.len());
        for held in held {
            views.push(HeldView {
                place: places.get(&held.unit_id).cloned().ok_or_else(|| Error::not_found("unit", held.unit_id))?,
                fee_item: fee_items.get(&held.fee_item_id).cloned().unwrap_or_default(),
                sentence: sentences.sentence(&held).await?,
                detail: if held.kind == HoldKind::PolicyError { String::new() } else { held.reason.clone() },
                held,
            });
        }
        Ok(views)
    }
}

/// Sentences of held subjects. They come by in the order of their decisions, so that one that holds many is read once, and
/// only one is held in memory.
struct HeldSentences<'a> {
    billing: &'a Billing,
    language: Language,
    read: Option<(DecisionId, Decision, Option<InstalledPlugin>)>,
}

impl HeldSentences<'_> {
    async fn sentence(&mut self, held: &HeldSubject) -> Result<String> {
        let by_policy = held.kind == HoldKind::PolicyError;
        let Some(decision_id) = held.decision_id.filter(|_| by_policy) else {
            let cause = HoldCause::from_stored(&held.code, &held.about);
            return Ok(cause.map_or_else(|| held.reason.clone(), |cause| cause.told(self.language)));
        };
        if self.read.as_ref().is_none_or(|(read, ..)| *read != decision_id) {
            let decision = self.billing.store.decision(decision_id).await?;
            let plugin = self.billing.store.plugin_by_digest(&decision.component_digest).await?;
            self.read = Some((decision_id, decision, plugin));
        }
        let Some((_, decision, Some(plugin))) = &self.read else { return Ok(held.reason.clone()) };
        let Some(answer) = decision.outcome.answer() else { return Ok(held.reason.clone()) };
        let subject = decision.subjects.units.iter().position(|unit| *unit == held.unit_id);
        let problem = answer.problems().iter().find(|problem| Some(problem.subject as usize) == subject);
        let Some(problem) = problem else { return Ok(held.reason.clone()) };
        Ok(problem_sentence(&problem.problem, decision.question.point(), plugin, self.language))
    }
}
