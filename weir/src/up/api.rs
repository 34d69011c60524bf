//! The server's routes: who may call what, and the reading side.
//!
//! Separate from ingest, whose routes are mounted here behind the same door. Invariants: every route stands in `ROUTES`
//! with the role it asks for, and in the OpenAPI document; without any key only a loopback address is served, and only to
//! callers that name a loopback host, so that no web page can speak to it; answers never wait for a slow reader.

mod control;
mod door;
mod feed;
mod read;

pub use control::{Publisher, Trouble};
pub use door::{Door, Role};
pub use read::Readers;

use std::sync::Arc;

use axum::extract::{Request, State as Extract};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ingest::http::{Gate, problem};
use ingest::journal::Head;
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use super::state::State;
use crate::clock::Clock;
use crate::telemetry;

/// Every route: method, path, and the role it asks for (`None`: nobody's).
#[cfg(test)]
const ROUTES: &[(&str, &str, Option<Role>)] = &[
    ("POST", "/v1/events", Some(Role::Ingest)),
    ("POST", "/v1/check", Some(Role::Ingest)),
    ("POST", "/v1/reviews", Some(Role::Reviewer)),
    ("POST", "/v1/control", Some(Role::Publisher)),
    ("GET", "/v1/control", Some(Role::Read)),
    ("GET", "/v1/accounts/{id}/standing", Some(Role::Read)),
    ("GET", "/v1/decisions", Some(Role::Read)),
    ("GET", "/metrics", Some(Role::Read)),
    ("GET", "/healthz", None),
    ("GET", "/readyz", None),
    ("GET", "/openapi.json", None),
];

const OPENAPI: &str = include_str!("api/openapi.json");

/// What the reading routes need.
pub struct Api {
    state: Arc<State>,
    readers: Readers,
    feed_readers: Arc<Semaphore>,
    head: watch::Receiver<Head>,
    clock: Clock,
}

impl Api {
    /// Routes over a journal; at most `feed_readers_max` readers of the feed at once.
    pub fn new(
        state: Arc<State>,
        reader: ingest::journal::Reader,
        feed_readers_max: usize,
        (head, clock): (watch::Receiver<Head>, Clock),
    ) -> Self {
        let feed_readers = Arc::new(Semaphore::new(feed_readers_max));
        Self { state, readers: Readers::new(reader), feed_readers, head, clock }
    }
}

/// All routes behind their door, and beside them the dashboard's pages, which have a door of their own.
pub fn router(
    api: Arc<Api>,
    (gate, publisher): (Arc<Gate>, Arc<Publisher>),
    (door, pages): (Arc<Door>, Option<Router>),
) -> Router {
    let state = Arc::clone(&api.state);
    let behind = |router: Router, role: Role| {
        let door = Arc::clone(&door);
        router.layer(from_fn(move |request: Request, next: Next| {
            let door = Arc::clone(&door);
            async move {
                match door.admit(request.headers(), role) {
                    Ok(()) => next.run(request).await,
                    Err(response) => *response,
                }
            }
        }))
    };
    let open = Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/openapi.json", get(|| async { ([(CONTENT_TYPE, "application/json")], OPENAPI) }))
        .with_state(Arc::clone(&api));
    let read = Router::new()
        .route("/v1/accounts/{id}/standing", get(read::standing))
        .route("/v1/decisions", get(feed::decisions))
        .route("/metrics", get(metrics))
        .with_state(api)
        .route("/v1/control", get(control::show).with_state(Arc::clone(&publisher)));
    let publish = Router::new().route("/v1/control", post(control::publish)).with_state(publisher);
    open.merge(behind(read, Role::Read))
        .merge(behind(publish, Role::Publisher))
        .merge(behind(ingest::http::reviewing(Arc::clone(&gate)), Role::Reviewer))
        .merge(behind(ingest::http::router(gate), Role::Ingest))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "no_route", "see /openapi.json") })
        .layer(from_fn_with_state(door, at_home))
        .merge(pages.unwrap_or_default())
        .layer(from_fn_with_state(state, count))
}

async fn health(Extract(api): Extract<Arc<Api>>) -> Response {
    telemetry::health(api.state.pulse.fault().or_else(|| api.state.writes.fault()))
}

async fn ready(Extract(api): Extract<Arc<Api>>) -> Response {
    match api.state.unready() {
        None => Json(json!({"status": "ready"})).into_response(),
        Some(why) => problem(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why),
    }
}

async fn metrics(Extract(api): Extract<Arc<Api>>) -> Response {
    telemetry::answer(&api.state.metrics)
}

/// Without keys, a request that comes from a web page is refused.
async fn at_home(Extract(door): Extract<Arc<Door>>, request: Request, next: Next) -> Response {
    match door.at_home(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(response) => *response,
    }
}

async fn count(Extract(state): Extract<Arc<State>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    state.metrics.count_request(response.status().as_u16());
    response
}

#[cfg(test)]
mod tests;
