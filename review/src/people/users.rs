//! People: who there is, with which role, and the one-time links that bring them in.
//!
//! Separate from sessions. Invariants: nobody is made but by a one-time link that ends, and is used once; there is no default
//! password; the last active administrator stays one.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{Role, password, secret};
use crate::error::Error;

/// Longest name, characters.
pub const NAME_CHARS_MAX: usize = 40;
/// Most people.
pub const USERS_MAX: i64 = 10_000;
/// How long a one-time link works, ms.
pub const LINK_MS: u64 = 24 * 60 * 60 * 1000;
/// How long the link for the first administrator works, ms.
pub const FIRST_LINK_MS: u64 = 60 * 60 * 1000;

/// A person.
#[derive(Debug, Clone)]
pub struct User {
    /// Pseudonym.
    pub id: String,
    /// As they sign in.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// What is kept of the password.
    pub password: String,
    /// Secret of the second factor.
    pub totp: Option<Vec<u8>>,
    /// The last step of it that was taken.
    pub totp_step: u64,
    /// Whether they may sign in.
    pub active: bool,
    /// Since when, wall ms.
    pub made_at: u64,
}

/// What a one-time link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Whose password is chosen again; `None`: of somebody new.
    pub user: Option<String>,
    /// The name; empty: whoever comes chooses it.
    pub name: String,
    /// The role.
    pub role: Role,
}

const COLUMNS: &str = "id, name, role, password, totp, totp_step, active, made_at";

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        role: Role::from_word(&row.get::<_, String>(2)?).unwrap_or(Role::Nobody),
        password: row.get(3)?,
        totp: row.get(4)?,
        totp_step: row.get::<_, i64>(5)? as u64,
        active: row.get(6)?,
        made_at: row.get::<_, i64>(7)? as u64,
    })
}

/// A person by name, however it is written.
pub fn by_name(db: &Connection, name: &str) -> Result<Option<User>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE name = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([name.trim()], user).optional()?)
}

/// A person by pseudonym.
pub fn by_id(db: &Connection, id: &str) -> Result<Option<User>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE id = ?1");
    Ok(db.prepare_cached(&sql)?.query_row([id], user).optional()?)
}

/// Everybody, by name.
pub fn all(db: &Connection) -> Result<Vec<User>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM users ORDER BY active DESC, name LIMIT {USERS_MAX}");
    let mut query = db.prepare_cached(&sql)?;
    Ok(query.query_map([], user)?.collect::<Result<_, _>>()?)
}

/// Whether nobody could let others in.
pub fn lacks_admin(db: &Connection) -> Result<bool, Error> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND active = 1)";
    Ok(db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Makes a one-time link's token; `made_by` is a pseudonym, `ends_at` wall ms. Links that ended go.
pub fn invite(
    db: &Connection,
    invitation: &Invitation,
    made_by: &str,
    (now, ends_at): (u64, u64),
) -> Result<String, Error> {
    db.prepare_cached("DELETE FROM invitations WHERE ends_at <= ?1")?.execute([now as i64])?;
    let token = secret::token();
    let Invitation { user, name, role } = invitation;
    db.prepare_cached("INSERT INTO invitations VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute((
        secret::hash(&token).as_slice(),
        user,
        name,
        role.word(),
        made_by,
        ends_at as i64,
    ))?;
    Ok(token)
}

/// Makes the link for the first administrator, and ends those of earlier starts.
pub fn invite_first(db: &Connection, now: u64) -> Result<String, Error> {
    db.prepare_cached("DELETE FROM invitations WHERE made_by = ''")?.execute([])?;
    let first = Invitation { user: None, name: String::new(), role: Role::Admin };
    invite(db, &first, "", (now, now + FIRST_LINK_MS))
}

/// What a token invites to, if it still does.
pub fn invitation(db: &Connection, token: &str, now: u64) -> Result<Option<Invitation>, Error> {
    let sql = "SELECT user, name, role FROM invitations WHERE hash = ?1 AND ends_at > ?2";
    let mut query = db.prepare_cached(sql)?;
    let found = query.query_row((secret::hash(token).as_slice(), now as i64), |row| {
        let role = Role::from_word(&row.get::<_, String>(2)?).unwrap_or(Role::Nobody);
        Ok(Invitation { user: row.get(0)?, name: row.get(1)?, role })
    });
    Ok(found.optional()?)
}

