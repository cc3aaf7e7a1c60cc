//! Ports with nothing behind them: who may come in shows without any record. A token names a role; every company is empty.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use guanjia_domain::{
    Date, Error, Result,
    access::{Actor, Role, Stamp, User},
    audit::AuditRow,
    billing::{BillingRun, HeldCount, HeldFilter, HeldSubject, ReplaySample, RunState, RunTotal, UnitSource},
    calendar::CalendarVersion,
    decision::Decision,
    estate::{Estate, EstateChanges, Meter, MeterReading, Party, Project, Unit, UnitPlace},
    fee_item::{CostPool, FeeItem},
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
    ports::*,
    ticket::{
        Declaration, StateCount, Ticket, TicketFilter, TicketHistory, TicketRow, Timer,
        link::{LinkAbout, OwnerLink},
        plan::Planned,
        timer::Firing,
        work_order::{PlannedWork, WorkOrder},
    },
    trial::Trial,
    values::Problem,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use crate::AppState;

pub(super) fn state() -> AppState {
    AppState {
        directory: Arc::new(Nobody),
        engine: Arc::new(Nobody),
        clock: Arc::new(Nobody),
        registries: Arc::new(Nobody),
        wake_worker: Arc::new(|| ()),
        company: "示范物业".to_owned(),
        metrics: None,
        secure_cookies: true,
    }
}

struct Nobody;

fn nothing<T>() -> Result<T> {
    Err(Error::not_found("record", "any"))
}

impl Clock for Nobody {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

#[async_trait]
impl Directory for Nobody {
    async fn ensure_company(&self, _: &str, _: DateTime<Utc>) -> Result<CompanyId> {
        nothing()
    }
    async fn companies(&self) -> Result<Vec<(CompanyId, String)>> {
        nothing()
    }
    fn company(&self, _: CompanyId) -> Arc<dyn CompanyStore> {
        Arc::new(Nobody)
    }
    async fn release_jobs(&self, _: &str) -> Result<()> {
        nothing()
    }
    async fn log_in(&self, _: &str, _: &str, _: &str, _: DateTime<Utc>) -> Result<Option<Actor>> {
        Ok(None)
    }
    async fn actor_of_token(&self, secret: &str, _: DateTime<Utc>) -> Result<Option<Actor>> {
        let role: Option<Role> = secret.parse().ok();
        Ok(role.map(|role| Actor {
            company_id: CompanyId::generate(),
            user_id: UserId::generate(),
            name: "王小明".to_owned(),
            roles: vec![role],
        }))
    }
    async fn claim_job(&self, _: &str, _: DateTime<Utc>) -> Result<Option<(CompanyId, Job)>> {
        nothing()
    }
    async fn due_schedules(&self, _: DateTime<Utc>) -> Result<Vec<(CompanyId, Schedule)>> {
        nothing()
    }
    async fn claim_timers(&self, _: &str, _: DateTime<Utc>, _: u32) -> Result<Vec<(CompanyId, TimerId)>> {
        nothing()
    }
    async fn count_quarantined(&self, _: Date) -> Result<i64> {
        nothing()
    }
    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl PluginRegistries for Nobody {
    fn allowed(&self) -> &[String] {
        &[]
    }
    async fn pull(&self, _: &str) -> Result<PulledPlugin> {
        nothing()
    }
}

#[async_trait]
impl PolicyEngine for Nobody {
    async fn signatures(&self, _: Vec<u8>) -> Result<Vec<PluginSignature>> {
        nothing()
    }
    async fn verify_watched(&self, _: Vec<u8>, _: &mut dyn Watch) -> Result<InstalledPlugin> {
        nothing()
    }
    async fn examine(&self, _: Vec<u8>) -> Result<Examined> {
        nothing()
    }
    async fn prepare(&self, _: &str, _: &(dyn ComponentSource + '_)) -> Result<()> {
        nothing()
    }
    async fn check_settings(&self, _: &str, _: ExtensionPoint, _: &str) -> Result<Vec<Problem>> {
        nothing()
    }
    async fn evaluate(&self, _: &str, _: &str, _: &Question) -> Result<Evaluation> {
        nothing()
    }
}

impl CompanyStore for Nobody {
    fn company_id(&self) -> CompanyId {
        CompanyId::generate()
    }
}

/// Route, body and answer of a request.
type Remembered = (String, Vec<u8>, Option<StoredAnswer>);

/// Keys of all tests of the process, which therefore use different ones.
static KEYS: Mutex<BTreeMap<String, Remembered>> = Mutex::new(BTreeMap::new());

#[async_trait]
impl IdempotencyStore for Nobody {
    async fn claim_key(&self, request: &KeyedRequest<'_>, at: DateTime<Utc>) -> Result<KeyState> {
        let mut keys = KEYS.lock().unwrap();
        let Some((route, body, answer)) = keys.get(request.key) else {
            keys.insert(request.key.to_owned(), (request.route.to_owned(), request.body.to_owned(), None));
            return Ok(KeyState::Claimed(KeyClaim { user_id: request.user_id, key: request.key.to_owned(), at }));
        };
        if route != request.route || body != request.body {
            return Ok(KeyState::Other);
        }
        Ok(answer.clone().map_or(KeyState::Running, KeyState::Answered))
    }

