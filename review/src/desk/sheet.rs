//! Everything that one screen shows of a case or an account, gathered from the store, what is in force, and the history.
//!
//! Separate from its page. Invariants: what the history cannot tell now is absent and said to be, never an error: a case can be worked
//! without it; of a blind case nothing is gathered that would tell what automation or another human thought.

use std::collections::BTreeMap;

use rusqlite::Connection;
use schema::desk::Explained;
use schema::history::{Heard, History, Told};
use schema::{Body, Counterfactual, Decision, EntityKind, Restriction, Review, Row, Span};

use super::Desk;
use super::case::Case;
use crate::error::Error;

/// How far back decisions, rows and reports are asked for, ms of log time.
const BACK_MS: u64 = 90 * 24 * 60 * 60 * 1_000;
/// How far back behaviour is charted, ms of log time.
const CHART_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// Most events that are charted.
const EVENTS_MAX: usize = 5_000;
/// Most decisions, reviews and reports shown.
const SHOWN_MAX: usize = 50;
/// Most rows of one instant that are looked through.
const ROWS_MAX: usize = 16;
/// Most accounts shown that share something.
const LINKED_MAX: usize = 12;

/// Something a reviewer said, as the case obeyed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What.
    pub review: Review,
    /// When the log took it, ms.
    pub at: u64,
    /// Whether it was taken back.
    pub undone: bool,
}

/// One event on the chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When, ms of event time.
    pub ts: u64,
    /// The kind; a first contact is `new_chat`.
    pub kind: &'static str,
}

/// An account that was seen on something this one was seen on.
#[derive(Debug, Clone, PartialEq)]
pub struct Linked {
    /// The other account.
    pub account: String,
    /// By which addresses name it.
    pub handle: String,
    /// What they share.
    pub by: Vec<EntityKind>,
    /// What is in force for it.
    pub in_force: Vec<Restriction>,
    /// Whether that is not told, since a blind case of it is open.
    pub is_hidden: bool,
}

/// What is known.
#[derive(Debug, Clone, Default)]
pub struct Sheet {
    /// The decision that is judged.
    pub judged: Option<Decision>,
    /// How it would not have been made, if the decision does not say itself: features that would all have had to stay under a value.
    pub ways_out: Vec<Vec<Counterfactual>>,
    /// What is in force now.
    pub in_force: Vec<Restriction>,
    /// Enforced decisions, newest first.
    pub decisions: Vec<Decision>,
    /// What people said, newest first.
    pub said: Vec<Said>,
    /// The newest row that was kept.
    pub row: Option<Row>,
    /// What the model in force says to it.
    pub explained: Option<Explained>,
    /// Blocks and reports, newest first.
    pub heard: Vec<Heard>,
    /// Behaviour, oldest first.
    pub marks: Vec<Mark>,
    /// Whether older events were left out.
    pub is_cut: bool,
    /// Shared things: kind and pseudonym.
    pub shared: Vec<(EntityKind, String)>,
    /// Who shares them.
    pub linked: Vec<Linked>,
    /// Country of the number; empty: unknown.
    pub country: String,
    /// Age as the gateway last told, hours.
    pub age_h: Option<f32>,
    /// What it is registered as; empty: unknown.
    pub tier: String,
    /// Whether the history did not answer.
    pub is_stale: bool,
}

impl Desk {
    /// The screen of an account; `case`: with what is judged in it, and without what must not be seen if `is_blind`.
    pub(crate) fn sheet(&self, account: &str, case: Option<&Case>, is_blind: bool) -> Result<Sheet, Error> {
        let mut sheet = Sheet::default();
        let now = self.now();
        let back = Span { from: now.saturating_sub(BACK_MS), to: now + 1 };
        if let Some(history) = &self.given.history {
            let history = &**history;
            self.behaviour(history, account, now, &mut sheet);
            sheet.is_stale |= keep(history.heard(account, back, SHOWN_MAX), &mut sheet.heard);
            if !is_blind {
                sheet.is_stale |= keep(history.decisions(account, back, SHOWN_MAX), &mut sheet.decisions);
            }
            let mut rows = Vec::new();
            sheet.is_stale |= keep(history.rows(account, back, 1), &mut rows);
            sheet.row = rows.into_iter().next();
        }
        sheet.decisions.retain(|decision| decision.mode == schema::Mode::Enforce);
        if is_blind {
            if let Some(row) = &mut sheet.row {
                row.score = None;
            }
            return Ok(sheet);
        }
        self.store.read(|db| {
            sheet.said = said(db, account)?;
            for decision in decided(db, account)? {
                if !sheet.decisions.iter().any(|known| known.id == decision.id) {
                    sheet.decisions.push(decision);
                }
            }
            Ok(())
        })?;
        sheet.decisions.sort_by(|a, b| b.seq.cmp(&a.seq).then_with(|| a.id.cmp(&b.id)));
        let judged = case.map_or("", |case| &case.decision);
        sheet.judged = sheet.decisions.iter().find(|decision| decision.id == judged).cloned();
        sheet.ways_out = sheet.judged.as_ref().map_or(Vec::new(), |judged| self.ways_out(judged));
        sheet.in_force = self.in_force(account)?;
        sheet.explained = sheet.row.as_ref().and_then(|row| self.given.insight.explain(row));
        Ok(sheet)
    }

