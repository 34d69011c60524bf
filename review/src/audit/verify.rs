//! Verifying the chain, by whoever has the file: no desk need run.
//!
//! Separate from writing it. Invariants: nothing is written; the first bad entry is named; entries are read one at a time, however
//! long the chain is.

use std::fmt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::{COLUMNS, sealed};
use crate::error::Error;
use crate::people::secret;

/// The end of the chain at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of the last entry.
    pub n: u64,
    /// Its hash, hexadecimal.
    pub hash: String,
    /// When it was the last, wall ms.
    pub at: u64,
}

impl Head {
    /// As it is published: `n hash at`.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {} {}", self.n, self.hash, self.at)
    }

    /// Reads what was published: `n hash`, and what follows is passed over.
    #[must_use]
    pub fn parse(line: &str) -> Option<Head> {
        let mut parts = line.split([' ', ':']).filter(|part| !part.is_empty());
        let (n, hash) = (parts.next()?.parse().ok()?, parts.next()?.to_ascii_lowercase());
        let is_hash = hash.len() == 64 && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
        let at = parts.next().and_then(|at| at.parse().ok()).unwrap_or(0);
        is_hash.then_some(Head { n, hash, at })
    }
}

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The entry does not hash to what it says: one of its fields was changed.
    Changed(u64),
    /// The entry does not follow the one before it: that one was changed with its hash, or others were put in.
    Unlinked(u64),
    /// Entries from here on to before the next are missing.
    Missing(u64),
    /// The chain once was longer: it ends before this entry.
    Cut(u64),
    /// A published head says otherwise about this entry: the chain was written anew.
    Rewritten(u64),
}

impl Fault {
    /// The first bad entry.
    #[must_use]
    pub fn first(&self) -> u64 {
        let (Fault::Changed(n)
        | Fault::Unlinked(n)
        | Fault::Missing(n)
        | Fault::Cut(n)
        | Fault::Rewritten(n)) = *self;
        n
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.first();
        match self {
            Fault::Changed(_) => write!(f, "entry {n} was changed: it does not hash to what it says"),
            Fault::Unlinked(_) => write!(
                f,
                "entry {n} does not follow the one before it: that one was changed, or this one put in"
            ),
            Fault::Missing(_) => write!(f, "entry {n} is missing"),
            Fault::Cut(_) => write!(f, "the end was cut off: the first entry that is missing is {n}"),
            Fault::Rewritten(_) => {
                write!(f, "entry {n} is not the one whose hash was published: the chain was written anew")
            }
        }
    }
}

/// A chain that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Its entries.
    pub entries: u64,
    /// Its end; `None`: it is empty.
    pub head: Option<Head>,
    /// What is wrong; `None`: nothing.
    pub fault: Option<Fault>,
}

/// The hash of the first entry, hexadecimal: it names the chain in the log; `None`: the chain is empty.
///
/// # Errors
/// [`Error::Store`] if the file cannot be read.
pub(crate) fn chain_of(db: &Connection) -> Result<Option<String>, Error> {
    let found = db.query_row("SELECT hash FROM audit ORDER BY n LIMIT 1", [], |row| row.get::<_, Vec<u8>>(0));
    Ok(found.optional()?.map(|hash| secret::hex(&hash)))
}

/// The same of a file that no desk need hold.
///
/// # Errors
/// [`Error::File`] if the file cannot be read or has no chain.
pub fn chain_of_file(path: &Path) -> Result<Option<String>, Error> {
    let file = |detail: String| Error::File { name: path.display().to_string(), detail };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(|error| file(error.to_string()))?;
    chain_of(&db).map_err(|error| file(error.to_string()))
}

