//! Registries for plug-ins: the real one (Debian package docker-registry), one process and folder a test.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a registry may take to answer on a loaded machine.
const START: Duration = Duration::from_secs(30);
/// Name and password of a registry that asks for them.
pub const REGISTRY_USER: (&str, &str) = ("li", "geheim");
/// The same for the registry: bcrypt is all that it reads.
const HTPASSWD: &str = "li:$2y$05$abcdefghijklmnopqrstuuVWu8RjbNovPZWAMRdd7iqaaG0mI53Uu\n";

/// Whom a registry lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryAccess {
    Everybody,
    /// Only [`REGISTRY_USER`].
    Password,
}

/// A registry that runs until this is dropped.
#[derive(Debug)]
pub struct TestRegistry {
    /// `127.0.0.1` and a port.
    pub address: String,
    watcher: Child,
    folder: TempDir,
}

impl TestRegistry {
    /// Starts a registry with nothing in it.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    #[must_use]
    pub fn start(access: RegistryAccess) -> Self {
        crate::choose_cryptography();
        let program = Path::new("/usr/bin/docker-registry");
        assert!(program.exists(), "the registry is installed (Debian package docker-registry)");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        let address = format!("127.0.0.1:{port}");
        let config = folder.path().join("config.yml");
        fs::write(&config, configuration(folder.path(), &address, access)).expect("the folder can be written");
        let watcher = watch(program, &config);
        let registry = Self { address, watcher, folder };
        registry.wait();
        registry
    }

    /// The file in which the registry keeps these bytes, for tests that change it behind the registry's back.
    #[must_use]
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        self.folder.path().join("data/docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }

    fn wait(&self) {
        let started = Instant::now();
        while !answers(&self.address) {
            assert!(started.elapsed() < START, "the registry does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        // The watcher reads until this end is closed, and ends the registry then.
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

fn answers(address: &str) -> bool {
    let asked = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n")?;
        let mut first = [0; 5];
        stream.read_exact(&mut first)?;
        Ok(&first == b"HTTP/")
    };
    asked().unwrap_or(false)
}

fn configuration(folder: &Path, address: &str, access: RegistryAccess) -> String {
    let data = folder.join("data");
    let mut text = format!(
        "version: 0.1\nlog: {{ level: error, accesslog: {{ disabled: true }} }}\n\
         storage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: {address}, secret: test }}\n",
        data.display()
    );
    if access == RegistryAccess::Password {
        let users = folder.join("users");
        fs::write(&users, HTPASSWD).expect("the folder can be written");
        text.push_str(&format!("auth: {{ htpasswd: {{ realm: test, path: {} }} }}\n", users.display()));
    }
    text
}

/// Starts the registry under a watcher that waits for this process to let go of it, or to end, however it ends.
fn watch(program: &Path, config: &Path) -> Child {
    let script = r#"
        "$@" >/dev/null 2>&1 &
        server=$!
        cat >/dev/null
        kill -KILL "$server" 2>/dev/null
        wait "$server" 2>/dev/null
    "#;
    Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(program)
        .arg("serve")
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell can be started")
}