/// What came of accepting an invitation.
#[derive(Debug, PartialEq, Eq)]
pub enum Accepted {
    /// The person's pseudonym.
    Done(String),
    /// The link is used, ended or wrong.
    Gone,
    /// Something is not taken: the key of a text.
    Refused(&'static str),
}

/// Uses a one-time link: makes the person, or gives the password anew. `kept`: the hash of a password that was checked.
pub fn accept(db: &Connection, token: &str, (name, kept): (&str, &str), now: u64) -> Result<Accepted, Error> {
    let Some(invitation) = invitation(db, token, now)? else { return Ok(Accepted::Gone) };
    let spend = || -> Result<bool, Error> {
        let sql = "DELETE FROM invitations WHERE hash = ?1 OR (?2 AND made_by = '')";
        let is_first = invitation.user.is_none() && invitation.role == Role::Admin;
        Ok(db.prepare_cached(sql)?.execute((secret::hash(token).as_slice(), is_first))? > 0)
    };
    if let Some(id) = invitation.user.clone() {
        if !spend()? {
            return Ok(Accepted::Gone);
        }
        set_password(db, &id, kept)?;
        return Ok(Accepted::Done(id));
    }
    let name = if invitation.name.is_empty() { name.trim() } else { &*invitation.name };
    if let Some(fault) = name_fault(name) {
        return Ok(Accepted::Refused(fault));
    }
    let Some(id) = make(db, (name, kept), invitation.role, now)? else {
        return Ok(Accepted::Refused("people.name_taken"));
    };
    // It is there: it was looked at within the same transaction.
    spend()?;
    Ok(Accepted::Done(id))
}

/// Makes somebody; gives the pseudonym, `None`: the name is another's, or there are too many people. `kept`: what is kept of a password.
pub fn make(
    db: &Connection,
    (name, kept): (&str, &str),
    role: Role,
    now: u64,
) -> Result<Option<String>, Error> {
    let people: i64 = db.query_row("SELECT count(*) FROM users", [], |row| row.get(0))?;
    if by_name(db, name)?.is_some() || people >= USERS_MAX {
        return Ok(None);
    }
    let id = format!("u_{}", secret::hex(&secret::random::<8>()));
    let sql = "INSERT INTO users (id, name, role, password, made_at) VALUES (?1, ?2, ?3, ?4, ?5)";
    db.prepare_cached(sql)?.execute((&id, name, role.word(), kept, now as i64))?;
    Ok(Some(id))
}

/// Why a name is not taken; the key of a text.
pub fn name_fault(name: &str) -> Option<&'static str> {
    let chars = name.chars().count();
    let is_plain =
        name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '.' | '-' | '_' | '@'));
    (chars == 0 || chars > NAME_CHARS_MAX || !is_plain || name.trim() != name).then_some("people.name_bad")
}

/// Keeps a password, and ends every session of the person.
pub fn set_password(db: &Connection, id: &str, kept: &str) -> Result<(), Error> {
    db.prepare_cached("UPDATE users SET password = ?2 WHERE id = ?1")?.execute((id, kept))?;
    super::sessions::end_all(db, id)
}

/// Keeps or takes away a second factor with its recovery codes.
pub fn set_totp(db: &Connection, id: &str, factor: Option<(&[u8], &[String])>) -> Result<(), Error> {
    let secret = factor.map(|(secret, _)| secret);
    db.prepare_cached("UPDATE users SET totp = ?2, totp_step = 0 WHERE id = ?1")?.execute((id, secret))?;
    db.prepare_cached("DELETE FROM recovery_codes WHERE user = ?1")?.execute([id])?;
    for code in factor.map_or(&[][..], |(_, codes)| codes) {
        let hash = secret::hash(&super::totp::recovery_form(code));
        db.prepare_cached("INSERT INTO recovery_codes VALUES (?1, ?2)")?.execute((id, hash.as_slice()))?;
    }
    Ok(())
}

/// Whether the second factor is right, if there is one; what is used is used up. `now`: wall ms.
pub fn second_factor(db: &Connection, user: &User, given: &str, now: u64) -> Result<bool, Error> {
    let Some(secret) = &user.totp else { return Ok(true) };
    if let Some(step) = super::totp::step(secret, given, now, user.totp_step) {
        // Whoever was quicker with the same code has it.
        let sql = "UPDATE users SET totp_step = ?2 WHERE id = ?1 AND totp_step < ?2";
        return Ok(db.prepare_cached(sql)?.execute((&user.id, step as i64))? == 1);
    }
    let hash = secret::hash(&super::totp::recovery_form(given));
    let sql = "DELETE FROM recovery_codes WHERE user = ?1 AND hash = ?2";
    Ok(db.prepare_cached(sql)?.execute((&user.id, hash.as_slice()))? == 1)
}

/// Gives a person another role, or takes the right to sign in; `false`: it would leave no administrator. Sessions end, and so do the links
/// by which they let others in, and those that were made for them if they may not sign in.
pub fn change(db: &Connection, id: &str, role: Role, active: bool) -> Result<bool, Error> {
    let sql = "UPDATE users SET role = ?2, active = ?3 WHERE id = ?1 AND ((?2 = 'admin' AND ?3) OR EXISTS
               (SELECT 1 FROM users WHERE role = 'admin' AND active = 1 AND id <> ?1))";
    let changed = db.prepare_cached(sql)?.execute((id, role.word(), active))? == 1;
    if changed {
        super::sessions::end_all(db, id)?;
        let is_admin = active && role == Role::Admin;
        let sql = "DELETE FROM invitations WHERE (made_by = ?1 AND NOT ?2) OR (user = ?1 AND NOT ?3)";
        db.prepare_cached(sql)?.execute((id, is_admin, active))?;
    }
    Ok(changed)
}

/// Checks a password before it is hashed: the key of a text if it is not taken.
pub fn password_fault(given: &str, again: &str, name: &str) -> Option<&'static str> {
    if given != again {
        return Some("password.differ");
    }
    password::fault(given, name)
}
