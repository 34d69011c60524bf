//! Sessions: who is signed in, since when and until when.
//!
//! Separate from people. Invariants: only a token's hash is kept; a session ends after half an hour without use, after twelve hours
//! whatever happens, when its person signs out, changes the password, gets another role or is shut out; times are the wall's.

use rusqlite::{Connection, OptionalExtension as _};

use super::{Role, secret};
use crate::error::Error;

/// A session ends when it was not used for so long, ms.
pub const IDLE_MS: u64 = 30 * 60 * 1000;
/// A session ends so long after its start, ms.
pub const LIFE_MS: u64 = 12 * 60 * 60 * 1000;
/// Sessions of one person; the oldest ends.
pub const SESSIONS_MAX: i64 = 10;
/// How seldom its use is written down, ms.
const SEEN_MS: u64 = 60 * 1000;
/// Characters that are kept of what a browser calls itself.
const AGENT_CHARS: usize = 120;

/// Who has a session.
#[derive(Debug, Clone)]
pub struct Holder {
    /// Pseudonym.
    pub id: String,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Code of the language; empty: as the browser asks.
    pub language: String,
    /// `light`, `dark` or empty: as the system has it.
    pub theme: String,
    /// Whether they have a second factor, or a provider looks after theirs.
    pub has_factor: bool,
    /// Whether its use must be written down.
    pub is_stale: bool,
}

/// A session as its person sees it.
#[derive(Debug, Clone)]
pub struct Session {
    /// Since when, wall ms.
    pub made_at: u64,
    /// Last use to within a minute, wall ms.
    pub seen_at: u64,
    /// What the browser calls itself.
    pub agent: String,
    /// Whether it is the one that asks.
    pub is_own: bool,
}

/// Starts a session; gives its token.
pub fn start(db: &Connection, user: &str, agent: &str, now: u64) -> Result<String, Error> {
    db.prepare_cached("DELETE FROM sessions WHERE ends_at <= ?1 OR seen_at <= ?2")?
        .execute((now as i64, now.saturating_sub(IDLE_MS) as i64))?;
    let oldest = "DELETE FROM sessions WHERE hash IN
                  (SELECT hash FROM sessions WHERE user = ?1 ORDER BY seen_at DESC LIMIT -1 OFFSET ?2)";
    db.prepare_cached(oldest)?.execute((user, SESSIONS_MAX - 1))?;
    let token = secret::token();
    let agent: String = agent.chars().take(AGENT_CHARS).collect();
    let (at, ends) = (now as i64, (now + LIFE_MS) as i64);
    db.prepare_cached("INSERT INTO sessions VALUES (?1, ?2, ?3, ?3, ?4, ?5)")?.execute((
        secret::hash(&token).as_slice(),
        user,
        at,
        ends,
        agent,
    ))?;
    Ok(token)
}

/// Who has the session of a token; `None`: nobody, or it ended.
pub fn holder(db: &Connection, token: &str, now: u64) -> Result<Option<Holder>, Error> {
    let sql = "SELECT u.id, u.name, u.role, u.language, u.theme, s.seen_at,
               u.totp IS NOT NULL OR EXISTS (SELECT 1 FROM identities i WHERE i.user = u.id AND i.by_provider) FROM sessions s JOIN users u ON u.id = s.user
               WHERE s.hash = ?1 AND s.ends_at > ?2 AND s.seen_at > ?3 AND u.active = 1";
    let mut query = db.prepare_cached(sql)?;
    let idle = now.saturating_sub(IDLE_MS) as i64;
    let found = query.query_row((secret::hash(token).as_slice(), now as i64, idle), |row| {
        Ok(Holder {
            id: row.get(0)?,
            name: row.get(1)?,
            role: Role::from_word(&row.get::<_, String>(2)?).unwrap_or(Role::Nobody),
            language: row.get(3)?,
            theme: row.get(4)?,
            has_factor: row.get(6)?,
            is_stale: now.saturating_sub(row.get::<_, i64>(5)? as u64) >= SEEN_MS,
        })
    });
    Ok(found.optional()?)
}

/// Whether a session of a person, of which this is kept, still lives.
pub fn is_live(db: &Connection, hash: &[u8; 32], user: &str, now: u64) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM sessions WHERE hash = ?1 AND user = ?2 AND ends_at > ?3 AND seen_at > ?4";
    let idle = now.saturating_sub(IDLE_MS) as i64;
    Ok(db.prepare_cached(sql)?.exists((hash.as_slice(), user, now as i64, idle))?)
}

/// Writes down that a session is used.
pub fn seen(db: &Connection, token: &str, now: u64) -> Result<(), Error> {
    let sql = "UPDATE sessions SET seen_at = ?2 WHERE hash = ?1 AND seen_at < ?2";
    db.prepare_cached(sql)?.execute((secret::hash(token).as_slice(), now as i64))?;
    Ok(())
}

/// Ends a session.
pub fn end(db: &Connection, token: &str) -> Result<(), Error> {
    db.prepare_cached("DELETE FROM sessions WHERE hash = ?1")?.execute([secret::hash(token).as_slice()])?;
    Ok(())
}

/// Ends every session of a person.
pub fn end_all(db: &Connection, user: &str) -> Result<(), Error> {
    db.prepare_cached("DELETE FROM sessions WHERE user = ?1")?.execute([user])?;
    Ok(())
}

/// The running sessions of a person, newest use first.
pub fn of(db: &Connection, user: &str, token: &str, now: u64) -> Result<Vec<Session>, Error> {
    let sql = "SELECT made_at, seen_at, agent, hash = ?2 FROM sessions WHERE user = ?1 AND ends_at > ?3 AND seen_at > ?4
               ORDER BY seen_at DESC";
    let mut query = db.prepare_cached(sql)?;
    let idle = now.saturating_sub(IDLE_MS) as i64;
    let rows = query.query_map((user, secret::hash(token).as_slice(), now as i64, idle), |row| {
        Ok(Session {
            made_at: row.get::<_, i64>(0)? as u64,
            seen_at: row.get::<_, i64>(1)? as u64,
            agent: row.get(2)?,
            is_own: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
