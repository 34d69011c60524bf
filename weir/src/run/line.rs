//! The straight line of one partition: a record in, an event, the engine, records out, acknowledgements back.
//!
//! Separate from owning the partition (being given it, restoring it, giving it up). Invariants: every record has exactly one
//! outcome: decided about, passed over, refused; a record is finished when every output of it is acknowledged; after a
//! failure nothing more is written, and the partition is read again from what was finished.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ingest::kafka::{Admission, Batch, Message, PartitionQueue};
use ingest::{Budget, Ledger};
use schema::{Refusal, Reject};
use scorer::{Engine, Outcome, Output};
use sinks::kafka::{Delivery, Producer};

use super::owner::{Gauges, Wish};
use super::takeover::Takeover;
use crate::clock::Stopwatch;
use crate::error::Error;
use crate::lookahead;

/// How long an empty partition is waited for at once.
const IDLE_WAIT: Duration = Duration::from_millis(20);
/// How long acknowledgements are waited for at once while reading pauses.
const PAUSED_WAIT: Duration = Duration::from_millis(5);
/// Batches between two looks at an idle producer's own errors.
const SERVE_EVERY: u32 = 64;
/// The ticket of a record that no offset waits for.
const NO_OFFSET: usize = usize::MAX;

/// What the line of one partition works with.
pub struct Line<'o> {
    /// The engine.
    pub engine: Engine,
    /// Rules of the partition.
    pub admission: &'o Admission,
    /// Name of the topic, for rejects.
    pub topic: &'o str,
    /// Where outputs go.
    pub producer: Producer,
    /// What was read and is not finished.
    pub ledger: Ledger,
    /// What may be under way.
    pub budget: Budget,
    /// What is said again after the takeover.
    pub takeover: Takeover,
    /// What the main loop sees.
    pub gauges: &'o Gauges,
    /// Longest time between two looks at the clock, beyond which the thread was frozen and the partition may be another's.
    pub frozen_after: Duration,
    /// Since the takeover.
    pub clock: Stopwatch,
    /// When the clock was looked at last.
    pub beat: Duration,
    /// The log's time: highest so far, ms since the Unix epoch.
    pub at: u64,
    /// What follows from a record.
    pub output: Output,
    /// Acknowledgements just heard.
    pub heard: Vec<Delivery>,
}

/// Why a line stopped.
#[derive(Debug)]
pub enum Stop {
    /// Somebody wished it.
    Wished,
    /// Something failed: the partition is to be read again.
    Fell(String),
}

impl From<sinks::Error> for Stop {
    fn from(error: sinks::Error) -> Self {
        Stop::Fell(error.to_string())
    }
}

