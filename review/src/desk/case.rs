//! A case: what it is, who has it, and how it lies in the store.
//!
//! Separate from the fold, which says what a record does to a case. Invariants: class, key, band and lot follow from the other
//! fields whenever it is stored; a claim is in force only until its end; every time is log time, ms since the Unix epoch.

use rusqlite::{Connection, OptionalExtension as _, Row, named_params};
use schema::{Action, ReportReason};
use xxhash_rust::xxh3::Xxh3;

use super::cause::Cause;
use super::rank;
use crate::error::Error;

/// Whether somebody should look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits for somebody, or somebody is at it.
    Open,
    /// Somebody decided.
    Decided,
    /// Nobody came to it within the day's budget.
    Unreviewed,
}

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// See [`case_id`].
    pub id: String,
    /// The account.
    pub account: String,
    /// Why it is there: the strongest of all causes so far.
    pub cause: Cause,
    /// Whether it is open.
    pub state: State,
    /// When it was opened.
    pub opened_at: u64,
    /// When it should be decided.
    pub due_at: u64,
    /// When it was closed.
    pub closed_at: Option<u64>,
    /// The verdict or label that closed it; empty: none.
    pub outcome: String,
    /// The decision that is judged; empty: none.
    pub decision: String,
    /// That decision's action.
    pub action: Option<Action>,
    /// That decision's rule, score band or list; empty: none.
    pub rule: String,
    /// Its leading reason, or that of a report; empty: none.
    pub reason: String,
    /// Version of the model that scored it; empty: none.
    pub model: String,
    /// The model's probability of abuse, 0 to 1.
    pub score: Option<f64>,
    /// The gravest reason of a report.
    pub reported: Option<ReportReason>,
    /// Credit of all reports.
    pub heard: f64,
    /// Who has it or had it last; empty: nobody.
    pub claimed_by: String,
    /// When that ends.
    pub claimed_until: u64,
    /// Whether the account's holder asks for a review, whatever graver it is about.
    pub appealed: bool,
    /// Whether it waits for a lead.
    pub escalated: bool,
    /// Who may not take it, a line each; empty: everybody may.
    pub excluded: String,
    /// Of a second review: the first case.
    pub of_case: String,
    /// Whether anybody ever took it.
    pub reached: bool,
}

/// The id of a case: the same for the same account and cause, on every replay.
pub fn case_id(account: &str, cause: Cause, by: &str) -> String {
    let mut hash = Xxh3::new();
    for part in [account, cause.word(), by] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    format!("k_{:032x}", hash.digest128())
}

impl Case {
    /// A new one, open.
    pub fn new(id: String, account: &str, cause: Cause, at: u64) -> Self {
        Self {
            id,
            account: account.to_owned(),
            cause,
            state: State::Open,
            opened_at: at,
            due_at: at,
            closed_at: None,
            outcome: String::new(),
            decision: String::new(),
            action: None,
            rule: String::new(),
            reason: String::new(),
            model: String::new(),
            score: None,
            reported: None,
            heard: 0.0,
            claimed_by: String::new(),
            claimed_until: 0,
            appealed: false,
            escalated: false,
            excluded: String::new(),
            of_case: String::new(),
            reached: false,
        }
    }

    /// Who has it at a time.
    pub fn holder(&self, at: u64) -> Option<&str> {
        (self.state == State::Open && at < self.claimed_until && !self.claimed_by.is_empty())
            .then_some(&*self.claimed_by)
    }

    /// Whether it is closed to somebody.
    pub fn excludes(&self, actor: &str) -> bool {
        !self.excluded.is_empty() && self.excluded.split('\n').any(|one| one == actor)
    }

    /// Closes it to somebody, who gives it back.
    pub fn exclude(&mut self, actor: &str) {
        if !self.excludes(actor) {
            let before =
                if self.excluded.is_empty() { String::new() } else { format!("{}\n", self.excluded) };
            self.excluded = before + actor;
        }
        if self.claimed_by == actor {
            self.free();
        }
    }

    /// Whether this actor may act on it now as far as claims go.
    pub fn is_free_for(&self, actor: &str, at: u64) -> bool {
        self.state == State::Open && self.holder(at).is_none_or(|holder| holder == actor)
    }

    /// Gives it to somebody until `until`, if it is free and not closed to them; a renewal is the same.
    pub fn claim(&mut self, actor: &str, (at, until): (u64, u64)) -> bool {
        if !self.is_free_for(actor, at) || self.excludes(actor) {
            return false;
        }
        actor.clone_into(&mut self.claimed_by);
        self.claimed_until = until;
        self.reached = true;
        true
    }

    /// Gives it back.
    pub fn free(&mut self) {
        self.claimed_by.clear();
        self.claimed_until = 0;
    }

    /// Ends it.
    pub fn close(&mut self, state: State, outcome: &str, at: u64) {
        self.state = state;
        self.closed_at = Some(at);
        outcome.clone_into(&mut self.outcome);
        self.claimed_until = 0;
    }

