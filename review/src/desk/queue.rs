//! The queue: which case comes next for whom, and what lies there.
//!
//! Separate from the fold, which it only reads. The order: urgent reports by their clock; then appeals and bans in force by theirs;
//! then everything else by priority (see `rank`), but for one of so many slots (every tenth, unless configured otherwise), which is drawn at random, one score band after the other.
//! An urgent case never waits behind a lot. Invariants: nobody is offered what another holds, what is closed to them or what they
//! passed over; a question takes milliseconds whatever lies there, since each order has an index.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use super::Desk;
use super::case::Case;
use super::cause::Cause;
use super::rank::BANDS;
use crate::error::Error;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeker<'a> {
    /// The reviewer's pseudonym.
    pub actor: &'a str,
    /// Whether escalated cases are theirs, before all others.
    pub is_lead: bool,
    /// Log time, ms since the Unix epoch.
    pub now: u64,
    /// One of so many slots is drawn at random; 0: none.
    pub slots_a_lot: u32,
}

impl Desk {
    /// Somebody who asks for cases now.
    pub(crate) fn seeker<'a>(&self, actor: &'a str, is_lead: bool) -> Seeker<'a> {
        Seeker { actor, is_lead, now: self.now(), slots_a_lot: self.given.habits.slots_a_lot }
    }
}

/// What of the queue is wanted; empty fields want everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Why the case is there.
    pub cause: Option<Cause>,
    /// Rule, score band or list of the decision that is judged.
    pub rule: String,
    /// Its leading reason.
    pub reason: String,
    /// Country of the account's number.
    pub country: String,
    /// Version of the model.
    pub model: String,
    /// Accounts younger than this, hours.
    pub age_h_below: Option<u32>,
    /// Who holds it; `-`: nobody.
    pub assignee: String,
    /// Only what should have been decided by now.
    pub is_overdue: bool,
    /// Only what waits for a lead.
    pub is_escalated: bool,
}

/// Where a page of the queue ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    class: i64,
    key: f64,
    id: String,
}

impl Place {
    /// As it stands in an address.
    pub fn text(&self) -> String {
        format!("{}_{}_{}", self.class, self.key, self.id)
    }

    /// Out of an address.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '_');
        let (class, key) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { class, key, id: parts.next()?.to_owned() })
    }
}

/// A case in the list, and what is known of its account besides.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The case.
    pub case: Case,
    /// Country of its number; empty: unknown.
    pub country: String,
    /// Age when it was looked up, hours.
    pub age_h: Option<f64>,
    /// Where it stands.
    pub place: Place,
}

/// How much waits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Open cases by class: urgent, appeals and bans, others.
    pub open: [u64; 3],
    /// Of them, those past their clock.
    pub overdue: [u64; 3],
    /// Open cases that wait for a lead.
    pub escalated: u64,
}

/// Not closed to somebody: lines hold who is.
const EXCLUDED: &str =
    "(cases.excluded = '' OR instr(char(10) || cases.excluded || char(10), char(10) || ? || char(10)) = 0)";

/// Conditions and their values.
struct Clause {
    text: String,
    values: Vec<Value>,
}

impl Clause {
    fn of(filter: &Filter, now: u64) -> Self {
        let mut clause = Self { text: "state = 0".to_owned(), values: Vec::new() };
        match filter.cause {
            // A golden item is an audit to whoever looks.
            Some(Cause::Audit) => {
                let both = [Value::Integer(Cause::Audit as i64), Value::Integer(Cause::Golden as i64)];
                clause.and("cause IN (?, ?)", both);
            }
            // Also where something graver is open.
            Some(Cause::Appeal) => {
                clause.and("(cause = ? OR appealed = 1)", [Value::Integer(Cause::Appeal as i64)]);
            }
            Some(cause) => clause.and("cause = ?", [Value::Integer(cause as i64)]),
            None => {}
        }
        for (column, wanted) in [("rule", &filter.rule), ("reason", &filter.reason), ("model", &filter.model)]
        {
            if !wanted.is_empty() {
                clause.and(&format!("{column} = ?"), [Value::Text(wanted.clone())]);
            }
        }
        if !(filter.rule.is_empty() && filter.reason.is_empty() && filter.model.is_empty()) {
            // Whoever judges blind must not learn from a filter what was decided.
            let blind = Cause::ALL.into_iter().filter(|cause| cause.is_blind());
            let blind: Vec<String> = blind.map(|cause| (cause as i64).to_string()).collect();
            clause.and(&format!("cause NOT IN ({})", blind.join(", ")), []);
        }
        if !filter.country.is_empty() {
            clause.and("facts.country = ?", [Value::Text(filter.country.clone())]);
        }
        if let Some(age_h) = filter.age_h_below {
            clause.and("facts.age_h < ?", [Value::Integer(i64::from(age_h))]);
        }
        match &*filter.assignee {
            "" => {}
            "-" => clause.and("claimed_until <= ?", [Value::Integer(now as i64)]),
            actor => {
                let values = [Value::Text(actor.to_owned()), Value::Integer(now as i64)];
                clause.and("claimed_by = ? AND claimed_until > ?", values);
            }
        }
        if filter.is_overdue {
            clause.and("due_at < ?", [Value::Integer(now as i64)]);
        }
        if filter.is_escalated {
            clause.and("escalated = ?", [Value::Integer(1)]);
        }
        clause
    }

