//! `guanjia replay` and `guanjia prove`: old decisions on this build, and decisions that travel as files.

use clap::Args;
use guanjia_domain::{
    Error, Result,
    billing::ReplayReport,
    ids::{BillingRunId, DecisionId},
    plugin::Language,
    proof::{PROOF_BYTES_MAX, Proof},
};
use serde_json::json;
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};
use uuid::Uuid;

use super::{Done, Global, output};
use crate::{boot, worker};

/// Ask the plug-ins again and compare the answers bit for bit.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// A billing run, a decision, or a file that `guanjia prove` wrote. A file needs no database.
    #[arg(value_name = "RUN|DECISION|FILE", required_unless_present = "sample")]
    what: Option<String>,
    /// Some posted decisions of the company, as each night; what is found is kept.
    #[arg(long, conflicts_with = "what")]
    sample: bool,
}

impl Replay {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let what = self.what.as_deref().unwrap_or_default();
        let report = match what.parse::<Uuid>() {
            _ if self.sample => sample(global).await?,
            Ok(id) => recorded(id, global).await?,
            Err(_) => read(Path::new(what))?.replay(&boot::engine(None, boot::compile_in_own_binary()?)?).await?,
        };
        if global.json {
            output::line(&json!(report));
        } else {
            let ReplayReport { identical, decisions, .. } = &report;
            output::text(&match global.language(Language::En) {
                Language::Zh => format!("{decisions} 个决策中 {identical} 个重放一致"),
                Language::En => format!("{identical} of {decisions} decisions identical"),
            });
            for difference in &report.different {
                output::text(&format!("  {}: {}", difference.decision, difference.reason));
            }
        }
        Ok(if report.different.is_empty() { Done::Well } else { Done::Badly })
    }
}

async fn recorded(id: Uuid, global: &Global) -> Result<ReplayReport> {
    let office = global.office().await?;
    let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
    let bar = output::Bar::new("replaying");
    let report = match office.billing.replay_run(&stamp, BillingRunId(id), &bar).await {
        Err(Error::NotFound { .. }) => office.billing.replay_decision(&stamp, DecisionId(id)).await,
        report => report,
    };
    bar.done();
    report
}

async fn sample(global: &Global) -> Result<ReplayReport> {
    let office = global.office().await?;
    let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
    let job = office.billing.start_sample(&stamp).await?;
    let bar = output::Bar::new("replaying");
    worker::do_here(&office, &stamp, &job, &bar).await?;
    bar.done();
    let taken = office.billing.samples(&stamp).await?.into_iter().find(|sample| sample.job_id == job.id);
    taken.map(|sample| sample.report).ok_or_else(|| Error::not_found("replay sample of job", job.id))
}

/// A proof from a file, of which not more is read than a proof may have.
fn read(path: &Path) -> Result<Proof> {
    let unreadable = |error: std::io::Error| {
        Error::invalid(format!(
            "{:?} is neither the id of a run or decision nor a file that can be read: {error}",
            path.display()
        ))
    };
    let mut bytes = Vec::new();
    let limit = PROOF_BYTES_MAX as u64 + 1;
    File::open(path).map_err(unreadable)?.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    Proof::from_json(&bytes)
}

/// Write one line of a decision into a file that `guanjia replay` runs again anywhere.
#[derive(Debug, Args)]
pub(super) struct Prove {
    decision: DecisionId,
    /// Which line of the decision, as `bill lines --json` tells it.
    #[arg(long)]
    line: u32,
    /// Where to; standard output when absent.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Prove {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let office = global.office().await?;
        let stamp = office.stamp(global.acting.as_deref(), "cli").await?;
        let proof = office.billing.prove(&stamp, self.decision, self.line).await?.to_json()?;
        match &self.output {
            None => output::text(&String::from_utf8_lossy(&proof)),
            Some(path) => {
                std::fs::write(path, proof)
                    .map_err(|error| Error::unavailable(format!("writing {}", path.display()), error))?;
                output::say(&path.display().to_string());
            }
        }
        Ok(Done::Well)
    }
}
