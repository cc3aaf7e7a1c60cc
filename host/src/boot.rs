//! Wiring: the one place that knows every crate.

use chrono::{DateTime, Utc};
use guanjia_domain::{
    Error, Result,
    access::{Actor, OPERATOR, Stamp},
    billing::Billing,
    ids::CompanyId,
    import::Imports,
    plugin::Plugins,
    ports::{Clock, CompanyStore, Directory, PolicyEngine},
    ticket::Tickets,
    trial::Trials,
};
pub use guanjia_sandbox::{Compiler, compile_worker};
use guanjia_sandbox::{Sandbox, SandboxOptions};
use guanjia_store::Store;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::presence::Presence;

/// Where a host keeps its state.
#[derive(Debug, Clone)]
pub struct Config {
    /// Embedded database and caches live here.
    pub data_dir: PathBuf,
    /// `sqlite:…` or `postgres://…`; the embedded database in the data directory when absent.
    pub database_url: Option<String>,
    /// Machine code of plug-ins; in the data directory when absent.
    pub cache_dir: Option<PathBuf>,
    /// Which company the command line works for, when there are several.
    pub company: Option<String>,
    /// Where plug-ins are compiled that this host has not compiled before.
    pub compiler: Compiler,
}

impl Config {
    fn url(&self) -> String {
        self.database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", self.data_dir.join("guanjia.sqlite").display()))
    }
}

/// Hidden command that makes a process of the host's binary a compile worker.
pub const COMPILE_WORKER: &str = "compile-worker";

/// Plug-ins are compiled by processes of this very binary. Only the binary itself may ask for this: in a test or a
/// benchmark, the program that runs is another.
///
/// # Errors
/// `Unavailable` when the system does not tell which program this is.
pub fn compile_in_own_binary() -> Result<Compiler> {
    // The kernel's own link leads to the program that runs, also when an upgrade has put another in its place.
    let link = Path::new("/proc/self/exe");
    let program = if link.exists() {
        link.to_owned()
    } else {
        std::env::current_exe().map_err(|error| Error::unavailable("finding the program's own file", error))?
    };
    Ok(Compiler::Worker { program, args: vec![COMPILE_WORKER.to_owned()] })
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A running host without its doors.
#[derive(Clone)]
pub struct Host {
    pub directory: Arc<dyn Directory>,
    pub engine: Arc<dyn PolicyEngine>,
    pub clock: Arc<dyn Clock>,
    pub presence: Arc<Presence>,
    company: Option<String>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("company", &self.company).finish_non_exhaustive()
    }
}

/// The sandbox of this process; without a directory it compiles everything anew.
///
/// # Errors
/// `Unavailable` when the machine cannot give its address space.
pub fn engine(cache_dir: Option<PathBuf>, compiler: Compiler) -> Result<Sandbox> {
    Sandbox::new(SandboxOptions { cache_dir, compiler, ..SandboxOptions::default() })
}

/// The company that a fresh database begins with.
pub const FIRST_COMPANY: &str = "示范物业";

impl Host {
    /// Opens database and sandbox, making what is missing.
    ///
    /// # Errors
    /// `Unavailable` when a directory, the database or the engine cannot be had.
    pub async fn open(config: &Config) -> Result<Self> {
        std::fs::create_dir_all(&config.data_dir).map_err(|error| {
            Error::unavailable(format!("making the data directory {}", config.data_dir.display()), error)
        })?;
        let presence = Presence::announce(&config.data_dir)?;
        let directory = Store::open(&config.url()).await?;
        let cache_dir = config.cache_dir.clone().unwrap_or_else(|| config.data_dir.join("cache"));
        let engine = engine(Some(cache_dir), config.compiler.clone())?;
        Ok(Self {
            directory,
            engine: Arc::new(engine),
            clock: Arc::new(SystemClock),
            presence: Arc::new(presence),
            company: config.company.clone(),
        })
    }

    /// The company that the command line works for: the named one, or the only one, or the first of a fresh database.
    ///
    /// # Errors
    /// `Invalid` when there are several and none is named.
    pub async fn company(&self) -> Result<Office> {
        let known = self.directory.companies().await?;
        let name = match (&self.company, known.as_slice()) {
            (Some(name), _) => name.clone(),
            (None, []) => FIRST_COMPANY.to_owned(),
            (None, [(_, only)]) => only.clone(),
            (None, _) => return Err(Error::invalid("there are several companies: name one with --company")),
        };
        let company_id = self.directory.ensure_company(&name, self.clock.now()).await?;
        Ok(self.office(company_id))
    }

    #[must_use]
    pub fn office(&self, company_id: CompanyId) -> Office {
        let store = self.directory.company(company_id);
        let billing = Billing::new(store.clone(), self.engine.clone(), self.clock.clone());
        let plugins = Plugins::new(store.clone(), self.engine.clone());
        let trials = Trials::new(store.clone(), self.engine.clone(), self.clock.clone());
        let imports = Imports::new(store.clone());
        let tickets = Tickets::new(store.clone());
        Office { host: self.clone(), store, billing, plugins, trials, imports, tickets }
    }
}

/// One company of a host.
#[derive(Clone)]
pub struct Office {
    pub host: Host,
    pub store: Arc<dyn CompanyStore>,
    pub billing: Billing,
    pub plugins: Plugins,
    pub trials: Trials,
    pub imports: Imports,
    pub tickets: Tickets,
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Office").field("company_id", &self.store.company_id()).finish_non_exhaustive()
    }
}

impl Office {
    /// The person in whose name the command line acts: the named user, or the operator of this machine.
    ///
    /// # Errors
    /// `Refused` for an unknown or disabled name.
    pub async fn stamp(&self, name: Option<&str>, origin: &str) -> Result<Stamp> {
        let name = name.unwrap_or(OPERATOR);
        let actor: Actor =
            self.store.actor(name).await?.ok_or_else(|| {
                Error::refused("unknown-user", format!("there is no user {name:?} who could do this"))
            })?;
        Ok(Stamp { actor, at: self.host.clock.now(), origin: origin.to_owned() })
    }
}
