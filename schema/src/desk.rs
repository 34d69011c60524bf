//! What a review desk asks of whoever runs it: where acts go, what is in force, and what a model or a feature means.
//!
//! Separate, so that the desk knows neither log nor models; see [`crate::history`] for what was. Invariants: pure, and a call may
//! block, so callers in an async runtime use a thread for it; what an outlet took is durable; a record that is taken twice is one.

use crate::answer::{Controlled, InForce};
use crate::control::Control;
use crate::decision::{Counterfactual, Decision};
use crate::event::ControlKind;
use crate::history::Told;
use crate::reject::Refusal;
use crate::review::Review;
use crate::row::Row;
use crate::standing::Standing;

/// Why an act was not taken, by what the reviewer does about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untaken {
    /// The log takes nothing now: nothing changed, try again.
    #[error("the log takes nothing now: {0}; nothing changed, try again")]
    Unavailable(String),
    /// It is not to be taken: asking again changes nothing.
    #[error("not taken: {0}")]
    Refused(Refusal),
}

/// Where acts go: the journal, or `weir.reviews` and `weir.control`.
pub trait Outlet: Send + Sync {
    /// Writes reviews; they are durable when it returns. The journal takes all or none; of Kafka a part may lie in the log after an
    /// error, and sending the same again completes it. Verdicts follow behind them into the accounts' own logs.
    ///
    /// # Errors
    /// See [`Untaken`].
    fn review(&self, reviews: &[Review]) -> Result<(), Untaken>;
    /// Writes what is wanted, and waits a while until engines decide by it.
    ///
    /// # Errors
    /// See [`Untaken`].
    fn control(&self, control: &Control) -> Result<Controlled, Untaken>;
}

/// A feature as its catalogue describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureNote {
    /// Its name, such as `new_chats_1h`.
    pub name: String,
    /// Its unit, such as `count` or `share`.
    pub unit: String,
    /// The family it belongs to, such as `volume`.
    pub family: String,
    /// What it means, one sentence.
    pub meaning: String,
}

/// A part of a model's score.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The feature.
    pub feature: String,
    /// Its value in the row, in its own unit; `None`: unknown.
    pub value: Option<f32>,
    /// The exact additive contribution to the margin, log-odds.
    pub contribution: f32,
}

/// What a row says to the model that is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// Version of the model.
    pub model: String,
    /// Probability of abuse, 0..1.
    pub score: f32,
    /// Its parts, the largest absolute contribution first.
    pub parts: Vec<Part>,
    /// The nearest thing that would give a weaker score band, if one feature alone can.
    pub counterfactual: Option<Counterfactual>,
}

/// A rule of the policy in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleNote {
    /// Its name.
    pub name: String,
    /// Its condition, as it stands in the policy.
    pub when: String,
    /// What it wants, such as `rate_limit new_chats`.
    pub wants: String,
    /// `enforce` or `shadow`, and the share of accounts.
    pub mode: String,
}

/// A model that decides.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelNote {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Scores of the rows that were held back from its training: mean and weight of each bin, from the lowest to the highest.
    pub trained: Vec<(f32, f32)>,
}

/// A version that lies ready to be put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelved {
    /// What kind of thing.
    pub kind: ControlKind,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What is in force, and what it means.
pub trait Insight: Send + Sync {
    /// What was wanted, and what engines decide by.
    ///
    /// # Errors
    /// It cannot be read now.
    fn in_force(&self) -> Told<InForce>;
    /// What is in force for the account (or entity) now; `None`: nothing.
    ///
    /// # Errors
    /// It cannot be read now.
    fn standing(&self, account: &str) -> Told<Option<Standing>>;
    /// The catalogue, in the order of a row's values.
    fn features(&self) -> &[FeatureNote];
    /// The row as the model in force sees it; `None`: there is no model, or the row is of another catalogue.
    fn explain(&self, row: &Row) -> Option<Explained>;
    /// The rules of the policy in force.
    fn rules(&self) -> Vec<RuleNote>;
    /// The model that decides; `None`: there is none, or it cannot be read now.
    fn model(&self) -> Option<ModelNote> {
        None
    }
    /// The policy's text.
    fn policy_text(&self) -> String;
    /// The log's time now, ms since the Unix epoch.
    fn now(&self) -> u64;
    /// Versions that lie ready, by kind and name, the newest first; none where there is no registry.
    ///
    /// # Errors
    /// They cannot be listed now.
    fn shelf(&self) -> Told<Vec<Shelved>> {
        Ok(Vec::new())
    }
    /// The text of a version that lies ready; `None`: it is not there, or is no text (a model, a blocklist).
    ///
    /// # Errors
    /// It cannot be read now.
    fn shelved_text(&self, _shelved: &Shelved) -> Told<Option<String>> {
        Ok(None)
    }
}

/// A record of the log that the desk folds, in the order of its source.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrived {
    /// Something a reviewer did.
    Review(Review),
    /// A decision of any kind.
    Decision(Decision),
    /// An event that opens or closes cases (`report`, `appeal`, `deletion`), as one JSON object.
    Event(String),
}

/// A record and when the log took it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place in its source; rises.
    pub position: u64,
    /// When the log took it, ms since the Unix epoch.
    pub at: u64,
    /// What it is.
    pub arrived: Arrived,
}
