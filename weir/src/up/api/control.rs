//! What is wanted: controls from an operator into the log, and what is in force.
//!
//! Separate from events, because a control names files and must be known at once. Invariants: a control and the activation that it
//! becomes are one commit; a control id acts once; the kill switch is told to gateways with that commit, however far behind the
//! engine is; what cannot be loaded is refused before it is wanted; controls come one after another, and none waits for the file of
//! another.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use ingest::http::problem;
use ingest::journal::{Appender, Batch, Commit, Committed, Reader, StandingChange, Topic, Unwritten};
use schema::limits::{CONTROLS_MAX, LINE_BYTES_MAX};
use schema::{
    Checked, Control, ControlKind, Controlled, ENFORCEMENT_KEY, InForce, NO_WEIGHTS, Refusal, Standing,
};
use scorer::Needed;
use tokio::sync::{Mutex, Semaphore, oneshot};

use crate::clock::Clock;
use crate::error::Error;
use crate::registry::Registry;
use crate::telemetry::metrics::RecordOutcome;
use crate::up::state::State;
use crate::wanted;

/// How long the answer waits for the engine.
const ENGINE_WAIT: Duration = Duration::from_secs(5);
/// How long a body may take to arrive.
const ARRIVES: Duration = Duration::from_secs(10);
/// The account under which activations lie, one of weir's own.
const ADDRESS: &str = "!control-0";

/// Takes what operators want.
pub struct Publisher {
    appender: Appender,
    registry: Registry,
    clock: Clock,
    state: Arc<State>,
    known: Mutex<Known>,
    /// One file is read at once.
    reading: Semaphore,
}

/// What was wanted so far.
struct Known {
    /// The latest controls, oldest first.
    controls: VecDeque<Control>,
    /// `seq` of what gateways were told of the kill switch.
    seq: u64,
}

/// Why something wanted was not taken.
#[derive(Debug)]
pub struct Trouble {
    status: StatusCode,
    code: &'static str,
    /// What is wrong and what to do, for a person.
    pub detail: String,
}

impl Trouble {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    /// Whether the same may succeed later.
    pub fn may_pass(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.reason.word(), refusal.detail)
    }
}

impl From<Unwritten> for Trouble {
    fn from(error: Unwritten) -> Self {
        let code = match error {
            Unwritten::Full => "disk_full",
            Unwritten::Failed(_) => "storage",
            Unwritten::Closed => "stopping",
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, error.to_string())
    }
}

type Answered<T> = Result<T, Trouble>;

impl Publisher {
    /// Goes on where the journal's last publisher ended.
    pub fn new(
        reader: &Reader,
        appender: Appender,
        (registry, clock, state): (Registry, Clock, Arc<State>),
    ) -> Result<Self, Error> {
        let bodies = reader.controls()?;
        let controls: VecDeque<Control> =
            bodies.iter().filter_map(|body| serde_json::from_slice(body).ok()).collect();
        if controls.len() < bodies.len() {
            let count = bodies.len() - controls.len();
            tracing::warn!(count, "controls of another version of weir cannot be read and are not shown");
        }
        let told = reader.standing(ENFORCEMENT_KEY)?;
        let told: Option<Standing> = told.and_then(|body| serde_json::from_slice(&body).ok());
        let seq = told.as_ref().map_or(0, |standing| standing.seq);
        if let Some(standing) = told {
            tracing::warn!(
                control = standing.restrictions.first().map(|one| &*one.decision),
                "the kill switch is on"
            );
            state.enforcement.send_replace(standing);
        }
        let (known, reading) = (Mutex::new(Known { controls, seq }), Semaphore::new(1));
        Ok(Self { appender, registry, clock, state, known, reading })
    }

