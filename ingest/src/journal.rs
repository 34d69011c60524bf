//! The journal: the log of the embedded mode, one SQLite file, appended to by one thread.
//!
//! Separate from HTTP, which fills it, and from the engine, which reads it. Invariants: an append is answered only after
//! its commit is durable; positions rise without gaps; `at` never falls; what the engine made of a stretch of the log and
//! how far it has read are written in one transaction; a failed commit leaves nothing behind; the clock is an argument.

mod batch;
mod reader;
mod tables;
mod writer;

pub use batch::{Batch, Topic};
pub use reader::{Chunk, Reader, Record};
pub use writer::{Appender, Commit, Committed, Failed, Prune, StandingChange, Unwritten, Watched};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::error::Error;
use tables::Tables;

/// The log's time, ms since the Unix epoch.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How far the log is, after its newest durable commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Highest position; 0 if the log never had a record.
    pub position: u64,
    /// Highest position of a decision since the journal was opened.
    pub decisions: u64,
    /// Highest position that retention has taken.
    pub pruned: u64,
    /// Bytes in use on the disk.
    pub bytes: u64,
    /// The log's time, ms since the Unix epoch.
    pub at: u64,
}

/// What the writer tells of its commits.
pub type Observer = Box<dyn Fn(Told<'_>) + Send>;

/// A commit begins, or what became of it.
#[derive(Debug)]
pub enum Told<'r> {
    /// From now on the disk is waited for.
    Begins,
    /// It ended, well or not.
    Ended(&'r CommitReport),
}

/// One attempt to commit.
#[derive(Debug)]
pub struct CommitReport {
    /// How long it took, microseconds.
    pub took_us: u64,
    /// Records in it.
    pub records: usize,
    /// Why it failed.
    pub failed: Option<Unwritten>,
}

/// How a journal is opened.
pub struct Options {
    /// The time.
    pub clock: Clock,
    /// Microseconds of a clock that never goes back, to measure commits.
    pub ticks: fn() -> u64,
    /// Hears of every commit, before and after.
    pub observer: Observer,
}

/// An open journal: owns the thread that writes.
pub struct Journal {
    path: PathBuf,
    appender: Appender,
    head: watch::Receiver<Head>,
    watched: Arc<Watched>,
    writer: JoinHandle<()>,
}

impl Journal {
    /// Opens or creates the file and starts the writer.
    ///
    /// # Errors
    /// If the file cannot be made, is damaged, or is no journal of this format.
    pub fn open(path: &Path, options: Options) -> Result<Journal, Error> {
        let tables = Tables::open(path)?;
        let watched = Arc::new(Watched::default());
        let (appender, head, writer) = writer::start(tables, options, Arc::clone(&watched))?;
        Ok(Journal { path: path.to_owned(), appender, head, watched, writer })
    }

    /// A way to append, to be cloned.
    #[must_use]
    pub fn appender(&self) -> Appender {
        self.appender.clone()
    }

    /// How far the log is: told after every durable commit.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Head> {
        self.head.clone()
    }

    /// The checks that wait for their decision.
    #[must_use]
    pub fn watched(&self) -> Arc<Watched> {
        Arc::clone(&self.watched)
    }

    /// A reader with a connection of its own.
    ///
    /// # Errors
    /// If the file cannot be opened again.
    pub fn reader(&self) -> Result<Reader, Error> {
        Reader::open(&self.path)
    }

    /// Writes what waits and ends the writer; who appends later is told that the journal is closed.
    pub fn close(self) {
        self.appender.end();
        if self.writer.join().is_err() {
            tracing::error!("the journal's writer panicked; what it had acknowledged is durable");
        }
    }
}

#[cfg(test)]
mod tests;
