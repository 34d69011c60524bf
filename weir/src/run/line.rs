//! The straight line of one partition: records in, work, outputs out, acknowledgements back.
//!
//! Separate from the work itself (deciding, relating, control) and from owning the partition. Invariants: every record has
//! exactly one outcome; a record is finished when every output of it is acknowledged; after a failure nothing more is
//! written, and the partition is read again from what was finished.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ingest::kafka::{Batch, Message, PartitionQueue};
use ingest::{Budget, Ledger};
use prometheus_client::metrics::gauge::Gauge;
use sinks::kafka::Delivery;

use super::gauges::Wish;
use super::outlet::Outlet;
use super::plan::UNDER_WAY;
use crate::error::Error;
use crate::saving::{Position, Saver, State};
use crate::telemetry::{Metrics, PartitionLabels, Share};

/// How long an empty partition is waited for at once.
const IDLE_WAIT: Duration = Duration::from_millis(20);
/// The same while a checkpoint is under way.
const SAVING_WAIT: Duration = Duration::from_millis(2);
/// How long acknowledgements are waited for at once while reading pauses.
const PAUSED_WAIT: Duration = Duration::from_millis(5);
/// How long a line goes on before what was wrong with its partition is over.
const STEADY: Duration = Duration::from_secs(1);
/// Batches between two looks at an idle producer's own errors.
const SERVE_EVERY: u32 = 64;

/// What is done with the records of a partition.
pub trait Work {
    /// There is no state but a place in the log: what is finished is finished, whether the place is saved yet or not.
    const IS_PLACE_ALONE: bool = false;

    /// Does it; gives the number of outputs that the record waits for.
    fn record(&mut self, message: &Message<'_>, outlet: &mut Outlet<'_>) -> Result<u32, Stop>;

    /// What is to be saved of it, if anything.
    fn state(&mut self) -> Option<&mut dyn State> {
        None
    }

    /// Counts a batch of so many records that was done with, `now` since the takeover.
    fn show(&mut self, _records: u64, _now: Duration, _metrics: &Metrics) {}

    /// Asks for memory that records after `place` will need. Changes nothing.
    fn look_ahead(&self, _batch: &Batch<'_>, _place: usize) {}
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

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Fell(error.to_string())
    }
}

/// What is shown of a line, whatever its work is.
struct Shown {
    budget_use: Share,
    /// Where state is saved.
    checkpoint_age: Option<Gauge>,
}

/// The line of one partition.
pub struct Line<'o, W> {
    /// What is done.
    pub work: W,
    /// Where outputs go.
    pub outlet: Outlet<'o>,
    /// What was read and is not finished.
    pub ledger: Ledger,
    budget: Budget,
    /// Saves the state, if it is saved at all.
    saver: Option<Saver>,
    shown: Shown,
    heard: Vec<Delivery>,
    done: Vec<u64>,
}

impl<'o, W: Work> Line<'o, W> {
    /// A line that reads from offset `next` on, shown under `labels`.
    pub fn new(
        work: W,
        outlet: Outlet<'o>,
        next: u64,
        (saver, labels): (Option<Saver>, &PartitionLabels),
    ) -> Self {
        let (ledger, budget) = (Ledger::new(next), Budget::new(UNDER_WAY));
        let Metrics { budget_use, checkpoint_age, .. } = outlet.metrics;
        let shown = Shown {
            budget_use: budget_use.get_or_create_owned(labels),
            checkpoint_age: saver.as_ref().map(|_| checkpoint_age.get_or_create_owned(labels)),
        };
        Self { work, outlet, ledger, budget, saver, shown, heard: Vec::new(), done: Vec::new() }
    }

    /// Works until somebody wishes otherwise or something fails.
    pub fn run(&mut self, queue: &mut PartitionQueue) -> Stop {
        let mut steps = 0_u32;
        let (since, mut steady) = (self.outlet.elapsed(), false);
        loop {
            if !self.outlet.gauges.is_wanted() {
                return Stop::Wished;
            }
            self.outlet.gauges.pulse.beat();
            if !steady && self.outlet.elapsed().saturating_sub(since) > STEADY {
                steady = true;
                self.outlet.gauges.set_trouble(None);
            }
            if let Err(stop) = self.step(queue, steps.is_multiple_of(SERVE_EVERY)) {
                return stop;
            }
            steps = steps.wrapping_add(1);
        }
    }