    fn and<const N: usize>(&mut self, condition: &str, values: [Value; N]) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
        self.values.extend(values);
    }

    /// What waits for a lead is shown to whoever asks for it; what is for leads alone waits for them from the start.
    fn without_escalated(&mut self, filter: &Filter) {
        if !filter.is_escalated && !filter.cause.is_some_and(Cause::is_for_leads) {
            self.and("escalated = ?", [Value::Integer(0)]);
        }
    }

    /// Only what may be offered to them.
    fn free_for(&mut self, seeker: &Seeker<'_>, taken: &[String]) {
        let actor = || Value::Text(seeker.actor.to_owned());
        self.and("(claimed_until <= ? OR claimed_by = ?)", [Value::Integer(seeker.now as i64), actor()]);
        self.and(EXCLUDED, [actor()]);
        let skipped = "NOT EXISTS (SELECT 1 FROM skips WHERE skips.case_id = cases.id AND skips.actor = ?)";
        self.and(skipped, [actor()]);
        for id in taken {
            self.and("id <> ?", [Value::Text(id.clone())]);
        }
    }
}

const JOINED: &str =
    "SELECT cases.*, facts.country, facts.age_h FROM cases LEFT JOIN facts ON facts.account = cases.account";

/// The next case for somebody; `taken`: what was offered to others a moment ago. Claims nothing.
pub fn next(
    db: &Connection,
    seeker: &Seeker<'_>,
    filter: &Filter,
    taken: &[String],
) -> Result<Option<Case>, Error> {
    let in_order = first(db, (seeker, filter, taken), "escalated = 0", "class, key, id")?;
    if seeker.is_lead {
        let filter = Filter { is_escalated: true, ..filter.clone() };
        let for_leads = first(db, (seeker, &filter, taken), "", "class, key, id")?;
        let class = in_order.as_ref().map_or(i64::MAX, |case| case.cause.class());
        // Before others of its class; a threat goes before whatever waits for a lead.
        if for_leads.as_ref().is_some_and(|case| case.cause.class() <= class) {
            return Ok(for_leads);
        }
    }
    let Some(in_order) = in_order else { return Ok(None) };
    let slot = slot(db)?;
    let every = i64::from(seeker.slots_a_lot);
    let is_lot = *filter == Filter::default() && every > 0 && slot % every == every - 1;
    if !is_lot || in_order.cause.class() == 0 {
        return Ok(Some(in_order));
    }
    for turn in 0..BANDS {
        let band = (slot / every + turn) % BANDS;
        let condition = format!("escalated = 0 AND class = 2 AND band = {band}");
        if let Some(case) = first(db, (seeker, filter, taken), &condition, "lot, id")? {
            return Ok(Some(case));
        }
    }
    Ok(Some(in_order))
}

