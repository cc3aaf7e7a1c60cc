//! What the domain needs from the outside. Store, sandbox and clock implement these traits; services call them.
//!
//! Everything a company owns is reached through a [`CompanyStore`], which is bound to that company when it is made: no
//! method takes a company, so none can be given the wrong one.

mod tickets;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::sync::Arc;

use crate::{
    Date, Period, Result,
    access::{Actor, Role, Stamp, User},
    audit::AuditRow,
    billing::{BillingRun, HeldCount, HeldFilter, HeldSubject, ReplaySample, RunTotal, UnitSource},
    decision::{Decision, Outcome},
    estate::{Estate, EstateChanges, Meter, MeterReading, Party, Project, Tenure, Unit, UnitPlace, Vehicle},
    fee_item::{CostPool, FeeAssignment, FeeItem},
    idempotency::{KeyClaim, KeyState, KeyedRequest, StoredAnswer},
    ids::*,
    job::{Job, Schedule, Watch},
    journal::Charge,
    meter::{PlacedMeter, ReadingRow},
    plugin::{
        ActivationRule, Binding, BindingUse, Cause, Examined, ExtensionPoint, Installation, InstalledPlugin,
        PluginSignature, Proposal, ProposalState, Quarantine, QuarantineOrder, RunUse, ShadowDifference, TrustRule,
        TrustedPublisher,
    },
    point::Question,
    trial::Trial,
    values::Problem,
};

pub use tickets::{CalendarStore, OwnerLinkStore, TicketStore, WorkOrderStore};

/// The only clock. Instants only: civil dates are always given.
pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;
}

/// Companies and what has to be found before a company is known.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The company of that name, made with its operator when it does not exist.
    async fn ensure_company(&self, name: &str, now: DateTime<Utc>) -> Result<CompanyId>;
    async fn companies(&self) -> Result<Vec<(CompanyId, String)>>;
    fn company(&self, company: CompanyId) -> Arc<dyn CompanyStore>;
    /// Checks a name and password. `None` for every kind of mismatch, after the same amount of work.
    async fn log_in(&self, company: &str, name: &str, password: &str, now: DateTime<Utc>) -> Result<Option<Actor>>;
    /// Whose session or API token this is; `None` when unknown, expired, revoked or its user disabled.
    async fn actor_of_token(&self, secret: &str, now: DateTime<Utc>) -> Result<Option<Actor>>;
    /// Claims one job that is ready, or whose lease ran out, for [`crate::job::LEASE_SECONDS`].
    async fn claim_job(&self, worker: &str, now: DateTime<Utc>) -> Result<Option<(CompanyId, Job)>>;
    /// Makes the jobs and timers of a worker that is gone, or stops, ready for the next one.
    async fn release_jobs(&self, worker: &str) -> Result<()>;
    /// Enabled schedules whose time has come, of all companies.
    async fn due_schedules(&self, now: DateTime<Utc>) -> Result<Vec<(CompanyId, Schedule)>>;
    /// Claims timers of tickets that are due, of all companies, for [`crate::ticket::timer::TIMER_LEASE_SECONDS`].
    async fn claim_timers(&self, worker: &str, now: DateTime<Utc>, limit: u32) -> Result<Vec<(CompanyId, TimerId)>>;
    /// How many bindings of all companies are quarantined that are not superseded by this day.
    async fn count_quarantined(&self, today: Date) -> Result<i64>;
    /// Whether the database answers.
    async fn ping(&self) -> Result<()>;
}

/// One company's records.
pub trait CompanyStore:
    AccessStore
    + EstateStore
    + PluginStore
    + InstallationStore
    + ActivationStore
    + TrustStore
    + WatchStore
    + BillingStore
    + TrialStore
    + JobStore
    + AuditStore
    + ScheduleStore
    + ReplaySampleStore
    + IdempotencyStore
    + CalendarStore
    + TicketStore
    + OwnerLinkStore
    + WorkOrderStore
{
    fn company_id(&self) -> CompanyId;
}

