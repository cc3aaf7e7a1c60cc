//! Quarantine: a plug-in that keeps breaking is not asked any more where it is bound, until it has shown that it works.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use super::{Binding, ExtensionPoint, InstalledPlugin, Plugins, RunUse, StoredComponents, Use, uses::short};
use crate::{
    Date, Error, Result,
    access::{Permission, Stamp, codes},
    decision::{Asked, Decision, Outcome},
    ids::*,
};

/// A binding that broke on so many subjects of one run, and on more than it answered, is broken. As many as eight storeys
/// of four homes: homes with odd facts stay below and are held one by one, while a plug-in that breaks on everything is
/// stopped with its first page.
pub const QUARANTINE_FAILURES: i64 = 32;
/// Decisions of the last run that are asked again before a binding that was quarantined by hand is released: spread over
/// the run, and done in a second.
const RELEASE_SAMPLE: usize = 16;
/// Runs of a binding that are looked back on: ten years of months.
const RUNS_WATCHED: u32 = 120;

/// A time during which a binding is not asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantine {
    pub id: QuarantineId,
    pub project_id: ProjectId,
    pub binding_id: BindingId,
    /// The run that it broke in; none when somebody quarantined it by hand.
    pub run_id: Option<BillingRunId>,
    pub reason: String,
    pub since: DateTime<Utc>,
    pub by: String,
}

/// An open quarantine with what somebody needs to know who looks over all projects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantineRow {
    #[serde(flatten)]
    pub quarantine: Quarantine,
    pub project: String,
    /// Name of the fee item whose lines are held.
    pub fee_item: Option<String>,
    pub point: ExtensionPoint,
    pub plugin: String,
    pub version: String,
    pub from: Date,
    /// The first day on which the binding no longer holds, quarantined or not.
    pub to: Option<Date>,
}

/// A quarantine that begins.
#[derive(Debug, Clone)]
pub struct QuarantineOrder {
    pub stamp: Stamp,
    pub quarantine: Quarantine,
}

impl QuarantineOrder {
    #[must_use]
    pub fn new(stamp: Stamp, binding: &Binding, run_id: Option<BillingRunId>, reason: &str) -> Self {
        let quarantine = Quarantine {
            id: QuarantineId::generate(),
            project_id: binding.project_id,
            binding_id: binding.id,
            run_id,
            reason: short(reason),
            since: stamp.at,
            by: stamp.actor.name.clone(),
        };
        Self { stamp, quarantine }
    }

    /// One line of the log for a binding that is stopped; its single calls are not worth one each.
    pub(crate) fn warn(&self) {
        let Quarantine { binding_id, run_id, reason, .. } = &self.quarantine;
        let run = run_id.map(|run| run.to_string()).unwrap_or_default();
        tracing::warn!(binding.id = %binding_id, billing_run.id = run, reason, "a binding is quarantined: what it would answer is held");
    }
}

/// A binding with what it did and whether it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingWatch {
    pub binding: Binding,
    pub quarantine: Option<Quarantine>,
    /// Newest first.
    pub runs: Vec<RunUse>,
    /// All of those runs together, without their differences.
    pub total: Use,
}

codes! {
    /// Whether a binding is asked on a day.
    BindingState {
        InForce = "in-force",
        /// It begins later.
        ToCome = "to-come",
        /// It was superseded, or has come to its end.
        Ended = "ended",
        Quarantined = "quarantined",
    }
}

impl BindingWatch {
    #[must_use]
    pub fn state(&self, today: Date) -> BindingState {
        match (&self.quarantine, self.binding.effective_to) {
            (_, Some(end)) if end <= today || end <= self.binding.effective_from => BindingState::Ended,
            (Some(_), _) => BindingState::Quarantined,
            (None, _) if today < self.binding.effective_from => BindingState::ToCome,
            (None, _) => BindingState::InForce,
        }
    }
}

/// What asking again came to before a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReleaseReport {
    /// Decisions that were asked again.
    pub decisions: i64,
    /// Those that came out well.
    pub well: i64,
    /// Why the first other one did not.
    pub reason: Option<String>,
}