/// Verifies the chain of a `review.db` against itself and against heads that were published, in any order.
///
/// # Errors
/// [`Error::File`] if the file cannot be read or has no chain.
pub fn verify(path: &Path, heads: &[Head]) -> Result<Verified, Error> {
    let file = |detail: String| Error::File { name: path.display().to_string(), detail };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(|error| file(error.to_string()))?;
    let mut query = db
        .prepare(&format!("SELECT {COLUMNS} FROM audit ORDER BY n"))
        .map_err(|error| file(format!("has no audit chain: {error}")))?;
    let mut heads = heads.to_vec();
    heads.sort_by_key(|head| head.n);
    let mut heads = heads.iter().peekable();
    let (mut last, mut before) = (0_u64, vec![0_u8; 32]);
    let mut fault = None;
    let mut rows = query.query_map([], sealed)?;
    while let (None, Some(row)) = (&fault, rows.next()) {
        let row = row?;
        let published = |head: &&Head| head.n == row.n && head.hash != secret::hex(&row.hash);
        fault = if row.n != last + 1 {
            Some(Fault::Missing(last + 1))
        } else if row.entry.seal(row.n, &row.before).as_slice() != row.hash {
            Some(Fault::Changed(row.n))
        } else if row.before != before {
            Some(Fault::Unlinked(row.n))
        } else if heads.clone().take_while(|head| head.n <= row.n).any(|head| published(&head)) {
            Some(Fault::Rewritten(row.n))
        } else {
            while heads.next_if(|head| head.n <= row.n).is_some() {}
            None
        };
        if fault.is_none() {
            (last, before) = (row.n, row.hash);
        }
    }
    if fault.is_none() {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'audit'";
        let remembered: Option<i64> = db.query_row(sql, [], |row| row.get(0)).optional()?;
        let is_longer = heads.next().is_some() || remembered.is_some_and(|seq| seq as u64 > last);
        fault = is_longer.then_some(Fault::Cut(last + 1));
    }
    let head = (last > 0).then(|| Head { n: last, hash: secret::hex(&before), at: 0 });
    Ok(Verified { entries: last, head, fault })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Entry, append};

    /// A file with a chain of 20 entries.
    fn chain(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("review.db");
        let db = Connection::open(&path).expect("opens");
        db.execute_batch(include_str!("../../migrations/0003_people.sql")).expect("the tables");
        for n in 1..=20 {
            append(&db, &Entry::new(1_000 + n, "u_1", "view_case", &format!("k_{n}"), "")).expect("appends");
        }
        path
    }

    /// What is found after somebody with the file did this, triggers out of the way.
    #[track_caller]
    fn after(sql: &str, fault: Option<Fault>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = chain(folder.path());
        let db = Connection::open(&path).expect("opens");
        let triggers = "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_cut;";
        db.execute_batch(&format!("{triggers}{sql}")).expect("somebody changes it");
        assert_eq!(verify(&path, &[]).expect("reads").fault, fault, "{sql}");
    }

    #[test]
    fn whatever_is_changed_the_first_bad_entry_is_named() {
        after("", None);
        after("UPDATE audit SET actor = 'u_2' WHERE n = 7", Some(Fault::Changed(7)));
        after("UPDATE audit SET subject = 'k_8', detail = '' WHERE n = 7", Some(Fault::Changed(7)));
        after("UPDATE audit SET at = at - 1 WHERE n = 1", Some(Fault::Changed(1)));
        after("DELETE FROM audit WHERE n = 7", Some(Fault::Missing(7)));
        after("DELETE FROM audit WHERE n = 1", Some(Fault::Missing(1)));
        after("DELETE FROM audit WHERE n > 17", Some(Fault::Cut(18)));
        after("DELETE FROM audit", Some(Fault::Cut(1)));
        let swapped = "UPDATE audit SET n = 100 WHERE n = 7; UPDATE audit SET n = 7 WHERE n = 8; UPDATE audit SET n = 8 WHERE n = 100";
        after(swapped, Some(Fault::Changed(7)));
    }

    #[test]
    fn the_application_cannot_change_or_cut_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Connection::open(chain(folder.path())).expect("opens");
        for sql in ["UPDATE audit SET actor = ''", "DELETE FROM audit WHERE n = 20"] {
            let refused = db.execute(sql, []).expect_err("refused").to_string();
            assert!(refused.contains("only grows"), "{refused}");
        }
    }

    #[test]
    fn a_chain_that_was_written_anew_or_cut_with_its_counter_shows_against_a_published_head() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = chain(folder.path());
        let head = verify(&path, &[]).expect("reads").head.expect("not empty");
        assert_eq!(Head::parse(&head.line()).map(|head| (head.n, head.hash)), Some((20, head.hash.clone())));
        assert_eq!(verify(&path, std::slice::from_ref(&head)).expect("reads").fault, None);
        let other = Head { n: 12, hash: "0".repeat(64), at: 0 };
        assert_eq!(verify(&path, &[head.clone(), other]).expect("reads").fault, Some(Fault::Rewritten(12)));
        let db = Connection::open(&path).expect("opens");
        db.execute_batch("DROP TRIGGER audit_is_not_cut; DELETE FROM audit WHERE n > 15; UPDATE sqlite_sequence SET seq = 15")
            .expect("somebody cuts it");
        assert_eq!(verify(&path, &[]).expect("reads").fault, None, "the file alone cannot tell");
        assert_eq!(verify(&path, std::slice::from_ref(&head)).expect("reads").fault, Some(Fault::Cut(16)));
        db.execute_batch("DELETE FROM audit; DELETE FROM sqlite_sequence").expect("somebody empties it");
        for n in 1..=20 {
            append(&db, &Entry::new(1_000 + n, "u_1", "view_case", "k_other", "")).expect("appends");
        }
        assert_eq!(verify(&path, &[]).expect("reads").fault, None);
        assert_eq!(verify(&path, &[head]).expect("reads").fault, Some(Fault::Rewritten(20)));
    }

    #[test]
    fn what_is_no_published_head_is_not_read_as_one() {
        let hash = "ab".repeat(32);
        assert_eq!(Head::parse(&format!("7:{hash}")).map(|head| head.n), Some(7));
        for line in ["", "7", "x y", &format!("x {hash}"), &format!("7 {}", &hash[1..])] {
            assert_eq!(Head::parse(line), None, "{line}");
        }
    }
}
