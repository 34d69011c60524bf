//! `review.db`: people, sessions, the audit chain, and the fold of the log.
//!
//! Separate, because everything that the desk remembers lies in this one file. Invariants: one process holds it; one connection
//! writes; readers have connections of their own and see whole transactions; a file of a newer build is refused.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::Error;

/// The steps, in order; the version of a step is its place, from 1.
const STEPS: [&str; 12] = [
    include_str!("../migrations/0001_begin.sql"),
    include_str!("../migrations/0002_cases.sql"),
    include_str!("../migrations/0003_people.sql"),
    include_str!("../migrations/0004_proposals.sql"),
    include_str!("../migrations/0005_identities.sql"),
    include_str!("../migrations/0006_campaigns.sql"),
    include_str!("../migrations/0007_golden.sql"),
    include_str!("../migrations/0008_shown.sql"),
    include_str!("../migrations/0009_shadows.sql"),
    include_str!("../migrations/0010_exposure.sql"),
    include_str!("../migrations/0011_made.sql"),
    include_str!("../migrations/0012_waiting.sql"),
];
/// How long a statement waits for another connection.
const BUSY: Duration = Duration::from_secs(5);
/// Most readers that are kept open.
const IDLE_MAX: usize = 8;

/// The file, held.
pub struct Store {
    path: PathBuf,
    writer: Mutex<Connection>,
    idle: Mutex<Vec<Connection>>,
    _lock: File,
}

impl Store {
    /// Opens or makes the file, and holds it until the process ends.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be opened, another process holds it, or a newer build made it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let file = |detail: String| Error::File { name: name.clone(), detail };
        let lock =
            File::create(path.with_extension("lock")).map_err(|error| file(format!("its lock: {error}")))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(file("another review desk uses it: one is active at a time".to_owned()));
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(file(error.to_string())),
        }
        let mut writer = Connection::open(path)?;
        writer.busy_timeout(BUSY)?;
        writer.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;",
        )?;
        migrate(&mut writer).map_err(|detail| file(detail.to_string()))?;
        writer.set_prepared_statement_cache_capacity(128);
        let (writer, idle) = (Mutex::new(writer), Mutex::new(Vec::new()));
        Ok(Self { path: path.to_owned(), writer, idle, _lock: lock })
    }

    /// The connection that writes, held until it is dropped. Never across a wait.
    pub fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads with a connection of one's own.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&self.path, flags)?;
                connection.busy_timeout(BUSY)?;
                connection.set_prepared_statement_cache_capacity(64);
                connection
            }
        };
        let told = read(&connection);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        told
    }
}

fn migrate(connection: &mut Connection) -> Result<(), Box<dyn std::error::Error>> {
    let done: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = done as usize;
    if done > STEPS.len() {
        return Err(
            format!("is at version {done}, this build knows {}: use the newer build", STEPS.len()).into()
        );
    }
    for (at, step) in STEPS.iter().enumerate().skip(done) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.execute_batch(&format!("PRAGMA user_version = {}", at + 1))?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_desk_is_refused_and_what_was_written_is_there_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("review.db");
        let store = Store::open(&path).expect("opens");
        store.writer().execute("INSERT INTO progress VALUES ('journal', 7)", []).expect("writes");
        let second = Store::open(&path).err().expect("refused").to_string();
        assert!(second.contains("one is active at a time"), "{second}");
        drop(store);
        let store = Store::open(&path).expect("opens again");
        let position: i64 = store
            .read(|db| Ok(db.query_row("SELECT position FROM progress", [], |row| row.get(0))?))
            .expect("reads");
        assert_eq!(position, 7);
    }
}
