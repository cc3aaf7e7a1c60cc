//! Who signed a plug-in, whom a company trusts, and what it installs: by the command line, with real keys and files.

use crate::host::{Host, Ran};
use guanjia::standard_plugins::{STANDARD_PLUGINS, StandardPlugin};
use guanjia_harness::Kind;
use guanjia_packaging::{Manifest, embed_manifest, read_manifest};
use rstest::rstest;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A folder for an integrator who has no database at all: any command that asks for one fails.
pub struct Desk(TempDir);

impl Desk {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Where a file lies, as an argument.
    pub fn at(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), content).unwrap();
        self.at(name)
    }

    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guanjia"));
        command
            .args(args)
            .current_dir(self.0.path())
            .env("GUANJIA_DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
            .env("DOCKER_CONFIG", self.0.path())
            .env_remove("GUANJIA_LOG")
            .env_remove("GUANJIA_DATA_DIR")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(args))
    }

    pub fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).expect(0).json()
    }

    /// Makes a key and returns its public half.
    pub fn key(&self, name: &str) -> String {
        self.json(&["plugin", "keygen", name])["key"].as_str().unwrap().to_owned()
    }

    /// A standard plug-in as a file.
    pub fn standard(&self, id: &str) -> String {
        self.write(&format!("{id}.wasm"), standard(id).component)
    }
}

pub fn ran(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub fn standard(id: &str) -> &'static StandardPlugin {
    STANDARD_PLUGINS.iter().find(|plugin| plugin.id == id).unwrap()
}

/// A standard plug-in with another manifest around the same code.
pub fn changed(id: &str, change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
    let component = standard(id).component;
    let mut manifest = read_manifest(component).unwrap();
    // The build puts the manifest last, and writes it always alike.
    let empty = b"\0asm\x0d\0\x01\0";
    let section = embed_manifest(empty, &manifest).unwrap().split_off(empty.len());
    let bare = component.strip_suffix(section.as_slice()).unwrap();
    change(&mut manifest);
    embed_manifest(bare, &manifest).unwrap()
}

