//! The tables that are written, their columns in the order of writing, and how a record becomes a row.
//!
//! Separate from the batch, which only collects. Invariants: the columns named are those of `migrations/clickhouse`, and
//! each `write` fills them in that order; an event's fields without a column of their own go to `rest`.

use schema::{Decision, Event, RawEvent, Reject, Review, Row};

use super::row_binary::Rows;
use crate::archive::leading;

/// A table that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Events,
    Decisions,
    Rows,
    Reviews,
    Rejects,
    Deletions,
}

impl Table {
    /// Every table, in the order they are inserted: what says that an account is gone goes first.
    pub(super) const ALL: [Table; 6] =
        [Table::Deletions, Table::Events, Table::Decisions, Table::Rows, Table::Reviews, Table::Rejects];

    /// Those that hold rows of an account, with the column of their log time.
    pub(super) const OF_ACCOUNTS: [(&str, &str); 4] =
        [("events", "at"), ("rows", "at"), ("decisions", "issued"), ("reviews", "at")];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Table::Events => "events",
            Table::Decisions => "decisions",
            Table::Rows => "rows",
            Table::Reviews => "reviews",
            Table::Rejects => "rejects",
            Table::Deletions => "deletions",
        }
    }

    /// The columns, as they are written.
    pub(super) const fn columns(self) -> &'static str {
        match self {
            Table::Events => {
                "account, at, partition, offset, id, ts, kind, age_h, idle_h, peer, chat, `group`, group_size, \
                 first_contact, in_contacts, forwarded, typed, size, contact, peer_age_h, peer_device, peer_prefix, \
                 peer_range, reason, count, hits, known, device, ip_prefix, asn, number_range, client, country, \
                 ip_country, tier, attested, decision, scope, rest"
            }
            Table::Decisions => {
                "account, seq, id, issued, expires, action, scope, mode, source, rule, reason, score, event, body"
            }
            Table::Rows => {
                "account, at, partition, offset, event, why, weight, catalog, values, score, model, decisions"
            }
            Table::Reviews => "account, at, id, `case`, actor, act, verdict, label, decision, body",
            Table::Rejects => "source, partition, offset, at, reason, detail, raw_b64",
            Table::Deletions => "account, at, done",
        }
    }
}

/// Where an event lies in the log, and when it came there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) partition: u32,
    pub(super) offset: u64,
    pub(super) at: u64,
}

/// Writes an event.
pub(super) fn event(rows: &mut Rows, place: Place, event: &Event<'_>, rest: &mut Vec<u8>) {
    let mut raw = RawEvent::from(event);
    rows.text(event.account);
    rows.u64(place.at);
    rows.u32(place.partition);
    rows.u64(place.offset);
    rows.text(event.id);
    rows.u64(event.ts);
    rows.text(event.body.kind());
    raw.at = None;
    raw.account = None;
    raw.id = None;
    raw.ts = None;
    raw.kind = None;
    macro_rules! columns {
        ($($kind:ident $field:ident,)+) => { $(columns!(@ $kind raw.$field.take());)+ };
        (@ text $value:expr) => { rows.known_text($value.as_deref()) };
        (@ flag $value:expr) => { rows.nullable($value, |rows, flag| rows.u8(u8::from(flag))) };
        (@ number $value:expr) => { rows.nullable($value, Rows::u32) };
        (@ hours $value:expr) => { rows.nullable($value, Rows::f32) };
    }
    columns! {
        hours age_h, hours idle_h, text peer, text chat, text group, number group_size,
        flag first_contact, flag in_contacts, flag forwarded, flag typed, number size,
        text contact, hours peer_age_h, text peer_device, text peer_prefix, text peer_range, text reason,
        number count, number hits, number known,
        text device, text ip_prefix, number asn, text number_range, text client, text country, text ip_country,
        text tier, flag attested, text decision, text scope,
    }
    rest.clear();
    if raw != RawEvent::default() {
        schema::json::encode_raw(&raw, rest);
        rest.pop_if(|last| *last == b'\n');
    }
    rows.text(std::str::from_utf8(rest).expect("schema encodes text"));
    rows.end();
}

/// Writes a decision.
pub(super) fn decision(rows: &mut Rows, decision: &Decision) {
    rows.text(&decision.account);
    rows.u64(decision.seq);
    rows.text(&decision.id);
    rows.u64(decision.issued);
    rows.nullable(decision.expires, Rows::u64);
    rows.text(decision.action.word());
    rows.text(decision.scope.word());
    rows.text(decision.mode.word());
    rows.text(decision.source.word());
    rows.known_text(decision.rule.as_deref());
    rows.text(leading(decision));
    rows.nullable(decision.score, Rows::f32);
    rows.text(&decision.event);
    rows.text(&json(decision));
    rows.end();
}

/// Writes a feature row.
pub(super) fn row(rows: &mut Rows, row: &Row) {
    rows.text(&row.account);
    rows.u64(row.at);
    rows.u32(row.partition);
    rows.u64(row.offset);
    rows.text(&row.event);
    rows.text(row.why.word());
    rows.f32(row.weight);
    rows.text(&row.catalog);
    rows.array(&row.values, |rows, value| rows.f32(value.unwrap_or(f32::NAN)));
    rows.nullable(row.score, Rows::f32);
    rows.text(&row.model);
    rows.array(&row.decisions, |rows, id| rows.text(id));
    rows.end();
}

/// Writes a review.
pub(super) fn review(rows: &mut Rows, review: &Review) {
    rows.text(&review.account);
    rows.u64(review.at);
    rows.text(&review.id);
    rows.text(&review.case);
    rows.text(&review.actor);
    rows.text(review.act.word());
    rows.known_text(review.verdict.map(schema::event::Verdict::word));
    rows.known_text(review.label.map(schema::Label::word));
    rows.known_text(review.decision.as_deref());
    rows.text(&json(review));
    rows.end();
}

/// Writes a reject.
pub(super) fn reject(rows: &mut Rows, reject: &Reject) {
    rows.text(&reject.source);
    rows.u32(reject.partition);
    rows.u64(reject.offset);
    rows.u64(reject.at);
    rows.text(reject.reason.word());
    rows.text(&reject.detail);
    rows.text(&reject.raw_b64);
    rows.end();
}

/// Writes that an account is gone, and how often its rows were removed since.
pub(super) fn deletion(rows: &mut Rows, account: &str, at: u64, done: u8) {
    rows.text(account);
    rows.u64(at);
    rows.u8(done);
    rows.end();
}

fn json(record: &impl serde::Serialize) -> String {
    serde_json::to_string(record).expect("schema's records have string keys and write into memory")
}
