//! What a server answers over HTTP: to appended events, to a check, and when it cannot.
//!
//! Separate, because servers and gateways must read the same. Invariant: fields are only ever added.

use serde::{Deserialize, Serialize};

use crate::decision::Decision;
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

/// The answer when a request cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A stable code such as `busy`, `disk_full`, `deadline`, `gone`.
    pub error: String,
    /// What is wrong and what to do, for a person.
    pub detail: String,
}
