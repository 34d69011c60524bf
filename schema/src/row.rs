//! Rows: feature vectors as they were when a decision, a feedback or a sample was taken. What models are trained on.
//!
//! Separate, because their width follows the feature catalogue, not the contract. Invariant: `weight` is 1 divided by
//! the probability that the row was included.

use serde::{Deserialize, Serialize};

use crate::event::words;

words! {
    /// Why a row was kept.
    RowWhy {
        /// A decision was made at this event.
        Decision = "decision",
        /// What a model would have restricted was only recorded, since the account is held out: see [`crate::HOLDOUT`].
        Holdout = "holdout",
        /// The account was drawn at random, to be judged blind: see [`crate::AUDIT`]. No event of a gateway's is behind it.
        Audit = "audit",
        /// A block or report.
        Feedback = "feedback",
        /// Chosen by the hash of the event id.
        Sample = "sample",
    }
}

/// One feature row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Id of the event.
    pub event: String,
    /// The account.
    pub account: String,
    /// The record's `at`, ms since the Unix epoch.
    pub at: u64,
    /// Partition.
    pub partition: u32,
    /// Offset.
    pub offset: u64,
    /// Why it was kept.
    pub why: RowWhy,
    /// 1 / inclusion probability.
    pub weight: f32,
    /// Version of the feature catalogue: what `values` mean.
    pub catalog: String,
    /// The features in catalogue order; null: unknown.
    pub values: Vec<Option<f32>>,
    /// The model's probability, if it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// Version of the model; empty if none.
    pub model: String,
    /// Ids of the decisions made at this event.
    pub decisions: Vec<String>,
}
