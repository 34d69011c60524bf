//! Opening the file: its settings, its tables, and what its failures mean.
//!
//! Separate, because writer and readers open it alike. Invariants: a file that a newer build made is refused; a full disk
//! or a locked file is tried again, anything else is for a person.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::Error;

const WHAT: &str = "SQLite";
/// The steps, in order; the version of a step is its place, from 1.
const STEPS: [&str; 3] = [
    include_str!("../../migrations/sqlite/0001_tables.sql"),
    include_str!("../../migrations/sqlite/0002_rows_by_event.sql"),
    include_str!("../../migrations/sqlite/0003_shared.sql"),
];
/// How long a statement waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);
/// Pages of the write-ahead log after which it is folded into the file.
const CHECKPOINT_PAGES: u32 = 4_000;

/// What the write-ahead log may keep of the disk once it is folded into the file, bytes.
const WAL_BYTES_KEPT: u32 = 64 * 1024 * 1024;

/// Opens (or makes) the file for writing.
pub(super) fn writable(path: &Path) -> Result<Connection, Error> {
    let mut connection = Connection::open(path).map_err(error)?;
    connection.busy_timeout(BUSY).map_err(error)?;
    connection
        .execute_batch(&format!(
            "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
             PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536; \
             PRAGMA journal_size_limit = {WAL_BYTES_KEPT};"
        ))
        .map_err(error)?;
    let done: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(error)?;
    let done = done as usize;
    if done > STEPS.len() {
        let cause = format!(
            "{} is at version {done}, this build knows {}: use the newer build",
            path.display(),
            STEPS.len()
        );
        return Err(Error::Stop { what: WHAT, cause });
    }
    for (at, step) in STEPS.iter().enumerate().skip(done) {
        let transaction = connection.transaction().map_err(error)?;
        transaction.execute_batch(step).map_err(error)?;
        transaction.execute_batch(&format!("PRAGMA user_version = {}", at + 1)).map_err(error)?;
        transaction.commit().map_err(error)?;
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Opens the file for reading alone; a writer must have made it.
pub(super) fn readable(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(error)?;
    connection.busy_timeout(BUSY).map_err(error)?;
    Ok(connection)
}

/// What a failure means.
pub(super) fn error(error: rusqlite::Error) -> Error {
    let passes = matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::OutOfMemory
        )
    );
    let cause = error.to_string();
    if passes { Error::Retry { what: WHAT, cause } } else { Error::Stop { what: WHAT, cause } }
}
