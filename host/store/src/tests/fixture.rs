//! A small company: one building, a few units, one fee item with its plug-in.

use chrono::{DateTime, Utc};
use guanjia_domain::{
    Date, Fen, Period,
    access::{Actor, OPERATOR, Role, Stamp},
    billing::{BillingRun, RunState, RunTotal, UnitSource, resolve_lines},
    decision::{Decision, Outcome, Subjects},
    estate::*,
    fee_item::{FeeAssignment, FeeItem, PayerRule},
    ids::*,
    job::{Job, JobKind},
    journal::Charge,
    party::{HandOver, NewOwner},
    plugin::*,
    point::{Answer, Question},
    ports::{CompanyStore, Directory, PageResult, RunCursor, UnitQuery},
    values::{Amounts, Currency, Description, FeeAnswer, FeeBatch, FeeLines, Rounding, Segments, Steps, Verdict},
};
use std::{collections::BTreeMap, sync::Arc};

use crate::Store;

pub(super) fn now() -> DateTime<Utc> {
    "2025-03-05T08:00:00.123456789Z".parse().unwrap()
}

pub(super) fn day(text: &str) -> Date {
    text.parse().unwrap()
}

pub(super) fn march() -> Period {
    Period::month(2025, 3).unwrap()
}

pub(super) struct Fixture {
    pub(super) store: Arc<dyn CompanyStore>,
    pub(super) stamp: Stamp,
    pub(super) project: Project,
    pub(super) changes: EstateChanges,
}

impl Fixture {
    /// Hands a unit over to one owner.
    pub(super) async fn hand_over(&self, unit: UnitId, owner: &Party, from: Date) -> guanjia_domain::Result<i64> {
        let owners = vec![NewOwner { party: owner.clone(), share: None }];
        self.store.hand_over(&self.stamp, &HandOver { unit_id: unit, from, owners }, None).await
    }

    /// `units` homes of one building, each with an owner and one fee assignment.
    pub(super) async fn new(directory: &Store, units: usize) -> Self {
        Self::named(directory, "demo", units).await
    }

    pub(super) async fn named(directory: &Store, company: &str, units: usize) -> Self {
        let company = directory.ensure_company(company, now()).await.unwrap();
        let store = directory.company(company);
        let user = store.actor(OPERATOR).await.unwrap().unwrap();
        let stamp = Stamp { actor: user, at: now(), origin: "test".into() };
        let developer = party("Developer", PartyKind::Developer);
        let project = Project {
            id: ProjectId::generate(),
            name: "Jade Garden".into(),
            currency: "CNY".into(),
            time_zone: "Asia/Shanghai".into(),
            developer_id: developer.id,
        };
        store.create_project(&stamp, &project, &developer).await.unwrap();
        store.install_plugin(&stamp, &plugin("1.0.0", "aa"), b"component").await.unwrap();
        let changes = homes(&project, units);
        store.apply_estate(&stamp, project.id, &changes, "homes.xlsx").await.unwrap();
        Self { store, stamp, project, changes }
    }

    pub(super) fn fee_item(&self) -> &FeeItem {
        &self.changes.fee_items.insert[0]
    }

    pub(super) fn binding(&self) -> &Binding {
        &self.changes.bindings.insert[0]
    }

    /// All units with what they are charged in March.
    pub(super) async fn charged_units(&self) -> Vec<UnitSource> {
        self.store.charged_units(&self.query(None, UnitId(uuid::Uuid::max()))).await.unwrap()
    }

    pub(super) fn query(&self, after: Option<UnitId>, until: UnitId) -> UnitQuery {
        UnitQuery { project_id: self.project.id, period: march(), after, until }
    }

    pub(super) async fn start_run(&self) -> (BillingRun, Job) {
        let run = BillingRun::new(self.project.id, march(), &self.stamp);
        let job = Job::new(JobKind::PreviewRun, run.id, &self.stamp);
        self.store.create_run(&self.stamp, &run, &job).await.unwrap();
        (run, job)
    }

