//! Events and reviews over HTTP: batches into the journal, and single events that wait for their decision.
//!
//! Separate from the reading side, which knows the engine's results, and from keys and roles, which whoever mounts these
//! routes puts before them. Invariants: an answer of acceptance follows the durable append; every event or review of a request
//! is accepted, passed over or refused, and the answer says which; requests in work, bodies and waiting checks are bounded; a turn is
//! only of those whose body is there;
//! internal kinds never enter here, but for the verdict of a review that was accepted.

mod body;
mod problem;
mod split;
mod take;

pub use problem::problem;
pub use take::push_review;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use schema::limits::{
    CHECK_DEADLINE_MS_MAX, CHECKS_MAX, HTTP_BODY_BYTES_MAX, HTTP_UNPACKED_BYTES_MAX, HTTP_WAITING_BYTES_MAX,
    LINE_BYTES_MAX,
};
use schema::{Checked, RejectReason};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use crate::journal::{Appender, Clock, Commit, Unwritten};

/// The routes of [`router`] and [`reviewing`]: method and path.
pub const ROUTES: &[(&str, &str)] = &[("POST", "/v1/events"), ("POST", "/v1/check"), ("POST", "/v1/reviews")];
/// Larger bodies are worked on by a thread that may take its time.
const INLINE_BYTES_MAX: usize = 512 * 1024;
/// How long a request waits for its turn, ms.
const TURN_MS_MAX: u64 = 5_000;
/// Largest body of a check: an event and its line's end.
const CHECK_BYTES_MAX: usize = LINE_BYTES_MAX + 2;
/// Deadline of a check that names none, ms.
const DEADLINE_MS: u64 = 200;

/// Hears of every refused event.
pub type OnReject = Box<dyn Fn(RejectReason) + Send + Sync>;

/// What the routes need.
pub struct Gate {
    appender: Appender,
    clock: Clock,
    on_reject: OnReject,
    appends: Semaphore,
    checks: Semaphore,
    /// Bytes that bodies may still take.
    waiting: Semaphore,
}

impl Gate {
    /// A gate into a journal; at most `appends_max` requests are read at once.
    #[must_use]
    pub fn new(appender: Appender, clock: Clock, appends_max: usize, on_reject: OnReject) -> Self {
        let (appends, checks) = (Semaphore::new(appends_max), Semaphore::new(CHECKS_MAX));
        let waiting = Semaphore::new(HTTP_WAITING_BYTES_MAX as usize);
        Self { appender, clock, on_reject, appends, checks, waiting }
    }
}

/// `POST /v1/events` and `POST /v1/check`.
pub fn router(gate: Arc<Gate>) -> Router {
    Router::new().route("/v1/events", post(events)).route("/v1/check", post(check)).with_state(gate)
}

/// `POST /v1/reviews`: for others than events.
pub fn reviewing(gate: Arc<Gate>) -> Router {
    Router::new().route("/v1/reviews", post(reviews)).with_state(gate)
}

async fn events(State(gate): State<Arc<Gate>>, headers: HeaderMap, body: Body) -> Response {
    append(&gate, &headers, body, take::events).await.unwrap_or_else(|problem| *problem)
}

async fn reviews(State(gate): State<Arc<Gate>>, headers: HeaderMap, body: Body) -> Response {
    append(&gate, &headers, body, take::reviews).await.unwrap_or_else(|problem| *problem)
}

/// A body into what is to be written of it, at a time of the log.
type Take = fn(&[u8], u64) -> Result<take::Taken, schema::Refusal>;

/// Problems are responses, too.
type Answered<T> = Result<T, Box<Response>>;

async fn append(gate: &Gate, headers: &HeaderMap, body: Body, take: Take) -> Answered<Response> {
    let packing = body::Packing::of(headers)?;
    let arrived = body::read(body, HTTP_BODY_BYTES_MAX, &gate.waiting).await?;
    let _turn = turn(&gate.appends, TURN_MS_MAX).await?;
    let (packed, now) = (arrived.bytes.clone(), (gate.clock)());
    let work =
        move || body::unpack(packing, packed, HTTP_UNPACKED_BYTES_MAX).and_then(|bytes| take(&bytes, now));
    let taken = if body::is_heavy(headers, INLINE_BYTES_MAX) {
        tokio::task::spawn_blocking(work).await.map_err(|_| Box::new(problem::internal()))?
    } else {
        work()
    };
    let take::Taken { batch, kept, mut answer } =
        taken.map_err(|refusal| Box::new(problem::refused(&refusal)))?;
    for reject in &answer.reasons {
        (gate.on_reject)(*reject);
    }
    if !batch.is_empty() {
        let commit = Commit { batch, ..Commit::default() };
        let committed = gate.appender.commit(commit).await.map_err(|error| unwritten(&error))?;
        answer.appended.position = (kept > 0).then(|| committed.first + kept - 1);
    }
    Ok(Json(answer.appended).into_response())
}

