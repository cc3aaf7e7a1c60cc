//! Plug-ins through a real registry: pushed, pulled and installed by tag and by digest, and what is said when it goes wrong.

use crate::{
    host::Host,
    trust::{Desk, changed, ran, standard},
};
use guanjia_harness::{Kind, REGISTRY_USER, RegistryAccess, TestRegistry};
use reqwest::{Client, header};
use rstest::rstest;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{fs, io::Write, net::TcpListener, process::Stdio};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Puts a blob into a registry without our client.
async fn put_blob(registry: &TestRegistry, bytes: &[u8]) -> String {
    let client = Client::builder().no_proxy().build().unwrap();
    let start =
        client.post(format!("http://{}/v2/rules/area-fee/blobs/uploads/", registry.address)).send().await.unwrap();
    let location = start.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let digest = digest_of(bytes);
    let put = client.put(location).query(&[("digest", &digest)]).body(bytes.to_vec()).send().await.unwrap();
    assert_eq!(put.status(), 201);
    digest
}

/// Puts a manifest of these layers under the tag `odd`.
async fn put_manifest(registry: &TestRegistry, layers: Value) {
    let config = put_blob(registry, b"{}").await;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": config, "size": 2}, "layers": layers,
    });
    let client = Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v2/rules/area-fee/manifests/odd", registry.address);
    let put = client.put(url).header(header::CONTENT_TYPE, MANIFEST).body(manifest.to_string()).send().await.unwrap();
    assert!(put.status().is_success(), "{}", put.text().await.unwrap());
}

fn layer(media_type: &str, digest: &str, size: usize) -> Value {
    json!({"mediaType": media_type, "digest": digest, "size": size})
}

#[rstest]
#[tokio::test]
async fn a_plugin_goes_through_a_registry(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (host, desk) = (Host::fresh(kind).await, Desk::new());
    let registry = TestRegistry::start(RegistryAccess::Everybody);
    let name = format!("{}/rules/area-fee", registry.address);
    let tag = format!("{name}:1.0.0");
    let key = desk.key("author");
    let file = desk.standard("area-fee");
    desk.json(&["plugin", "sign", &file, "--key", "author"]);
    let signed = fs::read(&file).unwrap();

    let pushed = desk.json(&["plugin", "push", &file, &tag]);
    let pinned = pushed["pinned"].as_str().unwrap();
    assert_eq!(pushed["digest"], standard("area-fee").digest);
    assert!(pinned.starts_with(&format!("{name}@sha256:")), "{pinned}");
    assert_eq!(desk.json(&["plugin", "push", &file, &tag]), pushed, "the same file is the same thing again");
    for (reference, target) in
        [(tag.as_str(), "by-tag.wasm"), (pinned, "by-digest.wasm"), (&format!("oci://{tag}"), "by-scheme.wasm")]
    {
        let pulled = desk.json(&["plugin", "pull", reference, "-o", target]);
        assert_eq!((&pulled["pinned"], &pulled["digest"]), (&json!(pinned), &pushed["digest"]));
        assert_eq!(fs::read(desk.path(target)).unwrap(), signed, "with its signatures");
    }
    desk.run(&["plugin", "pull", &tag]).expect(0);
    assert!(desk.path("area-fee-1.0.0.wasm").exists());
    desk.run(&["plugin", "pull", &tag]).expect(1);
    let told = desk.json(&["plugin", "inspect", &tag, "--trusted", &key]);
    assert_eq!((&told["origin"], &told["signature"]), (&json!(pinned), &json!("trusted")));

    host.json(&["plugin", "trust", "require", "on"]);
    host.run(&["plugin", "install", &tag]).expect(4);
    host.json(&["plugin", "trust", "add", "Author", &key]);
    let installed = host.run(&["plugin", "install", &tag, "--json"]).expect(0);
    assert!(installed.stderr.contains(&format!("{tag} is {pinned}")), "{installed:?}");
    assert_eq!((&installed.json()["signature"], &installed.json()["digest"]), (&json!("trusted"), &pushed["digest"]));

    // Whoever has the tag moved gets something else; whoever has the digest does not.
    let next = desk.write("next.wasm", changed("area-fee", |manifest| manifest.version = "1.1.0".parse().unwrap()));
    let moved = desk.json(&["plugin", "push", &next, &tag]);
    assert_ne!(moved["pinned"], pushed["pinned"]);
    assert_eq!(desk.json(&["plugin", "inspect", &tag])["version"], "1.1.0");
    assert_eq!(desk.json(&["plugin", "inspect", pinned])["version"], "1.0.0");
    let by_digest = host.run(&["plugin", "install", pinned]).expect(0);
    assert!(!by_digest.stderr.contains("sha256:"), "nothing had to be pinned: {by_digest:?}");
    host.assert_consistent();
}