/// How many cases were taken for the first time so far: the number of the slot that comes.
fn slot(db: &Connection) -> Result<i64, Error> {
    let mut query = db.prepare_cached("SELECT value FROM tally WHERE name = 'claims'")?;
    Ok(query.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
}

fn first(
    db: &Connection,
    (seeker, filter, taken): (&Seeker<'_>, &Filter, &[String]),
    condition: &str,
    order: &str,
) -> Result<Option<Case>, Error> {
    let mut clause = Clause::of(filter, seeker.now);
    clause.free_for(seeker, taken);
    let condition = if condition.is_empty() { "1" } else { condition };
    let sql = format!("{JOINED} WHERE {} AND {condition} ORDER BY {order} LIMIT 1", clause.text);
    let mut query = db.prepare_cached(&sql)?;
    Ok(query.query_row(params_from_iter(clause.values), Case::read).optional()?)
}

/// A page of the queue in its order, without lots.
pub fn page(
    db: &Connection,
    (filter, now): (&Filter, u64),
    after: Option<&Place>,
    most: usize,
) -> Result<Vec<Listed>, Error> {
    let mut clause = Clause::of(filter, now);
    if let Some(place) = after {
        let values = [Value::Integer(place.class), Value::Real(place.key), Value::Text(place.id.clone())];
        clause.and("(class, key, id) > (?, ?, ?)", values);
    }
    clause.without_escalated(filter);
    clause.values.push(Value::Integer(most as i64));
    let sql = format!("{JOINED} WHERE {} ORDER BY class, key, id LIMIT ?", clause.text);
    let mut query = db.prepare_cached(&sql)?;
    let rows = query.query_map(params_from_iter(clause.values), |row| {
        let case = Case::read(row)?;
        let place = Place { class: row.get("class")?, key: row.get("key")?, id: case.id.clone() };
        let country: Option<String> = row.get("country")?;
        Ok(Listed { case, country: country.unwrap_or_default(), age_h: row.get("age_h")?, place })
    })?;
    Ok(rows.collect::<rusqlite::Result<Vec<Listed>>>()?)
}

/// How many open cases a filter shows, and how many of them may be acted on together.
pub fn counted(db: &Connection, (filter, now): (&Filter, u64)) -> Result<(u64, u64), Error> {
    let mut clause = Clause::of(filter, now);
    clause.without_escalated(filter);
    let alone = Cause::ALL.into_iter().filter(|cause| cause.is_alone());
    let alone: Vec<String> = alone.map(|cause| (cause as i64).to_string()).collect();
    let sql = format!(
        "SELECT count(*), count(*) FILTER (WHERE cause NOT IN ({})) FROM cases
            LEFT JOIN facts ON facts.account = cases.account WHERE {}",
        alone.join(", "),
        clause.text
    );
    let mut query = db.prepare_cached(&sql)?;
    let found = query.query_row(params_from_iter(clause.values), |row| {
        Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64))
    })?;
    Ok(found)
}

/// How much waits, and how much of it too long.
pub fn waiting(db: &Connection, now: u64) -> Result<Waiting, Error> {
    let mut waiting = Waiting::default();
    let sql = "SELECT class, count(*), sum(due_at < ?1) FROM cases INDEXED BY queue_due WHERE state = 0 GROUP BY class";
    let mut query = db.prepare_cached(sql)?;
    let mut rows = query.query([now as i64])?;
    while let Some(row) = rows.next()? {
        let class = row.get::<_, i64>(0)?.clamp(0, 2) as usize;
        waiting.open[class] = row.get::<_, i64>(1)? as u64;
        waiting.overdue[class] = row.get::<_, i64>(2)? as u64;
    }
    let mut query = db.prepare_cached("SELECT count(*) FROM cases WHERE state = 0 AND escalated = 1")?;
    waiting.escalated = query.query_row([], |row| row.get::<_, i64>(0))? as u64;
    Ok(waiting)
}

/// How many open cases each person holds.
pub fn held(db: &Connection, now: u64) -> Result<BTreeMap<String, u64>, Error> {
    let sql = "SELECT claimed_by, count(*) FROM cases WHERE state = 0 AND claimed_by <> '' AND claimed_until > ?1 GROUP BY claimed_by";
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map([now as i64], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The values that a filter may have: of one column of what is open, the most frequent first.
pub fn values(db: &Connection, column: Column, most: usize) -> Result<Vec<(String, u64)>, Error> {
    let column = match column {
        Column::Rule => "rule",
        Column::Reason => "reason",
        Column::Model => "model",
        Column::Country => "country",
    };
    let from =
        if column == "country" { "cases JOIN facts ON facts.account = cases.account" } else { "cases" };
    let sql = format!(
        "SELECT {column}, count(*) FROM {from} WHERE state = 0 AND {column} <> '' GROUP BY {column} ORDER BY 2 DESC, 1 LIMIT ?1"
    );
    let mut query = db.prepare_cached(&sql)?;
    let rows = query.query_map([most as i64], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// What can be filtered by a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Rule, score band or list.
    Rule,
    /// Leading reason.
    Reason,
    /// Version of the model.
    Model,
    /// Country of the number.
    Country,
}

#[cfg(test)]
mod tests;
