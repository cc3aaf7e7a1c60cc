//! What tests of several crates need: databases of both kinds, and registries, each test with its own.
//!
//! PostgreSQL is the real one, started once a process from the installed binaries; it ends with the process, however that
//! ends.

mod postgres;
mod registry;

pub use postgres::postgres_url;
pub use registry::{REGISTRY_USER, RegistryAccess, TestRegistry};

/// A fresh database of its own for one test.
#[derive(Debug)]
pub struct TestDatabase {
    /// What the host takes as its database URL.
    pub url: String,
    /// Keeps the folder of an embedded database.
    _folder: Option<tempfile::TempDir>,
}

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    /// Makes a fresh, empty database.
    ///
    /// # Panics
    /// When the machine has no place for it, or no PostgreSQL.
    pub async fn fresh(self) -> TestDatabase {
        choose_cryptography();
        match self {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder can be made");
                let url = format!("sqlite:{}", folder.path().join("guanjia.sqlite").display());
                TestDatabase { url, _folder: Some(folder) }
            }
            Kind::Postgres => TestDatabase { url: postgres_url().await, _folder: None },
        }
    }
}

/// Makes the choice of cryptography that HTTP clients of tests need before they are built: they share a library with the
/// host, which leaves that choice to the process.
pub(crate) fn choose_cryptography() {
    // An error says that it is made already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