#[test]
fn a_private_key_is_its_owners_alone() {
    let desk = Desk::new();
    let made = desk.json(&["plugin", "keygen", "office.key"]);
    assert_eq!(desk.names(), ["office.key", "office.key.pub"], "no database, nothing else");
    assert_eq!(fs::read_to_string(desk.path("office.key.pub")).unwrap().trim(), made["key"]);
    let private = fs::read_to_string(desk.path("office.key")).unwrap();
    assert!(private.starts_with("-----BEGIN PRIVATE KEY-----"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(desk.path("office.key")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let again = desk.run(&["plugin", "keygen", "office.key"]).expect(1);
    assert!(again.stderr.contains("never written over"), "{again:?}");
    fs::remove_file(desk.path("office.key.pub")).unwrap();
    desk.run(&["plugin", "keygen", "office.key"]).expect(1);
    assert_eq!(fs::read_to_string(desk.path("office.key")).unwrap(), private);
    assert_eq!(desk.names(), ["office.key"], "no public half of a key that was not made");
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_signs_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.key("office.key");
    fs::set_permissions(desk.path("office.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let file = desk.standard("area-fee");
    let refused = desk.run(&["plugin", "sign", &file, "--key", "office.key"]).expect(3);
    assert!(refused.stderr.contains("chmod 600"), "{refused:?}");
    assert_eq!(fs::read(&file).unwrap(), standard("area-fee").component, "the file is as it was");
}

#[test]
fn signatures_are_made_and_verified_without_a_database() {
    let desk = Desk::new();
    let (author, reviewer, stranger) = (desk.key("author"), desk.key("reviewer"), desk.key("stranger"));
    let file = desk.standard("area-fee");
    let verify = |trusted: &[&str]| -> Ran {
        let mut args = vec!["plugin", "verify", file.as_str(), "--json"];
        trusted.iter().for_each(|key| args.extend(["--trusted", key]));
        desk.run(&args)
    };
    let unsigned = verify(&[]).expect(1).json();
    assert_eq!((&unsigned["state"], &unsigned["keys"]), (&json!("unsigned"), &json!(0)));
    assert_eq!(unsigned["digest"], standard("area-fee").digest);

    desk.json(&["plugin", "sign", &file, "--key", "author"]);
    let signed = desk.json(&["plugin", "sign", &file, "--key", "reviewer", "--as", "审核处"]);
    assert_eq!(signed["digest"], standard("area-fee").digest, "the identity is the component's");
    assert_ne!(signed["file_sha256"], signed["digest"]);
    let publishers: Vec<&str> =
        signed["signatures"].as_array().unwrap().iter().map(|by| by["publisher"].as_str().unwrap()).collect();
    assert_eq!(publishers, ["Guanjia", "审核处"], "without --as the manifest's publisher signs");

    for (trusted, code, state, count) in [
        (vec![], 0, "unknown-key", 0),
        (vec![stranger.as_str()], 1, "unknown-key", 0),
        (vec![author.as_str()], 0, "trusted", 1),
        (vec!["reviewer.pub"], 0, "trusted", 1),
        (vec![stranger.as_str(), reviewer.as_str(), author.as_str()], 0, "trusted", 2),
    ] {
        let verdict = verify(&trusted).expect(code).json();
        assert_eq!(
            (&verdict["state"], &verdict["trusted_keys"], &verdict["keys"]),
            (&json!(state), &json!(count), &json!(2))
        );
    }
    let twice = desk.run(&["plugin", "sign", &file, "--key", "author"]).expect(3);
    assert!(twice.stderr.contains("twice"), "{twice:?}");
    desk.run(&["plugin", "verify", &file, "--trusted", "ed25519:00"]).expect(3);
    let mut forged = fs::read(&file).unwrap();
    forged[100] ^= 1;
    desk.write("area-fee.wasm", forged);
    let broken = verify(&[&author]).expect(3);
    assert!(broken.stderr.contains("does not fit the file"), "{broken:?}");
    desk.run(&["plugin", "inspect", &file]).expect(3);
}

#[test]
fn a_signed_copy_leaves_the_file_as_it_was() {
    let desk = Desk::new();
    desk.key("author");
    let file = desk.standard("area-fee");
    desk.json(&["plugin", "sign", &file, "--key", "author", "-o", "signed.wasm"]);
    assert_eq!(fs::read(&file).unwrap(), standard("area-fee").component);
    desk.run(&["plugin", "verify", "signed.wasm"]).expect(0);
}

/// The installed plug-in of this id as `plugin list` shows it.
fn listed(host: &Host, id: &str) -> Option<Value> {
    host.run(&["plugin", "list", "--json"]).expect(0).lines().into_iter().find(|plugin| plugin["id"] == id)
}

#[rstest]
#[tokio::test]
async fn a_company_installs_what_its_rule_lets_pass(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (host, desk) = (Host::fresh(kind).await, Desk::new());
    let (author, reviewer) = (desk.key("author"), desk.key("reviewer"));
    let [unsigned, signed, forged] = ["unsigned", "signed", "forged"].map(|name| desk.at(&format!("{name}.wasm")));
    fs::write(&unsigned, standard("fixed-fee").component).unwrap();
    fs::write(&signed, standard("area-fee").component).unwrap();
    desk.json(&["plugin", "sign", &signed, "--key", "author"]);
    let mut bytes = fs::read(&signed).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&forged, bytes).unwrap();

    let refused = host.run(&["plugin", "install", &forged]).expect(3);
    assert!(refused.stderr.contains("get the file from its publisher again"), "{refused:?}");
    host.json(&["plugin", "trust", "require", "on"]);
    let refused = host.run(&["plugin", "install", &unsigned]).expect(4);
    assert!(refused.stderr.contains("guanjia plugin sign"), "{refused:?}");
    let refused = host.run(&["plugin", "install", &signed]).expect(4);
    assert!(refused.stderr.contains("guanjia plugin trust add"), "{refused:?}");
    host.json(&["plugin", "trust", "add", "审核处", &reviewer]);
    host.run(&["plugin", "install", &signed]).expect(4);
    assert_eq!(host.run(&["plugin", "list"]).expect(0).stdout, "", "nothing was installed so far");

    let added = host.json(&["plugin", "trust", "add", "Author", &author]);
    let installed = host.json(&["plugin", "install", &signed]);
    assert_eq!(
        (&installed["signature"], &installed["signatures"][0]["trusted_as"]),
        (&json!("trusted"), &json!("Author"))
    );
    assert_eq!(installed["digest"], standard("area-fee").digest, "what runs is the component without its signatures");
    // What comes inside the host is as trusted as the host.
    host.run(&["plugin", "install", "standard"]).expect(0);
    assert_eq!(listed(&host, "fixed-fee").unwrap()["signature"], "unsigned");
    host.run(&["plugin", "trust", "remove", added["key_id"].as_str().unwrap()]).expect(0);
    assert_eq!(listed(&host, "area-fee").unwrap()["signature"], "unknown-key", "judged anew");
    host.json(&["plugin", "trust", "require", "off"]);
    host.run(&["plugin", "install", &unsigned]).expect(0);
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn a_later_signature_changes_nothing_but_itself(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (host, desk) = (Host::fresh(kind).await, Desk::new());
    desk.key("reviewer");
    let file = desk.standard("area-fee");
    let before = host.json(&["plugin", "install", &file]);
    host.json(&["plugin", "trust", "add", "审核处", &desk.at("reviewer.pub")]);
    desk.json(&["plugin", "sign", &file, "--key", "reviewer", "--as", "审核处"]);
    let after = host.json(&["plugin", "install", &file]);
    assert_eq!((&before["signature"], &after["signature"]), (&json!("unsigned"), &json!("trusted")));
    assert_eq!(before["digest"], after["digest"]);
    let other = desk.write("other.wasm", changed("area-fee", |manifest| manifest.publisher = "Somebody".into()));
    let clash = host.run(&["plugin", "install", &other]).expect(1);
    assert!(clash.stderr.contains("give the new one a new version"), "{clash:?}");
    assert_eq!(host.run(&["plugin", "list", "--json"]).expect(0).lines().len(), 1);
    host.assert_consistent();
}

#[rstest]
#[tokio::test]
async fn whom_to_trust_is_the_admins_to_say(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (host, desk) = (Host::fresh(kind).await, Desk::new());
    let key = desk.key("author");
    host.run(&["user", "add", "wang", "--role", "manager"]).expect(0);
    for args in [&["add", "Author", key.as_str()][..], &["require", "on"], &["remove", key.as_str()]] {
        let args = [&["plugin", "trust"], args, &["--as", "wang"]].concat();
        // What is not there cannot be removed either, whoever asks.
        let code = if args.contains(&"remove") { 1 } else { 4 };
        host.run(&args).expect(code);
    }
    host.json(&["plugin", "trust", "add", "Author", &key]);
    host.run(&["plugin", "trust", "remove", &key, "--as", "wang"]).expect(4);
    host.run(&["plugin", "trust", "add", "Again", &key]).expect(1);
    host.run(&["plugin", "trust", "add", "Nobody", "ed25519:12"]).expect(3);
    host.run(&["plugin", "trust", "add", " ", &desk.key("other")]).expect(3);
    host.json(&["plugin", "trust", "add", "Author", &desk.at("other.pub")]);
    let several = host.run(&["plugin", "trust", "remove", "Author"]).expect(3);
    assert!(several.stderr.contains("name the key"), "{several:?}");
    host.run(&["plugin", "trust", "remove", &key]).expect(0);
    host.run(&["plugin", "trust", "remove", "Author"]).expect(0);
    assert_eq!(host.run(&["plugin", "trust", "list"]).expect(0).stdout, "");
    assert!(Path::new(&desk.at("other")).exists());
    host.assert_consistent();
}
