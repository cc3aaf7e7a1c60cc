//! One PostgreSQL server a process, many databases in it.

use sqlx::{Connection, Executor, PgConnection};
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a server may take to answer on a loaded machine.
const START: Duration = Duration::from_secs(60);

/// URL of a new, empty database.
///
/// # Panics
/// When PostgreSQL is not installed or does not start.
pub async fn postgres_url() -> String {
    static SERVER: OnceLock<u16> = OnceLock::new();
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let port = tokio::task::spawn_blocking(|| *SERVER.get_or_init(start)).await.expect("the server starts");
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let mut server = connect(port).await;
    server.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("a database can be made");
    format!("postgres://postgres@127.0.0.1:{port}/{name}")
}

async fn connect(port: u16) -> PgConnection {
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let started = Instant::now();
    loop {
        match PgConnection::connect(&url).await {
            Ok(connection) => return connection,
            Err(error) if started.elapsed() > START => panic!("PostgreSQL does not answer: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The newest installed version's programs.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed (Debian package postgresql)");
    let mut folders: Vec<PathBuf> = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    folders.sort();
    folders.pop().expect("PostgreSQL's server programs are installed (Debian package postgresql)")
}

/// PostgreSQL refuses to run as root; as root it runs as the user that its package made.
fn command(program: &Path) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0"));
    if root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        return command;
    }
    Command::new(program)
}

fn start() -> u16 {
    let bin = programs();
    let folder =
        tempfile::Builder::new().prefix("guanjia-postgres-").tempdir().expect("a temporary folder can be made").keep();
    let root = Command::new("chown").args(["postgres"]).arg(&folder).stderr(Stdio::null()).status();
    assert!(root.is_ok(), "chown is part of every system");
    let data = folder.join("data");
    let made = command(&bin.join("initdb"))
        .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D"])
        .arg(&data)
        .output()
        .expect("initdb can be started");
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    watch(&bin, &data, &folder, port);
    port
}

/// Starts the server under a watcher that waits for this process to end: a static is never dropped, but the pipe that the
/// watcher reads is closed by the kernel in every case, and then the server and its folder go. `runuser` does not pass signals on, so
/// the server is found by its own pid file.
fn watch(bin: &Path, data: &Path, folder: &Path, port: u16) {
    let script = r#"
        "$@" >/dev/null 2>&1 &
        server=$!
        cat >/dev/null
        kill -QUIT "$(head -n 1 "$GUANJIA_TEST_POSTGRES/data/postmaster.pid")" 2>/dev/null
        wait "$server" 2>/dev/null
        rm -rf "$GUANJIA_TEST_POSTGRES"
    "#;
    let server = command(&bin.join("postgres"));
    let child = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(server.get_program())
        .args(server.get_args())
        .arg("-D")
        .arg(data)
        .args(["-p", &port.to_string(), "-k"])
        .arg(folder)
        .args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "max_connections=300",
            "-c",
            "fsync=off",
            "-c",
            "full_page_writes=off",
        ])
        .env("GUANJIA_TEST_POSTGRES", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell can be started");
    // The pipe has to stay open for as long as the process lives.
    std::mem::forget(child);
}