    /// What may be committed: what is finished, or, where state is saved, what a restart would begin with.
    pub fn committable(&self) -> Option<u64> {
        match &self.saver {
            Some(saver) if !W::IS_PLACE_ALONE => saver.valid(),
            _ => Some(self.ledger.committable()).filter(|offset| *offset > 0),
        }
    }

    /// Waits until everything is acknowledged and saved, or somebody wishes to give up, or something fails.
    pub fn finish(&mut self, wait: Duration) -> Result<(), Stop> {
        let start = self.outlet.elapsed();
        while self.ledger.waiting() > 0 && self.outlet.gauges.wish() != Wish::Drop {
            self.hear(PAUSED_WAIT)?;
            if self.outlet.elapsed().saturating_sub(start) > wait {
                return Err(Stop::Fell("the broker did not acknowledge in time".to_owned()));
            }
        }
        let at = self.position();
        if let (Some(saver), Some(state)) = (&mut self.saver, self.work.state()) {
            saver.finish(state, at, || self.outlet.elapsed(), start + wait);
        }
        Ok(())
    }

    fn position(&self) -> Position {
        Position { next: self.ledger.next(), finished: self.ledger.committable() }
    }

    /// Saves a little, and shows what may be committed.
    fn save(&mut self, idle: bool) {
        let (at, now) = (self.position(), self.outlet.elapsed());
        if let (Some(saver), Some(state)) = (&mut self.saver, self.work.state()) {
            saver.step(state, at, now, idle);
            if let Some(gauge) = &self.shown.checkpoint_age {
                gauge.set(saver.age(at, now).as_secs() as i64);
            }
        }
        self.shown.budget_use.set(self.budget.share());
        if let Some(offset) = self.committable() {
            self.outlet.gauges.committable.store(offset, Ordering::Release);
        }
    }

    fn step(&mut self, queue: &mut PartitionQueue, serve: bool) -> Result<(), Stop> {
        self.outlet.look_at_the_clock()?;
        if self.budget.is_paused() {
            self.hear(PAUSED_WAIT)?;
            self.save(true);
            return Ok(());
        }
        let is_saving = self.saver.as_ref().is_some_and(Saver::is_busy);
        let batch = queue.take(if is_saving { SAVING_WAIT } else { IDLE_WAIT });
        for (place, message) in batch.iter().enumerate() {
            self.work.look_ahead(&batch, place);
            self.record(&message)?;
        }
        let records = batch.len() as u64;
        drop(batch);
        if serve || self.ledger.waiting() > 0 || self.outlet.producer.under_way() > 0 {
            self.hear(Duration::ZERO)?;
        }
        self.outlet.say_again()?;
        self.outlet.gauges.records.fetch_add(records, Ordering::Relaxed);
        self.outlet.gauges.next.store(self.ledger.next(), Ordering::Relaxed);
        self.work.show(records, self.outlet.elapsed(), self.outlet.metrics);
        self.save(records == 0);
        Ok(())
    }

    #[inline]
    fn record(&mut self, message: &Message<'_>) -> Result<(), Stop> {
        if let Some(fault) = message.fault() {
            return Err(Stop::Fell(fault));
        }
        let outputs = self.work.record(message, &mut self.outlet)?;
        let bytes = message.bytes();
        self.ledger.take(message.offset(), outputs, bytes);
        if outputs > 0 {
            self.budget.charge(bytes);
        }
        Ok(())
    }

    fn hear(&mut self, wait: Duration) -> Result<(), Stop> {
        self.outlet.look_at_the_clock()?;
        self.outlet.hear(wait, &mut self.heard, &mut self.done)?;
        for offset in self.done.drain(..) {
            if let Some(bytes) = self.ledger.finish(offset) {
                self.budget.refund(bytes);
                self.outlet.finished(offset);
            }
        }
        Ok(())
    }
}
