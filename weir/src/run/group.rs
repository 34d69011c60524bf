//! The main loop: what the group gives and takes, what partitions report, what is committed.
//!
//! Separate from the partitions, which never wait for it. The loop is one `select!`, in this order, so that nothing starves:
//! the wish to end comes first, once; then reports, of which each owned partition has one; then the group, whose changes wait for
//! reports; then the clock, which alone comes again and again and so stands last. Invariants: partitions are assigned when
//! all of a change are ready; given up only after they have finished; committed by nobody else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ingest::kafka::{Assignment, Change, Consumer};
use schema::Topic;
use sinks::kafka::Admin;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use super::listener::Listener;
use super::owner::{Owner, Place, Report, Wish};
use super::plan::Plan;
use crate::commands::topics;
use crate::error::{Error, Outcome};
use crate::telemetry::{Exporter, Lags, Pulse};

/// How often offsets are committed.
const COMMIT_EVERY: Duration = Duration::from_millis(250);
/// Reports that may wait.
const WAITING_MAX: usize = 1_024;

/// The worker.
struct Group {
    plan: Arc<Plan>,
    consumer: Arc<Consumer>,
    partitions: u32,
    owners: BTreeMap<Assignment, Owner>,
    /// Partitions that were given and are not yet read, with the offset once they are ready.
    given: BTreeMap<Assignment, Option<Option<u64>>>,
    reports: mpsc::Sender<Report>,
    lags: Lags,
    /// The main loop's own.
    pulse: Arc<Pulse>,
    /// Why the worker is not ready, if it is not.
    unready: watch::Sender<Option<&'static str>>,
}

/// Works until somebody asks it to end. From its start on, probes are answered.
pub async fn run(plan: Plan) -> Result<Outcome, Error> {
    let (unready, told) = watch::channel(Some("the group has given nothing yet"));
    let shown = (Arc::clone(&plan.metrics), Arc::clone(&plan.pulses));
    let exporter = plan.listen.map(|address| Exporter::start(address, shown, told)).transpose()?;
    let ended = join(plan, unready).await;
    if let Some(exporter) = exporter {
        exporter.end();
    }
    ended
}

async fn join(plan: Plan, unready: watch::Sender<Option<&'static str>>) -> Result<Outcome, Error> {
    let admin = Admin::open(&plan.brokers, &plan.consumer_settings())?;
    topics::findings(admin.check(&topics::plan_to_check(&plan.prefix, 0)).await?)?;
    let events = plan.topic(Topic::Events);
    let partitions = admin.partitions(&events)?;
    drop(admin);
    let settings = plan.consumer_settings();
    let topics = plan.topics();
    if plan.key.is_none() {
        tracing::warn!(
            "no signing key: activations and verdicts are refused, shared devices and networks are counted within a \
             partition alone, and with several partitions registration on them is not restricted"
        );
    }
    if plan.saving.is_none() {
        tracing::warn!(
            "no checkpoints: after a restart only restrictions in force are known, not what accounts did"
        );
    }
    let consumer = Arc::new(Consumer::open((&plan.brokers, &plan.group), &topics, &settings)?);
    let (reports, heard) = mpsc::channel(WAITING_MAX);
    let lags = if plan.listen.is_some() {
        Lags::start(Arc::clone(&consumer), Arc::clone(&plan.metrics))?
    } else {
        Lags::default()
    };
    let pulse = plan.pulses.start("the main loop");
    let mut listener =
        Listener::start(Arc::clone(&consumer), plan.pulses.start("the thread that serves the group"))?;
    let mut group = Group {
        plan: Arc::new(plan),
        consumer: Arc::clone(&consumer),
        partitions,
        owners: BTreeMap::new(),
        given: BTreeMap::new(),
        reports,
        lags,
        pulse,
        unready,
    };
    tracing::info!(topics = topics.join(","), partitions, "the worker joins the group");
    let ended = group.work(heard, &mut listener.changes).await;
    group.unready.send_replace(Some("stopping"));
    group.give_up_all();
    group.consumer.close();
    std::mem::take(&mut group.lags).end();
    listener.end();
    tracing::info!("the worker left the group");
    ended
}

impl Group {
    async fn work(
        &mut self,
        mut reports: mpsc::Receiver<Report>,
        changes: &mut mpsc::Receiver<Change>,
    ) -> Result<Outcome, Error> {
        let listen = |kind| signal(kind).map_err(|error| Error::Role(format!("no signals: {error}")));
        let (mut terminate, mut interrupt) =
            (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        let mut clock = tokio::time::interval(COMMIT_EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = terminate.recv() => return Ok(Outcome::Done),
                _ = interrupt.recv() => return Ok(Outcome::Done),
                Some(report) = reports.recv() => self.hear(report)?,
                Some(change) = changes.recv() => self.change(change)?,
                _ = clock.tick() => {
                    self.pulse.beat();
                    self.look_for_the_dead()?;
                    self.commit();
                }
            }
        }
    }

