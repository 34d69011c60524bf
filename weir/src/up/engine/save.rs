//! The engine's state into checkpoints, and the switch to other versions, which happens at one.
//!
//! Separate from deciding. Invariants: a checkpoint is begun between two batches, when everything that was decided is in the
//! journal; versions change only where a checkpoint stands, so that no record is decided about by two of them.

use std::sync::Arc;
use std::time::Duration;

use ingest::journal::Reader;
use scorer::{Engine, EngineConfig};

use super::Line;
use crate::clock;
use crate::error::Error;
use crate::saving::{self, Position};
use crate::telemetry::PartitionLabels;

/// The engine between two records, to be saved.
struct Still<'l> {
    engine: &'l mut Engine,
    log: &'l Reader,
    position: u64,
}

impl saving::State for Still<'_> {
    fn begin(&mut self, full: bool) -> bool {
        self.engine.begin_checkpoint(full)
    }

    fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        self.engine.write_checkpoint(bytes_max, out)
    }

    fn abandon(&mut self) {
        self.engine.abandon_checkpoint();
    }

    fn at_ms(&self) -> u64 {
        // A journal that cannot be read is told by whoever reads on; the checkpoint fits none.
        self.log.time_of(self.position).ok().flatten().unwrap_or(0)
    }
}

/// Time since the process started.
pub fn now() -> Duration {
    Duration::from_micros(clock::ticks_us())
}

impl Line {
    /// Saves a little of the engine, if it is time.
    pub(super) fn save(&mut self, idle: bool) {
        let at = self.stands();
        let mut still = Still { engine: &mut self.engine, log: &self.ends.reader, position: self.position };
        self.saver.step(&mut still, at, now(), idle);
        let age = self.saver.age(at, now()).as_secs();
        self.ends.state.metrics.checkpoint_age.get_or_create(&PartitionLabels::default()).set(age as i64);
    }

    /// All that its records caused is in the journal: nothing is owed between two batches.
    pub(super) fn stands(&self) -> Position {
        let next = if self.position == 0 { 0 } else { self.position + 1 };
        Position { next, finished: next }
    }

    /// Saves the engine as it stands, unless that takes until `until` or, if `yields`, the server stops.
    pub(super) fn save_all(&mut self, until: Duration, yields: bool) {
        let (at, state) = (self.stands(), Arc::clone(&self.ends.state));
        let mut still = Still { engine: &mut self.engine, log: &self.ends.reader, position: self.position };
        let clock = || if yields && state.is_draining() { until } else { now() };
        self.saver.finish(&mut still, at, clock, until);
    }

    /// Everything that was decided before is decided again: from here on the new versions decide. False if the server stops
    /// meanwhile: then this line has ended, and the next start does it.
    pub(super) fn switch(&mut self) -> Result<bool, Error> {
        self.position = self.position.max(self.written);
        self.save_all(Duration::MAX, true);
        if self.ends.state.is_draining() {
            return Ok(false);
        }
        let Some(mut next) = self.next.take() else { return Ok(true) };
        let head = *self.ends.head.borrow();
        let failed = || {
            let detail = "the new policy, model or lists are not in force: the checkpoint that they begin with could not be \
                          written (the log says why)";
            Error::Role(detail.to_owned())
        };
        if self.saver.valid() != Some(self.position + 1) {
            return Err(failed());
        }
        // Two engines would need twice the memory.
        self.engine = Engine::new(EngineConfig::default());
        let Some(restored) = next.shelf.restore(&next.config, &self.ends.reader, head)? else {
            return Ok(false);
        };
        if restored.position != self.position {
            return Err(failed());
        }
        self.engine = restored.engine;
        self.tell_deciding();
        self.saver = next.shelf.saver(self.position);
        if let Some(versions) = &mut next.versions {
            versions.switch(self.position)?;
        }
        Ok(true)
    }
}
