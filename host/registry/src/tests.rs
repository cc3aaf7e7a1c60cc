//! Registries that do not mean well. What a good one does is tested with a real one, through the command line.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use futures_util::{StreamExt, stream};
use rstest::rstest;
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::net::TcpListener;

use crate::{Credentials, LAYER_MEDIA_TYPE, Limits, MANIFEST_MEDIA_TYPE, Reference, RegistryError, digest_of, pull};

const FILE: &[u8] = b"a component";
/// An address that belongs to nobody (RFC 5737): were it asked, the test would hang until the time limit.
const ELSEWHERE: &str = "http://192.0.2.1/";

type Answer = fn(&str, &HeaderMap, &str) -> Response;
/// What was asked for, with what it was asked.
type Seen = Arc<Mutex<Vec<(String, HeaderMap)>>>;

struct Hostile {
    address: String,
    seen: Seen,
}

impl Hostile {
    /// A server that answers path, headers and its own address with whatever the test says.
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Seen::default();
        let state = (answer, address.clone(), Arc::clone(&seen));
        let router = Router::new().fallback(any(
            |State((answer, address, seen)): State<(Answer, String, Seen)>, request: Request| async move {
                let path = request.uri().to_string();
                seen.lock().unwrap().push((path.clone(), request.headers().clone()));
                answer(&path, request.headers(), &address)
            },
        ));
        tokio::spawn(axum::serve(listener, router.with_state(state)).into_future());
        Self { address, seen }
    }

    fn reference(&self) -> Reference {
        format!("{}/rules/area-fee:1.0.0", self.address).parse().unwrap()
    }

    async fn pull(&self, credentials: &Credentials) -> Result<Vec<u8>, RegistryError> {
        pull(&self.reference(), credentials, limits()).await.map(|pulled| pulled.file)
    }

    async fn refused(&self) -> String {
        let started = Instant::now();
        let sentence = self.pull(&Credentials::Anonymous).await.unwrap_err().to_string();
        assert!(started.elapsed() < Duration::from_secs(20), "{sentence}");
        sentence
    }
}

fn limits() -> Limits {
    Limits {
        file_bytes_max: 1 << 20,
        whole: Duration::from_secs(10),
        idle: Duration::from_secs(2),
        connect: Duration::from_secs(2),
    }
}

fn li() -> Credentials {
    Credentials::Password { username: "li".into(), password: "geheim".into() }
}

fn manifest_of(layer: &serde_json::Value) -> Response {
    let config = json!({"mediaType": "application/json", "digest": digest_of(b"{}"), "size": 2});
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST_MEDIA_TYPE, "config": config, "layers": [layer]});
    ([(header::CONTENT_TYPE, MANIFEST_MEDIA_TYPE)], manifest.to_string()).into_response()
}

/// The manifest of [`FILE`].
fn manifest() -> Response {
    manifest_of(&json!({"mediaType": LAYER_MEDIA_TYPE, "digest": digest_of(FILE), "size": FILE.len()}))
}

fn endless() -> Response {
    let piece = Bytes::from_static(&[b' '; 16 << 10]);
    Body::from_stream(stream::repeat_with(move || Ok::<_, std::io::Error>(piece.clone()))).into_response()
}

/// Says something, and then nothing any more.
fn stuck() -> Response {
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]);
    Body::from_stream(first.chain(stream::pending())).into_response()
}

fn to(address: &str) -> Response {
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, address.to_owned())]).into_response()
}

fn asks(challenge: &str) -> Response {
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge.to_owned())]).into_response()
}

