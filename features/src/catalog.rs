//! The catalogue: one row a feature. Name, unit, window, meaning, how it is computed, what kind of evidence it is.
//!
//! Separate, because models, policies, rules, reasons and notebooks speak of features by these names, and the hash of
//! this table is the feature-schema version. Invariants: the order of rows is the order of values in a vector; names
//! are unique; a counter is one row in [`counters`], a computed feature one row in [`computed`] and its arithmetic.

pub mod computed;
pub mod counters;

use xxhash_rust::xxh3::xxh3_64;

/// Raised when a feature keeps its name but is computed in another way: older models are then refused.
pub const MEANING_VERSION: u32 = 2;

/// What a feature speaks of; groups the catalogue for readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// How much the account does.
    Volume,
    /// How others respond.
    Response,
    /// How many different others.
    Breadth,
    /// Shares of what is known.
    Ratio,
    /// When it acts.
    Rhythm,
    /// What it is.
    Identity,
    /// What it shares with other accounts.
    Shared,
}

impl Family {
    /// The word used in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Family::Volume => "volume",
            Family::Response => "response",
            Family::Breadth => "breadth",
            Family::Ratio => "ratio",
            Family::Rhythm => "rhythm",
            Family::Identity => "identity",
            Family::Shared => "shared",
        }
    }
}

/// Which of the independent kinds of evidence a feature is. (The fourth kind, an exact blocklist entry, is no feature.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// The account's own volume and rhythm.
    VolumeRhythm,
    /// The response of distinct peers.
    Response,
    /// Identity and shared entities.
    IdentityShared,
}

impl Evidence {
    /// The word used in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Evidence::VolumeRhythm => "volume_rhythm",
            Evidence::Response => "response",
            Evidence::IdentityShared => "identity_shared",
        }
    }
}

/// One row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Feature {
    /// `thing_window` or `thing`.
    pub name: &'static str,
    /// Unit of the value: `count`, `share` (0 to 1), `ratio`, `s`, `h`, `credit`, `code` or `flag` (0 or 1).
    pub unit: &'static str,
    /// Time that it looks back over, or the half-life of a decayed count; empty where none applies.
    pub window: &'static str,
    /// What it speaks of.
    pub family: Family,
    /// What it means.
    pub meaning: &'static str,
    /// How it is computed.
    pub computed: &'static str,
    /// Which kind of evidence it is.
    pub evidence: Evidence,
    /// Whether a model may have it as a column. Past enforcement may not: a model would learn itself.
    pub model: bool,
    /// Bits of [`Cause`] and lanes whose events may change it.
    pub(crate) causes: u64,
}

/// What may change a feature besides the counters: bits above the lanes in [`Feature::causes`].
pub(crate) struct Cause;

impl Cause {
    /// An act of the account: its rhythm moves.
    pub const ACT: u64 = 1 << 40;
    /// A message that told its size.
    pub const SIZE: u64 = 1 << 41;
    /// The account's age became known or newer.
    pub const AGE: u64 = 1 << 42;
    /// A registration or session.
    pub const IDENTITY: u64 = 1 << 43;
    /// A fact about a shared entity.
    pub const FACT: u64 = 1 << 44;
    /// A block, unblock or report.
    pub const FEEDBACK: u64 = 1 << 45;
    /// An enforced restriction.
    pub const STRIKE: u64 = 1 << 46;
    /// A peer or group not seen within the day.
    pub const BREADTH: u64 = 1 << 47;
}

/// Number of features: the length of a vector.
pub const FEATURES: usize = counters::ROWS.len() + computed::ROWS.len();

const _: () = assert!(FEATURES >= 60);

/// Every feature, in vector order.
pub static CATALOG: [Feature; FEATURES] = {
    let mut rows = [counters::ROWS[0]; FEATURES];
    let mut at = 0;
    while at < FEATURES {
        rows[at] = if at < counters::ROWS.len() {
            counters::ROWS[at]
        } else {
            computed::ROWS[at - counters::ROWS.len()]
        };
        at += 1;
    }
    rows
};

/// The index of a feature in a vector; `None` if there is no such feature.
#[must_use]
pub fn feature_by_name(name: &str) -> Option<usize> {
    CATALOG.iter().position(|feature| feature.name == name)
}

/// The feature-schema version: a hash over names, units, windows and [`MEANING_VERSION`].
#[must_use]
pub fn catalog_hash() -> u64 {
    let mut text = format!("meaning {MEANING_VERSION}\n");
    for feature in &CATALOG {
        for part in [feature.name, "\t", feature.unit, "\t", feature.window, "\n"] {
            text.push_str(part);
        }
    }
    xxh3_64(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{CATALOG, Evidence, FEATURES, catalog_hash, computed, counters, feature_by_name};

    #[test]
    fn names_are_unique_and_found() {
        for (index, feature) in CATALOG.iter().enumerate() {
            assert_eq!(feature_by_name(feature.name), Some(index), "{}", feature.name);
        }
        assert_eq!(feature_by_name("messages"), None);
    }

    #[test]
    fn indices_and_rows_agree() {
        assert_eq!(CATALOG[counters::MESSAGES_1M].name, "messages_1m");
        assert_eq!(CATALOG[counters::FEEDBACK_24H].name, "feedback_24h");
        assert_eq!(CATALOG[computed::NEW_CHATS_7D].name, "new_chats_7d");
        assert_eq!(CATALOG[computed::CAMPAIGN].name, "campaign");
        assert_eq!(computed::CAMPAIGN, FEATURES - 1);
    }

    #[test]
    fn every_row_is_told_in_full() {
        for feature in &CATALOG {
            assert!(!feature.meaning.is_empty() && !feature.computed.is_empty(), "{}", feature.name);
            assert!(feature.causes != 0, "{} never changes", feature.name);
            assert!(feature.window.is_empty() || feature.name.ends_with(feature.window), "{}", feature.name);
        }
    }

    #[test]
    fn past_enforcement_is_never_a_model_column() {
        for feature in &CATALOG {
            let enforcement = ["refused_", "strikes_"].iter().any(|head| feature.name.starts_with(head))
                || feature.name.contains("_restricted");
            assert_eq!(feature.model, !enforcement, "{}", feature.name);
        }
    }

    #[test]
    fn each_kind_of_evidence_has_features() {
        for kind in [Evidence::VolumeRhythm, Evidence::Response, Evidence::IdentityShared] {
            assert!(CATALOG.iter().any(|feature| feature.evidence == kind), "{}", kind.word());
        }
    }

    #[test]
    fn the_hash_is_stable_within_a_build() {
        assert_eq!(catalog_hash(), catalog_hash());
        assert_ne!(catalog_hash(), 0);
    }
}
