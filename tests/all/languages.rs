//! Rules in JavaScript and Python, from the file to posted, explained and replayed lines.

use crate::host::{HOME_FEE, Host, PROJECT};
use guanjia_harness::Kind;
use rstest::rstest;
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The component of a plug-in, built where the tests of the sandbox build it, too.
pub fn component(name: &str) -> &'static Path {
    static BUILT: OnceLock<Vec<(String, PathBuf)>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("guests");
        let built = guanjia_packaging::build_language_plugins(
            root(),
            &["offer-fee-js", "offer-fee-py", "nosy-fee-js"],
            &target,
        )
        .unwrap_or_else(|error| panic!("{error}"));
        built.into_iter().map(|plugin| (plugin.id, plugin.path)).collect()
    });
    &built.iter().find(|(id, _)| id == name).unwrap().1
}

/// February 2025 at 2.80 a month and m², of which everybody has the first fourteen days free: half of it.
#[rstest]
#[case::javascript("offer-fee-js")]
#[case::python("offer-fee-py")]
#[tokio::test]
async fn a_month_is_billed_explained_and_replayed(
    #[case] plugin: &str,
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let host = Host::office(kind).await;
    let installed = host.json(&["plugin", "install", component(plugin).to_str().unwrap()]);
    assert_eq!(
        (&installed["id"], &installed["float_free"], &installed["runtime"]),
        (&plugin.into(), &false.into(), &"virtual-wasi".into())
    );
    let version = format!("{plugin}@1.0.0");
    host.bind(&version, r#"{"price":"2.80","free":{"from":"2025-02-30","months":1}}"#, "2025-02-01").expect(3);
    let settings = r#"{"price":"2.80","free":{"from":"2025-01-15","months":1}}"#;
    host.bind(&version, settings, "2025-02-01").expect(0);

    let run = host.json(&["bill", "preview", "--project", PROJECT, "--period", "2025-02"]);
    assert_eq!((&run["lines"], &run["held"]), (&852.into(), &0.into()));
    let id = run["run"].as_str().unwrap();
    host.run(&["bill", "approve", id, "--as", "wang"]).expect(0);
    assert_eq!(host.json(&["bill", "post", id])["posted_lines"], 852);

    let lines = host.run(&["bill", "lines", "--project", PROJECT, "--period", "2025-02", "--json"]).expect(0).lines();
    let homes: Vec<_> = lines.iter().filter(|line| line["fee_item"] == HOME_FEE).collect();
    assert_eq!(homes.len(), 420);
    let home = homes.iter().find(|line| line["quantity"] == "118.27").unwrap();
    // 118.27 × 2.80 = 331.156; 14 of 28 days are 165.578.
    assert_eq!(home["amount_fen"], 16_558, "{home}");
    let steps: Vec<&str> =
        home["steps"].as_array().unwrap().iter().map(|step| step["value"].as_str().unwrap()).collect();
    assert_eq!(steps, ["331.156", "165.578", "165.58"]);

    let replay = host.json(&["replay", id]);
    assert_eq!(replay["decisions"], replay["identical"]);
    assert_eq!(replay["different"].as_array().unwrap().len(), 0);
    host.assert_consistent();
}

/// Goal: nothing of the machine reaches a rule: no clock, no chance, no variable, no argument, no folder.
/// Method: a plug-in that tells what it finds when its settings are checked, which refuses them, is asked by processes that
/// have different surroundings; all are told the same.
#[tokio::test]
async fn whoever_asks_from_wherever_is_told_the_same() {
    let host = Host::office(Kind::Sqlite).await;
    host.run(&["plugin", "install", component("nosy-fee-js").to_str().unwrap()]).expect(0);
    let settings = host.file("settings.json", "{}");
    let bind = ["plugin", "bind", "--project", PROJECT, "--fee-item", HOME_FEE, "--plugin", "nosy-fee-js@1.0.0"];
    let bind = [&bind[..], &["--settings", &settings, "--from", "2025-02-01"]].concat();
    let told = |surroundings: &dyn Fn(&mut Command)| {
        let mut command = host.command(&bind);
        surroundings(&mut command);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        let said = String::from_utf8(output.stderr).unwrap();
        said.lines().find(|line| line.starts_with("guanjia: ")).unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    let first = told(&|_| {});
    assert!(first.contains("now 2025-01-01T00:00:00.000Z; waited 0; random 0."), "{first}");
    let elsewhere = |command: &mut Command| {
        command.env("TZ", "Asia/Shanghai").env("LANG", "zh_CN.UTF-8").current_dir("/");
    };
    assert_eq!(told(&elsewhere), first);
}

/// What the READMEs tell an author to do.
#[tokio::test]
async fn a_component_without_manifest_gets_it_from_its_folder() {
    let host = Host::fresh(Kind::Sqlite).await;
    let folder = root().join("plugins/offer-fee-js");
    let folder = folder.to_str().unwrap();
    // Bare, as the tool writes it: an empty component is enough here.
    let bare = host.file("bare.wasm", b"\0asm\x0d\0\x01\0");
    let output = host.folder().join("packaged.wasm");
    let output = output.to_str().unwrap();
    let built = host.json(&["plugin", "build", folder, "--component", &bare, "--output", output]);
    assert_eq!((&built["id"], &built["version"]), (&"offer-fee-js".into(), &"1.0.0".into()));
    let inspected = host.json(&["plugin", "inspect", output]);
    assert_eq!((&inspected["id"], &inspected["runtime"]), (&"offer-fee-js".into(), &"pure".into()));
    // It has one now, and has no exports of its own.
    host.run(&["plugin", "build", folder, "--component", output, "--output", output]).expect(3);
    host.run(&["plugin", "install", output]).expect(3);
}

/// An upgrade from one language to another changes what runs it, and that is shown.
#[tokio::test]
async fn inspecting_tells_the_runtime_and_its_limits() {
    let host = Host::fresh(Kind::Sqlite).await;
    let path = component("offer-fee-js").to_str().unwrap();
    let told = host.json(&["plugin", "inspect", path]);
    assert_eq!(told["runtime"], "virtual-wasi");
    assert_eq!(told["limits"]["memory_bytes"], 256 << 20);
    let lines = host.run(&["plugin", "inspect", path]).expect(0).stdout;
    assert!(lines.contains("runtime       virtual WASI\n") && lines.contains("256 MiB memory"), "{lines}");
    host.run(&["plugin", "install", "standard"]).expect(0);
    let lines = host.run(&["plugin", "inspect", path, "--against", "area-fee@1.0.0"]).expect(0).stdout;
    assert!(lines.contains("~ runtime: pure → virtual WASI"), "{lines}");
}

/// The SDKs' own tests, with the interpreters of the build.
#[rstest]
#[case::javascript("js", &["node", "--test", "test/"])]
#[case::python("python", &["python3", "-B", "-m", "unittest", "tests.test_values"])]
fn their_numbers_and_dates_are_exact(#[case] sdk: &str, #[case] command: &[&str]) {
    let output = Command::new(command[0])
        .args(&command[1..])
        .current_dir(root().join("plugin-sdk").join(sdk))
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", command[0]));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}
