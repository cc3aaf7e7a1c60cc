//! What the bindings of a run have done so far, and which of them are still asked.
//!
//! Everything here follows from the recorded pages and from what is quarantined: a run that is resumed goes on with the
//! counters that it was interrupted with. A binding that was once stopped in a run stays so to its end, also when it is
//! released meanwhile, so that one run never holds and charges by turns.

use crate::{
    Result,
    ids::BindingId,
    plugin::{BindingUse, Quarantine, Use},
};

/// What was recorded of a run when it was begun or resumed.
pub(super) struct Watch {
    pub uses: Vec<BindingUse>,
    pub quarantines: Vec<Quarantine>,
}

/// One binding in a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    pub used: Use,
    /// Subjects that failed, for the limit on taking failing batches apart.
    pub failures: usize,
}

/// The bindings of one fee item.
#[derive(Debug, Clone, Default)]
pub(super) struct ItemWatch {
    pub active: Watched,
    /// In the order of the plan's shadows.
    pub shadows: Vec<Watched>,
}

impl Watch {
    pub(super) fn of(&self, binding: BindingId) -> Watched {
        let known = self.uses.iter().find(|known| known.binding_id == binding);
        // Differences are added up where they are kept.
        let used = known.map(|known| Use { difference: None, ..known.used.clone() }).unwrap_or_default();
        let mut watched = Watched { failures: usize::try_from(used.failed()).unwrap_or(usize::MAX), used };
        watched.heed(binding, &self.quarantines);
        watched
    }

    /// Whether the binding has to be made ready to be asked.
    pub(super) fn asks(&self, binding: BindingId) -> bool {
        self.of(binding).used.stopped.is_none()
    }
}

impl Watched {
    /// Stops a binding that is quarantined.
    pub(super) fn heed(&mut self, binding: BindingId, quarantines: &[Quarantine]) {
        if self.used.stopped.is_none() {
            let own = quarantines.iter().find(|quarantine| quarantine.binding_id == binding);
            self.used.stopped = own.map(|quarantine| quarantine.reason.clone());
        }
    }

    /// Adds a page. When it shows that the plug-in is broken, says so and stops it from the next page on.
    pub(super) fn note(&mut self, page: &mut Use) -> Result<Option<String>> {
        self.used.add_figures(page)?;
        if self.used.stopped.is_some() || !self.used.is_broken() {
            return Ok(None);
        }
        let reason = self.used.broken_reason();
        self.used.stopped = Some(reason.clone());
        page.stopped = Some(reason.clone());
        Ok(Some(reason))
    }
}
