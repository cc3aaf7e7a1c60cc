//! Records in SQLite or PostgreSQL: the only crate with SQL.
//!
//! It implements the ports of the domain with one statement text for both databases; where the dialects differ, `db.rs`
//! says how. It is *not* a place for rules: it keeps what it is given and refuses what its constraints forbid.
//!
//! Invariants that the database itself keeps:
//! - transfers, journal entries, charges, audit rows, events and decisions are never changed or deleted (triggers);
//! - a unit is charged for a fee item and period once a revision and line (unique constraint);
//! - every statement of a company names that company ([`sql!`], checked by the compiler).
//!
//! ```no_run
//! # async fn example() -> guanjia_domain::Result<()> {
//! use guanjia_domain::ports::Directory;
//! let store = guanjia_store::Store::open("sqlite:guanjia.db").await?;
//! let company = store.ensure_company("demo", chrono::Utc::now()).await?;
//! let projects = store.company(company).projects().await?;
//! # Ok(()) }
//! ```

#[macro_use]
pub mod sql;
#[macro_use]
mod value;

mod access;
mod activation;
mod audit;
mod billing;
mod bulk;
mod calendar;
mod db;
mod directory;
mod estate;
mod idempotency;
mod installation;
mod job;
mod plugin;
mod sample;
mod schedule;
#[cfg(test)]
mod tests;
mod ticket;
mod trial;
mod trust;
mod watch;

use guanjia_domain::{Error, Result, ids::CompanyId, ports::CompanyStore};
use std::sync::Arc;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    bulk::{Bulk, Rows},
    db::{Db, Scope},
    value::Values,
};

/// Passwords that are hashed at once. Each takes tens of milliseconds and 19 MiB: more would let a crowd of guesses fill
/// the memory and every core.
const HASHES_AT_ONCE: usize = 2;

/// An open database with the records of all companies.
#[derive(Debug)]
pub struct Store {
    db: Arc<Db>,
    hashing: Arc<Semaphore>,
}

impl Store {
    /// Opens the database, makes it when it is a SQLite file that does not exist, and brings its schema up to date.
    /// `url` is `sqlite:PATH` or `postgres://…`.
    ///
    /// # Errors
    /// `Invalid` for another kind of URL, `Unavailable` when the database cannot be opened.
    pub async fn open(url: &str) -> Result<Arc<Self>> {
        let db = Db::open(url).await?;
        Ok(Arc::new(Self { db: Arc::new(db), hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)) }))
    }

    fn scope(&self, company: CompanyId) -> CompanyScope {
        CompanyScope { db: Arc::clone(&self.db), hashing: Arc::clone(&self.hashing), company }
    }
}

/// One company's records.
#[derive(Debug, Clone)]
pub struct CompanyScope {
    db: Arc<Db>,
    hashing: Arc<Semaphore>,
    company: CompanyId,
}

impl CompanyScope {
    async fn read(&self) -> Result<Scope> {
        Ok(self.db.read().await?.scope(self.company))
    }

    async fn write(&self) -> Result<Scope> {
        Ok(self.db.write().await?.scope(self.company))
    }

    /// Many rows of this company, made ready to be written.
    fn rows(&self, into: &Bulk, values: Values) -> Result<Rows> {
        self.db.rows(self.company, into, values)
    }
}

/// Runs work in a task of its own, so that what is read ahead is decoded while the caller works on the page before. Dropping
/// the caller ends it.
async fn aside<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let mut tasks = JoinSet::new();
    tasks.spawn(work);
    match tasks.join_next().await {
        Some(Ok(result)) => result,
        Some(Err(error)) => Err(Error::unavailable("reading ahead", error)),
        None => Err(Error::invalid("a task that was started is gone")),
    }
}

impl CompanyStore for CompanyScope {
    fn company_id(&self) -> CompanyId {
        self.company
    }
}
