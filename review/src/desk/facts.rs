//! What is known of an account besides the fold: the country of its number and its age, for filters.
//!
//! Separate from the fold, because it is asked of the history, whose answer depends on when it is asked. Invariant: only what filters
//! and lists show rests on it, never what a case is or where it stands.

use std::sync::PoisonError;

use schema::{Body, History, Span};

use super::Desk;
use crate::error::Error;

/// Events of an account that are looked through.
const EVENTS: usize = 200;
/// How long the history may be behind before nothing found means unknown, ms of log time.
const BEHIND_MS: u64 = 10 * 60 * 1_000;
/// How far back is looked, ms: as long as the history keeps events by default.
const BACK_MS: u64 = 90 * 24 * 60 * 60 * 1_000;

impl Desk {
    /// Looks up at most so many accounts with open cases of which nothing is known yet.
    ///
    /// # Errors
    /// If the store cannot be used or the history does not answer: ask again later.
    pub fn look_up(&self, most: usize) -> Result<(), Error> {
        let Some(history) = &self.given.history else { return Ok(()) };
        let since = *self.looked_up.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.store.read(|db| {
            let sql =
                "SELECT cases.account, opened_at FROM cases LEFT JOIN facts ON facts.account = cases.account
                WHERE state = 0 AND opened_at >= ?1 AND facts.account IS NULL ORDER BY opened_at LIMIT ?2";
            let mut query = db.prepare_cached(sql)?;
            let rows = query.query_map((since as i64, most as i64), |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)? as u64))
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })?;
        let now = self.now();
        let mut facts = Vec::new();
        for (account, opened_at) in &found {
            let span = Span { from: opened_at.saturating_sub(BACK_MS), to: now + 1 };
            match told(&**history, account, span)? {
                None if now.saturating_sub(*opened_at) < BEHIND_MS => {}
                fact => facts.push((account, fact.unwrap_or_default())),
            }
        }
        self.note_facts(&facts)?;
        if facts.is_empty() {
            return Ok(());
        }
        if let Some((_, oldest)) = found.first() {
            *self.looked_up.lock().unwrap_or_else(PoisonError::into_inner) = *oldest;
        }
        Ok(())
    }

    /// Looks these accounts up, as far as nothing is known of them yet.
    ///
    /// # Errors
    /// If the store cannot be used or the history does not answer.
    pub(super) fn look_up_these(&self, accounts: &[String]) -> Result<(), Error> {
        let Some(history) = &self.given.history else { return Ok(()) };
        let now = self.now();
        let span = Span { from: now.saturating_sub(BACK_MS), to: now + 1 };
        let mut facts = Vec::new();
        for account in accounts {
            let is_known = self.store.read(|db| {
                Ok(db.prepare_cached("SELECT 1 FROM facts WHERE account = ?1")?.exists([account])?)
            })?;
            if !is_known && let Some(fact) = told(&**history, account, span)? {
                facts.push((account, fact));
            }
        }
        self.note_facts(&facts)
    }

    fn note_facts(&self, facts: &[(&String, Fact)]) -> Result<(), Error> {
        if facts.is_empty() {
            return Ok(());
        }
        let mut writer = self.store.writer();
        let transaction = writer.transaction()?;
        for (account, (country, age_h)) in facts {
            let sql = "INSERT OR REPLACE INTO facts VALUES (?1, ?2, ?3)";
            transaction.prepare_cached(sql)?.execute((account, country, age_h))?;
        }
        Ok(transaction.commit()?)
    }
}

/// Country of the number (empty: unknown) and age, hours.
type Fact = (String, Option<f32>);

/// What the history tells of an account; `None`: it knows no event.
fn told(history: &(dyn History + Send + Sync), account: &str, span: Span) -> Result<Option<Fact>, Error> {
    let events = history.events(account, span, EVENTS)?;
    let (mut country, mut age_h) = (None, None);
    for archived in &events {
        let Ok(raw) = archived.decode() else { continue };
        let Ok(Some(event)) = raw.event() else { continue };
        age_h = age_h.or(event.age_h);
        if let Body::Registration(session) | Body::Session(session) = &event.body {
            country = country.or(session.country);
        }
    }
    let country = country.map_or(String::new(), |code| String::from_utf8_lossy(&code).into_owned());
    Ok((!events.is_empty()).then_some((country, age_h)))
}
