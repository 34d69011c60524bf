//! One record into its table.
//!
//! Separate from the transaction around it. Invariants: a record that is there already, or that a deletion covers, is
//! passed over and not counted; a deletion removes everything of its account up to its own time.

use rusqlite::Connection;
use schema::event::Origin;
use schema::history::Series;
use schema::{Body, Decision, Event, Mode, RawEvent, Reject, Review, Row};

use super::writer::Counts;
use crate::archive::{detects, leading};

/// The largest number that SQLite holds: never.
const NEVER: i64 = i64::MAX;
/// Partitions are above, offsets below this bit.
const OFFSET_BITS: u32 = 48;
/// Part of a statement: unless a deletion covers the record of account ?1 at ?2.
const UNLESS_DELETED: &str = "WHERE NOT EXISTS (SELECT 1 FROM deletions WHERE account = ?1 AND at >= ?2)";

/// Where an event lies in the log, and when it came there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) partition: u32,
    pub(super) offset: u64,
    pub(super) at: u64,
}

/// One number for partition and offset. Both come out again with [`split`].
fn joined(partition: u32, offset: u64) -> i64 {
    debug_assert!(offset >> OFFSET_BITS == 0 && partition < 1 << 15, "a log has fewer");
    i64::from(partition) << OFFSET_BITS | (offset & ((1 << OFFSET_BITS) - 1)) as i64
}

/// Partition and offset of a place.
pub(super) fn split(place: i64) -> Origin {
    let offset = (place & ((1 << OFFSET_BITS) - 1)) as u64;
    Origin { partition: (place >> OFFSET_BITS) as u32, offset, n: 0 }
}

pub(super) fn event(
    connection: &Connection,
    place: Place,
    event: &Event<'_>,
    (body, counts): (&mut Vec<u8>, &mut Counts),
) -> rusqlite::Result<bool> {
    let mut raw = RawEvent::from(event);
    raw.at = None;
    body.clear();
    schema::json::encode_raw(&raw, body);
    body.pop();
    let json = std::str::from_utf8(body).expect("schema encodes text");
    let kind = event.body.kind();
    let insert = format!(
        "INSERT OR IGNORE INTO events (account, at, place, kind, body) SELECT ?1, ?2, ?3, ?4, ?5 {UNLESS_DELETED}"
    );
    let at = place.at as i64;
    let values = (event.account, at, joined(place.partition, place.offset), kind, json);
    let is_fresh = connection.prepare_cached(&insert)?.execute(values)? == 1;
    if is_fresh {
        counts.add(Series::Events, place.at, kind);
        match &event.body {
            Body::Report { .. } => first(connection, event.account, (NEVER, at))?,
            Body::Deletion => delete(connection, event.account, at)?,
            _ => {}
        }
    }
    Ok(is_fresh)
}

pub(super) fn decision(
    connection: &Connection,
    decision: &Decision,
    counts: &mut Counts,
) -> rusqlite::Result<bool> {
    let insert = format!(
        "INSERT OR IGNORE INTO decisions (account, issued, id, seq, mode, rule, reason, body) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 {UNLESS_DELETED}"
    );
    let rule = decision.rule.as_deref().unwrap_or("");
    let (mode, reason) = (decision.mode.word(), leading(decision));
    let is_fresh = connection.prepare_cached(&insert)?.execute((
        &decision.account,
        decision.issued as i64,
        &decision.id,
        decision.seq as i64,
        mode,
        rule,
        reason,
        json(decision),
    ))? == 1;
    if is_fresh {
        if decision.mode == Mode::Enforce {
            counts.add(Series::Actions, decision.issued, decision.action.word());
            counts.add(Series::Reasons, decision.issued, reason);
            counts.add(Series::Sources, decision.issued, decision.source.word());
        } else {
            counts.add(Series::Shadows, decision.issued, rule);
        }
        if detects(decision) {
            first(connection, &decision.account, (decision.issued as i64, NEVER))?;
        }
    }
    Ok(is_fresh)
}

pub(super) fn row(connection: &Connection, row: &Row) -> rusqlite::Result<bool> {
    let insert = format!(
        "INSERT OR IGNORE INTO rows (account, at, place, event, why, weight, catalog, \"values\", score, model, decisions) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 {UNLESS_DELETED}"
    );
    let values: Vec<u8> =
        row.values.iter().flat_map(|value| value.unwrap_or(f32::NAN).to_le_bytes()).collect();
    let inserted = connection.prepare_cached(&insert)?.execute((
        &row.account,
        row.at as i64,
        joined(row.partition, row.offset),
        &row.event,
        row.why.word(),
        row.weight,
        &row.catalog,
        values,
        row.score,
        &row.model,
        json(&row.decisions),
    ))?;
    Ok(inserted == 1)
}

pub(super) fn review(connection: &Connection, review: &Review) -> rusqlite::Result<bool> {
    let insert = format!(
        "INSERT OR IGNORE INTO reviews (account, at, id, body) SELECT ?1, ?2, ?3, ?4 {UNLESS_DELETED}"
    );
    let values = (&review.account, review.at as i64, &review.id, json(review));
    Ok(connection.prepare_cached(&insert)?.execute(values)? == 1)
}

pub(super) fn reject(
    connection: &Connection,
    reject: &Reject,
    counts: &mut Counts,
) -> rusqlite::Result<bool> {
    let insert = "INSERT OR IGNORE INTO rejects VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let Reject { source, partition, offset, at, reason, detail, raw_b64 } = reject;
    let values = (source, partition, *offset as i64, *at as i64, reason.word(), detail, raw_b64);
    let is_fresh = connection.prepare_cached(insert)?.execute(values)? == 1;
    if is_fresh {
        counts.add(Series::Rejects, *at, reason.word());
    }
    Ok(is_fresh)
}

/// Notes when the account was restricted or reported, if it was the first time.
fn first(connection: &Connection, account: &str, (restricted, reported): (i64, i64)) -> rusqlite::Result<()> {
    let note = "INSERT INTO firsts VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET \
                restricted = min(restricted, excluded.restricted), reported = min(reported, excluded.reported)";
    connection.prepare_cached(note)?.execute((account, restricted, reported))?;
    Ok(())
}

/// Removes what is known of the account up to `at`.
fn delete(connection: &Connection, account: &str, at: i64) -> rusqlite::Result<()> {
    let note = "INSERT INTO deletions VALUES (?1, ?2) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)";
    connection.prepare_cached(note)?.execute((account, at))?;
    for (table, time) in [("events", "at"), ("rows", "at"), ("decisions", "issued"), ("reviews", "at")] {
        let delete = format!("DELETE FROM {table} WHERE account = ?1 AND {time} <= ?2");
        connection.prepare_cached(&delete)?.execute((account, at))?;
    }
    connection.prepare_cached("DELETE FROM firsts WHERE account = ?1")?.execute([account])?;
    Ok(())
}

fn json(record: &impl serde::Serialize) -> String {
    serde_json::to_string(record).expect("schema's records have string keys and write into memory")
}
