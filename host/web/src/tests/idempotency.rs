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
