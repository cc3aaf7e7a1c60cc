//! Shadows: bindings that are asked beside the active one and count for nothing.
//!
//! Nothing that a shadow does reaches the run: it leaves no decision, no line, no held subject and no total, its failures
//! stop only itself, and it is given up when it takes much longer than the active one. What it leaves is the difference
//! that it would make, in the record of its use.

use std::collections::HashMap;

use futures_util::future::join_all;
use tracing::warn;

use super::{Billing, watch::Watched};
use crate::{
    Date, Error, Result,
    access::Stamp,
    billing::{BillingRun, ItemTerms, UnitSource, prepare},
    custom_field::CustomValues,
    decision::{Asked, Decision, Part},
    difference::{Answered, Difference, SubjectPlace, answered},
    facts::CustomFact,
    ids::*,
    plugin::{
        Binding, BindingMode, BindingUse, ExtensionPoint, PluginExport, QuarantineOrder, ShadowDifference,
        StoredComponents, Use, exceeds,
    },
    point::Question,
};

/// A shadow may take this many times as long as the active one, and a grace beside it: a slow one makes a run longer by
/// minutes, never by hours.
const TIMES_ACTIVE: i64 = 4;
const GRACE_US: i64 = 60_000_000;

/// A shadow of a fee item.
pub(super) struct Shadow {
    pub binding: Binding,
    /// What it is asked, or why it cannot be.
    ready: std::result::Result<Ready, String>,
}

struct Ready {
    export: PluginExport,
    /// The item's terms with the facts of the shadow, which may be others than the active one's.
    terms: ItemTerms,
}

/// What a shadow came to in a page.
pub(super) struct ShadowPage {
    binding_id: BindingId,
    used: Use,
    answers: HashMap<UnitId, Answered>,
    /// It broke on so much that it is quarantined.
    pub order: Option<QuarantineOrder>,
}

impl Billing {
    /// The shadows of a fee item on the day that its active binding is chosen by.
    pub(super) async fn shadows(&self, bindings: &[Binding], day: Date, terms: &ItemTerms) -> Vec<Shadow> {
        let own = bindings.iter().filter(|binding| {
            binding.point == ExtensionPoint::FeePolicy
                && binding.mode == BindingMode::Shadow
                && binding.fee_item_id == Some(terms.fee_item_id)
                && binding.holds_on(day)
        });
        let mut shadows = Vec::new();
        for binding in own {
            let ready = self.ready(binding, terms).await.map_err(|error| {
                warn!(binding.id = %binding.id, error = &error as &dyn std::error::Error, "a shadow cannot be asked");
                error.to_string()
            });
            shadows.push(Shadow { binding: binding.clone(), ready });
        }
        shadows
    }

    async fn ready(&self, binding: &Binding, terms: &ItemTerms) -> Result<Ready> {
        let plugin = self
            .store
            .plugin_by_digest(&binding.digest)
            .await?
            .ok_or_else(|| Error::not_found("plug-in with the digest", &binding.digest))?;
        let export = plugin.export(ExtensionPoint::FeePolicy)?.clone();
        let facts = self.asked_facts(&export).await?;
        self.engine.prepare(&binding.digest, &StoredComponents(self.store.as_ref())).await?;
        Ok(Ready { export, terms: ItemTerms { facts, ..terms.clone() } })
    }

    /// Asks the shadows of a fee item about a page, beside the active one.
    pub(super) async fn ask_shadows(
        &self,
        stamp: &Stamp,
        run: &BillingRun,
        shadows: &[Shadow],
        watched: &mut [Watched],
        page: &ActivePage<'_>,
    ) -> Vec<ShadowPage> {
        join_all(shadows.iter().zip(watched).map(|(shadow, watched)| shadow.ask(self, stamp, run, watched, page))).await
    }

    /// Tells of shadows that differ by more than is tolerated, once the run is computed to its end.
    pub(super) async fn note_shadow_differences<'a>(
        &self,
        stamp: &Stamp,
        run: &BillingRun,
        shadows: impl Iterator<Item = &'a Shadow>,
    ) -> Result<()> {
        let bindings: HashMap<BindingId, &Binding> =
            shadows.map(|shadow| (shadow.binding.id, &shadow.binding)).collect();
        if bindings.is_empty() {
            return Ok(());
        }
        let mut differences = Vec::new();
        for known in self.store.uses_of_run(run.id).await? {
            let (Some(binding), Some(difference)) = (bindings.get(&known.binding_id), known.used.difference) else {
                continue;
            };
            // A total that leaves its range is a difference like any.
            if exceeds(&difference, binding.tolerance_permille).unwrap_or(true) {
                let tolerance_permille = binding.tolerance_permille;
                differences.push(ShadowDifference { binding_id: binding.id, tolerance_permille, difference });
            }
        }
        self.store.note_shadow_differences(stamp, run, &differences).await
    }
}

