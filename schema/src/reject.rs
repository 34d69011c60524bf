//! Rejects: records that were refused, each with its reason. The topic `weir.rejects` (or a file).
//!
//! Separate, because a reject must be expressible for bytes that are no event at all. Invariant: the reason is a
//! closed enum, so that it can label a metric.

use base64::Engine as _;
use serde::{Deserialize, Serialize};

use crate::event::words;
use crate::limits::{REJECT_DETAIL_BYTES_MAX, REJECT_RAW_BYTES_MAX};

words! {
    /// Why a record was refused.
    RejectReason {
        /// Not UTF-8.
        NotUtf8 = "not_utf8",
        /// Not a JSON object, or not a Protobuf message.
        Malformed = "malformed",
        /// Longer than 64 KiB.
        TooLong = "too_long",
        /// A required field is absent.
        MissingField = "missing_field",
        /// A field has another type than documented.
        WrongType = "wrong_type",
        /// A word that is not one of the documented ones.
        UnknownWord = "unknown_word",
        /// An identifier is empty.
        EmptyId = "empty_id",
        /// An identifier is longer than 64 bytes.
        IdTooLong = "id_too_long",
        /// A number is outside of its documented range.
        OutOfRange = "out_of_range",
        /// A list is longer than its limit.
        ListTooLong = "list_too_long",
        /// `ts` or `at` is not between 2001 and 2100 in milliseconds.
        BadTime = "bad_time",
        /// `ts` is more than 5 minutes ahead of the log.
        Future = "future",
        /// An internal kind without weir's own signature.
        ForgedInternal = "forged_internal",
        /// The record's key is not its account.
        KeyMismatch = "key_mismatch",
        /// The record lies in a partition that its account does not belong to.
        WrongPartition = "wrong_partition",
        /// The compressed input ends or breaks here.
        CorruptInput = "corrupt_input",
        /// An activation whose policy, model or list cannot be loaded.
        ArtifactMissing = "artifact_missing",
    }
}

/// A reason and what exactly is wrong, before it is tied to a place in the input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Refusal {
    /// The closed reason.
    pub reason: RejectReason,
    /// Field, position and cause, for a person; at most 256 bytes.
    pub detail: String,
}

impl Refusal {
    /// A refusal; `detail` is cut at 256 bytes.
    #[must_use]
    pub fn new(reason: RejectReason, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > REJECT_DETAIL_BYTES_MAX {
            detail.truncate(detail.floor_char_boundary(REJECT_DETAIL_BYTES_MAX));
        }
        Self { reason, detail }
    }
}

/// One line of `weir.rejects`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Topic or file name.
    pub source: String,
    /// Partition; 0 for a file.
    pub partition: u32,
    /// Offset; for a file the line number, from 1.
    pub offset: u64,
    /// The log's time then, ms since the Unix epoch; 0 if no record came before.
    pub at: u64,
    /// Why.
    pub reason: RejectReason,
    /// Field, position and cause, for a person.
    pub detail: String,
    /// The first 4 KiB of the record, base64.
    pub raw_b64: String,
}

impl Reject {
    /// Ties a refusal to its place; keeps the first 4 KiB of the record.
    #[must_use]
    pub fn new(refusal: Refusal, source: &str, offset: u64, at: u64, raw: &[u8]) -> Self {
        let raw = &raw[..raw.len().min(REJECT_RAW_BYTES_MAX)];
        Self {
            source: source.to_owned(),
            partition: 0,
            offset,
            at,
            reason: refusal.reason,
            detail: refusal.detail,
            raw_b64: base64::engine::general_purpose::STANDARD.encode(raw),
        }
    }
}
