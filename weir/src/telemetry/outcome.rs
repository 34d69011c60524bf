//! What can become of a record, as a label of metrics.
//!
//! Separate from the metrics, since whoever takes records counts by it first. Invariant: a closed list, in the order of its labels.

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOutcome {
    /// Something was decided.
    Decided,
    /// Nothing to do.
    Quiet,
    /// Its id came before.
    Duplicate,
    /// It was refused.
    Rejected,
    /// Its kind is unknown here.
    UnknownKind,
}

impl RecordOutcome {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Decided, Self::Quiet, Self::Duplicate, Self::Rejected, Self::UnknownKind];

    /// The label's value.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Quiet => "quiet",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
            Self::UnknownKind => "unknown_kind",
        }
    }
}
