//! Standing: all restrictions of an account that are in force, as one value. The topic `weir.standing`, compacted.
//!
//! Separate from decisions: a gateway that starts cold reads only this. Invariants: a newer `seq` replaces the whole
//! value; an empty list is followed by a tombstone; keys may also be entities, for `registration` alone.

use serde::{Deserialize, Serialize};

use crate::decision::Action;
use crate::event::{Limit, Scope};

/// Reserved key of the kill switch. While it is on, its list has one entry (scope `all`, action `lift`, reason
/// `kill_switch`, decision: the control's id) and gateways suspend every restriction that is not `human`.
pub const ENFORCEMENT_KEY: &str = "!enforcement";

/// Everything in force for one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The account, or `kind:pseudonym` of an entity.
    pub account: String,
    /// The `seq` of the decision that changed it last.
    pub seq: u64,
    /// The `at` it is true for, ms since the Unix epoch.
    pub as_of: u64,
    /// What is in force; empty: nothing, and a tombstone follows.
    pub restrictions: Vec<Restriction>,
}

/// One restriction in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restriction {
    /// What it covers.
    pub scope: Scope,
    /// `warn`, `challenge`, `rate_limit` or `ban`.
    pub action: Action,
    /// For `rate_limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// When it ends, ms since the Unix epoch; null only for a ban that a human confirmed.
    pub expires: Option<u64>,
    /// The decision behind it.
    pub decision: String,
    /// Code of its leading reason.
    pub reason: String,
    /// Key of the message that the user is shown.
    pub message: String,
    /// A human made or confirmed it: it stays while the kill switch suspends automatic ones. Absent: automation alone.
    #[serde(default, skip_serializing_if = "is_false")]
    pub human: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