impl Plugins {
    /// Open quarantines of all projects, oldest first: those after a given one.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn quarantines(
        &self,
        stamp: &Stamp,
        after: Option<QuarantineId>,
        limit: u32,
    ) -> Result<Vec<QuarantineRow>> {
        stamp.actor.require(Permission::ReadPlugins)?;
        self.store.open_quarantines(after, limit).await
    }

    /// A binding with what it did.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn watch(&self, stamp: &Stamp, binding: BindingId) -> Result<BindingWatch> {
        stamp.actor.require(Permission::ReadPlugins)?;
        let binding = self.store.binding(binding).await?;
        let quarantine = self.quarantine_of(&binding).await?;
        self.watched(binding, quarantine).await
    }

    /// All bindings of a project with what they did.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn watch_project(&self, stamp: &Stamp, project: ProjectId) -> Result<Vec<BindingWatch>> {
        stamp.actor.require(Permission::ReadPlugins)?;
        let mut quarantines = self.store.quarantines(project).await?;
        let mut watched = Vec::new();
        for binding in self.store.bindings(project).await? {
            let own = quarantines.iter().position(|quarantine| quarantine.binding_id == binding.id);
            watched.push(self.watched(binding, own.map(|own| quarantines.swap_remove(own))).await?);
        }
        Ok(watched)
    }

    async fn watched(&self, binding: Binding, quarantine: Option<Quarantine>) -> Result<BindingWatch> {
        let runs = self.store.uses_of_binding(binding.id, RUNS_WATCHED).await?;
        let mut total = Use::default();
        // From the oldest on, so that the last error is the newest.
        for run in runs.iter().rev() {
            total.add_figures(&run.used)?;
        }
        total.stopped = None;
        Ok(BindingWatch { binding, quarantine, runs, total })
    }

    async fn quarantine_of(&self, binding: &Binding) -> Result<Option<Quarantine>> {
        let open = self.store.quarantines(binding.project_id).await?;
        Ok(open.into_iter().find(|quarantine| quarantine.binding_id == binding.id))
    }

    /// Stops asking a binding: what it would answer is held from the next page on.
    ///
    /// # Errors
    /// `Refused` without the permission, `Invalid` without a reason, `Conflict` when it is quarantined already.
    pub async fn quarantine(&self, stamp: &Stamp, binding: BindingId, reason: &str) -> Result<Quarantine> {
        stamp.actor.require(Permission::ManagePlugins)?;
        let binding = self.store.binding(binding).await?;
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(Error::invalid("say why the binding is quarantined"));
        }
        let order = QuarantineOrder::new(stamp.clone(), &binding, None, reason);
        self.store.quarantine(&order).await?;
        order.warn();
        Ok(order.quarantine)
    }

    /// Asks a quarantined binding again from the next run on, after it has shown that it works: the decisions that it broke
    /// on, or a sample of its last run where somebody quarantined it by hand, are asked again by the component and the
    /// settings that are bound now.
    ///
    /// # Errors
    /// `Refused` with the code `still-failing` and the figures when one of them does not come out well; `Refused` without
    /// the permission; `Conflict` when it is not quarantined.
    pub async fn release(&self, stamp: &Stamp, binding: BindingId) -> Result<ReleaseReport> {
        stamp.actor.require(Permission::ManagePlugins)?;
        let binding = self.store.binding(binding).await?;
        let quarantine = self
            .quarantine_of(&binding)
            .await?
            .ok_or_else(|| Error::Conflict("the binding is not quarantined".into()))?;
        let report = self.ask_again(&binding, &quarantine).await?;
        if let Some(reason) = &report.reason {
            return Err(Error::refused(
                "still-failing",
                format!("{} of {} decisions came out well when asked again: {reason}", report.well, report.decisions),
            ));
        }
        self.store.release(stamp, &quarantine, report.decisions).await?;
        Ok(report)
    }

    async fn ask_again(&self, binding: &Binding, quarantine: &Quarantine) -> Result<ReleaseReport> {
        let mut report = ReleaseReport::default();
        let broke = quarantine.run_id.is_some();
        let run = match quarantine.run_id {
            Some(run) => Some(run),
            None => self.last_run(binding).await?,
        };
        let Some(run) = run else { return Ok(report) };
        let mut ids = self.store.decisions_of_binding(run, binding.id).await?;
        if broke {
            // What failed has no line. A decision that only says no has none either, and is left out below.
            ids.retain(|(_, lines)| *lines == 0);
        } else {
            ids = spread(&ids, RELEASE_SAMPLE);
        }
        let candidate = Candidate::of(self, binding).await?;
        for (id, _) in ids {
            let decision = self.store.decision(id).await?;
            if broke && decision.outcome.answer().is_some() {
                continue;
            }
            report.decisions += 1;
            match candidate.differs(self, &decision, broke).await? {
                None => report.well += 1,
                Some(reason) => report.reason = report.reason.or(Some(reason)),
            }
        }
        Ok(report)
    }

    /// The last run in which the binding was asked at all.
    async fn last_run(&self, binding: &Binding) -> Result<Option<BillingRunId>> {
        let runs = self.store.uses_of_binding(binding.id, RUNS_WATCHED).await?;
        Ok(runs.iter().find(|run| run.used.subjects > 0).map(|run| run.run_id))
    }
}

