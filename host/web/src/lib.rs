//! The doors that people and scripts come through: the JSON API under `/api/v1` and the console.
//!
//! A door parses, calls one service of the domain and shows the answer. It is *not* a place for rules, SQL or money
//! arithmetic. Every route stands in one table with what it asks for ([`routes`]), every URL is built in one file
//! ([`urls`]), every error leaves through one renderer ([`fault`]), and every label comes from one catalogue per language
//! ([`words`]).
//!
//! ```no_run
//! # fn state() -> guanjia_web::AppState { unimplemented!() }
//! # async fn serve() -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! axum::serve(listener, guanjia_web::router(state())).await
//! # }
//! ```

mod access;
#[expect(unused_qualifications, reason = "the macros of the document qualify what they are given")]
mod api;
mod assets;
mod console;
mod door;
mod exchange;
mod fault;
mod format;
mod health;
mod idempotency;
mod routes;
mod urls;
mod words;

#[cfg(test)]
mod tests;

use axum::Extension;
use guanjia_domain::ports::{Clock, Directory, PluginRegistries, PolicyEngine};
use metrics_exporter_prometheus::PrometheusHandle;
use std::{fmt, sync::Arc};

pub use routes::openapi;

/// What the doors need. The host wires it.
#[derive(Clone)]
pub struct AppState {
    pub directory: Arc<dyn Directory>,
    pub engine: Arc<dyn PolicyEngine>,
    pub clock: Arc<dyn Clock>,
    /// Registries that people may install from.
    pub registries: Arc<dyn PluginRegistries>,
    /// Called after a job was made, so that it starts without waiting for the worker's next look.
    pub wake_worker: Arc<dyn Fn() + Send + Sync>,
    /// Company that the login page proposes.
    pub company: String,
    /// Figures for `/metrics`; without them the page does not exist.
    pub metrics: Option<PrometheusHandle>,
    /// Whether cookies are sent over TLS only. Off only where no TLS ends in front of the host.
    pub secure_cookies: bool,
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState")
            .field("company", &self.company)
            .field("metrics", &self.metrics.is_some())
            .field("secure_cookies", &self.secure_cookies)
            .finish_non_exhaustive()
    }
}

/// All doors, ready to be served.
pub fn router(state: AppState) -> axum::Router {
    let routes = routes::router().layer(Extension(state.clone()));
    door::around(routes).with_state(state)
}