    /// Takes what is wanted, and waits a while until the engine decides by it.
    pub async fn want(&self, control: Control) -> Answered<Controlled> {
        control.check()?;
        let mut control = control;
        if self.known.lock().await.knows(&control.id) {
            return Ok(repeated(control.id));
        }
        self.check(&mut control).await?;
        let mut known = self.known.lock().await;
        if known.knows(&control.id) {
            return Ok(repeated(control.id));
        }
        let (committed, decided) = self.commit(&control, &mut known).await?;
        let Control { id, kind, name, version, by, .. } = &control;
        tracing::info!(control = id, %kind, name, version, by, "a version is wanted");
        known.remember(control.clone());
        drop(known);
        let outcome = match tokio::time::timeout(ENGINE_WAIT, decided).await {
            // The server stops, or the engine is behind: it comes to it.
            Err(_) | Ok(Err(_)) => "pending",
            Ok(Ok(checked)) if checked.outcome == RecordOutcome::Rejected.word() => {
                return Err(refused(&control));
            }
            Ok(Ok(checked)) if checked.outcome == RecordOutcome::Duplicate.word() => "repeated",
            Ok(Ok(_)) => "active",
        };
        let position = Some(committed.last);
        Ok(Controlled { id: control.id, outcome: outcome.to_owned(), position })
    }

    /// What was wanted, and what is in force.
    pub async fn in_force(&self) -> InForce {
        let wanted = self.known.lock().await.wanted();
        let state = &self.state;
        let (deciding, killed) =
            (state.deciding.borrow().clone(), !state.enforcement.borrow().restrictions.is_empty());
        InForce { wanted, active: deciding.active, versions: deciding.versions, killed }
    }

    /// Whether there is what the control names, and that it is what it says; notes the checksum.
    async fn check(&self, control: &mut Control) -> Answered<()> {
        match control.kind {
            ControlKind::Kill => return Ok(()),
            ControlKind::Weights if control.version == NO_WEIGHTS => return Ok(()),
            ControlKind::Model if control.share == Some(0.0) => return Ok(()),
            _ => {}
        }
        let _turn = self.reading.acquire().await.expect("the semaphore is never closed");
        let Control { kind, name, version, sha256, .. } = control.clone();
        let (registry, needed) = (self.registry.clone(), Needed { kind, name, version });
        let checked = tokio::task::spawn_blocking(move || registry.check(&needed, sha256.as_deref())).await;
        let digest = match checked {
            Ok(Ok(digest)) => digest,
            Ok(Err(error)) => {
                let detail = format!("{error}; put the file into the server's registry, then send again");
                return Err(Trouble::new(StatusCode::UNPROCESSABLE_ENTITY, "artifact_missing", detail));
            }
            Err(_) => {
                let detail = "reading the file broke something: nothing changed";
                return Err(Trouble::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail));
            }
        };
        control.sha256 = Some(digest);
        Ok(())
    }

    /// Writes the control and what it becomes; whoever holds `known` is alone.
    async fn commit(
        &self,
        control: &Control,
        known: &mut Known,
    ) -> Answered<(Committed, oneshot::Receiver<Checked>)> {
        let at = (self.clock)();
        let mut batch = Batch::default();
        batch.push_with(Topic::Control, control.id.as_bytes(), |bytes| {
            serde_json::to_writer(bytes, control).expect("a control has string keys and memory takes it");
        });
        let id = control.event_id(0);
        batch.push_with(Topic::Events, ADDRESS.as_bytes(), |bytes| {
            schema::json::encode(&control.activation(&id, ADDRESS, at), bytes);
            bytes.pop(); // A record is one object, without a line's end.
        });
        let enforcement = (control.kind == ControlKind::Kill)
            .then(|| control.enforcement(at.max(known.seq.saturating_add(1)), at));
        let standings = enforcement.iter().map(change).collect();
        let (watcher, decided) = oneshot::channel();
        let commit = Commit { batch, standings, watcher: Some(watcher), ..Commit::default() };
        let committed = self.appender.commit(commit).await?;
        if let Some(standing) = enforcement {
            known.seq = standing.seq;
            self.state.enforcement.send_replace(standing);
        }
        Ok((committed, decided))
    }
}

