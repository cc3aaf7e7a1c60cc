//! Rulings as rows: what was asked and answered outside of billing runs, compressed.

use async_trait::async_trait;
use guanjia_domain::{
    Error, Result,
    decision::{decode, encode},
    ids::{BindingId, DecisionId},
    ports::RulingStore,
    ruling::{About, Ruling, RulingCounts},
};

use crate::{
    CompanyScope,
    db::{Row, Scope},
    value,
};

macro_rules! ruling_columns {
    () => {
        concat!(
            "SELECT r.id, r.project_id, r.binding_id, r.mode, r.component_digest, s.settings, r.wit, r.engine, r.about, r.input, ",
            "r.outcome, r.effects, r.fuel, r.spent_us, r.log, r.created_at FROM ruling r ",
            "JOIN settings_blob s ON s.company_id = r.company_id AND s.settings_sha256 = r.settings_sha256 "
        )
    };
}

fn read_ruling(row: &Row) -> Result<Ruling> {
    let mut cells = row.cells();
    Ok(Ruling {
        id: cells.take()?,
        project_id: cells.take()?,
        binding_id: cells.take()?,
        mode: cells.take()?,
        component_digest: cells.take()?,
        settings: cells.take()?,
        wit: cells.take()?,
        engine: cells.take()?,
        about: decode(&cells.take::<Vec<u8>>()?)?,
        question: decode(&cells.take::<Vec<u8>>()?)?,
        outcome: decode(&cells.take::<Vec<u8>>()?)?,
        effects: cells.take::<Option<String>>()?.map_or(Ok(Vec::new()), |text| value::json(&text))?,
        fuel: cells.take()?,
        spent_us: cells.take()?,
        log: cells.take::<Option<Vec<u8>>>()?.map_or(Ok(Vec::new()), |bytes| decode(&bytes))?,
        at: cells.take()?,
    })
}

impl Scope {
    /// Writes a ruling with whatever follows from it.
    pub(crate) async fn write_ruling(&mut self, ruling: &Ruling) -> Result<()> {
        self.require_project(ruling.project_id).await?;
        let settings = self.keep_settings(&ruling.settings, ruling.at).await?;
        let counts = ruling.counts();
        let effects = if ruling.effects.is_empty() { None } else { Some(value::to_json(&ruling.effects)?) };
        let log = if ruling.log.is_empty() { None } else { Some(encode(&ruling.log)?) };
        self.execute(
            sql!(
                "INSERT INTO ruling (company_id, id, project_id, binding_id, point, mode, component_digest, settings_sha256, wit, ",
                "engine, subjects, decided, refused, undecided, failed, fuel, spent_us, about, input, outcome, effects, log, created_at) ",
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)"
            ),
            values![
                ruling.id,
                ruling.project_id,
                ruling.binding_id,
                ruling.question.point(),
                ruling.mode,
                &ruling.component_digest,
                settings,
                &ruling.wit,
                &ruling.engine,
                counts.subjects,
                counts.decided,
                counts.refused,
                counts.undecided,
                counts.failed,
                ruling.fuel,
                ruling.spent_us,
                encode(&ruling.about)?,
                encode(&ruling.question)?,
                encode(&ruling.outcome)?,
                effects,
                log,
                ruling.at
            ],
        )
        .await?;
        for about in &ruling.about {
            self.execute(
                sql!(
                    "INSERT INTO ruling_subject (company_id, entity, subject_id, ruling_id, created_at) VALUES ($1, $2, $3, $4, $5)"
                ),
                values![about.entity.code(), about.id, ruling.id, ruling.at],
            )
            .await?;
        }
        Ok(())
    }
}

#[async_trait]
impl RulingStore for CompanyScope {
    async fn keep_rulings(&self, rulings: &[Ruling]) -> Result<()> {
        let mut scope = self.write().await?;
        for ruling in rulings {
            scope.write_ruling(ruling).await?;
        }
        scope.commit().await
    }

    async fn ruling(&self, ruling: DecisionId) -> Result<Ruling> {
        let statement = sql!(ruling_columns!(), "WHERE r.company_id = $1 AND r.id = $2");
        let row = self.read().await?.row(statement, values![ruling]).await?;
        read_ruling(&row.ok_or_else(|| Error::not_found("decision", ruling))?)
    }

    async fn rulings_about(&self, about: About, limit: u32) -> Result<Vec<Ruling>> {
        let statement = sql!(
            ruling_columns!(),
            "JOIN ruling_subject a ON a.company_id = r.company_id AND a.ruling_id = r.id ",
            "WHERE r.company_id = $1 AND a.entity = $2 AND a.subject_id = $3 ORDER BY a.ruling_id DESC LIMIT $4"
        );
        let rows = self.read().await?.rows(statement, values![about.entity.code(), about.id, limit]).await?;
        rows.iter().map(read_ruling).collect()
    }

    async fn ruling_counts(&self, binding: BindingId, limit: u32) -> Result<RulingCounts> {
        let statement = sql!(
            "SELECT subjects, decided, refused, undecided, failed FROM ruling WHERE company_id = $1 AND binding_id = $2 ",
            "AND created_at > COALESCE((SELECT MAX(released_at) FROM quarantine WHERE company_id = $1 AND binding_id = $2), $3) ",
            "ORDER BY id DESC LIMIT $4"
        );
        let ever = chrono::DateTime::<chrono::Utc>::UNIX_EPOCH;
        let rows = self.read().await?.rows(statement, values![binding, ever, limit]).await?;
        let mut counts = RulingCounts::default();
        for row in &rows {
            let mut cells = row.cells();
            for sum in [
                &mut counts.subjects,
                &mut counts.decided,
                &mut counts.refused,
                &mut counts.undecided,
                &mut counts.failed,
            ] {
                let more: i64 = cells.take()?;
                *sum = sum.checked_add(more).ok_or(Error::Overflow("counting rulings"))?;
            }
        }
        Ok(counts)
    }
}
