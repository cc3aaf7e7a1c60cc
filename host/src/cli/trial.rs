//! `guanjia plugin trial`, `trials`, `trial-report`, `trial-resume`.

mod report;

use clap::Subcommand;
use guanjia_domain::{
    Error, Period, Result,
    access::Stamp,
    estate::{Project, UnitPlace},
    fee_item::FeeItem,
    ids::{ProjectId, TrialId, UnitId},
    plugin::{ExtensionPoint, Language},
    trial::{TrialRequest, TrialView},
};
use std::{collections::HashMap, path::PathBuf};

use super::{job, output, plugin};
use crate::boot::Office;

#[derive(Debug, Subcommand)]
pub(super) enum Trials {
    /// Try a plug-in version with settings on the recorded inputs of past months. Nothing is charged or changed.
    #[command(name = "trial")]
    Start(Start),
    /// The trials of a project, newest first.
    #[command(name = "trials")]
    List {
        #[arg(long, value_name = "NAME")]
        project: String,
    },
    /// What a trial found.
    #[command(name = "trial-report")]
    Report {
        #[arg(value_name = "TRIAL")]
        id: TrialId,
        /// Explain the mover of this number: the recorded answer beside the candidate's.
        #[arg(long, value_name = "NUMBER")]
        mover: Option<usize>,
        /// Language of the report.
        #[arg(long, default_value = "zh")]
        lang: Language,
    },
    /// Go on with a trial that was stopped, after the months that are done.
    #[command(name = "trial-resume")]
    Resume {
        #[arg(value_name = "TRIAL")]
        id: TrialId,
        /// Language of the report.
        #[arg(long, default_value = "zh")]
        lang: Language,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Start {
    #[arg(long, value_name = "NAME")]
    project: String,
    #[arg(long, default_value = "fee-policy")]
    point: ExtensionPoint,
    #[arg(long, value_name = "NAME")]
    fee_item: String,
    /// `ID@VERSION` of an installed plug-in.
    #[arg(long, value_name = "ID@VERSION")]
    plugin: String,
    /// JSON file with the settings.
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,
    /// The first month.
    #[arg(long, value_name = "YYYY-MM", value_parser = output::month)]
    from: Period,
    /// The last month.
    #[arg(long, value_name = "YYYY-MM", value_parser = output::month)]
    to: Period,
    /// Language of the report.
    #[arg(long, default_value = "zh")]
    lang: Language,
}

impl Trials {
    pub(super) async fn run(&self, office: &Office, stamp: &Stamp, json: bool) -> Result<()> {
        match self {
            Trials::Start(asked) => {
                let request = asked.request(office).await?;
                let (trial, job) = office.trials.start(stamp, request).await?;
                work(office, stamp, trial.id, &job).await?;
                print(office, stamp, trial.id, asked.lang, json).await
            }
            Trials::List { project } => {
                let project = output::project(office, project).await?;
                for view in office.trials.list(stamp, project.id).await? {
                    let about = About::of(office, &view).await?;
                    output::text(&if json {
                        report::json(&view, &about).to_string()
                    } else {
                        report::headline(&view, &about)
                    });
                }
                Ok(())
            }
            Trials::Report { id, mover: Some(number), lang } => {
                let explanation = office.trials.explain(stamp, *id, *number, *lang).await?;
                if json {
                    output::line(&report::mover_json(&explanation));
                } else {
                    report::mover_text(&explanation, *lang).iter().for_each(|line| output::text(line));
                }
                Ok(())
            }
            Trials::Report { id, mover: None, lang } => print(office, stamp, *id, *lang, json).await,
            Trials::Resume { id, lang } => {
                let job = office.trials.resume(stamp, *id).await?;
                work(office, stamp, *id, &job).await?;
                print(office, stamp, *id, *lang, json).await
            }
        }
    }
}

impl Start {
    async fn request(&self, office: &Office) -> Result<TrialRequest> {
        let project = output::project(office, &self.project).await?;
        let (id, version) = plugin::id_and_version(&self.plugin)?;
        Ok(TrialRequest {
            project_id: project.id,
            point: self.point,
            fee_item_id: output::fee_item(office, project.id, &self.fee_item).await?.id,
            plugin_id: id.to_owned(),
            plugin_version: version.to_owned(),
            settings: plugin::settings(&self.settings)?,
            period: Period { start: self.from.start, end: self.to.end },
        })
    }
}

async fn work(office: &Office, stamp: &Stamp, id: TrialId, task: &guanjia_domain::job::Job) -> Result<()> {
    let again = format!("guanjia plugin trial-resume {id} goes on where it stopped");
    job::do_here(office, stamp, task, "trying", &again).await
}

async fn print(office: &Office, stamp: &Stamp, id: TrialId, language: Language, json: bool) -> Result<()> {
    let view = office.trials.view(stamp, id).await?;
    let about = About::of(office, &view).await?;
    if json {
        output::line(&report::json(&view, &about));
    } else {
        report::text(&view, &about, language)?.iter().for_each(|line| output::text(line));
    }
    Ok(())
}

/// Names that a report shows.
struct About {
    project: Project,
    fee_item: String,
    places: HashMap<UnitId, UnitPlace>,
}

impl About {
    async fn of(office: &Office, view: &TrialView) -> Result<Self> {
        let trial = &view.trial;
        let units: Vec<UnitId> = trial.report.movers().map(|(_, mover)| mover.place.unit_id).collect();
        Ok(Self {
            project: office.store.project(trial.project_id).await?,
            fee_item: name_of(office.store.fee_items(trial.project_id).await?, view, trial.project_id)?,
            places: office.store.places(&units).await?.into_iter().collect(),
        })
    }

    /// Where a unit is; its id once it is gone.
    fn place(&self, unit: UnitId) -> String {
        self.places.get(&unit).map_or_else(|| unit.to_string(), ToString::to_string)
    }
}

fn name_of(items: Vec<FeeItem>, view: &TrialView, project: ProjectId) -> Result<String> {
    let item = items.into_iter().find(|item| item.id == view.trial.fee_item_id);
    item.map(|item| item.name).ok_or_else(|| Error::not_found("fee item of project", project))
}