#[derive(Debug)]
struct Deadline(u64);

/// `deadline_ms` of a query string.
fn deadline(query: &[(String, String)]) -> Answered<Deadline> {
    let mut deadline = Deadline(DEADLINE_MS);
    for (name, value) in query {
        let known = (name == "deadline_ms").then(|| value.parse().ok()).flatten();
        match known.filter(|ms| (1..=CHECK_DEADLINE_MS_MAX).contains(ms)) {
            Some(ms) => deadline = Deadline(ms),
            None => {
                let detail = format!("{name}: only deadline_ms is known, from 1 to {CHECK_DEADLINE_MS_MAX}");
                return Err(Box::new(problem(StatusCode::BAD_REQUEST, "bad_query", &detail)));
            }
        }
    }
    Ok(deadline)
}

async fn check(
    State(gate): State<Arc<Gate>>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let late = |ms| {
        let detail = format!(
            "no decision within {ms} ms; the event may lie in the log, and its decision then comes with the feed"
        );
        problem(StatusCode::GATEWAY_TIMEOUT, "deadline", &detail)
    };
    match deadline(&query) {
        Err(response) => *response,
        Ok(Deadline(ms)) => {
            let decided = tokio::time::timeout(Duration::from_millis(ms), decide(&gate, &headers, body));
            match decided.await {
                Err(_) => late(ms),
                Ok(Ok(checked)) => Json(checked).into_response(),
                Ok(Err(response)) => *response,
            }
        }
    }
}

/// Appends one event and waits for its decision.
async fn decide(gate: &Gate, headers: &HeaderMap, body: Body) -> Answered<Checked> {
    let packing = body::Packing::of(headers)?;
    // One event: unpacked at once, since it has no more than that.
    let packed = body::read(body, CHECK_BYTES_MAX, &gate.waiting).await?.bytes;
    let _turn = turn(&gate.checks, TURN_MS_MAX).await?;
    let bytes = body::unpack(packing, packed, CHECK_BYTES_MAX);
    let bytes = bytes.map_err(|refusal| Box::new(problem::refused(&refusal)))?;
    let bytes = bytes.trim_ascii();
    let take::Taken { batch, answer, .. } = take::one(bytes, (gate.clock)());
    for reject in &answer.reasons {
        (gate.on_reject)(*reject);
    }
    if answer.appended.unknown_kinds > 0 {
        let outcome = "unknown_kind".to_owned();
        return Ok(Checked { outcome, decisions: Vec::new(), standing: None, position: None });
    }
    let refused = answer.appended.rejects.into_iter().next();
    let (watcher, decided) = oneshot::channel();
    let watcher = refused.is_none().then_some(watcher);
    let commit = Commit { batch, watcher, ..Commit::default() };
    gate.appender.commit(commit).await.map_err(|error| unwritten(&error))?;
    if let Some(reject) = refused {
        return Err(Box::new(problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            reject.reason.word(),
            &reject.detail,
        )));
    }
    decided.await.map_err(|_| unwritten(&Unwritten::Closed))
}

/// Waits for a turn, not for ever.
async fn turn(turns: &Semaphore, ms_max: u64) -> Answered<SemaphorePermit<'_>> {
    match tokio::time::timeout(Duration::from_millis(ms_max), turns.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(problem::busy()),
    }
}

/// Why an append failed, as an answer.
#[must_use]
pub fn unwritten(error: &Unwritten) -> Box<Response> {
    let code = match error {
        Unwritten::Full => "disk_full",
        Unwritten::Failed(_) => "storage",
        Unwritten::Closed => "stopping",
    };
    Box::new(problem(StatusCode::SERVICE_UNAVAILABLE, code, &error.to_string()))
}

#[cfg(test)]
mod tests;
