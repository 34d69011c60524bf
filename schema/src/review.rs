//! Reviews, control and relations: what humans and the relation engine put on the log.
//!
//! Separate from events, because these topics are not keyed by account alone. Invariant: an accepted verdict and a
//! wanted version change nothing until they lie in `weir.events` as `verdict` and `activate`.

use serde::{Deserialize, Serialize};

use crate::event::{ControlKind, Limit, Origin, Scope, Verdict, words};

words! {
    /// What a reviewer did.
    Act {
        /// Opened a case.
        Open = "open",
        /// Took a case.
        Claim = "claim",
        /// Gave it back.
        Release = "release",
        /// Decided.
        Verdict = "verdict",
        /// Wrote a note.
        Note = "note",
        /// Labelled the account.
        Label = "label",
        /// Took an act back.
        Undo = "undo",
        /// Passed it on.
        Escalate = "escalate",
        /// Passed it over.
        Skip = "skip",
    }
}
words! {
    /// What a reviewer says the account is.
    Label {
        /// It abuses.
        Abusive = "abusive",
        /// It was taken over.
        Compromised = "compromised",
        /// It does no harm.
        Benign = "benign",
        /// The evidence does not say; makes no training label.
        CannotTell = "cannot_tell",
    }
}
words! {
    /// What an account did to an entity.
    Touch {
        /// It was seen on it.
        Seen = "seen",
        /// It was registered on it (or is younger than 24 h).
        Registered = "registered",
        /// It was restricted by a human or a sure case.
        Restricted = "restricted",
        /// It wrote to it for the first time.
        FirstContact = "first_contact",
        /// It was deleted: no later fact may name it.
        Deleted = "deleted",
    }
}

/// One line of `weir.reviews`, key = `account`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Unique id.
    pub id: String,
    /// The case.
    pub case: String,
    /// The account.
    pub account: String,
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// Who, a pseudonym.
    pub actor: String,
    /// What was done.
    pub act: Act,
    /// For `verdict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The decision judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// Scope of the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Limit of the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// End of the verdict's restriction, ms since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// The clause of the operator's policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The reviewer's reason, at most 1,024 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For `label`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// What the reviewer had seen, as codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<String>,
    /// For `undo`: the review taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// The bulk act it was part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
}

/// One line of `weir.control`, key = `name`: what is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Unique id; activation is idempotent by it.
    pub id: String,
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// Who, a pseudonym.
    pub by: String,
    /// What kind of thing.
    pub kind: ControlKind,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its bytes, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where its bytes are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `enforce` or `shadow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<crate::decision::Mode>,
    /// Share of accounts, 0..1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f32>,
}

/// One line of `weir.relations`, key = `kind:#hash` of the entity: an account touched something that others may share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// `kind:pseudonym`; with `restricted` and `deleted` also `kind:#hash` (16 hexadecimal digits), since an account
    /// remembers only that of what it touched.
    pub entity: String,
    /// The account.
    pub account: String,
    /// Event time, ms since the Unix epoch.
    pub ts: u64,
    /// What it did.
    pub what: Touch,
    /// The record that caused it.
    pub origin: Origin,
}