    fn hear(&mut self, report: Report) -> Result<(), Error> {
        match report {
            Report::Ready(of, offset) => {
                let Some(given) = self.given.get_mut(&of) else { return Ok(()) }; // It was taken away meanwhile.
                *given = Some(offset);
                self.assign()
            }
            Report::Failed(of, error) => Err(Error::Role(format!(
                "partition {} of {} cannot be owned: {error}",
                of.partition, of.topic
            ))),
        }
    }

    fn change(&mut self, change: Change) -> Result<(), Error> {
        match change {
            Change::Assigned(partitions) => self.give(partitions),
            Change::Revoked { partitions, lost } => {
                self.give_up(&partitions, lost);
                self.consumer.unassign(&partitions)?;
                // Those that are left may have waited for one that went.
                if self.given.is_empty() { Ok(()) } else { self.assign() }
            }
            Change::Failed(error) => Err(error.into()),
        }
    }

    /// Starts an owner for each partition; they are read when all are ready.
    fn give(&mut self, partitions: Vec<Assignment>) -> Result<(), Error> {
        self.unready.send_replace(Some("partitions are being restored"));
        let committed = self.consumer.committed(&partitions)?;
        for (of, committed) in partitions.into_iter().zip(committed) {
            tracing::info!(topic = of.topic, partition = of.partition, committed, "a partition was given");
            let place = Place {
                plan: Arc::clone(&self.plan),
                consumer: Arc::clone(&self.consumer),
                of: of.clone(),
                partitions: self.partitions,
                committed,
                reports: self.reports.clone(),
            };
            let owner = Owner::start(place)?;
            self.lags.owned(&of, Arc::clone(&owner.gauges.next));
            self.owners.insert(of.clone(), owner);
            self.given.insert(of, None);
        }
        self.assign() // A change may be empty, and must be answered all the same.
    }

    /// Answers the group, if every partition of its change is ready.
    fn assign(&mut self) -> Result<(), Error> {
        let ready: Option<Vec<_>> =
            self.given.iter().map(|(of, ready)| Some((of.clone(), (*ready)?))).collect();
        let Some(ready) = ready else { return Ok(()) };
        self.given.clear();
        self.consumer.assign(&ready)?;
        for (of, _) in &ready {
            if let Some(owner) = self.owners.get(of) {
                owner.gauges.set_placed();
            }
        }
        self.unready.send_replace(None);
        Ok(())
    }

    /// Lets partitions finish and commits how far they came. `lost`: they are another's, nothing more is said about them.
    fn give_up(&mut self, partitions: &[Assignment], lost: bool) {
        let wish = if lost { Wish::Drop } else { Wish::Finish };
        for of in partitions {
            self.given.remove(of);
            if let Some(owner) = self.owners.get(of) {
                owner.gauges.set_wish(wish);
            }
        }
        let mut finished = Vec::new();
        for of in partitions {
            let Some(owner) = self.owners.remove(of) else { continue };
            self.lags.given_up(of);
            let before = owner.committed;
            let offset = owner.join().committable.load(Ordering::Acquire);
            if Some(offset) != before && (before.is_some() || offset > 0) {
                finished.push((of.clone(), offset));
            }
        }
        if !lost && let Err(error) = self.consumer.commit(&finished, true) {
            tracing::warn!(%error, "offsets were not committed; the next owner reads those records again");
        }
    }

    fn give_up_all(&mut self) {
        let all: Vec<Assignment> = self.owners.keys().cloned().collect();
        self.give_up(&all, false);
    }

    /// A partition whose thread panicked would be read by nobody: the process ends, and another takes it over.
    fn look_for_the_dead(&self) -> Result<(), Error> {
        match self.owners.iter().find(|(_, owner)| owner.is_dead()) {
            Some((of, _)) => Err(Error::Role(format!(
                "the thread of partition {} of {} ended by itself (the log says why): start the worker anew, it goes on where that \
                 partition was finished",
                of.partition, of.topic
            ))),
            None => Ok(()),
        }
    }

    /// Commits what was finished since the last time; the broker's answer is not waited for.
    fn commit(&mut self) {
        let mut offsets = Vec::new();
        for (of, owner) in &mut self.owners {
            let offset = owner.gauges.committable.load(Ordering::Acquire);
            if owner.committed.unwrap_or(0) != offset {
                owner.committed = Some(offset);
                offsets.push((of.clone(), offset));
            }
        }
        if let Err(error) = self.consumer.commit(&offsets, false) {
            tracing::warn!(%error, "offsets were not committed; they are tried again with the next");
        }
    }
}