fn authorization(headers: &HeaderMap) -> &str {
    headers.get(header::AUTHORIZATION).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_plain_registry_is_believed_by_its_digests() {
    let server =
        Hostile::start(|path, _, _| if path.contains("/manifests/") { manifest() } else { FILE.into_response() }).await;
    let pulled = pull(&server.reference(), &Credentials::Anonymous, limits()).await.unwrap();
    assert_eq!(pulled.file, FILE);
    let pinned: Reference = pulled.pinned.parse().unwrap();
    assert_eq!(pinned.digest(), Some(pulled.digest.as_str()));
    assert_eq!(pull(&pinned, &Credentials::Anonymous, limits()).await.unwrap(), pulled);
}

#[rstest]
#[case::endless_manifest(|_: &str, _: &HeaderMap, _: &str| endless(), "bytes of a manifest")]
#[case::endless_file(|path: &str, _: &HeaderMap, _: &str| if path.contains("/manifests/") { manifest() } else { endless() }, "bytes of a component")]
#[case::announced_length(|_: &str, _: &HeaderMap, _: &str| vec![b' '; 300 << 10].into_response(), "bytes of a manifest")]
#[case::large_layer(|_: &str, _: &HeaderMap, _: &str| manifest_of(&json!({"mediaType": LAYER_MEDIA_TYPE, "digest": digest_of(FILE), "size": 2 << 20})), "bytes of a component")]
#[case::negative_layer(|_: &str, _: &HeaderMap, _: &str| manifest_of(&json!({"mediaType": LAYER_MEDIA_TYPE, "digest": digest_of(FILE), "size": -1})), "bytes of a component")]
#[case::endless_token(|path: &str, _: &HeaderMap, address: &str| if path.starts_with("/token") { endless() } else { asks(&format!("Bearer realm=\"http://{address}/token\"")) }, "bytes of a token")]
#[case::endless_error_page(|_: &str, _: &HeaderMap, _: &str| (StatusCode::INTERNAL_SERVER_ERROR, endless()).into_response(), "answered with 500")]
#[case::shorter_file(|path: &str, _: &HeaderMap, _: &str| if path.contains("/manifests/") { manifest() } else { b"a".into_response() }, "is not what was asked for")]
#[case::other_file(|path: &str, _: &HeaderMap, _: &str| if path.contains("/manifests/") { manifest() } else { b"a componenx".into_response() }, "is not what was asked for")]
#[case::other_digest_header(|_: &str, _: &HeaderMap, _: &str| ([("docker-content-digest", digest_of(b"x"))], manifest()).into_response(), "is not what was asked for")]
#[case::path_as_digest(|_: &str, _: &HeaderMap, _: &str| manifest_of(&json!({"mediaType": LAYER_MEDIA_TYPE, "digest": "sha256:../../../x", "size": 1})), "no sha256 digest")]
#[case::index(|_: &str, _: &HeaderMap, _: &str| r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#.into_response(), "media type application/vnd.oci.image.index")]
#[case::other_layer(|_: &str, _: &HeaderMap, _: &str| manifest_of(&json!({"mediaType": "text/\u{1b}[31mplain", "digest": digest_of(FILE), "size": 1})), "media type text/[31mplain")]
#[case::no_json(|_: &str, _: &HeaderMap, _: &str| "hello".into_response(), "cannot be read")]
#[case::manifest_gets_stuck(|_: &str, _: &HeaderMap, _: &str| stuck(), "did not answer in time")]
#[case::file_gets_stuck(|path: &str, _: &HeaderMap, _: &str| if path.contains("/manifests/") { manifest() } else { stuck() }, "did not answer in time")]
#[case::redirect_to_plain_http(|_: &str, _: &HeaderMap, _: &str| to(ELSEWHERE), "192.0.2.1 is not asked without TLS")]
#[case::redirect_to_a_file(|_: &str, _: &HeaderMap, _: &str| to("file:///etc/passwd"), "")]
#[case::redirect_in_a_circle(|path: &str, _: &HeaderMap, address: &str| to(&format!("http://{address}{path}")), "too many redirects")]
#[case::token_elsewhere(|_: &str, _: &HeaderMap, _: &str| asks(&format!("Bearer realm=\"{ELSEWHERE}token\"")), "not asked without TLS")]
#[case::asks_for_a_password(|_: &str, _: &HeaderMap, _: &str| asks("Basic realm=\"x\""), "--password-stdin")]
#[case::asks_for_something_else(|_: &str, _: &HeaderMap, _: &str| asks("Negotiate"), "--password-stdin")]
#[case::forbidden(|_: &str, _: &HeaderMap, _: &str| StatusCode::FORBIDDEN.into_response(), "--password-stdin")]
#[case::not_there(|_: &str, _: &HeaderMap, _: &str| StatusCode::NOT_FOUND.into_response(), "is not there")]
#[case::error_with_escapes(|_: &str, _: &HeaderMap, _: &str| (StatusCode::BAD_GATEWAY, "upstream\u{1b}[2J").into_response(), "answered with 502: upstream")]
#[tokio::test]
async fn a_hostile_registry_is_refused_in_time(#[case] answer: Answer, #[case] words: &str) {
    let sentence = Hostile::start(answer).await.refused().await;
    assert!(sentence.contains(words), "{sentence}");
    assert!(!sentence.contains(char::is_control), "{sentence:?}");
}

#[tokio::test]
async fn all_of_it_has_a_time_too() {
    // A byte now and then is never idle for long.
    let server = Hostile::start(|_, _, _| {
        let drops = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
        });
        Body::from_stream(drops).into_response()
    })
    .await;
    let limits = Limits { whole: Duration::from_secs(1), ..limits() };
    let error = pull(&server.reference(), &Credentials::Anonymous, limits).await.unwrap_err();
    assert!(matches!(error, RegistryError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn a_token_is_got_with_the_password_and_shown_alone() {
    let server = Hostile::start(|path, headers, address| {
        if path.starts_with("/token") {
            return if authorization(headers).starts_with("Basic ") {
                r#"{"access_token": "once"}"#.into_response()
            } else {
                StatusCode::UNAUTHORIZED.into_response()
            };
        }
        match authorization(headers) {
            "Bearer once" if path.contains("/manifests/") => manifest(),
            "Bearer once" => FILE.into_response(),
            _ => asks(&format!("Bearer realm=\"http://{address}/token\",service=\"a b\"")),
        }
    })
    .await;
    assert_eq!(server.pull(&li()).await.unwrap(), FILE);
    let seen = server.seen.lock().unwrap().clone();
    let asked: Vec<&str> =
        seen.iter().map(|(path, _)| path.as_str()).filter(|path| path.starts_with("/token")).collect();
    assert_eq!(
        asked,
        ["/token?scope=repository%3Arules%2Farea-fee%3Apull&service=a+b"],
        "once, for this and nothing else"
    );
    for (path, headers) in &seen {
        assert_eq!(authorization(headers).starts_with("Basic "), path.starts_with("/token"), "{path}");
    }
    let denied = server.pull(&Credentials::Anonymous).await.unwrap_err();
    assert!(matches!(denied, RegistryError::Denied { .. }), "{denied}");
}

#[tokio::test]
async fn a_password_does_not_follow_to_another_host() {
    let storage = Hostile::start(|_, _, _| FILE.into_response()).await;
    let server = Hostile::start(|path, headers, _| {
        if authorization(headers).is_empty() {
            return asks("Basic realm=\"x\"");
        }
        if path.contains("/manifests/") {
            manifest()
        } else {
            to(&format!("http://localhost:{}/blob", PORT.lock().unwrap()))
        }
    })
    .await;
    *PORT.lock().unwrap() = storage.address.rsplit(':').next().unwrap().to_owned();
    assert_eq!(server.pull(&li()).await.unwrap(), FILE);
    let seen = storage.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 1);
    assert_eq!(authorization(&seen[0].1), "", "the storage learns no password");
}

/// Port of the storage that the registry of the test above sends to.
static PORT: Mutex<String> = Mutex::new(String::new());