impl Known {
    fn knows(&self, id: &str) -> bool {
        self.controls.iter().any(|known| known.id == id)
    }

    fn remember(&mut self, control: Control) {
        if self.controls.len() >= CONTROLS_MAX {
            self.controls.pop_front();
        }
        self.controls.push_back(control);
    }

    /// The last of each kind and name, newest first.
    fn wanted(&self) -> Vec<Control> {
        let mut seen = BTreeSet::new();
        let newest = self.controls.iter().rev().filter(|control| seen.insert((control.kind, control.key())));
        newest.cloned().collect()
    }
}

/// `POST /v1/control`.
pub async fn publish(Extract(publisher): Extract<Arc<Publisher>>, body: Body) -> Response {
    let too_long =
        format!("a control has at most {LINE_BYTES_MAX} bytes and arrives within {} s", ARRIVES.as_secs());
    let arrived = tokio::time::timeout(ARRIVES, axum::body::to_bytes(body, LINE_BYTES_MAX)).await;
    let Ok(Ok(bytes)) = arrived else {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "too_long", &too_long);
    };
    let control = match wanted::control(&bytes) {
        Ok(control) => control,
        Err(refusal) => return told(Err(refusal.into())),
    };
    // What has begun is done, whether its sender waits or not.
    match tokio::spawn(async move { publisher.want(control).await }).await {
        Ok(answered) => told(answered),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request broke something"),
    }
}

/// What became of it, as an answer.
fn told(answered: Answered<Controlled>) -> Response {
    match answered {
        Ok(controlled) if controlled.outcome == "pending" => {
            (StatusCode::ACCEPTED, Json(controlled)).into_response()
        }
        Ok(controlled) => Json(controlled).into_response(),
        Err(Trouble { status, code, detail }) => problem(status, code, &detail),
    }
}

/// `GET /v1/control`.
pub async fn show(Extract(publisher): Extract<Arc<Publisher>>) -> Response {
    Json(publisher.in_force().await).into_response()
}

/// A standing as the journal keeps it.
fn change(standing: &Standing) -> StandingChange {
    let body = (!standing.restrictions.is_empty())
        .then(|| serde_json::to_vec(standing).expect("a standing has string keys and memory takes it"));
    StandingChange { account: standing.account.clone(), seq: standing.seq, body }
}

fn repeated(id: String) -> Controlled {
    Controlled { id, outcome: "repeated".to_owned(), position: None }
}

fn refused(control: &Control) -> Trouble {
    let Control { kind, name, version, .. } = control;
    let detail = format!(
        "the engine refused {kind} {name} {version}; the one before it stays in force, and weir's rejects say why"
    );
    Trouble::new(StatusCode::CONFLICT, "refused", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(id: &str, kind: ControlKind, name: &str) -> Control {
        let text =
            format!(r#"{{"id":"{id}","at":1,"by":"r","kind":"{kind}","name":"{name}","version":"1"}}"#);
        serde_json::from_str(&text).expect("a control")
    }

    #[test]
    fn the_last_control_of_each_name_is_wanted_and_ids_are_known_for_a_while() {
        let mut known = Known { controls: VecDeque::new(), seq: 0 };
        for number in 0..CONTROLS_MAX {
            known.remember(control(&format!("c{number}"), ControlKind::Blocklist, "devices"));
        }
        known.remember(control("p", ControlKind::Policy, "main"));
        assert_eq!(known.controls.len(), CONTROLS_MAX);
        assert_eq!((known.knows("c0"), known.knows("c1"), known.knows("p")), (false, true, true));
        let wanted: Vec<String> = known.wanted().into_iter().map(|control| control.id).collect();
        assert_eq!(wanted, ["p".to_owned(), format!("c{}", CONTROLS_MAX - 1)]);
    }
}
