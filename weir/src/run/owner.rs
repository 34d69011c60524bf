//! The owner of one partition: a thread that restores its state, works, and gives it up in order.
//!
//! Separate from the line, which only works. Invariants: state lives exactly as long as the assignment; nothing is read before
//! the state is there; a partition that failed is restored and read again from what was finished; one that was lost writes
//! nothing more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ingest::kafka::{Assignment, Consumer, PartitionQueue};
use schema::Topic;
use sinks::checkpoint::{Chain, Role};
use sinks::kafka::Producer;
use tokio::sync::mpsc;

use super::control::Controller;
use super::decide::Decider;
use super::line::{Line, Stop, Work};
use super::outlet::Outlet;
use super::plan::Plan;
use super::relate::Relater;
use super::restore::{Restored, Sources};
use super::reviews::Accepter;
use crate::clock;
use crate::error::Error;
use crate::saving::Saver;
use crate::telemetry::{LOAD, PartitionLabels, Pulse};

/// How long a partition that is given up may wait for acknowledgements: a graceful end takes at most 10 s.
const FINISH_WAIT: Duration = Duration::from_secs(7);
/// How often a partition that is ready looks whether it may read.
const PLACE_WAIT: Duration = Duration::from_millis(2);
/// How long a partition rests after a failure.
const REST: Duration = Duration::from_secs(1);

/// What the main loop wants of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Read and decide.
    Work,
    /// Finish what was read, and end.
    Finish,
    /// End at once and write nothing more: the partition is another's.
    Drop,
}

/// What a partition shows to the main loop. Counts are since it was assigned.
#[derive(Debug)]
pub struct Gauges {
    wish: AtomicU8,
    /// The client was told from where on the partition is read.
    placed: AtomicBool,
    /// The offset that may be committed.
    pub committable: AtomicU64,
    /// Records read.
    pub records: AtomicU64,
    /// The offset that is read next.
    pub next: Arc<AtomicU64>,
    /// Whether the thread lives.
    pub pulse: Arc<Pulse>,
}

impl Gauges {
    /// Nothing was read.
    pub fn new(pulse: Arc<Pulse>) -> Self {
        Self {
            wish: AtomicU8::new(Wish::Work as u8),
            placed: AtomicBool::new(false),
            committable: AtomicU64::new(0),
            records: AtomicU64::new(0),
            next: Arc::default(),
            pulse,
        }
    }

    /// What the main loop wants.
    pub fn wish(&self) -> Wish {
        match self.wish.load(Ordering::Acquire) {
            0 => Wish::Work,
            1 => Wish::Finish,
            _ => Wish::Drop,
        }
    }

    /// Says that the client was told from where on the partition is read.
    pub fn set_placed(&self) {
        self.placed.store(true, Ordering::Release);
    }

    /// Says what is wanted; a wish to drop is never taken back.
    pub fn set_wish(&self, wish: Wish) {
        self.wish.fetch_max(wish as u8, Ordering::AcqRel);
    }
}

/// What a partition tells the main loop.
#[derive(Debug)]
pub enum Report {
    /// Its state is there: it is to be read from this offset on (`None`: from the oldest record).
    Ready(Assignment, Option<u64>),
    /// It cannot be owned, whoever tries.
    Failed(Assignment, Error),
}

/// What an owner is made of.
pub struct Place {
    /// The worker's settings.
    pub plan: Arc<Plan>,
    /// The member of the group.
    pub consumer: Arc<Consumer>,
    /// The partition.
    pub of: Assignment,
    /// Partitions of events, which are those of every topic but control.
    pub partitions: u32,
    /// The committed offset.
    pub committed: Option<u64>,
    /// Where it reports.
    pub reports: mpsc::Sender<Report>,
}

/// A partition that is owned.
pub struct Owner {
    /// What it shows.
    pub gauges: Arc<Gauges>,
    /// The offset that was committed last.
    pub committed: Option<u64>,
    thread: JoinHandle<()>,
}

impl Owner {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the client has no queue or the system no thread for it.
    pub fn start(place: Place) -> Result<Self, Error> {
        let queue = place.consumer.queue(&place.of)?;
        let name = format!("the thread of partition {} of {}", place.of.partition, place.of.topic);
        let gauges = Arc::new(Gauges::new(place.plan.pulses.start(&name)));
        let committed = place.committed;
        gauges.committable.store(committed.unwrap_or(0), Ordering::Release);
        let shown = Arc::clone(&gauges);
        let thread = std::thread::Builder::new()
            .name(format!("weir {}", place.of.partition))
            .spawn(move || own(place, queue, &shown))
            .map_err(|error| Error::Role(format!("no thread for a partition: {error}")))?;
        Ok(Self { gauges, committed, thread })
    }

    /// Whether the thread ended and nobody had wished it to.
    pub fn is_dead(&self) -> bool {
        self.gauges.wish() == Wish::Work && self.thread.is_finished()
    }

    /// Waits until the thread has ended, as it was wished to.
    pub fn join(self) -> Arc<Gauges> {
        if self.thread.join().is_err() {
            tracing::error!("a partition's thread panicked; what it had not finished is read again");
        }
        self.gauges
    }
}

