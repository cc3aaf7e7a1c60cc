//! What watches the host: alive, ready, figures. None of them tells anything about a company.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    AppState,
    fault::{Answer, Fault},
};

/// The process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok"
}

/// The database answers too: requests may be sent here.
pub(crate) async fn readyz(State(app): State<AppState>) -> Answer<&'static str> {
    app.directory.ping().await?;
    Ok("ok")
}

/// Figures in the text format of Prometheus.
pub(crate) async fn metrics(State(app): State<AppState>) -> Answer<Response> {
    let handle =
        app.metrics.ok_or_else(|| Fault::new(StatusCode::NOT_FOUND, "not-found", "figures are not collected"))?;
    // What the database does not say now stays as it was said last.
    let today = app.clock.now().format("%Y-%m-%d").to_string().parse();
    if let Ok(today) = today
        && let Ok(count) = app.directory.count_quarantined(today).await
    {
        metrics::gauge!("guanjia_bindings_quarantined").set(u32::try_from(count).unwrap_or(u32::MAX));
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, handle.render()).into_response())
}
