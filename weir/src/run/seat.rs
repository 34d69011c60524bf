//! A partition while it is held: restored, read, and after a failure restored and read again.
//!
//! Separate from its thread and from the line, which only works. Invariants: nothing is read before the state is there; while the
//! state is not there, whoever wishes something else is heard, and everybody who asks is told why; a partition that failed is
//! restored and read again from what was finished; one that was lost writes nothing more.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ingest::kafka::{Assignment, PartitionQueue};
use schema::Topic;
use sinks::checkpoint::{Chain, Role, Topics};
use sinks::kafka::Producer;

use super::gauges::{Gauges, Wish};
use super::line::{Line, Stop, Work};
use super::outlet::Outlet;
use super::owner::{Place, Report};
use super::plan::Plan;
use super::restore::{Restored, Sources, Unrestored};
use crate::clock;
use crate::error::Error;
use crate::log_gap;
use crate::saving::Saver;
use crate::telemetry::{LOAD, PartitionLabels};

/// How long a partition that is given up may wait for acknowledgements: a graceful end takes at most 10 s.
const FINISH_WAIT: Duration = Duration::from_secs(6);
/// How often a partition that is ready looks whether it may read.
const PLACE_WAIT: Duration = Duration::from_millis(2);
/// How long a partition rests after a failure.
const REST: Duration = Duration::from_secs(1);
/// What is said of a gap in the log.
const LOST: &str =
    "the log no longer has what the partition was to read next: it is read from its oldest record";

/// A partition with its queue, whatever is done with it.
pub struct Seat<'g> {
    place: Place,
    queue: PartitionQueue,
    gauges: &'g Gauges,
    /// Nothing was read yet.
    first: bool,
    /// What may be committed, or was; `None`: nobody asked yet.
    committed: Option<Option<u64>>,
}

impl<'g> Seat<'g> {
    /// Nothing was read yet.
    pub fn new(place: Place, queue: PartitionQueue, gauges: &'g Gauges) -> Self {
        Self { place, queue, gauges, first: true, committed: None }
    }

