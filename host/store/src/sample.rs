//! Samples of posted decisions that were asked again.

use async_trait::async_trait;
use guanjia_domain::{
    Result,
    access::Stamp,
    billing::ReplaySample,
    decision::Decision,
    ids::BillingRunId,
    ports::{CheckResult, ReplaySampleStore},
};
use serde_json::json;

use crate::{
    CompanyScope, aside,
    audit::Change,
    db::{Row, Scope},
    value,
};

fn read_sample(row: &Row) -> Result<ReplaySample> {
    let mut cells = row.cells();
    Ok(ReplaySample {
        job_id: cells.take()?,
        at: cells.take()?,
        build: cells.take()?,
        report: value::json(&cells.take::<String>()?)?,
    })
}

impl Scope {
    async fn replay_samples(&mut self, limit: u32) -> Result<Vec<ReplaySample>> {
        let statement = sql!(
            "SELECT job_id, created_at, build, report FROM replay_sample WHERE company_id = $1 ",
            "ORDER BY created_at DESC, job_id DESC LIMIT $2"
        );
        self.rows(statement, values![limit]).await?.iter().map(read_sample).collect()
    }

    /// Whether the newest sample came out as it was recorded.
    pub(crate) async fn check_newest_sample(&mut self) -> Result<CheckResult> {
        let newest = self.replay_samples(1).await?.pop();
        let (ok, detail) = match newest {
            None => (true, "no sample was taken yet".to_owned()),
            Some(sample) => {
                let (identical, decisions) = (sample.report.identical, sample.report.decisions);
                let detail = format!("{identical} of {decisions} decisions identical on {}", sample.at);
                (sample.report.different.is_empty(), detail)
            }
        };
        Ok(CheckResult { name: "replay-sample".to_owned(), ok, detail })
    }
}

#[async_trait]
impl ReplaySampleStore for CompanyScope {
    async fn posted_decision_counts(&self) -> Result<Vec<(BillingRunId, i64)>> {
        let statement = sql!(
            "SELECT r.id, COUNT(*) FROM billing_run r JOIN decision d ON d.run_id = r.id AND d.company_id = r.company_id ",
            "WHERE r.company_id = $1 AND r.state = 'posted' GROUP BY r.id ORDER BY r.id"
        );
        let rows = self.read().await?.rows(statement, values![]).await?;
        rows.iter()
            .map(|row| {
                let mut cells = row.cells();
                Ok((cells.take()?, cells.take()?))
            })
            .collect()
    }

    async fn nth_decision(&self, run: BillingRunId, nth: i64) -> Result<Option<Decision>> {
        let company = self.clone();
        aside(async move { company.read().await?.nth_decision(run, nth).await }).await
    }

    async fn add_replay_sample(&self, stamp: &Stamp, sample: &ReplaySample) -> Result<()> {
        let mut scope = self.write().await?;
        let report = value::to_json(&sample.report)?;
        let added = scope
            .execute(
                sql!(
                    "INSERT INTO replay_sample (company_id, job_id, created_at, build, report) VALUES ($1, $2, $3, $4, $5) ",
                    "ON CONFLICT (job_id) DO NOTHING"
                ),
                values![sample.job_id, sample.at, &sample.build, report],
            )
            .await?;
        if added == 1 && !sample.report.different.is_empty() {
            let different = sample.report.different.iter().map(|difference| difference.decision).collect::<Vec<_>>();
            let payload = json!({ "build": sample.build, "different": different });
            let subject = sample.job_id.to_string();
            scope.event(stamp.at, "replay-sample.differs", None, subject.clone(), &payload).await?;
            scope.audit(stamp, Change::of("replay-sample.differs", format!("job {subject}"), payload)).await?;
        }
        scope.commit().await
    }

    async fn replay_samples(&self, limit: u32) -> Result<Vec<ReplaySample>> {
        self.read().await?.replay_samples(limit).await
    }
}