    /// Ways out of a decision, over the row that was kept of it.
    fn ways_out(&self, judged: &Decision) -> Vec<Vec<Counterfactual>> {
        let Some(history) = self.given.history.as_ref().filter(|_| judged.counterfactual.is_none()) else {
            return Vec::new();
        };
        let (at, mut rows) = (Span { from: judged.issued, to: judged.issued + 1 }, Vec::new());
        keep(history.rows(&judged.account, at, ROWS_MAX), &mut rows);
        let row = rows.iter().find(|row| row.decisions.contains(&judged.id));
        row.map_or(Vec::new(), |row| self.given.insight.ways_out(judged, row))
    }

    pub(super) fn in_force(&self, account: &str) -> Result<Vec<Restriction>, Error> {
        let standing = self.given.insight.standing(account)?;
        Ok(standing.map(|standing| standing.restrictions).unwrap_or_default())
    }

    /// Events onto the chart; what they tell of the account besides.
    fn behaviour(&self, history: &(dyn History + Send + Sync), account: &str, now: u64, sheet: &mut Sheet) {
        let span = Span { from: now.saturating_sub(CHART_MS), to: now + 1 };
        let mut events = Vec::new();
        sheet.is_stale |= keep(history.events(account, span, EVENTS_MAX), &mut events);
        sheet.is_cut = events.len() == EVENTS_MAX;
        for archived in events.iter().rev() {
            let Ok(raw) = archived.decode() else { continue };
            let Ok(Some(event)) = raw.event() else { continue };
            sheet.age_h = event.age_h.or(sheet.age_h);
            let kind = match &event.body {
                Body::Message(message) if message.first_contact == Some(true) => "new_chat",
                body => body.kind(),
            };
            if let Body::Registration(session) | Body::Session(session) = &event.body {
                if let Some(code) = session.country {
                    sheet.country = String::from_utf8_lossy(&code).into_owned();
                }
                if let Some(tier) = session.tier {
                    tier.word().clone_into(&mut sheet.tier);
                }
                let seen = [
                    (EntityKind::Device, session.device),
                    (EntityKind::Prefix, session.ip_prefix),
                    (EntityKind::NumberRange, session.number_range),
                ];
                for (kind, key) in seen.into_iter().filter_map(|(kind, key)| Some((kind, key?.to_owned()))) {
                    if !sheet.shared.contains(&(kind, key.clone())) {
                        sheet.shared.push((kind, key));
                    }
                }
            }
            sheet.marks.push(Mark { ts: event.ts, kind });
        }
    }

    /// Who was seen on the same things, most shared first, and what is in force for them.
    pub(crate) fn linked(&self, account: &str, sheet: &mut Sheet) -> Result<(), Error> {
        let Some(history) = &self.given.history else { return Ok(()) };
        let now = self.now();
        let span = Span { from: now.saturating_sub(BACK_MS), to: now + 1 };
        let mut found: BTreeMap<String, Vec<EntityKind>> = BTreeMap::new();
        for (kind, key) in &sheet.shared {
            let mut accounts = Vec::new();
            sheet.is_stale |= keep(history.seen_on(*kind, key, span, SHOWN_MAX), &mut accounts);
            for other in accounts.into_iter().filter(|other| other != account) {
                let by = found.entry(other).or_default();
                if !by.contains(kind) {
                    by.push(*kind);
                }
            }
        }
        let mut found: Vec<(String, Vec<EntityKind>)> = found.into_iter().collect();
        // A device says more than a network.
        found.sort_by_key(|(account, by)| {
            (!by.contains(&EntityKind::Device), std::cmp::Reverse(by.len()), account.clone())
        });
        found.truncate(LINKED_MAX);
        for (account, by) in found {
            let open = self.store.read(|db| Case::open_of(db, &account))?;
            let is_hidden = open.is_some_and(|case| case.cause.is_blind());
            let in_force = if is_hidden { Vec::new() } else { self.in_force(&account)? };
            let handle = self.handle(&account)?;
            sheet.linked.push(Linked { account, handle, by, in_force, is_hidden });
        }
        Ok(())
    }
}

/// Takes an answer; whether there was none.
fn keep<T>(told: Told<Vec<T>>, to: &mut Vec<T>) -> bool {
    match told {
        Ok(found) => {
            to.extend(found);
            false
        }
        Err(error) => {
            tracing::warn!(%error, "the history gave the desk no answer");
            true
        }
    }
}

/// What people said about an account, newest first; claims left out.
fn said(db: &Connection, account: &str) -> Result<Vec<Said>, Error> {
    let sql = "SELECT body, at, undone FROM said WHERE account = ?1 AND (counts = 1 OR case_id = 'restored')
        AND act NOT IN ('claim', 'release') ORDER BY position DESC LIMIT ?2";
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map((account, SHOWN_MAX as i64), |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)? as u64, row.get(2)?))
    })?;
    let mut all = Vec::new();
    for row in rows {
        let (body, at, undone) = row?;
        if let Ok(review) = serde_json::from_str(&body) {
            all.push(Said { review, at, undone });
        }
    }
    Ok(all)
}

/// Decisions that the fold kept.
fn decided(db: &Connection, account: &str) -> Result<Vec<Decision>, Error> {
    let mut query =
        db.prepare_cached("SELECT body FROM decided WHERE account = ?1 ORDER BY at DESC LIMIT 64")?;
    let rows = query.query_map([account], |row| row.get::<_, String>(0))?;
    let bodies = rows.collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(bodies.iter().filter_map(|body| serde_json::from_str(body).ok()).collect())
}
