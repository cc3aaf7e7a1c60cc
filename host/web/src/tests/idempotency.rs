//! Every POST of the API takes a key, and nothing else does.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use rstest::rstest;

use super::{ask, filled, text};
use crate::{idempotency::KEY_HEADER, routes::table};

fn request(method: &Method, path: &str, token: &str, keys: &[&str]) -> Request<Body> {
    let uri = format!("{}?project=01933f2a-0000-7000-8000-000000000c41", filled(path));
    let request = Request::builder().method(method.clone()).uri(uri);
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    keys.iter().fold(request, |request, key| request.header(KEY_HEADER, *key)).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn every_post_of_the_api_looks_at_the_key() {
    let too_long = "k".repeat(256);
    for route in table() {
        let answer = ask(request(&route.method, route.path, "admin", &[&too_long])).await;
        let refused =
            answer.status() == StatusCode::BAD_REQUEST && text(answer).await.contains("`Idempotency-Key` of 1 to 255");
        assert_eq!(refused, route.is_api() && route.method == Method::POST, "{} {}", route.method, route.path);
    }
}

#[rstest]
#[case::empty(&[""])]
#[case::spaces(&["a b"])]
#[case::beyond_ascii(&["订单一"])]
#[case::two(&["a", "b"])]
#[tokio::test]
async fn a_key_is_one_visible_text(#[case] keys: &[&str]) {
    let answer = ask(request(&Method::POST, "/api/v1/users", "admin", keys)).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(text(answer).await.contains("Idempotency-Key"));
}

/// An earlier answer is for nobody who could not have caused it.
#[rstest]
#[case::stranger("nonsense", StatusCode::UNAUTHORIZED)]
#[case::without_permission("engineer", StatusCode::FORBIDDEN)]
#[tokio::test]
async fn who_may_comes_before_what_was_answered(#[case] token: &str, #[case] status: StatusCode) {
    assert_eq!(ask(request(&Method::POST, "/api/v1/users", token, &["k"])).await.status(), status);
}

fn new_user(key: &str, body: &'static str) -> Request<Body> {
    let request = Request::post("/api/v1/users").header(header::AUTHORIZATION, "Bearer admin");
    let request = request.header(header::CONTENT_TYPE, "application/json").header(KEY_HEADER, key);
    request.body(Body::from(body)).unwrap()
}

/// The store refuses every user here: a refusal is an answer like any other.
#[tokio::test]
async fn the_first_answer_is_given_again() {
    const WANG: &str = r#"{"name": "wang", "roles": ["manager"], "password": null}"#;
    let first = ask(new_user("again", WANG)).await;
    let status = first.status();
    assert!(status.is_client_error() && !first.headers().contains_key("idempotency-replayed"), "{first:?}");
    let again = ask(new_user("again", WANG)).await;
    assert_eq!((again.status(), &again.headers()["idempotency-replayed"]), (status, &"true".parse().unwrap()));
    assert_eq!(again.headers()[header::CONTENT_TYPE], "application/problem+json");
    assert_ne!(again.headers()["x-request-id"], first.headers()["x-request-id"]);
    assert_eq!(text(again).await, text(first).await);
    let other = ask(new_user("again", r#"{"name": "li", "roles": []}"#)).await;
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(other).await.contains("idempotency-key-reused"));
}
