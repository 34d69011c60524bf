//! What a server answers over HTTP: to appended events, to a check, and when it cannot.
//!
//! Separate, because servers and gateways must read the same. Invariant: fields are only ever added.

use serde::{Deserialize, Serialize};

use crate::control::Control;
use crate::decision::{Decision, Mode, Versions};
use crate::event::ControlKind;
use crate::reject::RejectReason;
use crate::standing::Standing;

/// The answer to `POST /v1/events`, given when the events are durable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Appended {
    /// Events that lie in the log now. Repeats of an id count here; the engine passes over them.
    pub accepted: u64,
    /// Events of a kind that this build does not know: passed over.
    pub unknown_kinds: u64,
    /// Events that were refused.
    pub rejected: u64,
    /// The first 1,000 of them.
    pub rejects: Vec<LineReject>,
    /// Position of the last accepted event in the log; absent if none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
}

/// One refused event of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineReject {
    /// Line of the body, or element of the array, from 1.
    pub line: u64,
    /// Why.
    pub reason: RejectReason,
    /// Field, position and cause, for a person.
    pub detail: String,
}

/// The answer to `POST /v1/check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// `decided`, `quiet` (nothing to do), `duplicate` (its id came before), `rejected` by the engine, or `unknown_kind`.
    pub outcome: String,
    /// What was decided at this event.
    pub decisions: Vec<Decision>,
    /// What is in force for the account after it; null if nothing ever was.
    pub standing: Option<Standing>,
    /// Position of the event in the log; null for an unknown kind, which is passed over.
    pub position: Option<u64>,
}

/// The answer to `POST /v1/control`, given when what is wanted is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controlled {
    /// Id of the control.
    pub id: String,
    /// `active`: the engine decides by it; `pending`: it lies in the log, and the engine has not come to it yet; `repeated`: its
    /// id came before, nothing changed.
    pub outcome: String,
    /// Position in the log from which on it decides; absent for `repeated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
}

/// The answer to `GET /v1/control`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct InForce {
    /// What was wanted last of each kind and name, newest first.
    pub wanted: Vec<Control>,
    /// What records of the log put in force, as the engine has it now.
    pub active: Vec<VersionInForce>,
    /// What the engine decides by, activated or given at its start.
    pub versions: Versions,
    /// Whether automatic enforcement is suspended, as gateways are told.
    pub killed: bool,
}

/// A version that a record of the log put in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionInForce {
    /// What kind of thing.
    pub kind: ControlKind,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `shadow`: a model that decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The share of accounts that a model decides about, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f32>,
}

/// The answer when a request cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A stable code such as `busy`, `disk_full`, `deadline`, `gone`.
    pub error: String,
    /// What is wrong and what to do, for a person.
    pub detail: String,
}
