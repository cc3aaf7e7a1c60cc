//! The host as a process, the way a script uses it.

use guanjia_domain::import::{Cell, Workbook};
use guanjia_exchange::{read_workbook, write_workbook};
use guanjia_harness::{Kind, TestDatabase};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{OnceLock, mpsc},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The project of the example workbook, and what its homes are charged.
pub const PROJECT: &str = "巴黎都市";
pub const HOME_FEE: &str = "住宅物业费";

/// A host of its own for one test: database and data directory.
pub struct Host {
    database: TestDatabase,
    folder: TempDir,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The one JSON object that `--json` prints.
    #[track_caller]
    pub fn json(&self) -> Value {
        let lines = self.lines();
        assert_eq!(lines.len(), 1, "one JSON object was expected: {self:?}");
        lines.into_iter().next().unwrap()
    }

    /// JSON Lines.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?} is not JSON: {error}; {self:?}"))
        };
        self.stdout.lines().map(parse).collect()
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }
}

/// A command that takes longer than this hangs: the slowest take seconds, on a loaded machine a minute.
const HANGS: Duration = Duration::from_secs(300);

/// Runs a command to its end.
///
/// # Panics
/// When it does not end in time.
#[track_caller]
fn output_within(mut command: Command, limit: Duration) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let (send, ended) = mpsc::channel();
    std::thread::spawn(move || send.send(child.wait_with_output()));
    ended.recv_timeout(limit).map(Result::unwrap).unwrap_or_else(|_| {
        let _ = Command::new("kill").args(["-KILL", &id.to_string()]).status();
        panic!("{command:?} still runs after {limit:?}")
    })
}

/// Machine code of the plug-ins, shared by all tests of a run: it is authenticated, and compiling is slow in debug builds.
pub fn shared_cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin-cache");
        std::fs::create_dir_all(&folder).unwrap();
        folder
    })
}

impl Host {
    pub async fn fresh(kind: Kind) -> Self {
        Self { database: kind.fresh().await, folder: tempfile::tempdir().unwrap() }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn database_url(&self) -> &str {
        &self.database.url
    }

    /// The command with the host's own database and data directory.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guanjia"));
        command
            .args(args)
            .arg("--data-dir")
            .arg(self.folder.path())
            .args(["--database-url", &self.database.url])
            .env("GUANJIA_CACHE_DIR", shared_cache())
            .env_remove("GUANJIA_LOG")
            .stdin(Stdio::null());
        command
    }

    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Ran {
        let output = output_within(self.command(args), HANGS);
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs with `--json` and expects success.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).expect(0).json()
    }

    /// A file in the data directory.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// The example estate, with wang who manages it and li at its till; nothing billed.
    pub async fn office(kind: Kind) -> Self {
        let host = Self::fresh(kind).await;
        host.run(&["plugin", "install", "standard"]).expect(0);
        host.run(&["import", "microcommunity", workbook().to_str().unwrap(), "--project", PROJECT, "--json"]).expect(0);
        host.run(&["user", "add", "wang", "--role", "manager"]).expect(0);
        host.run(&["user", "add", "li", "--role", "cashier"]).expect(0);
        host
    }

    /// Binds a plug-in with these settings to the example's fee for homes, from a date on.
    #[track_caller]
    pub fn bind(&self, plugin: &str, settings: &str, from: &str) -> Ran {
        let settings = self.file("settings.json", settings);
        let to = ["plugin", "bind", "--project", PROJECT, "--fee-item", HOME_FEE];
        self.run(&[&to[..], &["--plugin", plugin, "--settings", &settings, "--from", from]].concat())
    }

    /// Tries another price for the fee of the example's homes on a month that is posted.
    #[track_caller]
    pub fn try_price(&self, price: &str, month: &str) -> Value {
        let settings = self.file("candidate.json", format!(r#"{{"price":"{price}"}}"#));
        let of = ["plugin", "trial", "--project", PROJECT, "--fee-item", HOME_FEE, "--plugin", "area-fee@1.0.0"];
        self.json(&[&of[..], &["--settings", &settings, "--from", month, "--to", month]].concat())
    }

    /// Consistency of everything, as `guanjia check` sees it.
    #[track_caller]
    pub fn assert_consistent(&self) {
        let checks = self.run(&["check", "--json"]).json();
        assert_eq!(checks["ok"], true, "{checks:#}");
    }

    /// A new API token of somebody.
    #[track_caller]
    pub fn token(&self, user: &str) -> String {
        self.json(&["token", "create", "--user", user])["token"].as_str().unwrap().to_owned()
    }

    /// Adds somebody who may log in to the console.
    #[track_caller]
    pub fn add_person(&self, name: &str, role: &str, password: &str) {
        const VARIABLE: &str = "PASSWORD_OF_A_TEST";
        let args = ["user", "add", name, "--role", role, "--password-env", VARIABLE];
        let output = self.command(&args).env(VARIABLE, password).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts `serve` on a free port and waits until it says where.
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    pub fn serve_with(&self, more: &[&str]) -> Server {
        Server::start(self.command(&[&["serve", "--listen", "127.0.0.1:0"], more].concat()))
    }
}

/// A serving host; stopped when dropped.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().to_owned();
        if !url.starts_with("http://") {
            let mut stderr = String::new();
            let _ = child.stderr.take().unwrap().read_to_string(&mut stderr);
            panic!("the host said {line:?} and {stderr}");
        }
        // Nobody reads the log from here on; a full pipe would stop the host.
        let mut stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Self { child, url }
    }

    /// Sends SIGTERM and leaves the host to its end.
    pub fn tell_to_stop(&self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// The exit code, which has to be there in time.
    #[track_caller]
    pub fn ended_within(mut self, limit: Duration) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < limit, "the host still runs after {limit:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example workbook.
pub fn workbook() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/hc-import.xlsx")
}

/// The example workbook with one cell written over: sheet, title of the column, row as the spreadsheet shows it.
pub fn workbook_with_cell(sheet: &str, title: &str, row: u32, value: Cell) -> Vec<u8> {
    let mut tables: Workbook = read_workbook("hc-import.xlsx", &std::fs::read(workbook()).unwrap()).unwrap();
    let sheet = tables.sheets.iter_mut().find(|candidate| candidate.name == sheet).unwrap();
    let titled = |cell: &Cell| matches!(cell, Cell::Text(text) if text.starts_with(title));
    let column = sheet.rows[0].cells.iter().position(titled).unwrap();
    let row = sheet.rows.iter_mut().find(|candidate| candidate.number == row).unwrap();
    row.cells.resize(row.cells.len().max(column + 1), Cell::Empty);
    row.cells[column] = value;
    write_workbook(&tables).unwrap()
}
