//! Reading: the archive's questions as SQL.
//!
//! Separate from writing, because the review dashboard only reads, with a user of its own if wanted. Invariants: repeats
//! are told once (`FINAL`; within a day, where they lie); rows of an account that a deletion covers are not told, whether
//! or not they were removed yet; every answer is bounded, also in time. Calls block: not for a thread that runs an async runtime.

mod ask;
mod gone;

use std::time::Duration;

use schema::history::{
    AT_REGISTRATION_MS, Archived, Beside, Detected, Freshness, Group, Heard, History as Ask, HistoryError,
    Kept, Point, SCORE_BINS, Scored, Series, Shadow, Shadowed, Span, Told, Top, mark_alike, scored,
};
use schema::limits::HISTORY_ANSWER_MAX;
use schema::{Decision, EntityKind, Reject, RejectReason, Review, Row};
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use super::client::Server;
use crate::archive::read::{encoded, failed, step, voice, whole_minutes};
use crate::error::Error;
use ask::Patience;

/// Longest time that a question may take, seconds.
const ANSWER_S: &str = "30";
/// How long the server may take to answer: a person waits, and it may be frozen.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// What an event is told by: every column, in ms where it is a time.
pub(super) const EVENT: &str = "partition, offset, toUnixTimestamp64Milli(e.at) AS at, id, toUnixTimestamp64Milli(e.ts) AS ts, kind, \
    account, age_h, idle_h, peer, chat, `group`, group_size, first_contact, in_contacts, forwarded, typed, size, contact, \
    peer_age_h, peer_device, peer_prefix, peer_range, reason, count, hits, known, device, ip_prefix, asn, number_range, \
    client, country, ip_country, tier, attested, decision, scope, rest";

/// A connection that reads.
pub struct History {
    pub(super) client: clickhouse::Client,
    pub(super) runtime: Handle,
    /// How long questions about one account, and all others, may take, and whether they are asked at all.
    soon: Patience,
    late: Patience,
}

impl History {
    /// A reader; nothing is asked of the server yet. `runtime` carries the requests.
    #[must_use]
    pub fn new(server: &Server, runtime: Handle) -> Self {
        let client = server
            .client()
            .with_setting("max_execution_time", ANSWER_S)
            .with_setting("do_not_merge_across_partitions_select_final", "1")
            .with_setting("output_format_json_quote_64bit_integers", "0")
            .with_setting("output_format_json_quote_denormals", "0");
        let [soon, late] = [Patience::of(ANSWER_WAIT), Patience::of(ANSWER_WAIT)];
        Self { client, runtime, soon, late }
    }

    /// The same for pages about one account, which somebody waits for and which can be worked without it: their questions wait as long.
    #[must_use]
    pub fn for_pages(self, wait: Duration) -> Self {
        Self { soon: Patience::of(wait), ..self }
    }

    /// Rows of an account: `what` of `table`, whose log time is `time`, newest first.
    fn of_account(
        &self,
        of: (&str, &str, &str, &str),
        account: &str,
        (span, limit): (Span, usize),
    ) -> Told<Rows> {
        let (what, table, time, order) = of;
        let sql = format!(
            "SELECT {what} FROM {table} AS e FINAL WHERE account = ? AND {} \
             AND e.{time} > (SELECT max(d.at) FROM deletions AS d WHERE d.account = ?) ORDER BY {order} LIMIT {}",
            within(&format!("e.{time}"), span),
            limit.min(HISTORY_ANSWER_MAX)
        );
        self.ask_soon(&sql, &[account, account])
    }
}

type Rows = Vec<Map<String, Value>>;

