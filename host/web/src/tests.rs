//! What holds for every door: who may come in, what the document says, what the catalogue has, how faults look.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod catalogue;
mod fakes;
mod faults;
mod idempotency;
mod permissions;

use axum::{
    body::{Body, to_bytes},
    http::{Request, Response},
};
use tower::ServiceExt;

/// Sends one request through all doors.
async fn ask(request: Request<Body>) -> Response<Body> {
    crate::router(fakes::state()).oneshot(request).await.expect("the router answers everything")
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 8 << 20).await.unwrap().to_vec()).unwrap()
}

/// A path with identifiers in the places of its parameters.
fn filled(pattern: &str) -> String {
    pattern
        .replace("{line}", "0")
        .replace("{number}", "0")
        .replace("{code}", "repair")
        .replace("{token}", "AAAA")
        .replace("{version}", "1.0.0")
        .replace("{*name}", "app.css")
        .replace("{id}", "01933f2a-0000-7000-8000-000000000c41")
}