/// Through the doors only from where the operator of the host says.
#[rstest]
#[tokio::test]
async fn an_admin_installs_from_an_allowed_registry(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (host, desk) = (Host::office(kind).await, Desk::new());
    let [allowed, other] = [(); 2].map(|()| TestRegistry::start(RegistryAccess::Everybody));
    let file = desk.write("next.wasm", changed("area-fee", |manifest| manifest.version = "1.1.0".parse().unwrap()));
    for registry in [&allowed, &other] {
        desk.json(&["plugin", "push", &file, &format!("{}/rules/area-fee:1.1.0", registry.address)]);
    }
    host.run(&["user", "add", "zhao", "--role", "admin"]).expect(0);
    let token = host.json(&["token", "create", "--user", "zhao"])["token"].as_str().unwrap().to_owned();
    let server = host.serve_with(&["--registry", &allowed.address.to_string()]);
    let pull = async |reference: String| {
        let client = Client::builder().no_proxy().build().unwrap();
        let request = client.post(format!("{}/api/v1/plugins/pull", server.url)).bearer_auth(&token);
        let answer = request.json(&json!({ "reference": reference })).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, refused) = pull(format!("{}/rules/area-fee:1.1.0", other.address)).await;
    assert_eq!((status, refused["code"].as_str()), (422, Some("registry-not-allowed")), "{refused}");
    let (status, missing) = pull(format!("{}/rules/area-fee:9.9.9", allowed.address)).await;
    assert_eq!(status, 404, "{missing}");
    let (status, odd) = pull("../../etc/passwd".to_owned()).await;
    assert_eq!(status, 422, "{odd}");
    let known = host.run(&["plugin", "list", "--json"]).expect(0).lines();
    let versions = known.iter().filter(|plugin| plugin["id"] == "area-fee").map(|plugin| &plugin["version"]);
    assert_eq!(versions.collect::<Vec<_>>(), ["1.0.0"], "what was refused is not installed");
    let (status, installed) = pull(format!("{}/rules/area-fee:1.1.0", allowed.address)).await;
    assert_eq!((status, installed["version"].as_str()), (201, Some("1.1.0")), "{installed}");
    assert!(installed["pinned"].as_str().unwrap().contains("@sha256:"), "{installed}");
    let (status, again) = pull(installed["pinned"].as_str().unwrap().to_owned()).await;
    assert_eq!((status, &again["digest"]), (201, &installed["digest"]), "the same again changes nothing");
    // A host whose operator allows none fetches from none.
    let closed = host.serve();
    let client = Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/api/v1/plugins/pull", closed.url)).bearer_auth(&token);
    let answer = request.json(&json!({ "reference": installed["pinned"] })).send().await.unwrap();
    assert_eq!(answer.status(), 422);
    host.assert_consistent();
}