/// What is bound now, ready to be asked.
struct Candidate<'a> {
    binding: &'a Binding,
    plugin: InstalledPlugin,
}

impl<'a> Candidate<'a> {
    async fn of(plugins: &Plugins, binding: &'a Binding) -> Result<Self> {
        let plugin = plugins
            .store
            .plugin_by_digest(&binding.digest)
            .await?
            .ok_or_else(|| Error::not_found("plug-in with the digest", &binding.digest))?;
        plugins.engine.prepare(&binding.digest, &StoredComponents(plugins.store.as_ref())).await?;
        Ok(Self { binding, plugin })
    }

    /// Why a recorded decision does not come out well, if it does not. One that it broke on has to be answered now; any
    /// other one has to come out as it was recorded, unless the binding was changed since.
    async fn differs(&self, plugins: &Plugins, decision: &Decision, broke: bool) -> Result<Option<String>> {
        let Binding { digest, settings, .. } = self.binding;
        let export = self.plugin.export(decision.question.point())?;
        if *digest != decision.component_digest {
            let before = plugins.store.plugin_by_digest(&decision.component_digest).await?;
            let asked = before.as_ref().and_then(|plugin| plugin.export(decision.question.point()).ok());
            if asked.is_none_or(|asked| asked.description.facts != export.description.facts) {
                return Ok(Some("the plug-in that is bound now asks for other facts than were recorded".into()));
            }
        }
        let asked = Asked { engine: plugins.engine.as_ref(), digest, settings };
        let outcome = asked.ask(&decision.question, &export.description).await?.outcome;
        let unchanged = *digest == decision.component_digest && *settings == decision.settings;
        Ok(match outcome {
            // A single home that it breaks on was held before it was quarantined by hand, and is again.
            Outcome::Failure(failure)
                if unchanged && !broke && decision.outcome.is_same(&Outcome::Failure(failure.clone())) =>
            {
                None
            }
            Outcome::Failure(failure) => Some(format!("{}: {}", failure.kind, short(&failure.reason))),
            outcome if unchanged && !broke && !decision.outcome.is_same(&outcome) => {
                Some(format!("decision {} came out otherwise", decision.id))
            }
            Outcome::Answer(_) => None,
        })
    }
}

/// So many of a list at most, spread evenly over it.
fn spread<T: Clone>(list: &[T], most: usize) -> Vec<T> {
    if list.len() <= most {
        return list.to_vec();
    }
    (0..most).map(|index| list[index * list.len() / most].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_over_the_whole_list() {
        let list: Vec<usize> = (0..100).collect();
        assert_eq!(spread(&list, 4), [0, 25, 50, 75]);
        assert_eq!(spread(&list[..3], 4), [0, 1, 2]);
        assert!(spread::<usize>(&[], 4).is_empty());
    }
}