/// The thread: until somebody wishes it to end.
fn own(place: Place, queue: PartitionQueue, gauges: &Gauges) {
    let of = place.of.clone();
    let plan = Arc::clone(&place.plan);
    let (partition, partitions) = (of.partition, place.partitions);
    let admission = plan.admission(&of, partitions);
    let shown = PartitionLabels::of(&of);
    let tell = place.reports.clone();
    let mut seat = Seat { place, queue, gauges, first: true };
    let ended = if of.topic == plan.topic(Topic::Relations) {
        seat.hold(Some(Role::Relations), |sources| {
            Ok(sources.stage()?.map(|stage, at| Relater::new((stage, at), (partition, partitions))))
        })
    } else if of.topic == plan.topic(Topic::Control) {
        seat.hold(None, |_| Ok(Restored::fresh(Controller::new(partitions))))
    } else if of.topic == plan.topic(Topic::Reviews) {
        seat.hold(None, |_| Ok(Restored::fresh(Accepter::new(&admission))))
    } else {
        let registry = plan.registry.as_ref();
        seat.hold(Some(Role::Accounts), |sources| {
            let shown = plan.metrics.engines.at(&shown);
            Ok(sources.engine()?.map(|engine, at| Decider::new((engine, at), (&admission, registry), shown)))
        })
    };
    plan.metrics.forget(&shown);
    gauges.pulse.end();
    if let Err(error) = ended {
        tell.blocking_send(Report::Failed(of, error)).ok();
        return;
    }
    let records = gauges.records.load(Ordering::Relaxed);
    tracing::info!(topic = of.topic, partition, records, "a partition was given up");
}

/// A partition with its queue, whatever is done with it.
struct Seat<'g> {
    place: Place,
    queue: PartitionQueue,
    gauges: &'g Gauges,
    /// Nothing was read yet.
    first: bool,
}

impl<'g> Seat<'g> {
    /// Makes the work and does it, again after every failure, until somebody wishes it to end. `role`: whose checkpoints.
    fn hold<W: Work>(
        &mut self,
        role: Option<Role>,
        make: impl Fn(&Sources<'_>) -> Result<Restored<W>, Error>,
    ) -> Result<(), Error> {
        let plan = Arc::clone(&self.place.plan);
        let of = self.place.of.clone();
        while self.gauges.wish() == Wish::Work {
            let mut line = match self.prepare(&plan, &of, role, &make) {
                Ok(line) => line,
                Err(error) if is_passing(&error) => {
                    tracing::warn!(%error, topic = of.topic, partition = of.partition, "not yet; trying again");
                    rest(self.gauges);
                    continue;
                }
                Err(error) => return Err(error),
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
                self.place.committed = Some(offset);
            }
            if let Stop::Fell(why) = stop {
                plan.metrics.falls.inc();
                let (topic, partition) = (&of.topic, of.partition);
                tracing::warn!(topic, partition, why, "a partition fell; it is restored and read again");
                rest(self.gauges);
            }
        }
        Ok(())
    }

    /// Restores the state and begins to read: the first time by the main loop's word, after a failure by our own.
    fn prepare<'p, W: Work>(
        &mut self,
        plan: &'p Plan,
        of: &'p Assignment,
        role: Option<Role>,
        make: &impl Fn(&Sources<'_>) -> Result<Restored<W>, Error>,
    ) -> Result<Line<'p, W>, Error>
    where
        'g: 'p,
    {
        let (partition, partitions) = (of.partition, self.place.partitions);
        let log = self.place.consumer.watermarks(of)?;
        let committed = self.place.committed;
        self.gauges.pulse.expect_within(LOAD);
        let sources = Sources { plan, log, committed, place: (partition, partitions) };
        let restored = make(&sources)?;
        let valid = restored.from.map(|moment| moment.next_offset);
        let from = valid.or(committed);
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

    /// Reports, and waits until the main loop told the client from where on it reads. What the client still holds from the last time
    /// that this worker had the partition comes before that, and is let go.
    fn wait_for_the_place(&mut self, from: Option<u64>) {
        while !self.queue.take(Duration::ZERO).is_empty() {}
        self.place.reports.blocking_send(Report::Ready(self.place.of.clone(), from)).ok();
        while self.gauges.wish() == Wish::Work && !self.gauges.placed.load(Ordering::Acquire) {
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

/// Whether an error may be gone when it is tried again.
fn is_passing(error: &Error) -> bool {
    matches!(
        error,
        Error::Ingest(ingest::Error::Broker(_))
            | Error::Sinks(sinks::Error::Broker(_) | sinks::Error::Store { .. })
    )
}

/// Rests a little, unless somebody wants something else.
fn rest(gauges: &Gauges) {
    let step = Duration::from_millis(50);
    let mut rested = Duration::ZERO;
    gauges.pulse.beat();
    while rested < REST && gauges.wish() == Wish::Work {
        std::thread::sleep(step);
        rested += step;
    }
}