#[tokio::test]
async fn a_registry_that_asks_is_told_who_comes() {
    let desk = Desk::new();
    let registry = TestRegistry::start(RegistryAccess::Password);
    let tag = format!("{}/area-fee:1.0.0", registry.address);
    let file = desk.standard("area-fee");
    let (user, password) = REGISTRY_USER;
    let with_password = |args: &[&str], password: &str| {
        let mut command = desk.command(&[args, &["--username", user, "--password-stdin"]].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for args in [&["plugin", "push", &file, &tag][..], &["plugin", "pull", &tag, "-o", "x.wasm"]] {
        let refused = desk.run(args).expect(4);
        assert!(refused.stderr.contains("--password-stdin"), "{refused:?}");
        let (code, stderr) = with_password(args, "falsch");
        assert_eq!(code, Some(4), "{stderr}");
        assert!(!stderr.contains("falsch"));
        let (code, stderr) = with_password(args, password);
        assert_eq!(code, Some(0), "{stderr}");
    }
    assert_eq!(fs::read(desk.path("x.wasm")).unwrap(), standard("area-fee").component);
    // li:geheim, as container tools write it.
    let config = json!({"auths": {&registry.address: {"auth": "bGk6Z2VoZWlt"}}});
    desk.write("config.json", config.to_string());
    desk.run(&["plugin", "pull", &tag, "-o", "y.wasm"]).expect(0);
    desk.run(&["plugin", "push", &file, &format!("{}/area-fee:2", registry.address)]).expect(0);
    desk.run(&["plugin", "pull", &tag, "--username", user]).expect(2);
}

#[tokio::test]
async fn what_is_not_there_or_not_ours_is_said() {
    let desk = Desk::new();
    let registry = TestRegistry::start(RegistryAccess::Everybody);
    let name = format!("{}/rules/area-fee", registry.address);
    let odd = format!("{name}:odd");
    let pull = |reference: &str, code: i32| {
        let ran = desk.run(&["plugin", "pull", reference, "-o", "x.wasm"]).expect(code);
        assert!(!desk.path("x.wasm").exists(), "nothing is written of what is refused");
        ran.stderr
    };
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stderr = pull(&format!("{unused}/area-fee:1"), 1);
    assert!(stderr.contains("cannot be reached"), "{stderr}");
    let stderr = pull(&odd, 1);
    assert!(stderr.contains("not found"), "{stderr}");
    let stderr = pull(&name, 3);
    assert!(stderr.contains("name a tag"), "{stderr}");

    let component = standard("area-fee").component;
    let blob = put_blob(&registry, component).await;
    for (layers, words) in [
        (
            json!([layer("application/vnd.oci.image.layer.v1.tar+gzip", &blob, component.len())]),
            "media type application/vnd.oci.image.layer",
        ),
        (json!([]), "it has 0 layers"),
        (
            json!([
                layer("application/wasm", &blob, component.len()),
                layer("application/wasm", &blob, component.len())
            ]),
            "it has 2 layers",
        ),
        (json!([layer("application/wasm", &blob, 64 << 20)]), "has more than"),
        (json!([layer("application/wasm", &blob, component.len() - 1)]), "has more than"),
    ] {
        put_manifest(&registry, layers).await;
        let stderr = pull(&odd, 3);
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    // A component that is what it says, but no plug-in.
    let bare = b"\0asm\x0d\0\x01\0";
    let blob = put_blob(&registry, bare).await;
    put_manifest(&registry, json!([layer("application/wasm", &blob, bare.len())])).await;
    let stderr = pull(&odd, 3);
    assert!(stderr.contains("no manifest"), "{stderr}");
    let file = desk.standard("area-fee");
    desk.run(&["plugin", "push", &file, &format!("{name}@{}", digest_of(b""))]).expect(3);
    desk.run(&["plugin", "push", &desk.write("text", "hello"), &odd]).expect(3);
}

#[tokio::test]
async fn what_somebody_changed_in_the_registry_is_found() {
    let desk = Desk::new();
    let host = Host::fresh(Kind::Sqlite).await;
    let registry = TestRegistry::start(RegistryAccess::Everybody);
    let tag = format!("{}/rules/area-fee:1.0.0", registry.address);
    let file = desk.standard("area-fee");
    let pushed = desk.json(&["plugin", "push", &file, &tag]);
    let stored = registry.blob(&format!("sha256:{}", standard("area-fee").digest));
    let mut bytes = fs::read(&stored).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&stored, &bytes).unwrap();
    let refused = host.run(&["plugin", "install", &tag]).expect(3);
    assert!(refused.stderr.contains("is not what was asked for"), "{refused:?}");
    bytes[middle] ^= 1;
    fs::write(&stored, [bytes.as_slice(), b"more"].concat()).unwrap();
    let refused = host.run(&["plugin", "install", &tag]).expect(3);
    assert!(refused.stderr.contains("has more than"), "{refused:?}");
    fs::write(&stored, &bytes).unwrap();
    // The manifest: whoever asks by digest does not get another one.
    let manifest = registry.blob(pushed["manifest"].as_str().unwrap());
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("Fee by area", "Fee by arex")).unwrap();
    let refused = host.run(&["plugin", "install", pushed["pinned"].as_str().unwrap()]).expect(3);
    assert!(refused.stderr.contains("is not what was asked for"), "{refused:?}");
    assert_eq!(host.run(&["plugin", "list"]).expect(0).stdout, "");
    fs::write(&manifest, text).unwrap();
    host.run(&["plugin", "install", &tag]).expect(0);
    assert_eq!(ran(desk.command(&["plugin", "inspect", &tag])).code, 0);
}
