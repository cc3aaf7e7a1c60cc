//! `guanjia serve`: the doors and the worker behind them.

use clap::Args;
use guanjia_domain::{Error, Result};
use guanjia_web::AppState;
use metrics_exporter_prometheus::PrometheusBuilder;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Notify};

use super::{Done, Global, output};
use crate::{
    boot::{FIRST_COMPANY, Host},
    registries::Registries,
    worker,
};

/// Where the host listens when nothing is said: this machine only.
pub(super) const LISTEN: &str = "127.0.0.1:8080";
/// How long open requests may take after SIGTERM before they are cut off.
const DRAIN: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port; port 0 takes a free one.
    #[arg(long, default_value = LISTEN, env = "GUANJIA_LISTEN", value_name = "ADDR")]
    listen: SocketAddr,
    /// Send cookies over TLS only (behind a proxy that ends TLS).
    #[arg(long, env = "GUANJIA_SECURE_COOKIES")]
    secure_cookies: bool,
    /// A registry that admins may install plug-ins from, as host or host:port; may be given several times.
    #[arg(long = "registry", env = "GUANJIA_REGISTRIES", value_delimiter = ',', value_name = "HOST[:PORT]")]
    registries: Vec<String>,
}

impl Serve {
    pub(super) async fn run(&self, global: &Global) -> Result<Done> {
        let host = Host::open(&global.config()?).await?;
        // A fresh database gets its first company; a server of several serves them all.
        if host.directory.companies().await?.is_empty() {
            host.company().await?;
        }
        let listener = listen(self.listen).await?;
        serve(&host, listener, self.secure_cookies, Registries::new(self.registries.clone())).await?;
        Ok(Done::Well)
    }
}

/// Takes the address.
///
/// # Errors
/// `Unavailable` when somebody else has it.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| Error::unavailable(format!("listening on {address}"), error))
}

/// Serves until SIGTERM or Ctrl-C, then lets open requests end.
pub(super) async fn serve(
    host: &Host,
    listener: TcpListener,
    secure_cookies: bool,
    registries: Registries,
) -> Result<()> {
    let metrics = PrometheusBuilder::new().install_recorder().ok();
    let wake = Arc::new(Notify::new());
    let stop = Arc::new(Notify::new());
    let working = tokio::spawn(worker::run(host.clone(), wake.clone(), stop.clone()));
    let state = AppState {
        directory: host.directory.clone(),
        engine: host.engine.clone(),
        clock: host.clock.clone(),
        registries: Arc::new(registries),
        wake_worker: Arc::new(move || wake.notify_one()),
        company: FIRST_COMPANY.to_owned(),
        metrics,
        secure_cookies,
    };
    let address = listener.local_addr().map_err(|error| Error::unavailable("reading the address", error))?;
    output::text(&format!("http://{address}"));
    let draining = Arc::new(Notify::new());
    let drained = draining.clone();
    let server = axum::serve(listener, guanjia_web::router(state)).with_graceful_shutdown(async move {
        told_to_stop().await;
        drained.notify_one();
    });
    let result = tokio::select! {
        result = server.into_future() => result,
        () = async { draining.notified().await; tokio::time::sleep(DRAIN).await } => Ok(()),
    };
    stop.notify_one();
    // The worker stops between jobs; a job that is cut off is resumed from its lease.
    let _ = tokio::time::timeout(DRAIN, working).await;
    result.map_err(|error| Error::unavailable("serving", error))
}

async fn told_to_stop() {
    let interrupt = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    () = interrupt => {}
                    _ = terminate.recv() => {}
                }
            }
            Err(_) => interrupt.await,
        }
    }
    #[cfg(not(unix))]
    interrupt.await;
}
