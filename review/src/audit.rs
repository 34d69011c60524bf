//! The audit chain: who saw and did what, each entry sealed by the hash of all before it.
//!
//! Separate from what is audited. Invariants: entries are only added (a trigger refuses the rest); an entry's hash covers its number,
//! all its fields and the hash before it, so that a change anywhere breaks the chain from there; an end that was cut off shows against
//! the last number that the file remembers and against the heads that were published; accounts stand in it shortened, beside a
//! fingerprint by which an auditor who knows the whole pseudonym finds them.

mod heads;
mod verify;

use rusqlite::{Connection, OptionalExtension as _};
use sha2::{Digest as _, Sha256};

use crate::desk::Desk;
use crate::error::Error;
use crate::people::{Viewer, secret};

pub use heads::{HEADS_ACCOUNT, head_of, head_review};
pub use verify::{Fault, Head, Verified, chain_of_file, verify};

/// Longest subject or detail, bytes; what is longer is cut.
pub const TEXT_BYTES_MAX: usize = 512;
/// Characters that are shown of an account's pseudonym.
pub const SHOWN_CHARS: usize = 10;

/// What is to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, wall ms.
    pub at: u64,
    /// Who: a pseudonym; empty: nobody who is signed in.
    pub actor: String,
    /// What, a word such as `view_case`.
    pub what: String,
    /// About what: a case, a person, a version, or an account as [`account`] writes it.
    pub subject: String,
    /// More, such as the reason that was given.
    pub detail: String,
}

impl Entry {
    /// An entry; texts that are too long are cut.
    pub fn new(at: u64, actor: &str, what: &str, subject: &str, detail: &str) -> Self {
        let [actor, what, subject, detail] = [actor, what, subject, detail].map(cut);
        Self { at, actor, what, subject, detail }
    }

    /// Its hash as number `n`, after an entry with the hash `before`. Lengths stand before texts, so that no two entries read alike.
    fn seal(&self, n: u64, before: &[u8]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(b"weir audit 1\0");
        hasher.update(before);
        hasher.update(n.to_be_bytes());
        hasher.update(self.at.to_be_bytes());
        for text in [&self.actor, &self.what, &self.subject, &self.detail] {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize().into()
    }
}

/// An entry as it lies in the chain.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Its number, from 1.
    pub n: u64,
    /// What it says.
    pub entry: Entry,
    /// The hash of the entry before it.
    pub before: Vec<u8>,
    /// Its own.
    pub hash: Vec<u8>,
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// An account as pages show it: its first characters.
#[must_use]
pub fn short(account: &str) -> String {
    match account.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &account[..end]),
        None => account.to_owned(),
    }
}

/// An account as the chain names it: shortened, and a fingerprint of the whole.
#[must_use]
pub fn account(account: &str) -> String {
    format!("{}#{}", short(account), &secret::hex(&secret::hash(account))[..16])
}

/// Adds an entry at the end, within the caller's transaction if there is one.
///
/// # Errors
/// If the store cannot be written.
pub fn append(db: &Connection, entry: &Entry) -> Result<(), Error> {
    let last: Option<(i64, Vec<u8>)> = db
        .prepare_cached("SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (n, before) = last.map_or((1, vec![0; 32]), |(n, hash)| (n as u64 + 1, hash));
    let hash = entry.seal(n, &before);
    let Entry { at, actor, what, subject, detail } = entry;
    let sql = "INSERT INTO audit (n, at, actor, what, subject, detail, before, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    db.prepare_cached(sql)?.execute((
        n as i64,
        *at as i64,
        actor,
        what,
        subject,
        detail,
        before.as_slice(),
        hash.as_slice(),
    ))?;
    Ok(())
}

/// Which entries are asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Of this actor; empty: of all.
    pub actor: String,
    /// About this subject or account; empty: about all.
    pub subject: String,
    /// With this word; empty: with any.
    pub what: String,
    /// Below this number; `None`: from the newest.
    pub below: Option<u64>,
}

fn sealed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Sealed> {
    Ok(Sealed {
        n: row.get::<_, i64>(0)? as u64,
        entry: Entry {
            at: row.get::<_, i64>(1)? as u64,
            actor: row.get(2)?,
            what: row.get(3)?,
            subject: row.get(4)?,
            detail: row.get(5)?,
        },
        before: row.get(6)?,
        hash: row.get(7)?,
    })
}

const COLUMNS: &str = "n, at, actor, what, subject, detail, before, hash";

impl Desk {
    /// Notes that somebody saw or did something, durably.
    ///
    /// # Errors
    /// If the store cannot be written: then nothing may be shown or done.
    pub fn audit(&self, viewer: &Viewer, what: &str, subject: &str, detail: &str) -> Result<(), Error> {
        append(&self.store.writer(), &Entry::new(self.wall(), &viewer.id, what, subject, detail))
    }

    /// Entries, newest first, at most `limit`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn audited(&self, asked: &Asked, limit: usize) -> Result<Vec<Sealed>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM audit WHERE (?1 = '' OR actor = ?1) AND (?2 = '' OR subject = ?2 OR subject = ?3)
             AND (?4 = '' OR what = ?4) AND n < ?5 ORDER BY n DESC LIMIT ?6"
        );
        let below = asked.below.map_or(i64::MAX, |below| below as i64);
        let Asked { actor, subject, what, .. } = asked;
        let values = (actor, subject, account(subject), what, below, limit as i64);
        self.store.read(|db| {
            let mut query = db.prepare_cached(&sql)?;
            Ok(query.query_map(values, sealed)?.collect::<Result<_, _>>()?)
        })
    }

    /// The chain's head, to be published where whoever can write the file cannot write; `None`: it is empty.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn audit_head(&self) -> Result<Option<Head>, Error> {
        let now = self.wall();
        self.store.read(|db| {
            let sql = "SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1";
            let found = db.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)));
            Ok(found.optional()?.map(|(n, hash)| Head { n: n as u64, hash: secret::hex(&hash), at: now }))
        })
    }

    /// Puts a head into the log of reviews, where whoever can write the file cannot write.
    ///
    /// # Errors
    /// If the store cannot be read, or the log does not take it.
    pub fn say_head(&self, head: &Head) -> Result<(), Error> {
        let chain = self.store.read(verify::chain_of)?.unwrap_or_default();
        let review = head_review(&chain, head, self.now());
        Ok(self.given.outlet.review(std::slice::from_ref(&review))?)
    }
}
