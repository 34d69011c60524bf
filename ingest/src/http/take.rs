//! The texts of events into a batch for the journal and the answer to their sender.
//!
//! Separate from HTTP. Invariants: what is accepted here passes every check that the engine makes of a record; every
//! text is accepted, passed over (unknown kind) or refused; in a batch the events come first, then the rejects.

use schema::limits::{FUTURE_MS_MAX, HTTP_REJECTS_MAX};
use schema::{Appended, LineReject, Refusal, Reject, RejectReason};

use super::split;
use crate::journal::{Batch, Topic};

/// What a reject says it came from.
const SOURCE: &str = "http";

/// A request's events, ready to be written.
pub(super) struct Taken {
    pub(super) batch: Batch,
    pub(super) answer: Answer,
}

/// The answer, and the reason of each reject, of those that are not listed, too.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) appended: Appended,
    pub(super) reasons: Vec<RejectReason>,
}

/// All events of a body; refused whole if it is no list of texts.
pub(super) fn events(body: &[u8], now: u64) -> Result<Taken, Refusal> {
    Ok(take(&split::pieces(body)?, body.len(), now))
}

/// One event.
pub(super) fn one(text: &[u8], now: u64) -> Taken {
    take(&[(1, text)], text.len(), now)
}

fn take(pieces: &[(u64, &[u8])], bytes: usize, now: u64) -> Taken {
    let mut batch = Batch::with_capacity(bytes + bytes / 8);
    let mut answer = Answer::default();
    let mut rejects = Vec::new();
    for (line, text) in pieces {
        match event(text, now, &mut batch) {
            Ok(true) => answer.appended.accepted += 1,
            Ok(false) => answer.appended.unknown_kinds += 1,
            Err(refusal) => rejects.push((*line, refusal, *text)),
        }
    }
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
    Taken { batch, answer }
}

/// Checks one event and adds it; whether its kind is known.
fn event(text: &[u8], now: u64, batch: &mut Batch) -> Result<bool, Refusal> {
    let raw = schema::json::decode(text)?;
    let Some(event) = raw.event()? else { return Ok(false) };
    if event.body.is_internal() {
        let detail = format!("{} is internal to weir and never comes from outside", event.body.kind());
        return Err(Refusal::new(RejectReason::ForgedInternal, detail));
    }
    if event.ts > now.saturating_add(FUTURE_MS_MAX) {
        let detail = format!("ts {} is {} ms ahead of the log's {now}", event.ts, event.ts - now);
        return Err(Refusal::new(RejectReason::Future, detail));
    }
    batch.push(Topic::Events, event.account.as_bytes(), text);
    Ok(true)
}