/// The page as the active binding is asked about it.
pub(super) struct ActivePage<'a> {
    pub units: &'a [UnitSource],
    pub custom: &'a CustomValues,
    pub subjects: usize,
    /// Time that the active one took up to this page, in microseconds.
    pub spent_us: i64,
}

impl Shadow {
    /// The custom fields that it asks for.
    pub(super) fn custom_facts(&self) -> impl Iterator<Item = CustomFact> {
        let facts = self.ready.as_ref().map_or(&[][..], |ready| &ready.terms.facts);
        facts.iter().filter_map(|fact| fact.custom())
    }

    async fn ask(
        &self,
        billing: &Billing,
        stamp: &Stamp,
        run: &BillingRun,
        watched: &mut Watched,
        page: &ActivePage<'_>,
    ) -> ShadowPage {
        if watched.used.stopped.is_none()
            && watched.used.spent_us > GRACE_US.saturating_add(page.spent_us.saturating_mul(TIMES_ACTIVE))
        {
            watched.used.stopped = Some("it takes much longer than the active one".into());
        }
        let asked = match (&watched.used.stopped, &self.ready) {
            (Some(reason), _) | (None, Err(reason)) => Err(reason.clone()),
            (None, Ok(ready)) => self.parts(billing, ready, watched, page).await.map_err(|error| {
                warn!(binding.id = %self.binding.id, error = &error as &dyn std::error::Error, "a shadow is given up");
                error.to_string()
            }),
        };
        let (mut used, answers) = asked.unwrap_or_else(|reason| {
            watched.used.stopped = Some(reason.clone());
            (Use::passed_over(page.subjects, &reason), HashMap::new())
        });
        // Sums that do not fit stop it like anything else.
        let broken = watched.note(&mut used).unwrap_or_else(|error| {
            watched.used.stopped = Some(error.to_string());
            None
        });
        let order = broken.map(|reason| {
            let stamp = Stamp { at: billing.clock.now(), ..stamp.clone() };
            QuarantineOrder::new(stamp, &self.binding, Some(run.id), &reason)
        });
        ShadowPage { binding_id: self.binding.id, used, answers, order }
    }

    /// What it answers about each unit of the page.
    async fn parts(
        &self,
        billing: &Billing,
        ready: &Ready,
        watched: &mut Watched,
        page: &ActivePage<'_>,
    ) -> Result<(Use, HashMap<UnitId, Answered>)> {
        let whole = prepare(page.units, page.custom, &ready.terms);
        let engine = billing.engine.as_ref();
        let asked = Asked { engine, digest: &self.binding.digest, settings: &self.binding.settings };
        let began = billing.clock.now();
        let question = Question::Fee(whole.batch);
        let parts = asked.ask_apart(question, &ready.export.description, &mut watched.failures).await?;
        let ended = billing.clock.now();
        let mut answers = HashMap::with_capacity(whole.subjects.units.len());
        for Part { subjects, question, evaluation } in &parts {
            let answered = answered(question, &evaluation.outcome, &[]).map_err(not_compared)?;
            answers.extend(whole.subjects.units[subjects.clone()].iter().copied().zip(answered));
        }
        Ok((Use::of(&parts, ended - began, ended), answers))
    }
}

fn not_compared(error: Error) -> Error {
    match error {
        Error::Conflict(_) => Error::Conflict("shared costs are not compared by a shadow: a trial does".into()),
        other => other,
    }
}

impl ShadowPage {
    /// Compares a decision of the active one with what the shadow answered about the same units.
    pub(super) fn compare(&mut self, decision: &Decision) {
        if self.answers.is_empty() {
            return;
        }
        let mut difference = self.used.difference.take().unwrap_or_default();
        let compared = self.add(decision, &mut difference);
        self.used.difference = Some(difference);
        if let Err(error) = compared.map_err(not_compared) {
            self.used.stopped.get_or_insert(error.to_string());
            self.answers.clear();
        }
    }

    fn add(&self, decision: &Decision, difference: &mut Difference) -> Result<()> {
        let before = answered(&decision.question, &decision.outcome, &[])?;
        for ((unit_id, before), subject) in decision.subjects.units.iter().zip(before).zip(0..) {
            if let Some(after) = self.answers.get(unit_id) {
                let place = SubjectPlace { decision_id: decision.id, subject, unit_id: *unit_id };
                difference.add(place, before, *after)?;
            }
        }
        Ok(())
    }

    pub(super) fn into_use(self) -> BindingUse {
        BindingUse { binding_id: self.binding_id, mode: BindingMode::Shadow, used: self.used }
    }
}
