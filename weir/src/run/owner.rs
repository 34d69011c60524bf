//! The owner of one partition: a thread that holds it until somebody wishes it to end.
//!
//! Separate from what is held. Invariants: state lives exactly as long as the assignment; nobody waits for a thread without a
//! bound; a thread that was left alone writes nothing more.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use ingest::kafka::{Assignment, Consumer, PartitionQueue};
use schema::Topic;
use sinks::checkpoint::Role;
use tokio::sync::mpsc;

use super::control::Controller;
use super::decide::Decider;
use super::gauges::{Gauges, Wish};
use super::plan::Plan;
use super::relate::Relater;
use super::reviews::Accepter;
use super::seat::Seat;
use crate::clock::Stopwatch;
use crate::error::Error;
use crate::telemetry::PartitionLabels;

/// How often a thread that is to end is looked at.
const JOIN_WAIT: Duration = Duration::from_millis(5);

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
    /// Where it reports.
    pub reports: mpsc::Sender<Report>,
}

/// A partition that is owned.
pub struct Owner {
    /// What it shows.
    pub gauges: Arc<Gauges>,
    /// The offset that was committed last, by us and as far as is known.
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
        let shown = Arc::clone(&gauges);
        let thread = std::thread::Builder::new()
            .name(format!("weir {}", place.of.partition))
            .spawn(move || own(place, queue, &shown))
            .map_err(|error| Error::Role(format!("no thread for a partition: {error}")))?;
        Ok(Self { gauges, committed: None, thread })
    }

    /// Whether the thread ended and nobody had wished it to.
    pub fn is_dead(&self) -> bool {
        self.gauges.wish() == Wish::Work && self.thread.is_finished()
    }

    /// Waits until the thread has ended, as it was wished to, but no longer than `wait`: then it may write nothing more, and is left
    /// alone. Whether it ended.
    pub fn join(self, wait: Duration) -> bool {
        let since = Stopwatch::start();
        while !self.thread.is_finished() {
            if since.elapsed() > wait {
                self.gauges.set_wish(Wish::Drop);
                return false;
            }
            std::thread::sleep(JOIN_WAIT);
        }
        if self.thread.join().is_err() {
            tracing::error!("a partition's thread panicked; what it had not finished is read again");
        }
        true
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
    let mut seat = Seat::new(place, queue, gauges);
    let ended = if of.topic == plan.topic(Topic::Relations) {
        seat.hold(Some(Role::Relations), |sources| {
            Ok(sources.stage()?.map(|stage, at| Relater::new((stage, at), (partition, partitions))))
        })
    } else if of.topic == plan.topic(Topic::Control) {
        seat.hold(Some(Role::Control), |sources| {
            let reached = sources.reached(Role::Control)?;
            let newest = if reached.from.is_none() { Some(sources.newest_controls()?) } else { None };
            Ok(reached.map(|(), at| Controller::new(partitions, newest, at)))
        })
    } else if of.topic == plan.topic(Topic::Reviews) {
        seat.hold(Some(Role::Reviews), |sources| {
            Ok(sources.reached(Role::Reviews)?.map(|(), at| Accepter::new(&admission, at)))
        })
    } else {
        let loads = plan.loads.as_ref();
        seat.hold(Some(Role::Accounts), |sources| {
            let shown = plan.metrics.engines.at(&shown);
            Ok(sources.engine()?.map(|engine, at| Decider::new((engine, at), (&admission, loads), shown)))
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
