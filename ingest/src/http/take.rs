//! The texts of events and reviews into a batch for the journal and the answer to their sender.
//!
//! Separate from HTTP. Invariants: what is accepted here passes every check that the engine makes of a record; every
//! text is accepted, passed over (unknown kind) or refused; in a batch the rejects come last; an accepted verdict lies right
//! behind its review, in the same commit.

use schema::limits::{FUTURE_MS_MAX, HTTP_EVENTS_MAX, HTTP_REJECTS_MAX, LINE_BYTES_MAX, REVIEWS_MAX};
use schema::{Appended, LineReject, Refusal, Reject, RejectReason, Review};

use super::split;
use crate::journal::{Batch, Topic};

/// What a reject says it came from.
const SOURCE: &str = "http";

/// A request's events, ready to be written.
pub(super) struct Taken {
    pub(super) batch: Batch,
    /// Records before the rejects.
    pub(super) kept: u64,
    pub(super) answer: Answer,
}

/// The answer, and the reason of each reject, of those that are not listed, too.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) appended: Appended,
    pub(super) reasons: Vec<RejectReason>,
}

/// What becomes of a text: `Ok(false)` passes it over.
type TakeOne = fn(&[u8], u64, &mut Batch) -> Result<bool, Refusal>;

/// All events of a body; refused whole if it is no list of texts, or one of too many.
pub(super) fn events(body: &[u8], now: u64) -> Result<Taken, Refusal> {
    Ok(take(&split::pieces(body, HTTP_EVENTS_MAX)?, body.len(), now, event))
}

/// All reviews of a body; refused whole if it is no list of texts, or one of too many.
pub(super) fn reviews(body: &[u8], now: u64) -> Result<Taken, Refusal> {
    Ok(take(&split::pieces(body, REVIEWS_MAX)?, body.len(), now, review))
}

/// One event.
pub(super) fn one(text: &[u8], now: u64) -> Taken {
    take(&[(1, text)], text.len(), now, event)
}

fn take(pieces: &[(u64, &[u8])], bytes: usize, now: u64, take_one: TakeOne) -> Taken {
    let mut batch = Batch::with_capacity(bytes + bytes / 8);
    let mut answer = Answer::default();
    let mut rejects = Vec::new();
    for (line, text) in pieces {
        match take_one(text, now, &mut batch) {
            Ok(true) => answer.appended.accepted += 1,
            Ok(false) => answer.appended.unknown_kinds += 1,
            Err(refusal) => rejects.push((*line, refusal, *text)),
        }
    }
    let kept = batch.len() as u64;
    for (line, refusal, text) in rejects {
        answer.appended.rejected += 1;
        answer.reasons.push(refusal.reason);
        if answer.appended.rejects.len() < HTTP_REJECTS_MAX {
            let (reason, detail) = (refusal.reason, refusal.detail.clone());
            answer.appended.rejects.push(LineReject { line, reason, detail });
        }
        let reject = Reject::new(refusal, SOURCE, line, now, text);
        batch.push_with(Topic::Rejects, b"", |bytes| {
            serde_json::to_writer(bytes, &reject).expect("a reject has string keys and memory takes it");
        });
    }
    Taken { batch, kept, answer }
}

/// Checks one event and adds it; whether its kind is known.
fn event(text: &[u8], now: u64, batch: &mut Batch) -> Result<bool, Refusal> {
    let raw = schema::json::decode(text)?;
    let Some(event) = raw.event()? else { return Ok(false) };
    if event.body.is_internal() {
        let detail = format!("{} is internal to weir and never comes from outside", event.body.kind());
        return Err(Refusal::new(RejectReason::ForgedInternal, detail));
    }
    not_ahead("ts", event.ts, now)?;
    batch.push(Topic::Events, event.account.as_bytes(), text);
    Ok(true)
}

/// Checks one review and adds it, and what its verdict becomes.
fn review(text: &[u8], now: u64, batch: &mut Batch) -> Result<bool, Refusal> {
    if text.len() > LINE_BYTES_MAX {
        let detail = format!("{} bytes; at most {LINE_BYTES_MAX}", text.len());
        return Err(Refusal::new(RejectReason::TooLong, detail));
    }
    let review: Review = serde_json::from_slice(text)
        .map_err(|error| Refusal::new(RejectReason::Malformed, format!("no review: {error}")))?;
    push_review(&review, now, batch)?;
    Ok(true)
}

/// Checks a review and adds it to a batch, and behind it what its verdict becomes.
///
/// # Errors
/// If it is not to be taken; then nothing was added.
pub fn push_review(review: &Review, now: u64, batch: &mut Batch) -> Result<(), Refusal> {
    review.check()?;
    not_ahead("at", review.at, now)?;
    let account = review.account.as_bytes();
    // Written anew: a field that the contract does not know stays outside.
    batch.push_with(Topic::Reviews, account, |bytes| {
        serde_json::to_writer(bytes, review).expect("a review has string keys and memory takes it");
    });
    let id = review.event_id();
    if let Some(event) = review.verdict_event(&id) {
        batch.push_with(Topic::Events, account, |bytes| {
            schema::json::encode(&event, bytes);
            bytes.pop(); // A record is one object, without a line's end.
        });
    }
    Ok(())
}

fn not_ahead(field: &str, ms: u64, now: u64) -> Result<(), Refusal> {
    if ms > now.saturating_add(FUTURE_MS_MAX) {
        let detail = format!("{field} {ms} is {} ms ahead of the log's {now}", ms - now);
        return Err(Refusal::new(RejectReason::Future, detail));
    }
    Ok(())
}
