//! Databases for tests: a SQLite file each, or a database each on one PostgreSQL server of the test process.

use sqlx::{ConnectOptions, Connection, Executor, postgres::PgConnectOptions};
use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, OnceLock},
    time::Duration,
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::Store;

/// An empty database with an open store.
pub(super) struct TestDb {
    pub(super) store: Arc<Store>,
    pub(super) url: String,
    _directory: Option<TempDir>,
}

impl TestDb {
    pub(super) async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("test.db").display());
        Self { store: Store::open(&url).await.unwrap(), url, _directory: Some(directory) }
    }

    pub(super) async fn postgres() -> Self {
        let server = tokio::task::spawn_blocking(Server::get).await.unwrap();
        let name = format!("test_{}", Uuid::now_v7().simple());
        let mut connection = server.connect().await;
        connection.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        connection.close().await.unwrap();
        let url = format!("postgres://postgres@localhost/{name}?host={}", server.socket.display());
        Self { store: Store::open(&url).await.unwrap(), url, _directory: None }
    }

    /// A second host on the same database.
    pub(super) async fn another_host(&self) -> Arc<Store> {
        Store::open(&self.url).await.unwrap()
    }
}

/// The server. It ends with the test process: a shell waits for its input to close and then stops it.
struct Server {
    socket: PathBuf,
    _watch: Child,
}

impl Server {
    fn get() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let binaries = binaries();
        let socket = std::env::temp_dir().join(format!("gj-pg-{}", std::process::id()));
        std::fs::create_dir_all(&socket).unwrap();
        let account = unprivileged_account();
        if let Some((user, group)) = account {
            std::os::unix::fs::chown(&socket, Some(user), Some(group)).unwrap();
        }
        let data = socket.join("data");
        let made = as_account(&binaries.join("initdb"), account)
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(&data)
            .current_dir(&socket)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let script = r#"binary=$1; socket=$2; "$binary" -D "$socket/data" -k "$socket" -c listen_addresses= -c fsync=off \
            -c max_connections=200 >"$socket/log" 2>&1 & server=$!; cat >/dev/null; kill -QUIT $server; wait $server; rm -rf "$socket""#;
        let watch = as_account(Path::new("/bin/sh"), account)
            .args(["-c", script, "sh"])
            .arg(binaries.join("postgres"))
            .arg(&socket)
            .current_dir(&socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { socket, _watch: watch }
    }

    async fn connect(&self) -> sqlx::PgConnection {
        let options = PgConnectOptions::new().socket(&self.socket).username("postgres").database("postgres");
        for _ in 0..300 {
            if let Ok(connection) = options.connect().await {
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("PostgreSQL did not start: {}", std::fs::read_to_string(self.socket.join("log")).unwrap_or_default());
    }
}

/// The newest installed server.
fn binaries() -> PathBuf {
    let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .expect("the tests need PostgreSQL: apt-get install postgresql")
        .map(|entry| entry.unwrap().path().join("bin"))
        .filter(|path| path.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop().expect("the tests need PostgreSQL: apt-get install postgresql")
}

/// PostgreSQL refuses to run as root: then it runs as the user that Debian's package makes.
fn unprivileged_account() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    let fields: Vec<_> = accounts
        .lines()
        .find(|line| line.starts_with("postgres:"))
        .expect("there is a user postgres")
        .split(':')
        .collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}

fn as_account(program: &Path, account: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = account {
        command.uid(user).gid(group);
    }
    command
}
