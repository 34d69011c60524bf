//! A decision: what weir wants done about an account, and why. The topic `weir.decisions`, a log.
//!
//! Separate from standing: decisions are history and explanation, standing is what is in force. Invariants: the id is
//! a function of account, event, action, scope, mode and rule, so a repeat after a crash is the same decision; `seq`
//! rises strictly for each account; every decision but `lift` has a reason.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::event::{Limit, Scope, words};

words! {
    /// What is to be done, from the weakest.
    Action {
        /// Take restrictions back.
        Lift = "lift",
        /// Open a case for a human; nothing changes for the account.
        Review = "review",
        /// Tell the account.
        Warn = "warn",
        /// Ask for a proof of humanity before further acts in the scope.
        Challenge = "challenge",
        /// Let only `limit` acts of the scope through.
        RateLimit = "rate_limit",
        /// Let nothing through.
        Ban = "ban",
    }
}
words! {
    /// Whether gateways act on it.
    Mode {
        /// Gateways act on it.
        Enforce = "enforce",
        /// Only recorded, to see what it would do.
        Shadow = "shadow",
    }
}
words! {
    /// What decided.
    Source {
        /// A rule of the policy.
        Rule = "rule",
        /// A score band.
        Model = "model",
        /// An exact blocklist entry.
        Blocklist = "blocklist",
        /// A reviewer.
        Reviewer = "reviewer",
        /// An accepted appeal, or a passed challenge.
        Appeal = "appeal",
    }
}

/// Code of the last reason of a decision of mode `shadow` that would have been enforced, if the account were not held out: a small share
/// of what models restrict is only recorded, so that it is known what they would have got wrong. Its value is that share.
pub const HOLDOUT: &str = "holdout";

/// Code of a reason of a rule's decision that would not be, had the model not run: it is that version of the model's doing as much as the
/// rule's. Its value is the model's probability of abuse.
pub const MODEL_SCORE: &str = "model_score";

/// Code of the only reason of a `review` about an account that nothing speaks against: it was drawn at random, to be judged blind. Its value
/// is the probability with which it was drawn.
pub const AUDIT: &str = "audit";

impl Action {
    /// Whether it takes something from the account.
    #[must_use]
    pub const fn restricts(self) -> bool {
        matches!(self, Action::Challenge | Action::RateLimit | Action::Ban)
    }
}

/// One decision. JSON, key = `account`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// `d_` and 32 hexadecimal digits: see [`decision_id`].
    pub id: String,
    /// The account (or, for a restriction of an entity, `kind:pseudonym`).
    pub account: String,
    /// Rises strictly for each account: max(last seq + 1, `at` in ms).
    pub seq: u64,
    /// What is to be done.
    pub action: Action,
    /// What it covers. A ban covers every scope.
    pub scope: Scope,
    /// For `rate_limit`: the rate that is let through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// When it was decided: the record's `at`, ms since the Unix epoch.
    pub issued: u64,
    /// When it ends, ms since the Unix epoch; null only for a ban that a human confirmed (and for lift and review).
    pub expires: Option<u64>,
    /// Id of the event that caused it.
    pub event: String,
    /// Probability of abuse by the model, 0..1, if the model ran at this event or before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// Why, strongest first; at most 8; never empty but for `lift`.
    pub reasons: Vec<Reason>,
    /// The nearest thing that would have avoided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterfactual: Option<Counterfactual>,
    /// What decided.
    pub source: Source,
    /// Name of the rule, score band or blocklist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Whether gateways act on it.
    pub mode: Mode,
    /// The decision it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// With the action `review`: accounts that steadily act together with this one, as the record that caused the decision named
    /// them, at most [`crate::limits::COMPANIONS_MAX`]. A campaign, which people look at as one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub companions: Vec<String>,
    /// What was in force when it was made.
    pub versions: Versions,
}

impl Decision {
    /// The probability that a reason of this code ([`HOLDOUT`], [`AUDIT`], [`MODEL_SCORE`]) carries, more than 0 and at most 1, if there is one.
    #[must_use]
    pub fn probability(&self, code: &str) -> Option<f32> {
        let value = self.reasons.iter().find(|reason| reason.code == code)?.value;
        value.filter(|value| *value > 0.0 && *value <= 1.0)
    }
}

/// One reason of a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// What it says, a stable code such as `bulk_new_chats`.
    pub code: String,
    /// The feature it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// The feature's value then, in the feature's own unit; of [`HOLDOUT`], [`AUDIT`] and [`MODEL_SCORE`], a probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f32>,
    /// The exact additive contribution to the model's margin (log-odds), for a model's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contribution: Option<f32>,
}

/// "Not below N of this feature": with the feature under `below` and all else equal, this would not have happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counterfactual {
    /// The feature.
    pub feature: String,
    /// The smallest value at which it happens; under it, it does not.
    pub below: f32,
}

/// Versions in force when a decision was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Versions {
    /// Of the policy.
    pub policy: String,
    /// Of the model; empty if none.
    pub model: String,
    /// Of the feature catalogue.
    pub features: String,
    /// Of all blocklists together; empty if none.
    pub blocklists: String,
}

/// The id of a decision: `d_` and the xxh3-128 of its identifying parts, each preceded by its length.
#[must_use]
pub fn decision_id(account: &str, event: &str, what: (Action, Scope, Mode), rule: &str) -> String {
    let mut hash = Xxh3::new();
    for part in [account, event, what.0.word(), what.1.word(), what.2.word(), rule] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    format!("d_{:032x}", hash.digest128())
}
