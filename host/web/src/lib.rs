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
use guanjia_domain::{
    plugin::{Language, difference::Difference},
    ports::{Clock, Directory, PluginRegistries, PolicyEngine},
};
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

/// What people call a code of the product, such as `finance` among the `role`s, in the words of the console; the code itself
/// where the catalogue has none.
#[must_use]
pub fn word(language: Language, kind: &str, code: &str) -> String {
    words::Words::new(language).code(kind, code)
}

/// What is different about a version of a plug-in, a sentence for each thing, in the words of the console.
#[must_use]
pub fn difference_in_words(language: Language, difference: &Difference) -> Vec<String> {
    console::difference_in_words(words::Words::new(language), difference)
}

/// All doors, ready to be served.
pub fn router(state: AppState) -> axum::Router {
    let routes = routes::router().layer(Extension(state.clone()));
    door::around(routes).with_state(state)
}