    /// Makes the work and does it, again after every failure, until somebody wishes it to end. `role`: whose checkpoints.
    pub fn hold<W: Work>(
        &mut self,
        role: Option<Role>,
        make: impl Fn(&Sources<'_>) -> Result<Restored<W>, Unrestored>,
    ) -> Result<(), Error> {
        let plan = Arc::clone(&self.place.plan);
        let of = self.place.of.clone();
        while self.gauges.is_wanted() {
            let mut line = match self.prepare(&plan, &of, role, &make) {
                Ok(line) => line,
                Err(Unrestored::Unwished) => continue,
                Err(Unrestored::Later(why)) => {
                    self.wait_for_better(&of, why);
                    continue;
                }
                Err(Unrestored::Never(error)) => return Err(error),
            };
            let mut stop = line.run(&mut self.queue);
            if matches!(stop, Stop::Wished)
                && self.gauges.wish() == Wish::Finish
                && let Err(late) = line.finish(FINISH_WAIT)
            {
                stop = late;
            }
            // What is not written by now must not be written later.
            line.outlet.producer.purge();
            if self.gauges.wish() != Wish::Drop
                && let Some(offset) = line.committable()
            {
                self.gauges.committable.store(offset, Ordering::Release);
                self.committed = Some(Some(offset));
            }
            if let Stop::Fell(why) = stop {
                plan.metrics.falls.inc();
                let (topic, partition) = (&of.topic, of.partition);
                tracing::warn!(topic, partition, why, "a partition fell; it is restored and read again");
                self.gauges.set_trouble(Some(format!("partition {partition} of {topic} fell: {why}")));
                rest(self.gauges);
            }
        }
        Ok(())
    }

    /// Says why there is no state yet, once, and rests.
    fn wait_for_better(&self, of: &Assignment, why: String) {
        let (topic, partition) = (&of.topic, of.partition);
        if self.gauges.set_trouble(Some(format!("partition {partition} of {topic} waits: {why}"))) {
            tracing::warn!(
                topic,
                partition,
                why,
                "a partition cannot be restored now; it is tried again and again"
            );
        }
        rest(self.gauges);
    }

    /// Restores the state and begins to read: the first time by the main loop's word, after a failure by our own.
    fn prepare<'p, W: Work>(
        &mut self,
        plan: &'p Plan,
        of: &'p Assignment,
        role: Option<Role>,
        make: &impl Fn(&Sources<'_>) -> Result<Restored<W>, Unrestored>,
    ) -> Result<Line<'p, W>, Unrestored>
    where
        'g: 'p,
    {
        let (partition, partitions) = (of.partition, self.place.partitions);
        self.gauges.pulse.expect_within(LOAD);
        let committed = self.committed()?;
        let log = self.place.consumer.watermarks(of)?;
        let topics = role.map(|_| self.topics(of)).transpose()?.flatten();
        let sources =
            Sources { plan, log, committed, place: (partition, partitions), topics, gauges: self.gauges };
        let restored = make(&sources)?;
        let valid = restored.from.map(|moment| moment.next_offset);
        let left = valid.or(committed.filter(|_| !restored.is_anew));
        let from = left.map(|left| {
            log_gap::place(of, left, log, LOST).unwrap_or_else(|oldest| {
                plan.metrics.log_gaps.inc();
                oldest
            })
        });
        let saver = role.and_then(|role| {
            let saving = plan.saving.as_ref()?;
            let chain =
                Chain::new(saving.checkpoints.clone(), sources.checkpoint_place(role), clock::now_ms());
            let saver = Saver::new(chain, saving.store.clone(), saving.every, valid);
            Some(saver.first_after(share(role, partition, partitions)))
        });
        let producer = Producer::open(&plan.producer())?;
        let ends = (self.gauges, &*plan.metrics);
        let outlet = Outlet::new(producer, ends, (&of.topic, partition), plan.message_timeout());
        let next = from.unwrap_or(log.0);
        self.gauges.next.store(next, Ordering::Relaxed);
        let line = Line::new(restored.state, outlet, from.unwrap_or(0), (saver, &PartitionLabels::of(of)));
        if std::mem::take(&mut self.first) {
            self.wait_for_the_place(from);
        } else {
            self.place.consumer.seek(of, from)?;
        }
        Ok(line)
    }

    /// The ids of the topic that is read and of the one whose offsets are in it, if state of it is saved: relations carry offsets of
    /// events, and facts among events those of relations.
    fn topics(&self, of: &Assignment) -> Result<Option<Topics>, Error> {
        let plan = &self.place.plan;
        if plan.saving.is_none() {
            return Ok(None);
        }
        let id = |topic: &str| self.place.consumer.topic_id(topic);
        let other = [Topic::Events, Topic::Relations].map(|topic| plan.topic(topic));
        let other = other.iter().find(|other| **other != of.topic).filter(|_| plan.key.is_some());
        Ok(Some(Topics { own: id(&of.topic)?, other: other.map(|other| id(other)).transpose()? }))
    }

    /// The offset that was committed, by whoever.
    fn committed(&mut self) -> Result<Option<u64>, Error> {
        if let Some(committed) = self.committed {
            return Ok(committed);
        }
        let told = self.place.consumer.committed(std::slice::from_ref(&self.place.of))?;
        let committed = told.first().copied().flatten();
        self.committed = Some(committed);
        Ok(committed)
    }

    /// Reports, and waits until the main loop told the client from where on it reads. What the client still holds from the last time
    /// that this worker had the partition comes before that, and is let go.
    fn wait_for_the_place(&mut self, from: Option<u64>) {
        while !self.queue.take(Duration::ZERO).is_empty() {}
        if self.gauges.is_wanted() {
            self.place.reports.blocking_send(Report::Ready(self.place.of.clone(), from)).ok();
        }
        while self.gauges.is_wanted() && !self.gauges.is_placed() {
            self.gauges.pulse.beat();
            std::thread::sleep(PLACE_WAIT);
        }
    }
}

/// After which share of the time between two checkpoints a place begins its first: all of a worker's at once would hold up
/// decisions.
fn share(role: Role, partition: u32, partitions: u32) -> f64 {
    let half = if role == Role::Accounts { 0.0 } else { 0.5 };
    0.5 + (f64::from(partition) + half) / f64::from(partitions.max(1)) / 2.0
}

/// Rests a little, unless somebody wants something else.
fn rest(gauges: &Gauges) {
    let step = Duration::from_millis(50);
    let mut rested = Duration::ZERO;
    gauges.pulse.beat();
    while rested < REST && gauges.is_wanted() {
        std::thread::sleep(step);
        rested += step;
    }
}