impl Ask for History {
    fn decisions(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Decision>> {
        let of = ("body", "decisions", "issued", "e.seq DESC, e.id");
        self.without_gone(bodies(self.of_account(of, account, (span, limit))?)?)
    }

    fn decision(&self, id: &str) -> Told<Option<Decision>> {
        let sql = "SELECT e.body AS body FROM decisions AS e FINAL \
                   LEFT JOIN (SELECT account, max(at) AS gone FROM deletions GROUP BY account) AS g ON g.account = e.account \
                   WHERE e.id = ? AND e.issued > g.gone LIMIT 1";
        Ok(self.without_gone(bodies(self.ask_soon(sql, &[id])?)?)?.into_iter().next())
    }

    fn events(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Archived>> {
        let of = (EVENT, "events", "at", "e.at DESC, partition DESC, offset DESC");
        self.of_account(of, account, (span, limit))?.into_iter().map(archived).collect()
    }

    fn rows(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Row>> {
        let what = "event, account, toUnixTimestamp64Milli(e.at) AS at, partition, offset, why, weight, catalog, \
                    values, score, model, decisions";
        let of = (what, "rows", "at", "e.at DESC, partition DESC, offset DESC");
        let rows = self.of_account(of, account, (span, limit))?;
        rows.into_iter().map(|row| serde_json::from_value(Value::Object(row)).map_err(failed)).collect()
    }

    fn reviews(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Review>> {
        bodies(self.of_account(("body", "reviews", "at", "e.at DESC, e.id"), account, (span, limit))?)
    }

    fn heard(&self, account: &str, span: Span, limit: usize) -> Told<Vec<Heard>> {
        let sql = format!(
            "SELECT {EVENT} FROM events AS e FINAL WHERE account = ? AND kind IN ('report', 'block') AND {} \
             AND e.at > (SELECT max(d.at) FROM deletions AS d WHERE d.account = ?) \
             ORDER BY e.at DESC, partition DESC, offset DESC LIMIT {}",
            within("e.at", span),
            limit.min(HISTORY_ANSWER_MAX)
        );
        let events: Told<Vec<Archived>> =
            self.ask_soon(&sql, &[account, account])?.into_iter().map(archived).collect();
        let mut heard = events?.iter().map(voice).collect::<Told<Vec<Heard>>>()?;
        mark_alike(&mut heard);
        Ok(heard)
    }

    fn seen_on(&self, kind: EntityKind, key: &str, span: Span, limit: usize) -> Told<Vec<String>> {
        let column = match kind {
            EntityKind::Device => "device",
            EntityKind::Prefix => "ip_prefix",
            EntityKind::Asn => "ifNull(toString(asn), '')",
            EntityKind::NumberRange => "number_range",
            EntityKind::Peer => return Ok(Vec::new()),
        };
        let sql = format!(
            "SELECT e.account AS name FROM events AS e FINAL \
             LEFT JOIN (SELECT account, max(at) AS gone FROM deletions GROUP BY account) AS g ON g.account = e.account \
             WHERE e.kind IN ('registration', 'session') AND {column} = ? AND {} AND e.at > g.gone \
             GROUP BY name ORDER BY max(e.at) DESC, name LIMIT {}",
            within("e.at", span),
            limit.min(HISTORY_ANSWER_MAX)
        );
        self.ask_soon(&sql, &[key])?.iter().map(|row| text(row, "name")).collect()
    }

    fn rejects(&self, reason: Option<RejectReason>, span: Span, limit: usize) -> Told<Vec<Reject>> {
        let of_reason = reason.map_or(String::new(), |reason| format!(" AND reason = '{reason}'"));
        let sql = format!(
            "SELECT source, partition, offset, toUnixTimestamp64Milli(e.at) AS at, reason, detail, raw_b64 \
             FROM rejects AS e FINAL WHERE {}{of_reason} ORDER BY e.at DESC, source, partition, offset DESC LIMIT {}",
            within("e.at", span),
            limit.min(HISTORY_ANSWER_MAX)
        );
        let rows = self.ask(&sql, &[])?.into_iter();
        rows.map(|row| serde_json::from_value(Value::Object(row)).map_err(failed)).collect()
    }

    fn freshness(&self) -> Told<Vec<Freshness>> {
        Kept::ALL.iter().map(|kept| self.newest(*kept)).collect()
    }

    fn series(&self, series: Series, span: Span, step_ms: u64) -> Told<Vec<Point>> {
        let (key, table, also, merge) = match series {
            Series::Events => ("kind", "events_by_minute", "", "groupBitmapMerge"),
            Series::Actions => ("action", "decisions_by_minute", " AND mode = 'enforce'", "uniqExactMerge"),
            Series::Reasons => ("reason", "decisions_by_minute", " AND mode = 'enforce'", "uniqExactMerge"),
            Series::Sources => ("source", "decisions_by_minute", " AND mode = 'enforce'", "uniqExactMerge"),
            Series::Shadows => ("rule", "decisions_by_minute", " AND mode = 'shadow'", "uniqExactMerge"),
            Series::Rejects => ("reason", "rejects_by_minute", "", "groupBitmapMerge"),
        };
        // A log position is unique within its source and partition alone.
        let place = match series {
            Series::Events => ", partition",
            Series::Rejects => ", source, partition",
            _ => "",
        };
        let step = step(step_ms)?;
        let sql = format!(
            "SELECT start, name, toUInt64(sum(n)) AS total FROM (SELECT intDiv(toUnixTimestamp(minute) * 1000, {step}) * {step} \
             AS start, toString({key}) AS name, {merge}(seen) AS n FROM {table} WHERE {}{also} \
             GROUP BY start, name{place}) GROUP BY start, name ORDER BY start, name LIMIT {HISTORY_ANSWER_MAX}",
            minutes(span)
        );
        let rows = self.ask(&sql, &[])?;
        let point = |row: &Map<String, Value>| {
            Ok(Point { start: number(row, "start")?, key: text(row, "name")?, count: number(row, "total")? })
        };
        rows.iter().map(point).collect()
    }

    fn detections(&self, span: Span, step_ms: u64) -> Told<Vec<Detected>> {
        let step = step(step_ms)?;
        let (from, to) = whole_minutes(span);
        let sql = format!(
            "SELECT intDiv(first, {step}) * {step} AS start, count() AS accounts, countIf(heard > first) AS unreported, \
             countIf(arrayExists(r -> r <= first AND r + {AT_REGISTRATION_MS} >= first, registrations)) AS early \
             FROM (SELECT account, min(restricted) AS first, min(reported) AS heard FROM firsts GROUP BY account) AS f \
             LEFT JOIN (SELECT account, groupArray(toUnixTimestamp64Milli(e.at)) AS registrations FROM events AS e \
                 WHERE kind = 'registration' AND {} GROUP BY account) AS g USING (account) \
             WHERE first >= {from} AND first < {to} GROUP BY start ORDER BY start LIMIT {HISTORY_ANSWER_MAX}",
            within("e.at", Span { from: from.saturating_sub(AT_REGISTRATION_MS), to })
        );
        let rows = self.ask(&sql, &[])?;
        let detected = |row: &Map<String, Value>| {
            let (accounts, unreported) = (number(row, "accounts")?, number(row, "unreported")?);
            let (start, at_registration) = (number(row, "start")?, number(row, "early")?);
            Ok(Detected { start, accounts, unreported, at_registration })
        };
        rows.iter().map(detected).collect()
    }

    fn scores(&self, span: Span) -> Told<Vec<Scored>> {
        let sql = format!(
            "SELECT model, toUInt64(least({SCORE_BINS} - 1, floor(toFloat64(assumeNotNull(score)) * {SCORE_BINS}))) AS bin, \
             toUInt64(round(sum(toFloat64(weight)))) AS total FROM rows AS e FINAL \
             WHERE {} AND score IS NOT NULL AND model != '' GROUP BY model, bin ORDER BY model, bin LIMIT {HISTORY_ANSWER_MAX}",
            within("e.at", span)
        );
        let row =
            |row: &Map<String, Value>| Ok((text(row, "model")?, number(row, "bin")?, number(row, "total")?));
        let rows: Told<Vec<_>> = self.ask(&sql, &[])?.iter().map(row).collect();
        Ok(scored(rows?))
    }

    fn shadows(&self, span: Span, limit: usize) -> Told<Vec<Shadowed>> {
        self.all_shadows(span, limit)
    }

    fn beside(&self, shadow: &Shadow, span: Span) -> Told<Vec<Beside>> {
        self.all_beside(shadow, span)
    }

    fn top(&self, group: Group, span: Span, limit: usize) -> Told<Vec<Top>> {
        let registrations = |key| (key, "events", "at", "kind = 'registration'");
        let decisions = |key| (key, "decisions", "issued", "mode = 'enforce'");
        let (key, table, time, of) = match group {
            Group::EventKind => ("kind", "events", "at", "1"),
            Group::ReportReason => ("reason", "events", "at", "kind = 'report'"),
            Group::ReportAccount => ("account", "events", "at", "kind = 'report'"),
            Group::ReportAuthor => ("peer", "events", "at", "kind = 'report'"),
            Group::Device => registrations("device"),
            Group::Prefix => registrations("ip_prefix"),
            Group::Asn => registrations("ifNull(toString(asn), '')"),
            Group::NumberRange => registrations("number_range"),
            Group::Client => registrations("client"),
            Group::Country => registrations("country"),
            Group::DecisionRule => decisions("rule"),
            Group::DecisionReason => decisions("reason"),
            Group::DecisionAccount => decisions("account"),
        };
        let sql = format!(
            "SELECT toString({key}) AS name, count() AS total FROM {table} AS e FINAL WHERE {of} AND {} AND name != '' \
             GROUP BY name ORDER BY total DESC, name LIMIT {}",
            within(&format!("e.{time}"), span),
            limit.min(HISTORY_ANSWER_MAX)
        );
        let rows = self.ask(&sql, &[])?;
        rows.iter().map(|row| Ok(Top { key: text(row, "name")?, count: number(row, "total")? })).collect()
    }
}

impl History {
    fn newest(&self, kept: Kept) -> Told<Freshness> {
        let time = if kept == Kept::Decisions { "issued" } else { "at" };
        let sql =
            format!("SELECT toUnixTimestamp64Milli(max(e.{time})) AS newest, count() AS n FROM {kept} AS e");
        let rows = self.ask(&sql, &[])?;
        let row = rows.first().ok_or_else(|| failed("no answer to max()"))?;
        let newest = if number(row, "n")? == 0 { None } else { Some(number(row, "newest")?) };
        Ok(Freshness { kept, newest })
    }
}

/// What a failure means to a reader.
pub(super) fn told(error: &Error) -> HistoryError {
    match error {
        Error::Retry { .. } => HistoryError::Unavailable(error.to_string()),
        _ => HistoryError::Failed(error.to_string()),
    }
}

/// The condition that a time lies in the span.
pub(super) fn within(column: &str, span: Span) -> String {
    // Times past the contract's are as good as its end, and fit what ClickHouse can hold.
    let ms = |time: u64| time.min(schema::limits::TS_MS_MAX);
    format!(
        "{column} >= fromUnixTimestamp64Milli(toInt64({})) AND {column} < fromUnixTimestamp64Milli(toInt64({}))",
        ms(span.from),
        ms(span.to)
    )
}

fn minutes(span: Span) -> String {
    let (from, to) = whole_minutes(span);
    format!("minute >= toDateTime({}, 'UTC') AND minute < toDateTime({}, 'UTC')", from / 1000, to / 1000)
}

/// Records that lie whole in the column `body`.
fn bodies<T: serde::de::DeserializeOwned>(rows: Rows) -> Told<Vec<T>> {
    rows.iter().map(|row| serde_json::from_str(&text(row, "body")?).map_err(failed)).collect()
}

/// An event out of its columns.
pub(super) fn archived(mut row: Map<String, Value>) -> Told<Archived> {
    let (partition, offset) = (number(&row, "partition")?, number(&row, "offset")?);
    let (at, rest) = (number(&row, "at")?, text(&row, "rest")?);
    for column in ["partition", "offset", "at", "rest"] {
        row.remove(column);
    }
    row.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
    if !rest.is_empty() {
        row.extend(serde_json::from_str::<Map<String, Value>>(&rest).map_err(failed)?);
    }
    let json = serde_json::to_string(&row).map_err(failed)?;
    let raw = schema::json::decode(json.as_bytes()).map_err(failed)?;
    let partition = u32::try_from(partition).map_err(failed)?;
    Ok(Archived { partition, offset, at, event: encoded(&raw) })
}

pub(super) fn text(row: &Map<String, Value>, column: &str) -> Told<String> {
    let value = row.get(column).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| failed(format!("no text in {column}")))
}

pub(super) fn number(row: &Map<String, Value>, column: &str) -> Told<u64> {
    row.get(column).and_then(Value::as_u64).ok_or_else(|| failed(format!("no number in {column}")))
}
