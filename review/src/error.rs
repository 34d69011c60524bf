//! What can go wrong, by what the caller does about it.

use schema::HistoryError;
use schema::desk::Untaken;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened, is held by another process, or is of a newer build: for a person, at the start.
    #[error("{name}: {detail}")]
    File {
        /// The file.
        name: String,
        /// What is wrong, and what to do.
        detail: String,
    },
    /// It is not to be done, by whoever asks: the key of a text that says why.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// The store failed now: tell the user, and try again.
    #[error("the desk's own store: {0}")]
    Store(#[from] rusqlite::Error),
    /// The log did not take an act: tell the user what to do.
    #[error("{0}")]
    Untaken(#[from] Untaken),
    /// What is in force cannot be read: tell the user, and try again.
    #[error("{0}")]
    Told(#[from] HistoryError),
}
