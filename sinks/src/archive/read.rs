//! What both stores do alike when they are asked.
//!
//! Separate, so that an answer does not depend on where it lies. Invariant: no I/O here.

use schema::RawEvent;
use schema::event::{Contact, ReportReason};
use schema::history::{Archived, Heard, HistoryError, Shadow, Span, Told};
use schema::{Action, EntityKind};

pub(crate) const MINUTE_MS: u64 = 60_000;

/// The span, its ends widened to whole minutes, ms.
pub(crate) fn whole_minutes(span: Span) -> (u64, u64) {
    let to = span.to.min(schema::limits::TS_MS_MAX);
    (span.from / MINUTE_MS * MINUTE_MS, to.div_ceil(MINUTE_MS) * MINUTE_MS)
}

/// The step, if it is one.
pub(crate) fn step(step_ms: u64) -> Told<u64> {
    if step_ms == 0 || !step_ms.is_multiple_of(MINUTE_MS) {
        return Err(failed(format!("a step of {step_ms} ms is no multiple of a minute")));
    }
    Ok(step_ms)
}

/// The event as one line, without its end.
pub(crate) fn encoded(raw: &RawEvent<'_>) -> String {
    let mut line = Vec::new();
    schema::json::encode_raw(raw, &mut line);
    line.pop();
    String::from_utf8(line).expect("schema encodes text")
}

/// A block or report out of its event.
pub(crate) fn voice(archived: &Archived) -> Told<Heard> {
    let raw = archived.decode().map_err(failed)?;
    let owned = |text: &Option<schema::raw::Text<'_>>| text.as_deref().map(str::to_owned);
    let is_report = raw.kind.as_deref() == Some("report");
    Ok(Heard {
        at: archived.at,
        event: owned(&raw.id).unwrap_or_default(),
        author: owned(&raw.peer).unwrap_or_default(),
        reason: is_report
            .then(|| raw.reason.as_deref().and_then(ReportReason::from_word).unwrap_or(ReportReason::Other)),
        contact: raw.contact.as_deref().and_then(Contact::from_word),
        author_age_h: raw.peer_age_h,
        author_device: owned(&raw.peer_device),
        author_prefix: owned(&raw.peer_prefix),
        author_range: owned(&raw.peer_range),
        alike: 0,
    })
}

/// Sources of what automation did, as SQL.
pub(crate) const LIVE: &str = "'rule', 'model', 'blocklist'";

/// The condition that a key is an account's and no shared thing's, as SQL of both stores.
pub(crate) fn whose(column: &str) -> String {
    let starts = EntityKind::ALL.iter().map(|kind| format!("{column} NOT LIKE '{kind}:%'"));
    starts.collect::<Vec<_>>().join(" AND ")
}

/// An act's place, from 1, the strongest highest, as SQL of both stores.
pub(crate) fn ranks(column: &str) -> String {
    let cases = Action::ALL.iter().zip(1..).map(|(action, rank)| format!("WHEN '{action}' THEN {rank}"));
    format!("CASE {column} {} ELSE 0 END", cases.collect::<Vec<_>>().join(" "))
}

/// The act of a place.
pub(crate) fn act(rank: u64) -> Option<Action> {
    Action::ALL.get(usize::try_from(rank.checked_sub(1)?).ok()?).copied()
}

/// A shadow out of its kind and name.
pub(crate) fn shadow(kind: &str, name: String) -> Shadow {
    if kind == "model" { Shadow::Model(name) } else { Shadow::Rule(name) }
}

/// The question or what lies there is wrong.
pub(crate) fn failed(cause: impl ToString) -> HistoryError {
    HistoryError::Failed(cause.to_string())
}
