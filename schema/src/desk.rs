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
    /// Whether a model may use it: what earlier restrictions caused is kept from models, and from whoever judges blind.
    pub model: bool,
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

/// What a model says about itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelCard {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How it computes: `trees`, `logistic` or `bayes`.
    pub learner: String,
    /// Trees; 0 of another kind.
    pub trees: u64,
    /// Leaves of all trees together; 0 of another kind.
    pub leaves: u64,
    /// Its columns, in order.
    pub columns: Vec<String>,
    /// Whether it learned from simulated traffic, and so is no evidence for a ban.
    pub is_simulated: bool,
    /// Labelled rows it was trained and measured on.
    pub labels: u64,
    /// Hash of what it learned from, hexadecimal.
    pub data: String,
    /// Of trees, what the sum is multiplied by and what is added, log-odds.
    pub calibration: Option<(f32, f32)>,
    /// Points of the curve behind the calibration; 0: there is none.
    pub curve: u64,
    /// Measures on rows held back from training, by name.
    pub metrics: Vec<(String, f32)>,
    /// Those rows by score: mean probability, observed share and weight of each bin, from the lowest to the highest.
    pub reliability: Vec<[f32; 3]>,
}

/// What a blocklist says about itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListCard {
    /// Its name.
    pub name: String,
    /// Its version, a hash of its entries.
    pub version: String,
    /// Entries.
    pub entries: u64,
    /// Entries by kind, such as `device`.
    pub kinds: Vec<(String, u64)>,
    /// Entries by source, the most first.
    pub sources: Vec<(String, u64)>,
    /// Entries that a person made.
    pub by_human: u64,
    /// Entries that end by themselves.
    pub ending: u64,
    /// Size of its file, bytes.
    pub bytes: u64,
    /// Size of its Bloom filter, bytes.
    pub filter_bytes: u64,
    /// Measured share of absent keys of which the filter says "maybe", with the ends of its 95 % interval.
    pub false_positives: [f64; 3],
}

/// What a version says about itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Described {
    /// A policy's text.
    Policy(String),
    /// A model.
    Model(Box<ModelCard>),
    /// A blocklist.
    Blocklist(Box<ListCard>),
    /// An exempt list: how many accounts.
    Exempt(u64),
}

/// Entries of two versions of a list, counted by the exact set beside the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListChange {
    /// In the second alone.
    pub added: u64,
    /// In the first alone.
    pub removed: u64,
    /// In both.
    pub kept: u64,
}

/// How whatever feeds the desk fares. What is not known in this process is `None`: others tell it by metrics of their own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vitals {
    /// Version of the build.
    pub build: String,
    /// Records of the log that the engine has not decided about.
    pub engine_behind: Option<u64>,
    /// Records of the log that the history has not taken.
    pub history_behind: Option<u64>,
    /// Log time of the newest record that was read, ms since the Unix epoch.
    pub newest_at: Option<u64>,
    /// Where the log ends: its newest position.
    pub position: Option<u64>,
    /// Time since the engine's newest checkpoint, seconds; 0 while nothing followed it.
    pub checkpoint_age_s: Option<u64>,
    /// What is stuck or does not answer, for a person.
    pub fault: Option<String>,
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
    /// Ways in which a decision by a rule of the policy in force would not have been made over the row at which it was: of each, features
    /// that would all have had to stay under a value. Empty: none is known.
    fn ways_out(&self, _decision: &Decision, _row: &Row) -> Vec<Vec<Counterfactual>> {
        Vec::new()
    }
    /// The rules of the policy in force.
    fn rules(&self) -> Vec<RuleNote>;
    /// The model that decides; `None`: there is none, or it cannot be read now.
    fn model(&self) -> Option<ModelNote> {
        None
    }
    /// How whatever feeds the desk fares.
    fn vitals(&self) -> Vitals {
        Vitals::default()
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
    /// What a version that lies ready says about itself; `None`: it is not there.
    ///
    /// # Errors
    /// It cannot be read now.
    fn described(&self, _shelved: &Shelved) -> Told<Option<Described>> {
        Ok(None)
    }
    /// What is in force in the place of a version of this kind and name says about itself; `None`: nothing is, or it was given to
    /// engines at their start and cannot be read from here.
    ///
    /// # Errors
    /// It cannot be read now.
    fn described_in_force(&self, _kind: ControlKind, _name: &str) -> Told<Option<Described>> {
        Ok(None)
    }
    /// How the entries of two versions of a blocklist differ; `None`: one is not there.
    ///
    /// # Errors
    /// They cannot be read now.
    fn list_change(&self, _from: &Shelved, _to: &Shelved) -> Told<Option<ListChange>> {
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
