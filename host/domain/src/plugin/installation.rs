//! Installing a component whose checks take longer than anybody waits for a request: the file is kept, and a job checks it.

use crate::{
    Error, Result,
    access::{Permission, Stamp},
    ids::JobId,
    job::{Job, JobKind, JobSubject, Progress, Work, ended},
    ports::{Clock, NewPlugin},
};

use super::{InstalledPlugin, PluginFile, Plugins, Tier};

/// Files of a company that wait to be checked, at some 20 MB each. Whoever brings more of them at a time has a bundle, which
/// the command line installs.
pub const INSTALLATIONS_OPEN_MAX: usize = 4;

/// A component file that a job checks and keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The job, whose id is the installation's, too.
    pub job: Job,
    /// As the file's manifest says.
    pub plugin_id: String,
    pub plugin_version: String,
    /// See [`PluginFile::origin`].
    pub origin: String,
    /// Whether it passed and was kept.
    pub installed: bool,
}

/// What came of a component file that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Install {
    Done(Box<InstalledPlugin>),
    /// A job checks it; where it stands can be asked for.
    Later(Box<Installation>),
}

impl Plugins {
    /// Installs a component file for somebody who waits for the answer: at once, or as a job where it brings a language's
    /// runtime and takes long to compile. What is refused without compiling is refused here in both cases.
    ///
    /// # Errors
    /// As [`Plugins::install`]; `Conflict` while too many files are being checked already.
    pub async fn hand_in(&self, stamp: &Stamp, file: PluginFile<'_>) -> Result<Install> {
        stamp.actor.require(Permission::ManagePlugins)?;
        self.admit(&[file]).await?;
        let examined = self.engine.examine(file.bytes.to_vec()).await?.plugin;
        if examined.tier == Tier::Pure {
            let mut installed = self.install_all(stamp, &[file]).await?;
            let plugin = installed.pop().ok_or_else(|| Error::invalid("there is nothing to install"))?;
            return Ok(Install::Done(Box::new(plugin)));
        }
        if self.store.open_installations().await?.len() >= INSTALLATIONS_OPEN_MAX {
            return Err(Error::Conflict(format!(
                "{INSTALLATIONS_OPEN_MAX} plug-ins are being checked already: wait for one of them"
            )));
        }
        let installation = Installation {
            job: Job::new(JobKind::InstallPlugin, JobSubject::Nothing, stamp),
            plugin_id: examined.id,
            plugin_version: examined.version,
            origin: file.origin.to_owned(),
            installed: false,
        };
        self.store.add_installation(stamp, &installation, file.bytes).await?;
        Ok(Install::Later(Box::new(installation)))
    }

    /// Where an installation stands.
    ///
    /// # Errors
    /// `Refused` without the permission, `NotFound` for a job that installs nothing.
    pub async fn installation(&self, stamp: &Stamp, job: JobId) -> Result<Installation> {
        stamp.actor.require(Permission::ManagePlugins)?;
        self.store.installation(job).await
    }

    /// Those that are waited for, oldest first.
    ///
    /// # Errors
    /// `Refused` without the permission.
    pub async fn open_installations(&self, stamp: &Stamp) -> Result<Vec<Installation>> {
        stamp.actor.require(Permission::ManagePlugins)?;
        self.store.open_installations().await
    }

    /// Stops an installation. Nothing is kept of it.
    ///
    /// # Errors
    /// `Refused` without the permission, `Conflict` when it is over.
    pub async fn cancel_installation(&self, stamp: &Stamp, job: JobId) -> Result<()> {
        self.installation(stamp, job).await?;
        self.store.request_cancel(stamp, job).await?;
        self.store.forget_files().await
    }

    /// Does a job that this worker has claimed, to its end or until it is asked to stop. One that is started again checks
    /// the file again.
    ///
    /// # Errors
    /// Whatever stopped it; the job's row says the same.
    pub async fn work(
        &self,
        stamp: &Stamp,
        job: &Job,
        clock: &dyn Clock,
        worker: &str,
        progress: &dyn Progress,
    ) -> Result<()> {
        let store = self.store.as_ref();
        let work = Work::new(store, clock, job, worker, progress);
        let result = match job.kind {
            JobKind::InstallPlugin => self.check_and_keep(stamp, job.id, work).await,
            kind => Err(Error::invalid(format!("a {kind} installs nothing"))),
        };
        let ended = ended(store, clock, job, worker, result).await;
        // Whether the job is over is the store's to know: another worker may have taken it over, and needs the file.
        store.forget_files().await?;
        ended
    }

    /// Who asked for it may have lost the permission since, and the company may trust other keys: both are asked again.
    async fn check_and_keep(&self, stamp: &Stamp, job: JobId, mut work: Work<'_>) -> Result<()> {
        stamp.actor.require(Permission::ManagePlugins)?;
        let installation = self.store.installation(job).await?;
        if installation.installed {
            return Ok(());
        }
        let bytes = self.store.installation_file(job).await?;
        let name = format!("{}@{}", installation.plugin_id, installation.plugin_version);
        self.admit(&[PluginFile { bytes: &bytes, name: &name, origin: &installation.origin }]).await?;
        let plugin = self.engine.verify_watched(bytes.clone(), &mut work).await?;
        let new = NewPlugin { plugin: &plugin, component: plugin.component_in(&bytes)?, origin: &installation.origin };
        self.store.finish_installation(stamp, job, &new).await
    }
}