    /// Opens it again, for whoever had it.
    pub fn reopen(&mut self, actor: &str, until: u64) {
        self.state = State::Open;
        self.closed_at = None;
        self.outcome.clear();
        actor.clone_into(&mut self.claimed_by);
        self.claimed_until = until;
    }

    /// How grave it is, 0 to 1.
    pub fn harm(&self) -> f64 {
        rank::harm(self.action, self.reported)
    }

    /// Its place within its class, lowest first: by its clock where that counts, else by its priority.
    fn key(&self) -> f64 {
        match self.cause.class() {
            // Soon, or it would measure nothing.
            2 if self.cause == Cause::Golden => -rank::PRIORITY_MAX,
            2 => -rank::priority(self.harm(), self.heard, self.score),
            _ => self.due_at as f64,
        }
    }

    /// The case of an id.
    pub fn load(db: &Connection, id: &str) -> Result<Option<Self>, Error> {
        let mut query = db.prepare_cached("SELECT * FROM cases WHERE id = ?1")?;
        Ok(query.query_row([id], Self::read).optional()?)
    }

    /// The open case of an account.
    pub fn open_of(db: &Connection, account: &str) -> Result<Option<Self>, Error> {
        let mut query = db.prepare_cached("SELECT * FROM cases WHERE account = ?1 AND state = 0")?;
        Ok(query.query_row([account], Self::read).optional()?)
    }

    /// A row of `SELECT * FROM cases`, whatever is joined to it.
    pub fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let number = |name: &str| row.get::<_, i64>(name);
        let text = |name: &str| row.get::<_, String>(name);
        Ok(Self {
            id: text("id")?,
            account: text("account")?,
            cause: Cause::from_number(number("cause")?).unwrap_or(Cause::Review),
            state: match number("state")? {
                0 => State::Open,
                1 => State::Decided,
                _ => State::Unreviewed,
            },
            opened_at: number("opened_at")? as u64,
            due_at: number("due_at")? as u64,
            closed_at: row.get::<_, Option<i64>>("closed_at")?.map(|at| at as u64),
            outcome: text("outcome")?,
            decision: text("decision")?,
            action: Action::from_word(&text("action")?),
            rule: text("rule")?,
            reason: text("reason")?,
            model: text("model")?,
            score: row.get("score")?,
            reported: ReportReason::from_word(&text("reported")?),
            heard: row.get("heard")?,
            claimed_by: text("claimed_by")?,
            claimed_until: number("claimed_until")? as u64,
            appealed: row.get("appealed")?,
            escalated: row.get("escalated")?,
            excluded: text("excluded")?,
            of_case: text("of_case")?,
            reached: row.get("reached")?,
        })
    }

    /// Writes it, new or changed.
    pub fn store(&self, db: &Connection) -> Result<(), Error> {
        let sql = "INSERT INTO cases (id, account, cause, state, opened_at, due_at, closed_at, outcome, decision, action, rule,
                reason, model, score, reported, heard, class, key, band, lot, claimed_by, claimed_until, appealed, escalated,
                excluded, of_case, reached)
            VALUES (:id, :account, :cause, :state, :opened_at, :due_at, :closed_at, :outcome, :decision, :action, :rule,
                :reason, :model, :score, :reported, :heard, :class, :key, :band, :lot, :claimed_by, :claimed_until,
                :appealed, :escalated, :excluded, :of_case, :reached)
            ON CONFLICT (id) DO UPDATE SET cause = excluded.cause, state = excluded.state, opened_at = excluded.opened_at,
                due_at = excluded.due_at, closed_at = excluded.closed_at, outcome = excluded.outcome,
                decision = excluded.decision, action = excluded.action, rule = excluded.rule, reason = excluded.reason,
                model = excluded.model, score = excluded.score, reported = excluded.reported, heard = excluded.heard,
                class = excluded.class, key = excluded.key, band = excluded.band, claimed_by = excluded.claimed_by,
                claimed_until = excluded.claimed_until, appealed = excluded.appealed, escalated = excluded.escalated, excluded = excluded.excluded,
                of_case = excluded.of_case, reached = excluded.reached";
        db.prepare_cached(sql)?.execute(named_params! {
            ":id": self.id,
            ":account": self.account,
            ":cause": self.cause as i64,
            ":state": self.state as i64,
            ":opened_at": self.opened_at as i64,
            ":due_at": self.due_at as i64,
            ":closed_at": self.closed_at.map(|at| at as i64),
            ":outcome": self.outcome,
            ":decision": self.decision,
            ":action": self.action.map_or("", Action::word),
            ":rule": self.rule,
            ":reason": self.reason,
            ":model": self.model,
            ":score": self.score,
            ":reported": self.reported.map_or("", ReportReason::word),
            ":heard": self.heard,
            ":class": self.cause.class(),
            ":key": self.key(),
            ":band": rank::band(self.score),
            ":lot": rank::lot(&self.id),
            ":claimed_by": self.claimed_by,
            ":claimed_until": self.claimed_until as i64,
            ":appealed": self.appealed,
            ":escalated": self.escalated,
            ":excluded": self.excluded,
            ":of_case": self.of_case,
            ":reached": self.reached,
        })?;
        Ok(())
    }
}