    async fn keep_answer(&self, claim: &KeyClaim, answer: &StoredAnswer) -> Result<()> {
        KEYS.lock().unwrap().get_mut(&claim.key).unwrap().2 = Some(answer.clone());
        Ok(())
    }

    async fn release_key(&self, claim: &KeyClaim) -> Result<()> {
        KEYS.lock().unwrap().remove(&claim.key);
        Ok(())
    }
}

macro_rules! empty {
    ($($trait:ident { $($method:ident($($argument:ty),*) -> $result:ty;)* })*) => {$(
        #[async_trait]
        impl $trait for Nobody {
            $(async fn $method(&self, $(_: $argument),*) -> Result<$result> {
                nothing()
            })*
        }
    )*};
}

empty! {
    AccessStore {
        users() -> Vec<User>;
        add_user(&Stamp, &str, &[Role], Option<&str>) -> User;
        set_password(&Stamp, UserId, &str) -> ();
        actor(&str) -> Option<Actor>;
        issue_token(&Stamp, UserId, TokenPurpose, Option<DateTime<Utc>>) -> String;
        revoke_token(&Stamp, &str) -> ();
    }
    EstateStore {
        projects() -> Vec<Project>;
        project(ProjectId) -> Project;
        project_by_name(&str) -> Option<Project>;
        create_project(&Stamp, &Project, &Party) -> ();
        estate(ProjectId) -> Estate;
        apply_estate(&Stamp, ProjectId, &EstateChanges, &str) -> ();
        units(ProjectId, &UnitSearch<'_>, Option<&str>, u32) -> Page<UnitRow>;
        unit(UnitId) -> UnitRow;
        unit_records(UnitId) -> UnitRecords;
        count_units(ProjectId) -> i64;
        project_of_unit(UnitId) -> ProjectId;
        places(&[UnitId]) -> Vec<(UnitId, UnitPlace)>;
        party_names(&[PartyId]) -> Vec<(PartyId, String)>;
        update_unit(&Stamp, &Unit, i64) -> i64;
        transfer_ownership(&Stamp, UnitId, &Party, Date) -> ();
        fee_items(ProjectId) -> Vec<FeeItem>;
        set_cost_pool(&Stamp, &CostPool) -> ();
        cost_pool(FeeItemId, Date) -> Option<CostPool>;
        change_cost_pool(&Stamp, FeeItemId, Date, Option<i64>, Option<i64>) -> ();
        cost_pools(ProjectId, Date, Date) -> Vec<CostPool>;
        add_meters(&Stamp, &[Meter], &[MeterReading]) -> ();
        meter(MeterId) -> PlacedMeter;
        readings(MeterId, Option<Date>, u32) -> Vec<ReadingRow>;
        reading(MeterReadingId) -> ReadingRow;
        add_reading(&Stamp, &MeterReading) -> ();
        correct_reading(&Stamp, &MeterReading, i64) -> ();
    }
    PluginStore {
        install_plugins(&Stamp, &[NewPlugin<'_>]) -> ();
        plugins() -> Vec<InstalledPlugin>;
        plugin(&str, &str) -> Option<InstalledPlugin>;
        plugin_by_digest(&str) -> Option<InstalledPlugin>;
        component(&str) -> Vec<u8>;
        bindings(ProjectId) -> Vec<Binding>;
        binding(BindingId) -> Binding;
        add_bindings(&Stamp, &[Binding], Cause) -> ();
    }
    InstallationStore {
        add_installation(&Stamp, &Installation, &[u8]) -> ();
        installation(JobId) -> Installation;
        open_installations() -> Vec<Installation>;
        installation_file(JobId) -> Vec<u8>;
        finish_installation(&Stamp, JobId, &NewPlugin<'_>) -> ();
        forget_files() -> ();
    }
    ActivationStore {
        activation_rule() -> ActivationRule;
        set_activation_rule(&Stamp, ActivationRule) -> ();
        add_proposals(&Stamp, &[Proposal]) -> ();
        proposals(u32) -> Vec<Proposal>;
        proposal(ProposalId) -> Proposal;
        decide_proposal(&Stamp, ProposalId, ProposalState, &str) -> Proposal;
    }
    TrustStore {
        trusted_publishers() -> Vec<TrustedPublisher>;
        add_trusted_publisher(&Stamp, &TrustedPublisher) -> ();
        remove_trusted_publisher(&Stamp, PublisherId) -> TrustedPublisher;
        trust_rule() -> TrustRule;
        set_trust_rule(&Stamp, TrustRule) -> ();
    }
    WatchStore {
        uses_of_run(BillingRunId) -> Vec<BindingUse>;
        uses_of_binding(BindingId, u32) -> Vec<RunUse>;
        decisions_of_binding(BillingRunId, BindingId) -> Vec<(DecisionId, i64)>;
        quarantines(ProjectId) -> Vec<Quarantine>;
        quarantine(&QuarantineOrder) -> ();
        release(&Stamp, &Quarantine, i64) -> ();
        note_shadow_differences(&Stamp, &BillingRun, &[ShadowDifference]) -> ();
    }
    ReplaySampleStore {
        posted_decision_counts() -> Vec<(BillingRunId, i64)>;
        nth_decision(BillingRunId, i64) -> Option<Decision>;
        add_replay_sample(&Stamp, &ReplaySample) -> ();
        replay_samples(u32) -> Vec<ReplaySample>;
    }
    BillingStore {
        create_run(&Stamp, &BillingRun, &Job) -> ();
        run(BillingRunId) -> BillingRun;
        runs(ProjectId) -> Vec<BillingRun>;
        runs_of_period(ProjectId, Date) -> Vec<BillingRun>;
        page_ends(ProjectId, Option<UnitId>, u32) -> Vec<UnitId>;
        charged_units(&UnitQuery) -> Vec<UnitSource>;
        standing(StandingQuery) -> Vec<Standing>;
        cursor(BillingRunId) -> Option<RunCursor>;
        record_page(BillingRunId, PageResult, &RunCursor) -> ();
        record_allocation(BillingRunId, &[(DecisionId, Vec<i64>)], &[RunTotal], &RunCursor) -> ();
        finish_preview(&Stamp, BillingRunId) -> BillingRun;
        set_run_state(&Stamp, BillingRunId, &[RunState], RunState) -> BillingRun;
        totals(BillingRunId) -> Vec<RunTotal>;
        held_page(BillingRunId, &HeldFilter, Option<&str>, u32) -> Page<HeldSubject>;
        held_counts(BillingRunId, u32) -> Vec<HeldCount>;
        decisions(BillingRunId, Option<DecisionId>, u32) -> Vec<Decision>;
        decision(DecisionId) -> Decision;
        post_charges(&BillingRun, JournalEntryId, Vec<Charge>) -> ();
        ensure_run_entry(&Stamp, &BillingRun) -> JournalEntryId;
        charges(ProjectId, Option<Date>, Option<&str>, u32) -> Page<ChargeRow>;
        charges_of_unit(UnitId, u32) -> Vec<ChargeRow>;
        charge(ChargeId) -> ChargeRow;
        reversal_of(ChargeId) -> Option<Charge>;
        journal_sum(Option<ProjectId>) -> JournalSum;
        check() -> Vec<CheckResult>;
    }
    TrialStore {
        create_trial(&Stamp, &Trial, &Job) -> ();
        trial(TrialId) -> Trial;
        trials(ProjectId) -> Vec<Trial>;
        record_trial(&Trial) -> ();
        jobs_of_trial(TrialId) -> Vec<Job>;
        recorded_calls(FeeItemId) -> Vec<RecordedCalls>;
        decisions_of_item(DecisionQuery) -> Vec<Decision>;
        held_unasked(BillingRunId, FeeItemId) -> Vec<UnitId>;
    }
    JobStore {
        job(JobId) -> Job;
        jobs_of_run(BillingRunId) -> Vec<Job>;
        add_job(&Stamp, &Job) -> ();
        claim(JobId, &str, DateTime<Utc>) -> bool;
        report(JobId, &str, i64, i64, DateTime<Utc>) -> bool;
        finish(JobId, &str, Option<&str>, bool, DateTime<Utc>) -> ();
        request_cancel(&Stamp, JobId) -> ();
    }
    AuditStore {
        audit(Option<i64>, u32) -> Vec<AuditRow>;
        events(Option<EventId>, u32) -> Vec<Event>;
    }
    ScheduleStore {
        schedules() -> Vec<Schedule>;
        add_schedule(&Stamp, &Schedule) -> ();
        set_schedule_enabled(&Stamp, ScheduleId, bool) -> ();
        fire_schedule(&Stamp, &Schedule, DateTime<Utc>, Option<&BillingRun>, &Job) -> bool;
    }
    CalendarStore {
        calendar(Option<ProjectId>) -> Option<CalendarVersion>;
        calendar_versions(Option<ProjectId>) -> Vec<CalendarVersion>;
        add_calendar(&Stamp, &CalendarVersion) -> ();
    }
    TicketStore {
        ticket_declarations(Option<ProjectId>) -> Vec<Declaration>;
        declare_ticket(&Stamp, &Declaration) -> ();
        add_ticket(&Stamp, &Planned, i32) -> String;
        ticket(TicketId) -> TicketRow;
        ticket_timers(TicketId) -> Vec<Timer>;
        ticket_history(TicketId) -> TicketHistory;
        move_ticket(&Stamp, &Planned) -> bool;
        edit_ticket(&Stamp, &Ticket, &Ticket) -> bool;
        tickets(&TicketFilter, bool, Option<&str>, u32) -> Page<TicketRow>;
        ticket_counts(ProjectId, DateTime<Utc>) -> Vec<StateCount>;
        timer(TimerId) -> Option<(TicketRow, Timer)>;
        fire_timer(&Stamp, &Ticket, &Timer, Option<&Firing>) -> bool;
    }
    OwnerLinkStore {
        owner_link_secret() -> Option<Vec<u8>>;
        add_owner_link(&Stamp, &OwnerLink) -> Vec<u8>;
        owner_link(OwnerLinkId) -> OwnerLink;
        owner_links(LinkAbout) -> Vec<OwnerLink>;
        revoke_owner_link(&Stamp, OwnerLinkId) -> ();
        count_reports(OwnerLinkId, DateTime<Utc>) -> i64;
        tickets_of_link(OwnerLinkId, u32) -> Vec<TicketRow>;
    }
    WorkOrderStore {
        add_work_order(&Stamp, &PlannedWork) -> ();
        work_order(WorkOrderId) -> WorkOrder;
        work_orders(TicketId) -> Vec<WorkOrder>;
        work_orders_of_project(ProjectId, bool, Option<&str>, u32) -> Page<WorkOrder>;
        change_work_order(&Stamp, &WorkOrder, &PlannedWork) -> bool;
    }
}