    /// A decision of these amounts, one line a unit; `amounts` beyond the units are further lines of the last one.
    pub(super) fn decision(&self, run: BillingRunId, units: &[UnitId], amounts: Amounts, first_line: i64) -> Decision {
        let payer = self.changes.parties.insert[0].id;
        let count = units.len() as u32;
        let lines = amounts.len();
        let segment: Vec<u32> = (0..lines as u32).map(|line| line.min(count.saturating_sub(1))).collect();
        let days = |value| vec![value; units.len()];
        Decision {
            id: DecisionId::generate(),
            run_id: run,
            binding_id: self.binding().id,
            fee_item_id: self.fee_item().id,
            component_digest: self.binding().digest.clone(),
            settings: self.binding().settings.clone(),
            wit: "0.1.0".into(),
            engine: "test".into(),
            subjects: Subjects { units: units.to_vec(), payers: vec![payer; units.len()] },
            question: Question::Fee(Arc::new(FeeBatch {
                period: march(),
                currency: Currency { code: "CNY".into(), digits: 2 },
                subjects: count,
                segments: Segments {
                    subject: (0..count).collect(),
                    start: days(march().start),
                    end: days(march().end),
                },
                facts: vec![],
            })),
            outcome: Outcome::Answer(Answer::Fee(FeeAnswer {
                verdicts: vec![Verdict::Decided; units.len()],
                problems: vec![],
                lines: FeeLines {
                    segment,
                    measure: vec![0; lines],
                    quantity: vec![895_000; lines],
                    quantity_scale: vec![4; lines],
                    unit_price: vec![280; lines],
                    unit_price_scale: vec![2; lines],
                    rounding: vec![Rounding::HalfUp; lines],
                    amounts,
                },
                steps: Steps::default(),
            })),
            allocated: vec![],
            reverses: vec![],
            fuel: 7,
            first_line,
            log: vec![],
        }
    }

    pub(super) fn page(&self, decision: Decision, amount: i64) -> PageResult {
        let lines = decision.outcome.answer().map_or(0, |answer| answer.values().len() as i64);
        let total = RunTotal { fee_item_id: self.fee_item().id, building: "1".into(), lines, amount: Fen(amount) };
        PageResult { decisions: vec![decision], totals: vec![total], ..PageResult::default() }
    }

    pub(super) fn cursor(&self, after: Option<UnitId>, finished: bool) -> RunCursor {
        RunCursor { rules: "rules".into(), after, units: 0, finished }
    }

    pub(super) fn units(&self) -> Vec<UnitId> {
        self.changes.units.insert.iter().map(|unit| unit.id).collect()
    }

    /// A run of one decision over all units, approved and being posted, with its charges.
    pub(super) async fn posting_run(&self, amounts: &[i64]) -> (BillingRun, JournalEntryId, Vec<Charge>) {
        let (run, _) = self.start_run().await;
        let decision = self.decision(run.id, &self.units(), Amounts::Money(amounts.to_vec()), 0);
        let page = self.page(decision.clone(), amounts.iter().sum());
        self.store.record_page(run.id, page.clone(), &self.cursor(self.units().last().copied(), true)).await.unwrap();
        self.store.finish_preview(&self.stamp, run.id).await.unwrap();
        self.store.set_run_state(&self.stamp, run.id, &[RunState::Previewed], RunState::Approved).await.unwrap();
        let run =
            self.store.set_run_state(&self.stamp, run.id, &[RunState::Approved], RunState::Posting).await.unwrap();
        let entry = self.store.ensure_run_entry(&self.stamp, &run).await.unwrap();
        let charges = charges(&run, &decision);
        (run, entry, charges)
    }

    pub(super) async fn assert_consistent(&self) {
        for check in self.store.check().await.unwrap() {
            assert!(check.ok, "{}: {}", check.name, check.detail);
        }
    }
}

pub(super) fn charges(run: &BillingRun, decision: &Decision) -> Vec<Charge> {
    resolve_lines(decision)
        .unwrap()
        .into_iter()
        .map(|line| Charge {
            id: line.charge_id,
            run_id: run.id,
            unit_id: line.unit_id,
            fee_item_id: decision.fee_item_id,
            payer_id: line.payer_id,
            period_start: run.period.start,
            from: line.from,
            to: line.to,
            revision: run.revision,
            line_no: line.line_no,
            amount: line.amount,
            decision_id: decision.id,
            decision_line: i64::from(line.line),
            reverses: line.reverses.map(|posted| posted.charge_id),
        })
        .collect()
}

pub(super) fn party(name: &str, kind: PartyKind) -> Party {
    Party {
        id: PartyId::generate(),
        name: name.into(),
        source_no: None,
        kind,
        gender: Some(Gender::Female),
        age: Some(41),
        phone: Some(format!("1380000{}", name.len())),
        identity_no: None,
        household_of: None,
    }
}