impl Line<'_> {
    /// Reads and decides until somebody wishes otherwise or something fails.
    pub fn run(&mut self, queue: &mut PartitionQueue) -> Stop {
        let mut idle = 0_u32;
        loop {
            if self.gauges.wish() != Wish::Work {
                return Stop::Wished;
            }
            let step = self.step(queue, idle.is_multiple_of(SERVE_EVERY));
            if let Err(stop) = step {
                return stop;
            }
            idle = idle.wrapping_add(1);
        }
    }

    /// Waits until everything is acknowledged, or somebody wishes to give up, or something fails.
    pub fn finish(&mut self, wait: Duration) -> Result<(), Stop> {
        let start = self.clock.elapsed();
        while self.ledger.waiting() > 0 && self.gauges.wish() != Wish::Drop {
            self.hear(PAUSED_WAIT)?;
            if self.clock.elapsed() - start > wait {
                return Err(Stop::Fell("the broker did not acknowledge in time".to_owned()));
            }
        }
        Ok(())
    }

    fn step(&mut self, queue: &mut PartitionQueue, serve: bool) -> Result<(), Stop> {
        self.look_at_the_clock()?;
        if self.budget.is_paused() {
            return self.hear(PAUSED_WAIT);
        }
        let batch = queue.take(IDLE_WAIT);
        for (place, message) in batch.iter().enumerate() {
            self.look_ahead(&batch, place);
            self.record(&message)?;
        }
        let records = batch.len() as u64;
        drop(batch);
        if serve || self.producer.under_way() > 0 || self.ledger.waiting() > 0 {
            self.hear(Duration::ZERO)?;
        }
        for standing in self.takeover.due(self.clock.elapsed()) {
            self.producer.standing(&standing, NO_OFFSET)?;
        }
        self.gauges.records.fetch_add(records, Ordering::Relaxed);
        self.gauges.committable.store(self.ledger.committable(), Ordering::Release);
        Ok(())
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

    #[inline]
    fn record(&mut self, message: &Message<'_>) -> Result<(), Stop> {
        if let Some(fault) = message.fault() {
            return Err(Stop::Fell(fault));
        }
        let record = message.record();
        let offset = message.offset();
        let outputs = match self.decide(message) {
            Ok(()) if self.output.is_empty() => 0,
            Ok(()) => self.write(offset)?,
            Err(refusal) => self.refuse(refusal, (offset, record.value.unwrap_or_default()))?,
        };
        let bytes = record.value.map_or(0, <[u8]>::len);
        self.ledger.take(offset, outputs, bytes);
        if outputs > 0 {
            self.budget.charge(bytes);
        }
        Ok(())
    }

    /// Decides about one record; what follows lies in `output`.
    #[inline]
    fn decide(&mut self, message: &Message<'_>) -> Result<(), Refusal> {
        let record = message.record();
        let raw = self.admission.decode(&record)?;
        let Some(event) = raw.event()? else {
            self.gauges.unknown_kinds.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        };
        self.admission.check(&record, &event)?;
        match self.engine.process(&event, message.offset(), &mut self.output) {
            Outcome::Decided | Outcome::Quiet => {}
            Outcome::Duplicate => {
                self.gauges.duplicates.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Rejected(refusal) => return Err(refusal),
        }
        self.at = self.at.max(event.at.unwrap_or(event.ts));
        Ok(())
    }

    /// Writes what follows from a record; gives the number of outputs.
    #[cold]
    fn write(&mut self, offset: u64) -> Result<u32, Stop> {
        self.look_at_the_clock()?;
        let ticket = ticket(offset);
        let mut outputs = 0;
        for decision in &self.output.decisions {
            self.producer.decision(decision, ticket)?;
            outputs += 1;
        }
        for standing in &self.output.standings {
            outputs += self.producer.standing(standing, ticket)?;
            self.takeover.changed(standing);
        }
        for row in &self.output.rows {
            self.producer.row(row, ticket)?;
            outputs += 1;
        }
        self.gauges.decisions.fetch_add(self.output.decisions.len() as u64, Ordering::Relaxed);
        self.output.clear();
        Ok(outputs)
    }

    #[cold]
    fn refuse(&mut self, refusal: Refusal, (offset, raw): (u64, &[u8])) -> Result<u32, Stop> {
        self.look_at_the_clock()?;
        self.output.clear();
        self.gauges.rejects.fetch_add(1, Ordering::Relaxed);
        let mut reject = Reject::new(refusal, self.topic, offset, self.at, raw);
        reject.partition = self.admission.partition;
        self.producer.reject(&reject, ticket(offset))?;
        Ok(1)
    }

    fn hear(&mut self, wait: Duration) -> Result<(), Stop> {
        self.producer.hear(wait, &mut self.heard);
        for delivery in self.heard.drain(..) {
            if let Some(failure) = delivery.failed {
                return Err(Stop::Fell(format!("an output was not written: {failure}")));
            }
            if delivery.ticket != NO_OFFSET
                && let Some(bytes) = self.ledger.finish(delivery.ticket as u64)
            {
                self.budget.refund(bytes);
            }
        }
        Ok(())
    }

    /// A thread that was frozen for long must not write: its partition may be another's.
    fn look_at_the_clock(&mut self) -> Result<(), Stop> {
        let now = self.clock.elapsed();
        let since = now - self.beat;
        self.beat = now;
        if since > self.frozen_after {
            return Err(Stop::Fell(format!("frozen for {} s", since.as_secs())));
        }
        Ok(())
    }
}

/// A record's offset as the ticket of its outputs.
fn ticket(offset: u64) -> usize {
    usize::try_from(offset).expect("weir runs where a pointer has 64 bits")
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Fell(error.to_string())
    }
}
