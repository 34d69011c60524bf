//! What a role without an API of its own shows over HTTP: its metrics, and whether it is up and ready.
//!
//! Separate from `weir up`, whose API has these routes behind its door. A thread of its own, so that a probe is answered also
//! while the role waits for brokers. Invariants: nothing can be changed over it; it tells numbers and no account; it ends before
//! its role does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use ingest::http::problem;
use serde_json::json;
use tokio::sync::{oneshot, watch};

use super::metrics::{CONTENT_TYPE as METRICS_TYPE, Metrics};
use super::pulse::Pulses;
use crate::error::Error;
use crate::server::{self, Bounds};

/// Connections of scrapers and probes; more wait to be accepted.
const BOUNDS: Bounds = Bounds { connections_max: 32, idle: Duration::from_secs(60) };

/// The metrics as an answer.
pub fn answer(metrics: &Metrics) -> Response {
    ([(CONTENT_TYPE, METRICS_TYPE)], metrics.text()).into_response()
}

/// Whether the process lives, as an answer. `fault`: which thread of it does not go on.
pub fn health(fault: Option<String>) -> Response {
    match fault {
        None => Json(json!({"status": "up"})).into_response(),
        Some(fault) => problem(StatusCode::SERVICE_UNAVAILABLE, "stuck", &fault),
    }
}

/// A running server.
pub struct Exporter {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Exporter {
    /// Starts serving. `pulses`: of the role's threads; `unready`: why the role is not ready, if it is not.
    ///
    /// # Errors
    /// If the address is taken, or the system has no thread.
    pub fn start<W: AsRef<str> + Send + Sync + 'static>(
        address: SocketAddr,
        (metrics, pulses): (Arc<Metrics>, Arc<Pulses>),
        unready: watch::Receiver<Option<W>>,
    ) -> Result<Self, Error> {
        let no_thread = |error: std::io::Error| Error::Role(format!("no thread for the metrics: {error}"));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, listens) = std::sync::mpsc::channel();
        let routes = routes(metrics, pulses, unready);
        let serve = async move {
            match server::listen(address, "--metrics").await {
                Ok(listener) => {
                    // Whoever started us waits for it.
                    drop(tell.send(Ok(listener.local_addr().unwrap_or(address))));
                    let stopped = async move { drop(stopped.await) }; // An error means that the role is gone.
                    server::serve(listener, routes, BOUNDS, stopped).await;
                }
                Err(error) => drop(tell.send(Err(error))),
            }
        };
        let thread = std::thread::Builder::new()
            .name("weir-metrics".to_owned())
            .spawn(move || runtime.block_on(serve))
            .map_err(no_thread)?;
        let listens =
            listens.recv().unwrap_or_else(|_| Err(Error::Role("the metrics' thread ended".to_owned())));
        tracing::info!(address = %listens?, "metrics are served");
        Ok(Self { stop, thread })
    }

    /// Ends it.
    pub fn end(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread that serves the metrics panicked");
        }
    }
}

fn routes<W: AsRef<str> + Send + Sync + 'static>(
    metrics: Arc<Metrics>,
    pulses: Arc<Pulses>,
    unready: watch::Receiver<Option<W>>,
) -> Router {
    let health = move || {
        let answer = health(pulses.fault());
        async move { answer }
    };
    let ready = move || {
        let answer = match &*unready.borrow() {
            None => Json(json!({"status": "ready"})).into_response(),
            Some(why) => problem(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why.as_ref()),
        };
        async move { answer }
    };
    let metrics = move || {
        let answer = answer(&metrics);
        async move { answer }
    };
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "no_route", "/metrics, /healthz, /readyz") })
}
