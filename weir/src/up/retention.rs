//! The journal's retention: the oldest records go once they are too old, or once there are too many bytes of them.
//!
//! Separate from the journal, which knows neither checkpoints nor a history. Invariants: what a start from any checkpoint that
//! is kept would read stays, and the record that tells whose journal the checkpoint is; what the history has not taken stays twice
//! as long, but never past the bound in bytes; little goes at once, so that an append never waits long.

use std::sync::Arc;
use std::time::Duration;

use ingest::journal::{Appender, Head, Prune, Reader, Unwritten};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::restore::{self, Shelf};
use super::state::Phase;
use crate::clock::Clock;
use crate::error::Error;

const DAY_MS: u64 = 86_400_000;
/// How often it looks whether something may go.
const LOOK: Duration = Duration::from_secs(1);
/// Between two batches: appends go first.
const PAUSE: Duration = Duration::from_millis(5);

/// How long the journal's records are kept.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Days.
    pub days: u32,
    /// Bytes of the file; `None`: as many as there are.
    pub bytes_max: Option<u64>,
}

/// What the thread needs.
pub struct Ends {
    /// Where the oldest record is looked for.
    pub reader: Reader,
    /// The way to the journal's writer.
    pub appender: Appender,
    /// How far the log is.
    pub head: watch::Receiver<Head>,
    /// The log's clock.
    pub clock: Clock,
    /// To wait with.
    pub handle: Handle,
}

/// The thread's own.
pub struct Keeper {
    shelf: Shelf,
    kept: Kept,
    ends: Ends,
}

impl Keeper {
    /// Keeps what the checkpoints on the shelf need.
    pub fn new(shelf: Shelf, kept: Kept, ends: Ends) -> Keeper {
        Keeper { shelf, kept, ends }
    }

    /// Looks now and then, until the server stops.
    pub fn run(self) {
        let state = Arc::clone(&self.shelf.state);
        let mut failed = false;
        while !state.is_stopping() {
            let went = self.look();
            if let Err(error) = &went
                && !failed
            {
                tracing::warn!(%error, "old records of the journal stay for now");
            }
            failed = went.is_err();
            let mut phase = state.phase();
            let stop = async {
                tokio::time::timeout(LOOK, phase.wait_for(|phase| *phase > Phase::Up)).await.is_ok()
            };
            if self.ends.handle.block_on(stop) {
                return;
            }
        }
    }

    /// Lets go what may go.
    fn look(&self) -> Result<(), Error> {
        let now = (self.ends.clock)();
        let first_at = self.ends.reader.first_at()?;
        let state = &self.shelf.state;
        state.metrics.log_age.set(first_at.map_or(0, |at| now.saturating_sub(at) / 1_000) as i64);
        let head = *self.ends.head.borrow();
        let bytes_max = self.kept.bytes_max.unwrap_or(u64::MAX);
        let before = |ages: u64| now.saturating_sub(u64::from(self.kept.days) * DAY_MS * ages);
        let is_old = first_at.is_some_and(|at| at < before(1));
        if !is_old && head.bytes <= bytes_max {
            return Ok(());
        }
        let up_to = self.needed_after()?;
        let taken = state.history_position().min(up_to);
        let mut went = self.prune(Prune { before_at: before(1), bytes_max: u64::MAX, up_to: taken })?;
        went += self.prune(Prune { before_at: before(2), bytes_max, up_to })?;
        if went > 0 {
            let bytes = self.ends.head.borrow().bytes;
            tracing::info!(records = went, bytes, "old records of the journal went");
        }
        Ok(())
    }

    /// The position up to which no start needs anything: just before the record at which the oldest checkpoint stands.
    fn needed_after(&self) -> Result<u64, Error> {
        let found = self.shelf.store.block_on(self.shelf.checkpoints.find(&restore::place()))?;
        let oldest = found.candidates.iter().map(|candidate| restore::position(candidate.moment())).min();
        Ok(oldest.unwrap_or(0).saturating_sub(1))
    }

    fn prune(&self, prune: Prune) -> Result<u64, Error> {
        let mut went = 0;
        loop {
            match self.ends.handle.block_on(self.ends.appender.prune(prune)) {
                Ok(0) | Err(Unwritten::Closed) => return Ok(went),
                Ok(some) => went += some,
                Err(error) => return Err(Error::Role(error.to_string())),
            }
            if self.shelf.state.is_stopping() {
                return Ok(went);
            }
            std::thread::sleep(PAUSE);
        }
    }
}