pub(super) fn plugin(version: &str, digest: &str) -> InstalledPlugin {
    let text = Text { zh: "面积".into(), en: "Area".into() };
    InstalledPlugin {
        id: "guanjia.area-fee".into(),
        version: version.into(),
        digest: digest.into(),
        publisher: "guanjia".into(),
        title: text.clone(),
        summary: text,
        exports: vec![PluginExport {
            point: ExtensionPoint::FeePolicy,
            wit: "0.1.0".into(),
            description: Description::default(),
        }],
        settings_schema: serde_json::json!({ "type": "object" }),
        settings_renames: BTreeMap::new(),
        custom_facts: BTreeMap::new(),
        steps: BTreeMap::new(),
        messages: BTreeMap::new(),
        float_free: true,
        tier: Tier::Pure,
        size_bytes: 9,
        signatures: Vec::new(),
    }
}

pub(super) fn binding(project: ProjectId, fee_item: FeeItemId, from: &str) -> Binding {
    Binding {
        id: BindingId::generate(),
        project_id: project,
        point: ExtensionPoint::FeePolicy,
        fee_item_id: Some(fee_item),
        plugin_id: "guanjia.area-fee".into(),
        plugin_version: "1.0.0".into(),
        digest: "aa".into(),
        settings: r#"{"price":"2.80"}"#.into(),
        effective_from: day(from),
        effective_to: None,
        mode: BindingMode::Active,
        tolerance_permille: 0,
    }
}

pub(super) fn fee_item(name: &str) -> FeeItem {
    FeeItem {
        id: FeeItemId::generate(),
        name: name.into(),
        source_no: Some("F1".into()),
        category: "物业费".into(),
        recurrence: "周期性费用".into(),
        payment_mode: "预付费".into(),
        demand_months: 3,
        charge_day: "每月1日".into(),
        starts_on: day("2025-01-01"),
        ends_on: None,
        payer_rule: PayerRule::Owner,
        formula_code: Some("1001".into()),
        source_price: Some("2.80".into()),
        source_fixed: None,
    }
}

pub(super) fn home(entrance: EntranceId, number: usize) -> Unit {
    Unit {
        id: UnitId::generate(),
        entrance_id: Some(entrance),
        parking_area_id: None,
        kind: UnitKind::Residential,
        unit_no: number.to_string(),
        storey: Some(5),
        layout_code: None,
        gross_floor_area_cm2: 895_000,
        internal_area_cm2: Some(800_000),
        rent_fen: None,
        occupancy: OccupancyStatus::Occupied,
    }
}

fn homes(project: &Project, count: usize) -> EstateChanges {
    let mut changes = EstateChanges::default();
    let building = Building { id: BuildingId::generate(), building_no: "1".into(), kind: Some("high-rise".into()) };
    let entrance = Entrance {
        id: EntranceId::generate(),
        building_id: building.id,
        entrance_no: "1".into(),
        storeys: 18,
        has_lift: true,
    };
    let item = fee_item("物业费");
    changes.bindings.insert.push(binding(project.id, item.id, "2025-01-01"));
    for number in 1..=count {
        let unit = home(entrance.id, number);
        let owner = party(&format!("Owner {number}"), PartyKind::Owner);
        changes.tenures.insert.push(Tenure {
            id: TenureId::generate(),
            unit_id: unit.id,
            party_id: owner.id,
            kind: TenureKind::Owner,
            starts_on: None,
            ends_on: None,
        });
        changes.fee_assignments.insert.push(FeeAssignment {
            id: FeeAssignmentId::generate(),
            unit_id: unit.id,
            fee_item_id: item.id,
            starts_on: day("2025-01-01"),
            ends_on: None,
        });
        changes.units.insert.push(unit);
        changes.parties.insert.push(owner);
    }
    changes.buildings.insert.push(building);
    changes.entrances.insert.push(entrance);
    changes.fee_items.insert.push(item);
    changes
}

/// Another person of the same company.
pub(super) fn stamp_of(stamp: &Stamp, name: &str) -> Stamp {
    let actor = Actor { name: name.into(), roles: vec![Role::Manager], ..stamp.actor.clone() };
    Stamp { actor, ..stamp.clone() }
}