#[async_trait]
pub trait AccessStore: Send + Sync {
    async fn users(&self) -> Result<Vec<User>>;
    /// # Errors
    /// `Conflict` when the name is taken.
    async fn add_user(&self, stamp: &Stamp, name: &str, roles: &[Role], password: Option<&str>) -> Result<User>;
    async fn set_password(&self, stamp: &Stamp, user: UserId, password: &str) -> Result<()>;
    /// The user as an actor; `None` when unknown or disabled.
    async fn actor(&self, name: &str) -> Result<Option<Actor>>;
    /// Makes a login session or API token and returns its secret, which is kept only as a hash.
    async fn issue_token(
        &self,
        stamp: &Stamp,
        user: UserId,
        purpose: TokenPurpose,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<String>;
    async fn revoke_token(&self, stamp: &Stamp, secret: &str) -> Result<()>;
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPurpose {
    /// A login in a browser.
    Session,
    /// A script.
    Api,
}

impl TokenPurpose {
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            TokenPurpose::Session => "session",
            TokenPurpose::Api => "api",
        }
    }
}

/// A page of a list in a fixed order: what comes after the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Cursor of the next page, if there is one. Opaque to callers.
    pub next: Option<String>,
}

/// What a list of units is searched for. An empty text finds all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnitSearch<'a> {
    pub text: &'a str,
    /// Whether names and phone numbers are searched: only for readers who may see them in full. A name that is shown
    /// masked could be guessed letter by letter otherwise.
    pub personal_data: bool,
}

/// One row of the list of units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitRow {
    pub unit: Unit,
    pub place: UnitPlace,
    /// Names of today's owners.
    pub owners: Vec<String>,
    /// Counts the changes of the unit's own fields and place: what an edit was made from.
    pub version: i64,
}

