//! Deciding about events: the work of a partition of `weir.events`.
//!
//! Separate from the line, which every kind of work shares. Invariants: a record is taken, passed over or refused, never
//! two of them; what an activation names is loaded before it is processed, or the record is refused and the old version
//! stays in force.

use std::sync::atomic::Ordering;

use ingest::kafka::{Admission, Batch, Message};
use schema::{Refusal, RejectReason};
use scorer::{Engine, Needed, Outcome, Output};

use super::line::{Stop, Work};
use super::outlet::Outlet;
use super::owner::Gauges;
use crate::lookahead;
use crate::registry::Registry;
use crate::saving::State;

/// An engine and the rules of its partition.
pub struct Decider<'o> {
    engine: Engine,
    admission: &'o Admission,
    registry: Option<&'o Registry>,
    /// The log's time: highest so far, ms since the Unix epoch.
    at: u64,
    output: Output,
}

impl<'o> Decider<'o> {
    /// Decides with `engine`, whose log stands at `at` (ms since the Unix epoch); `registry`: where activations find their
    /// versions.
    pub fn new(
        (engine, at): (Engine, u64),
        admission: &'o Admission,
        registry: Option<&'o Registry>,
    ) -> Self {
        Self { engine, admission, registry, at, output: Output::default() }
    }

    /// Decides about one record; what follows lies in `output`.
    #[inline]
    fn decide(&mut self, message: &Message<'_>, gauges: &Gauges) -> Result<(), Refusal> {
        let record = message.record();
        let raw = self.admission.decode(&record)?;
        let Some(event) = raw.event()? else {
            gauges.unknown_kinds.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        };
        self.admission.check(&record, &event)?;
        if let Some(needed) = self.engine.needs(&event) {
            self.provide(&needed)?;
        }
        match self.engine.process(&event, message.offset(), &mut self.output) {
            Outcome::Decided | Outcome::Quiet => {}
            Outcome::Duplicate => {
                gauges.duplicates.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Rejected(refusal) => return Err(refusal),
        }
        self.at = self.at.max(event.at.unwrap_or(event.ts));
        Ok(())
    }

    /// Loads a version that the next record puts in force.
    #[cold]
    fn provide(&mut self, needed: &Needed) -> Result<(), Refusal> {
        let missing = |detail: String| Refusal::new(RejectReason::ArtifactMissing, detail);
        let Some(registry) = self.registry else {
            let Needed { kind, name, version } = needed;
            return Err(missing(format!("{kind} {name} {version} is wanted: the worker has no --registry")));
        };
        let artifact = registry.load(needed).map_err(|error| missing(error.to_string()))?;
        self.engine.provide(artifact);
        Ok(())
    }
}

impl Work for Decider<'_> {
    #[inline]
    fn record(&mut self, message: &Message<'_>, outlet: &mut Outlet<'_>) -> Result<u32, Stop> {
        let outputs = match self.decide(message, outlet.gauges) {
            Ok(()) if self.output.is_empty() => return Ok(0),
            Ok(()) => outlet.output(&self.output, message.offset())?,
            Err(refusal) => {
                // The broker's time, if it tells one: a repeat after a crash says the same.
                let at = message.record().at.unwrap_or(self.at);
                outlet.reject(refusal, (message.offset(), at), message.value())?
            }
        };
        self.output.clear();
        Ok(outputs)
    }

    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }

    /// Asks for the memory of the next two records, while the one before them is decided about.
    #[inline]
    fn look_ahead(&self, batch: &Batch<'_>, place: usize) {
        if let Some((_, account)) = batch.glance(place + 1).and_then(lookahead::names) {
            self.engine.prefetch(account);
        }
        if let Some((id, account)) = batch.glance(place + 2).and_then(lookahead::names) {
            self.engine.prefetch_early(id, account);
        }
    }
}

impl State for Decider<'_> {
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
        self.at
    }
}
