//! The topics: what each is called, and what its records are keyed by.
//!
//! Separate, because inputs, outputs and whoever makes the topics must mean the same. Invariants: all topics keyed by account
//! have the same, fixed number of partitions; a topic's name is its prefix (`weir.` by default) and its word.

use crate::event::words;

/// What topic names begin with unless an installation says otherwise.
pub const TOPIC_PREFIX: &str = "weir.";

/// Header of a record of `weir.events` that weir itself wrote: HMAC-SHA256 over the record's value, 32 bytes.
pub const SIGNATURE_HEADER: &str = "weir-hmac";
/// Header that names the encoding of an event; absent: JSON.
pub const CONTENT_TYPE_HEADER: &str = "content-type";
/// Value of [`CONTENT_TYPE_HEADER`] for Protobuf.
pub const CONTENT_TYPE_PROTOBUF: &str = "application/x-protobuf";

words! {
    /// A topic.
    Topic {
        /// Events, keyed by account.
        Events = "events",
        /// Decisions, keyed by account.
        Decisions = "decisions",
        /// Restrictions in force, keyed by account or entity, compacted.
        Standing = "standing",
        /// What accounts touched, keyed by entity.
        Relations = "relations",
        /// Refused records, without a key.
        Rejects = "rejects",
        /// Acts of reviewers, keyed by account.
        Reviews = "reviews",
        /// Wanted versions, keyed by name, compacted, one partition.
        Control = "control",
        /// Feature rows, keyed by account.
        Rows = "rows",
    }
}

impl Topic {
    /// The topic's whole name.
    #[must_use]
    pub fn name(self, prefix: &str) -> String {
        format!("{prefix}{self}")
    }

    /// Whether its records lie in their account's partition.
    #[must_use]
    pub const fn by_account(self) -> bool {
        matches!(self, Topic::Events | Topic::Decisions | Topic::Standing | Topic::Reviews | Topic::Rows)
    }
}
