//! The newest value of each key of a compacted topic, on the disk: what is in force, to be looked up by whoever is no engine.
//!
//! Separate from the archive, which keeps what was. It is a cache: made anew at each start, since a topic that is compacted forgets its
//! tombstones after a time. Invariants: one process writes; a key without a value is not there; memory does not grow with keys.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _};

use super::open::error;
use crate::error::Error;

/// The table.
#[derive(Debug)]
pub struct Latest(Mutex<Connection>);

impl Latest {
    /// An empty table in a file of its own; what was there before is removed.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path) -> Result<Self, Error> {
        for ending in ["", "-wal", "-shm", "-journal"] {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            match std::fs::remove_file(&name) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::Create { name: path.display().to_string(), source });
                }
                _ => {}
            }
        }
        let db = Connection::open(path).map_err(error)?;
        // Nothing of it must outlive the process, so nothing waits for the disk.
        let sql = "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -32768;
            CREATE TABLE latest (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;";
        db.execute_batch(sql).map_err(error)?;
        Ok(Self(Mutex::new(db)))
    }

    /// Takes records in the order of their topic; without a value the key goes.
    ///
    /// # Errors
    /// The file cannot be written: then none of them was taken.
    pub fn take<'a>(&self, records: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) -> Result<(), Error> {
        let mut db = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = db.transaction().map_err(error)?;
        for (key, value) in records {
            let done = match value {
                Some(value) => transaction
                    .prepare_cached("INSERT INTO latest VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
                    .and_then(|mut put| put.execute((key, value))),
                None => transaction
                    .prepare_cached("DELETE FROM latest WHERE key = ?1")
                    .and_then(|mut go| go.execute([key])),
            };
            done.map_err(error)?;
        }
        transaction.commit().map_err(error)
    }

    /// The newest value of a key; `None`: there is none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let db = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ask = db.prepare_cached("SELECT value FROM latest WHERE key = ?1").map_err(error)?;
        ask.query_row([key], |row| row.get(0)).optional().map_err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_of_a_key_is_told_and_a_tombstone_takes_it_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("standings.db");
        let latest = Latest::create(&path).expect("made");
        let put = |key: &'static str, value: Option<&'static str>| {
            latest.take(std::iter::once((key, value.map(str::as_bytes)))).expect("taken");
        };
        let get = |latest: &Latest, key: &str| latest.get(key).expect("told");
        put("a", Some("1"));
        put("b", Some("2"));
        put("a", Some("3"));
        put("b", None);
        put("c", None);
        assert_eq!(
            (get(&latest, "a"), get(&latest, "b"), get(&latest, "c")),
            (Some(b"3".to_vec()), None, None)
        );
        drop(latest);
        assert_eq!(get(&Latest::create(&path).expect("made anew"), "a"), None);
    }
}