/// What hangs on a unit, with the names that a page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitRecords {
    /// Who owns it or lives there: those of today first, then the latest of those before.
    pub tenures: Vec<TenureRow>,
    /// Vehicles that belong to it or to somebody who holds it today.
    pub vehicles: Vec<VehicleRow>,
    pub meters: Vec<MeterRow>,
    pub fee_assignments: Vec<FeeAssignmentRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenureRow {
    pub tenure: Tenure,
    pub party: String,
    /// Personal data, like the name.
    pub phone: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VehicleRow {
    pub vehicle: Vehicle,
    pub party: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterRow {
    pub meter: Meter,
    pub fee_item: String,
    /// Day and value, in thousandths, of the last reading.
    pub last: Option<(Date, i64)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeAssignmentRow {
    pub assignment: FeeAssignment,
    pub fee_item: String,
}

/// A posted charge with the names a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeRow {
    pub charge: Charge,
    pub place: UnitPlace,
    pub fee_item: String,
    pub payer: String,
}

#[async_trait]
pub trait EstateStore: Send + Sync {
    async fn projects(&self) -> Result<Vec<Project>>;
    async fn project(&self, project: ProjectId) -> Result<Project>;
    async fn project_by_name(&self, name: &str) -> Result<Option<Project>>;
    /// Makes the project, its developer party and its receivable account.
    async fn create_project(&self, stamp: &Stamp, project: &Project, developer: &Party) -> Result<()>;
    /// The whole estate, in the order in which it was written.
    async fn estate(&self, project: ProjectId) -> Result<Estate>;
    /// Applies all changes, with one audit row that names their counts and the file they came from, or none of them.
    async fn apply_estate(
        &self,
        stamp: &Stamp,
        project: ProjectId,
        changes: &EstateChanges,
        reason: &str,
    ) -> Result<()>;
    /// Units in the order of building, entrance and number. A search finds any part of a number or plate, a place as lists
    /// show it (`6-1-103`) or a beginning of its parts (`6-1`, `1-10`), and, where it may, any part of a name or phone.
    async fn units(
        &self,
        project: ProjectId,
        search: &UnitSearch<'_>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<UnitRow>>;
    async fn unit(&self, unit: UnitId) -> Result<UnitRow>;
    /// What hangs on a unit; of each kind the first few hundred.
    async fn unit_records(&self, unit: UnitId) -> Result<UnitRecords>;
    async fn count_units(&self, project: ProjectId) -> Result<i64>;
    /// The project in which a unit lies.
    async fn project_of_unit(&self, unit: UnitId) -> Result<ProjectId>;
    /// Place of each given unit.
    async fn places(&self, units: &[UnitId]) -> Result<Vec<(UnitId, UnitPlace)>>;
    async fn party_names(&self, parties: &[PartyId]) -> Result<Vec<(PartyId, String)>>;
    /// Replaces one unit's own fields and returns its new version.
    ///
    /// # Errors
    /// `Refused` with the code [`crate::estate::STALE`] when the stored version is another than the one that was edited.
    async fn update_unit(&self, stamp: &Stamp, unit: &Unit, version: i64) -> Result<i64>;
    /// Ends the unit's ownership the day before `from` and starts the new owner's.
    async fn transfer_ownership(&self, stamp: &Stamp, unit: UnitId, new_owner: &Party, from: Date) -> Result<()>;
    async fn fee_items(&self, project: ProjectId) -> Result<Vec<FeeItem>>;
    async fn set_cost_pool(&self, stamp: &Stamp, pool: &CostPool) -> Result<()>;
    async fn cost_pool(&self, fee_item: FeeItemId, period_start: Date) -> Result<Option<CostPool>>;
    /// Sets a shared cost over the total that was seen; `None` removes it.
    ///
    /// # Errors
    /// `Refused` with the code [`crate::estate::STALE`] when the stored total is another than `seen`.
    async fn change_cost_pool(
        &self,
        stamp: &Stamp,
        fee_item: FeeItemId,
        period_start: Date,
        seen: Option<i64>,
        total_fen: Option<i64>,
    ) -> Result<()>;
    /// The shared costs of a project's fee items in the periods that start from one day up to another, by period.
    async fn cost_pools(&self, project: ProjectId, from: Date, to: Date) -> Result<Vec<CostPool>>;
    async fn add_meters(&self, stamp: &Stamp, meters: &[Meter], readings: &[MeterReading]) -> Result<()>;
    async fn meter(&self, meter: MeterId) -> Result<PlacedMeter>;
    /// Newest first, those before a day where one is given.
    async fn readings(&self, meter: MeterId, before: Option<Date>, limit: u32) -> Result<Vec<ReadingRow>>;
    async fn reading(&self, reading: MeterReadingId) -> Result<ReadingRow>;
    /// # Errors
    /// `Conflict` when the day is read already; what [`crate::meter::check_reading`] refuses.
    async fn add_reading(&self, stamp: &Stamp, reading: &MeterReading) -> Result<()>;
    /// # Errors
    /// `Refused` with the code [`crate::estate::STALE`] when the stored version is another than the one that was seen;
    /// otherwise as [`EstateStore::add_reading`].
    async fn correct_reading(&self, stamp: &Stamp, reading: &MeterReading, version: i64) -> Result<()>;
}

#[async_trait]
pub trait PluginStore: Send + Sync {
    /// Keeps checked components with their signatures: all of them or, where one cannot be kept, none. Installing the same
    /// component again adds the signatures that are new.
    ///
    /// # Errors
    /// `Conflict` when the same id and version is installed with another component.
    async fn install_plugins(&self, stamp: &Stamp, plugins: &[NewPlugin<'_>]) -> Result<()>;
    /// Keeps one checked component.
    ///
    /// # Errors
    /// As [`PluginStore::install_plugins`].
    async fn install_plugin(&self, stamp: &Stamp, plugin: &InstalledPlugin, component: &[u8]) -> Result<()> {
        self.install_plugins(stamp, &[NewPlugin { plugin, component, origin: "" }]).await
    }
    async fn plugins(&self) -> Result<Vec<InstalledPlugin>>;
    async fn plugin(&self, id: &str, version: &str) -> Result<Option<InstalledPlugin>>;
    async fn plugin_by_digest(&self, digest: &str) -> Result<Option<InstalledPlugin>>;
    /// Bytes of the component file of that digest.
    async fn component(&self, digest: &str) -> Result<Vec<u8>>;
    async fn bindings(&self, project: ProjectId) -> Result<Vec<Binding>>;
    async fn binding(&self, binding: BindingId) -> Result<Binding>;
    /// Adds bindings: all of them or, when one cannot be, none. An active one ends an open-ended earlier one of the same
    /// point and fee item on the day before.
    ///
    /// # Errors
    /// `Conflict` when another active binding of the same point and fee item holds on a day of one.
    async fn add_bindings(&self, stamp: &Stamp, bindings: &[Binding], cause: Cause) -> Result<()>;
}

/// Component files that jobs check.
#[async_trait]
pub trait InstallationStore: Send + Sync {
    /// Keeps a component file with the job that checks it.
    async fn add_installation(&self, stamp: &Stamp, installation: &Installation, file: &[u8]) -> Result<()>;
    /// # Errors
    /// `NotFound` for a job that installs nothing.
    async fn installation(&self, job: JobId) -> Result<Installation>;
    /// Those whose job is still to be done, oldest first.
    async fn open_installations(&self) -> Result<Vec<Installation>>;
    /// The file that is to be checked.
    ///
    /// # Errors
    /// `NotFound` once the job is over.
    async fn installation_file(&self, job: JobId) -> Result<Vec<u8>>;
    /// Keeps the checked component and writes down that the installation came to its end, both or neither.
    ///
    /// # Errors
    /// As [`PluginStore::install_plugins`].
    async fn finish_installation(&self, stamp: &Stamp, job: JobId, plugin: &NewPlugin<'_>) -> Result<()>;
    /// Forgets the files of all installations whose job is over, whatever came of them.
    async fn forget_files(&self) -> Result<()>;
}

/// What waits for a second person.
#[async_trait]
pub trait ActivationStore: Send + Sync {
    async fn activation_rule(&self) -> Result<ActivationRule>;
    async fn set_activation_rule(&self, stamp: &Stamp, rule: ActivationRule) -> Result<()>;
    async fn add_proposals(&self, stamp: &Stamp, proposals: &[Proposal]) -> Result<()>;
    /// Open ones first, then newest first; at most `limit`.
    async fn proposals(&self, limit: u32) -> Result<Vec<Proposal>>;
    async fn proposal(&self, proposal: ProposalId) -> Result<Proposal>;
    /// Decides an open proposal. Approving it adds its binding in the same transaction.
    ///
    /// # Errors
    /// `Conflict` when it is not open any more, or another binding is in the way.
    async fn decide_proposal(
        &self,
        stamp: &Stamp,
        proposal: ProposalId,
        state: ProposalState,
        reason: &str,
    ) -> Result<Proposal>;
}

/// A checked component that is to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewPlugin<'a> {
    pub plugin: &'a InstalledPlugin,
    /// The component without its signatures: the bytes that the digest names.
    pub component: &'a [u8],
    /// Where it came from, such as a reference of a registry with its digest; empty for a file. For the audit trail.
    pub origin: &'a str,
}

/// Whom a company trusts.
#[async_trait]
pub trait TrustStore: Send + Sync {
    /// In the order of their names.
    async fn trusted_publishers(&self) -> Result<Vec<TrustedPublisher>>;
    /// # Errors
    /// `Conflict` when the key is trusted already, under whatever name.
    async fn add_trusted_publisher(&self, stamp: &Stamp, publisher: &TrustedPublisher) -> Result<()>;
    /// # Errors
    /// `NotFound`.
    async fn remove_trusted_publisher(&self, stamp: &Stamp, publisher: PublisherId) -> Result<TrustedPublisher>;
    async fn trust_rule(&self) -> Result<TrustRule>;
    /// The same rule again changes nothing.
    async fn set_trust_rule(&self, stamp: &Stamp, rule: TrustRule) -> Result<()>;
}

/// What bindings do while they live. What they do in a run is written with its pages ([`PageResult::uses`]).
#[async_trait]
pub trait WatchStore: Send + Sync {
    /// What each binding did in the recorded pages of a run.
    async fn uses_of_run(&self, run: BillingRunId) -> Result<Vec<BindingUse>>;
    /// What a binding did in its latest runs, newest first.
    async fn uses_of_binding(&self, binding: BindingId, limit: u32) -> Result<Vec<RunUse>>;
    /// Decisions of a binding in a run, in their order, each with the number of its lines.
    async fn decisions_of_binding(&self, run: BillingRunId, binding: BindingId) -> Result<Vec<(DecisionId, i64)>>;
    /// Which bindings of a project are quarantined now.
    async fn quarantines(&self, project: ProjectId) -> Result<Vec<Quarantine>>;
    /// # Errors
    /// `Conflict` when the binding is quarantined already.
    async fn quarantine(&self, order: &QuarantineOrder) -> Result<()>;
    /// Ends a quarantine, with how many decisions were asked again and came out well.
    ///
    /// # Errors
    /// `Conflict` when it has ended already.
    async fn release(&self, stamp: &Stamp, quarantine: &Quarantine, replayed: i64) -> Result<()>;
    /// Tells, once a run and binding, that a shadow differs from the active one by more than is tolerated.
    async fn note_shadow_differences(
        &self,
        stamp: &Stamp,
        run: &BillingRun,
        differences: &[ShadowDifference],
    ) -> Result<()>;
}

/// A page of units to read for a run: those after one id, up to and including another.
#[derive(Debug, Clone, Copy)]
pub struct UnitQuery {
    pub project_id: ProjectId,
    pub period: Period,
    /// The last unit of the page before.
    pub after: Option<UnitId>,
    /// The last unit of this page.
    pub until: UnitId,
}

/// Some of the units that a fee item is charged to in a period: those after one id, up to and including another.
#[derive(Debug, Clone, Copy)]
pub struct StandingQuery {
    pub fee_item_id: FeeItemId,
    pub period_start: Date,
    /// The last unit of the page before.
    pub after: Option<UnitId>,
    /// The last unit of this page.
    pub until: UnitId,
}

/// By which decision a unit is charged now: that of the highest posted revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub unit_id: UnitId,
    pub decision_id: DecisionId,
    pub revision: i64,
}

/// What one page of a run leaves behind; written in one transaction.
#[derive(Debug, Clone, Default)]
pub struct PageResult {
    pub decisions: Vec<Decision>,
    pub held: Vec<HeldSubject>,
    /// Added to the run's totals. Empty for weights, which are totalled when they are allocated.
    pub totals: Vec<RunTotal>,
    /// What the page adds to the use of each binding in the run.
    pub uses: Vec<BindingUse>,
    /// Bindings that broke on so many subjects that they are not asked any more.
    pub quarantines: Vec<QuarantineOrder>,
}

/// How far the computing of a run has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCursor {
    /// What was to be charged by which rules when the run began, as a digest: all pages of a run follow the same.
    pub rules: String,
    /// The last unit whose page is recorded.
    pub after: Option<UnitId>,
    /// Units of the recorded pages.
    pub units: i64,
    /// All pages are recorded and everything is allocated.
    pub finished: bool,
}

#[async_trait]
pub trait BillingStore: Send + Sync {
    /// Makes a run and its job. An earlier run of the same project and period that is not approved yet is cancelled: a regular
    /// one by a regular one, and a correction by one of the same fee item.
    ///
    /// # Errors
    /// `Conflict` while a run of the same period is approved and not posted, or when a correction of the fee item was posted
    /// that the run does not know.
    async fn create_run(&self, stamp: &Stamp, run: &BillingRun, job: &Job) -> Result<()>;
    async fn run(&self, run: BillingRunId) -> Result<BillingRun>;
    /// Newest first.
    async fn runs(&self, project: ProjectId) -> Result<Vec<BillingRun>>;
    async fn runs_of_period(&self, project: ProjectId, period_start: Date) -> Result<Vec<BillingRun>>;
    /// The last unit of each page of so many units of a project, in the order of their ids.
    async fn page_ends(&self, project: ProjectId, after: Option<UnitId>, size: u32) -> Result<Vec<UnitId>>;
    /// Units with what is charged to them in the period and not posted yet; units without anything come too.
    async fn charged_units(&self, query: &UnitQuery) -> Result<Vec<UnitSource>>;
    /// By which decisions units are charged, in the order of the units. What is taken back is not among them.
    async fn standing(&self, query: StandingQuery) -> Result<Vec<Standing>>;
    async fn cursor(&self, run: BillingRunId) -> Result<Option<RunCursor>>;
    /// Records a page and moves the cursor, in one transaction. A page that is recorded already is left as it is.
    ///
    /// # Errors
    /// `Conflict` when the run is no longer computing.
    async fn record_page(&self, run: BillingRunId, page: PageResult, cursor: &RunCursor) -> Result<()>;
    /// Writes allocated amounts into the decisions, adds their totals and moves the cursor, in one transaction.
    async fn record_allocation(
        &self,
        run: BillingRunId,
        allocated: &[(DecisionId, Vec<i64>)],
        totals: &[RunTotal],
        cursor: &RunCursor,
    ) -> Result<()>;
    /// All pages are recorded: the run waits for approval.
    async fn finish_preview(&self, stamp: &Stamp, run: BillingRunId) -> Result<BillingRun>;
    /// # Errors
    /// `Conflict` when the run is not in one of `from`.
    async fn set_run_state(
        &self,
        stamp: &Stamp,
        run: BillingRunId,
        from: &[crate::billing::RunState],
        to: crate::billing::RunState,
    ) -> Result<BillingRun>;
    async fn totals(&self, run: BillingRunId) -> Result<Vec<RunTotal>>;
    /// Held subjects that agree with the filter, by fee item and unit.
    async fn held_page(
        &self,
        run: BillingRunId,
        filter: &HeldFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<HeldSubject>>;
    /// Counts by fee item and reason, the largest first; at most so many.
    async fn held_counts(&self, run: BillingRunId, limit: u32) -> Result<Vec<HeldCount>>;
    /// Decisions in the order of their lines, after the given one.
    async fn decisions(&self, run: BillingRunId, after: Option<DecisionId>, limit: u32) -> Result<Vec<Decision>>;
    async fn decision(&self, decision: DecisionId) -> Result<Decision>;
    /// Posts the lines of whole decisions: charges and transfers, in one transaction that also moves the run's
    /// `posted_lines`. Charges that exist are left as they are.
    async fn post_charges(&self, run: &BillingRun, entry: JournalEntryId, charges: Vec<Charge>) -> Result<()>;
    /// The heading of the run's journal entry, made once.
    async fn ensure_run_entry(&self, stamp: &Stamp, run: &BillingRun) -> Result<JournalEntryId>;
    async fn charges(
        &self,
        project: ProjectId,
        period_start: Option<Date>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<ChargeRow>>;
    async fn charges_of_unit(&self, unit: UnitId, limit: u32) -> Result<Vec<ChargeRow>>;
    async fn charge(&self, charge: ChargeId) -> Result<ChargeRow>;
    /// The posted charge that takes another one back; `None` while it stands.
    async fn reversal_of(&self, charge: ChargeId) -> Result<Option<Charge>>;
    /// Sum of all journal transfers by side: zero when it balances; and the sum posted to the project's receivables.
    async fn journal_sum(&self, project: Option<ProjectId>) -> Result<JournalSum>;
    /// Consistency of the whole company: one entry per check.
    async fn check(&self) -> Result<Vec<CheckResult>>;
}

/// How many calls a run recorded for a fee item, and whose answers they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCalls {
    pub run_id: BillingRunId,
    pub component_digest: String,
    pub decisions: i64,
}

/// Some decisions of one fee item of a run, in the order of their lines.
#[derive(Debug, Clone, Copy)]
pub struct DecisionQuery {
    pub run_id: BillingRunId,
    pub fee_item_id: FeeItemId,
    /// The last one of those before.
    pub after: Option<DecisionId>,
    pub limit: u32,
}

/// Trials, and the recorded inputs that they read. Nothing here changes a decision.
#[async_trait]
pub trait TrialStore: Send + Sync {
    /// Makes a trial and its job.
    async fn create_trial(&self, stamp: &Stamp, trial: &Trial, job: &Job) -> Result<()>;
    async fn trial(&self, trial: TrialId) -> Result<Trial>;
    /// The newest few hundred of a project, newest first.
    async fn trials(&self, project: ProjectId) -> Result<Vec<Trial>>;
    /// Writes what was found so far, and that it is finished. One that knows more months already, or is finished, stays as
    /// it is: a worker that lost its lease may still come by.
    async fn record_trial(&self, trial: &Trial) -> Result<()>;
    async fn jobs_of_trial(&self, trial: TrialId) -> Result<Vec<Job>>;
    async fn recorded_calls(&self, fee_item: FeeItemId) -> Result<Vec<RecordedCalls>>;
    async fn decisions_of_item(&self, query: DecisionQuery) -> Result<Vec<Decision>>;
    /// Units that a run held for a fee item without a call.
    async fn held_unasked(&self, run: BillingRunId, fee_item: FeeItemId) -> Result<Vec<UnitId>>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalSum {
    /// Debits minus credits over all accounts: 0.
    pub sum_fen: i64,
    /// Balance of the receivable accounts.
    pub receivable_fen: i64,
    pub transfers: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CheckResult {
    pub name: String,
    pub ok: bool,
    pub detail: String,
}

#[async_trait]
pub trait JobStore: Send + Sync {
    async fn job(&self, job: JobId) -> Result<Job>;
    async fn jobs_of_run(&self, run: BillingRunId) -> Result<Vec<Job>>;
    async fn add_job(&self, stamp: &Stamp, job: &Job) -> Result<()>;
    /// Claims this very job for a worker that runs it itself (the command line), however often it was started before:
    /// whoever asks for it sees how it ends.
    async fn claim(&self, job: JobId, worker: &str, now: DateTime<Utc>) -> Result<bool>;
    /// Renews the lease and stores progress. `false` when the worker has lost the job; `Cancelled` when asked to stop.
    async fn report(&self, job: JobId, worker: &str, done: i64, total: i64, now: DateTime<Utc>) -> Result<bool>;
    async fn finish(
        &self,
        job: JobId,
        worker: &str,
        error: Option<&str>,
        cancelled: bool,
        now: DateTime<Utc>,
    ) -> Result<()>;
    async fn request_cancel(&self, stamp: &Stamp, job: JobId) -> Result<()>;
}

#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Newest first, before the given number.
    async fn audit(&self, before_seq: Option<i64>, limit: u32) -> Result<Vec<AuditRow>>;
    /// What happened, oldest first, after the given event.
    async fn events(&self, after: Option<EventId>, limit: u32) -> Result<Vec<Event>>;
}

/// Something that happened: append-only, written in the transaction of the change itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Event {
    pub id: EventId,
    pub at: DateTime<Utc>,
    /// Stable code such as `billing-run.posted` or `estate.imported`.
    pub kind: String,
    pub project_id: Option<ProjectId>,
    /// What it is about, such as the run's id.
    pub subject: String,
    pub payload: serde_json::Value,
}

#[async_trait]
pub trait ScheduleStore: Send + Sync {
    async fn schedules(&self) -> Result<Vec<Schedule>>;
    async fn add_schedule(&self, stamp: &Stamp, schedule: &Schedule) -> Result<()>;
    async fn set_schedule_enabled(&self, stamp: &Stamp, schedule: ScheduleId, enabled: bool) -> Result<()>;
    /// Moves the schedule to its next time and makes the job that it stands for, with its run where it is about one, in one
    /// transaction. `false` when another host fired it first, or the month waits to be posted.
    async fn fire_schedule(
        &self,
        stamp: &Stamp,
        schedule: &Schedule,
        next_at: DateTime<Utc>,
        run: Option<&BillingRun>,
        job: &Job,
    ) -> Result<bool>;
}

/// Posted decisions that were asked again.
#[async_trait]
pub trait ReplaySampleStore: Send + Sync {
    /// How many decisions each posted run of the company has, in the order of their ids.
    async fn posted_decision_counts(&self) -> Result<Vec<(BillingRunId, i64)>>;
    /// A run's decision of that number, from 0 in the order of their lines.
    async fn nth_decision(&self, run: BillingRunId, nth: i64) -> Result<Option<Decision>>;
    /// Keeps what a sample found, once a job; one that found a difference leaves an event, too.
    async fn add_replay_sample(&self, stamp: &Stamp, sample: &ReplaySample) -> Result<()>;
    /// The newest first, at most so many.
    async fn replay_samples(&self, limit: u32) -> Result<Vec<ReplaySample>>;
}

/// Keys of requests that may come twice.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Claims the key for this request, or tells what became of it. A key is free again after
    /// [`crate::idempotency::KEY_HOURS`], and for the same request when it was left without an answer for
    /// [`crate::idempotency::RUNNING_MINUTES_MAX`].
    async fn claim_key(&self, request: &KeyedRequest<'_>, now: DateTime<Utc>) -> Result<KeyState>;
    /// Keeps the answer for whoever asks again. A claim that was taken over meanwhile keeps nothing.
    async fn keep_answer(&self, claim: &KeyClaim, answer: &StoredAnswer) -> Result<()>;
    /// Gives up a key without an answer, so that the request can be sent again.
    async fn release_key(&self, claim: &KeyClaim) -> Result<()>;
}

/// A plug-in's file as a registry holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledPlugin {
    pub file: Vec<u8>,
    /// The reference by digest: what brings the same again.
    pub pinned: String,
}

/// Where plug-ins may be fetched from. Which registries those are is for whoever runs the host to say, and not for a company:
/// the host would otherwise knock at any door of the network that it stands in.
#[async_trait]
pub trait PluginRegistries: Send + Sync {
    /// Host and port of each, as references begin with them; none where nothing is fetched.
    fn allowed(&self) -> &[String];
    /// Fetches one file, within limits of size and time. Nothing of it is believed.
    ///
    /// # Errors
    /// `Refused` with `registry-not-allowed`, or with `registry-denied` by the registry itself; `NotFound`; `Invalid` for what is
    /// no reference or no plug-in; `Unavailable` when the registry does not answer.
    async fn pull(&self, reference: &str) -> Result<PulledPlugin>;
}

/// What the sandbox answers about a component file.
#[async_trait]
pub trait PolicyEngine: Send + Sync {
    /// Who signed a component file. Nothing else of it is looked at, and nothing is compiled or run.
    ///
    /// # Errors
    /// `Invalid` that says what to do, as for a signature that does not hold.
    async fn signatures(&self, file: Vec<u8>) -> Result<Vec<PluginSignature>>;
    /// Verifies a component file without trusting it: signatures, type, imports, manifest, description, golden cases.
    ///
    /// # Errors
    /// `Invalid` that says what to do.
    async fn verify(&self, component: Vec<u8>) -> Result<InstalledPlugin> {
        self.verify_watched(component, &mut ()).await
    }
    /// The same, with somebody who is told how far it is where it takes long.
    ///
    /// # Errors
    /// `Invalid` that says what to do, and whatever `watch` ends it with.
    async fn verify_watched(&self, component: Vec<u8>, watch: &mut dyn Watch) -> Result<InstalledPlugin>;
    /// What can be said about a component file without compiling or running it.
    ///
    /// # Errors
    /// `Invalid` that says what to do, for all that is refused so early.
    async fn examine(&self, file: Vec<u8>) -> Result<Examined>;
    /// Makes a component ready to be called. Compiles it, or loads what was compiled before.
    async fn prepare(&self, digest: &str, component: &(dyn ComponentSource + '_)) -> Result<()>;
    /// The plug-in's own check of settings that passed the schema.
    async fn check_settings(&self, digest: &str, point: ExtensionPoint, settings: &str) -> Result<Vec<Problem>>;
    /// One call in a fresh sandbox. A trap or a limit is an outcome, not an error; the answer is not checked yet.
    async fn evaluate(&self, digest: &str, settings: &str, question: &Question) -> Result<Evaluation>;
}

/// Where component files come from when they are needed.
#[async_trait]
pub trait ComponentSource: Send + Sync {
    async fn component(&self, digest: &str) -> Result<Vec<u8>>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    pub outcome: Outcome,
    /// Fuel used; 0 where a failure hides it.
    pub fuel: i64,
    /// What a call of this size may use.
    pub fuel_allowed: i64,
    /// The most memory that it had; 0 where a failure hides it.
    pub memory_bytes: i64,
    pub memory_allowed: i64,
    /// What the plug-in logged.
    pub log: Vec<String>,
    /// Profile of the engine that ran it: everything that the outcome may depend on besides plug-in and input, such as
    /// version, switches and limits.
    pub engine: Arc<str>,
}

impl Evaluation {
    /// An outcome of something that measures nothing, such as a rule that runs natively.
    #[must_use]
    pub fn unmeasured(outcome: Outcome) -> Self {
        Self {
            outcome,
            fuel: 0,
            fuel_allowed: 0,
            memory_bytes: 0,
            memory_allowed: 0,
            log: Vec::new(),
            engine: "native".into(),
        }
    }
}
