//! The import service: what doors call to take a project over.

use std::sync::Arc;

use super::{
    ImportPlan, Reason, Workbook,
    microcommunity::{self, FormulaPlugins, PluginChoice},
    reason::pick,
};
use crate::{
    Error, Result,
    access::{Permission, Stamp},
    error::InputProblem,
    estate::{Estate, Party, PartyKind, Project},
    ids::*,
    plugin::{ExtensionPoint, Language},
    ports::CompanyStore,
};

/// Imports into one company.
#[derive(Clone)]
pub struct Imports {
    store: Arc<dyn CompanyStore>,
}

impl std::fmt::Debug for Imports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Imports").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

/// What an import would do, and to which project.
#[derive(Debug, Clone)]
pub struct PlannedImport {
    /// `None`: the project will be made.
    pub project: Option<Project>,
    pub plan: ImportPlan,
    /// What the changes are written under when the project is made.
    new_project_id: ProjectId,
}

/// Name of the party that is charged for unsold homes of a new project.
const DEVELOPER: &str = "开发商";

impl Imports {
    #[must_use]
    pub fn new(store: Arc<dyn CompanyStore>) -> Self {
        Self { store }
    }

    /// Compares a MicroCommunity workbook with the project of that name. Writes nothing. What is wrong with the workbook
    /// is told in `language`.
    ///
    /// # Errors
    /// `Invalid` with every bad cell; `Refused` without the permission.
    pub async fn plan_microcommunity(
        &self,
        stamp: &Stamp,
        project_name: &str,
        workbook: &Workbook,
        language: Language,
    ) -> Result<PlannedImport> {
        stamp.actor.require(Permission::WriteEstate)?;
        if project_name.trim().is_empty() {
            return Err(Error::invalid(pick(language, "请填写项目名称", "the project needs a name")));
        }
        let desired = microcommunity::parse(workbook).map_err(|problems| bad_cells(problems, language))?;
        let project = self.store.project_by_name(project_name).await?;
        let new_project_id = ProjectId::generate();
        let (estate, bindings, project_id) = match &project {
            Some(project) => (self.store.estate(project.id).await?, self.store.bindings(project.id).await?, project.id),
            None => (Estate::default(), Vec::new(), new_project_id),
        };
        let plugins = FormulaPlugins {
            area_fee: self.newest("area-fee", language).await?,
            fixed_fee: self.newest("fixed-fee", language).await?,
        };
        let plan = microcommunity::plan(&desired, &estate, &bindings, project_id, &plugins);
        Ok(PlannedImport { project, plan, new_project_id })
    }

    /// Applies a plan: makes the project if there is none, and writes all changes in one transaction.
    ///
    /// # Errors
    /// `Conflict` when the records changed in a way that the plan clashes with; then nothing is written.
    pub async fn apply(
        &self,
        stamp: &Stamp,
        project_name: &str,
        planned: &PlannedImport,
        file: &str,
    ) -> Result<Project> {
        stamp.actor.require(Permission::WriteEstate)?;
        let project = match &planned.project {
            Some(project) => project.clone(),
            None => self.create_project(stamp, planned.new_project_id, project_name).await?,
        };
        if !planned.plan.changes.is_empty() {
            self.store.apply_estate(stamp, project.id, &planned.plan.changes, file).await?;
        }
        Ok(project)
    }

    /// The project of that name, made with its developer when there is none.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn ensure_project(&self, stamp: &Stamp, name: &str) -> Result<Project> {
        stamp.actor.require(Permission::WriteEstate)?;
        match self.store.project_by_name(name).await? {
            Some(project) => Ok(project),
            None => self.create_project(stamp, ProjectId::generate(), name).await,
        }
    }

    async fn create_project(&self, stamp: &Stamp, id: ProjectId, name: &str) -> Result<Project> {
        let developer = Party {
            id: PartyId::generate(),
            name: DEVELOPER.to_owned(),
            source_no: None,
            kind: PartyKind::Developer,
            gender: None,
            age: None,
            phone: None,
            identity_no: None,
            household_of: None,
        };
        let project = Project {
            id,
            name: name.to_owned(),
            currency: "CNY".to_owned(),
            time_zone: "Asia/Shanghai".to_owned(),
            developer_id: developer.id,
        };
        self.store.create_project(stamp, &project, &developer).await?;
        Ok(project)
    }

    /// The newest installed version of a plug-in that answers fee policies.
    async fn newest(&self, id: &str, language: Language) -> Result<PluginChoice> {
        let version = |text: &str| semver::Version::parse(text).ok();
        self.store
            .plugins()
            .await?
            .into_iter()
            .filter(|plugin| plugin.id == id && plugin.export(ExtensionPoint::FeePolicy).is_ok())
            .max_by_key(|plugin| version(&plugin.version))
            .map(|plugin| PluginChoice { id: plugin.id, version: plugin.version, digest: plugin.digest })
            .ok_or_else(|| {
                Error::invalid(pick(
                    language,
                    format!("导入这份表格要用到插件 {id}，请先安装"),
                    format!("the plug-in {id} is needed for this workbook: install it first"),
                ))
            })
    }
}

/// The refusal of a workbook, with every cell that is to blame.
fn bad_cells(problems: Vec<InputProblem<Reason>>, language: Language) -> Error {
    let count = problems.len();
    let message = match language {
        Language::Zh => format!("表格里有 {count} 个单元格不能用，什么都没有导入"),
        Language::En if count == 1 => "1 cell of the workbook cannot be used; nothing is imported".to_owned(),
        Language::En => format!("{count} cells of the workbook cannot be used; nothing is imported"),
    };
    Error::Invalid { message, problems: problems.into_iter().map(|problem| problem.told(language)).collect() }
}
