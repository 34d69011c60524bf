//! A backup of `review.db`, taken while a desk works on it.
//!
//! Separate from the desk, which need not run. Invariants: the copy is of one moment, in whole: cases with the places up to which they
//! were folded, people, sessions and the audit chain; a file that is there is never replaced; a copy that is not whole is removed.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::audit::{self, Verified};
use crate::error::Error;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Entries of the audit chain, all whole.
    pub entries: u64,
    /// Cases.
    pub cases: u64,
    /// How far each source of the log was folded, by name.
    pub folded: Vec<(String, u64)>,
}

/// Copies the file.
///
/// # Errors
/// [`Error::File`] if it cannot be read, the copy cannot be written or exists, or the copy is not whole.
pub fn back_up(from: &Path, to: &Path) -> Result<Copied, Error> {
    let file = |path: &Path, detail: String| Error::File { name: path.display().to_string(), detail };
    if std::fs::exists(to).unwrap_or(true) {
        return Err(file(to, "is there already: give the name of a file that is not".to_owned()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(from, flags).map_err(|error| file(from, error.to_string()))?;
    let name = to.to_str().ok_or_else(|| file(to, "its name is no text".to_owned()))?;
    let copied = db.execute("VACUUM INTO ?1", [name]).map_err(|error| file(to, error.to_string()));
    let looked_at = copied.and_then(|_| look_at(to).map_err(|error| file(to, error.to_string())));
    if looked_at.is_err() {
        // It is ours, and no backup.
        drop(std::fs::remove_file(to));
    }
    looked_at
}

/// What lies in a copy that is whole and on the disk.
fn look_at(path: &Path) -> Result<Copied, Box<dyn std::error::Error>> {
    std::fs::File::open(path)?.sync_all()?;
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let said: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if said != "ok" {
        return Err(format!("the copy is damaged: {said}").into());
    }
    let Verified { entries, fault, .. } = audit::verify(path, &[])?;
    if let Some(fault) = fault {
        return Err(format!("the audit chain is not whole: {fault}").into());
    }
    let cases: i64 = db.query_row("SELECT count(*) FROM cases", [], |row| row.get(0))?;
    let mut query = db.prepare("SELECT source, position FROM progress ORDER BY source")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
    Ok(Copied { entries, cases: cases as u64, folded: rows.collect::<rusqlite::Result<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Entry, append};
    use crate::store::Store;

    #[test]
    fn a_copy_is_taken_while_a_desk_writes_and_never_over_another_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("review.db"), folder.path().join("backup.db"));
        let store = Store::open(&from).expect("opens");
        store.writer().execute("INSERT INTO progress VALUES ('weir.reviews/0', 7)", []).expect("writes");
        append(&store.writer(), &Entry::new(1, "u_1", "view_case", "k_1", "")).expect("appends");
        let copied = back_up(&from, &to).expect("copied");
        let expected = Copied { entries: 1, cases: 0, folded: vec![("weir.reviews/0".to_owned(), 7)] };
        assert_eq!(copied, expected);
        append(&store.writer(), &Entry::new(2, "u_1", "view_case", "k_2", "")).expect("still writes");
        let again = back_up(&from, &to).expect_err("refused").to_string();
        assert!(again.contains("is there already"), "{again}");
        assert_eq!(look_at(&to).expect("whole"), expected);
        let missing =
            back_up(&folder.path().join("nowhere.db"), &folder.path().join("b")).expect_err("refused");
        assert!(missing.to_string().contains("nowhere.db"), "{missing}");
    }
}
