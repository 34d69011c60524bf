//! The main loop: what the group gives and takes, what partitions report, what is committed.
//!
//! Separate from the partitions, which never wait for it. The loop is one `select!`, in this order, so that nothing starves:
//! the wish to end comes first, once; then reports, of which each owned partition has one; then the group; then the clock, which
//! alone comes again and again and so stands last. Invariants: the group is answered at once, and a partition is read as soon as
//! it is ready, whatever the others of its change do; partitions are given up only after they have finished, or it took too long and
//! they may write nothing more; committed by nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ingest::kafka::{Assignment, Change, Consumer};
use schema::Topic;
use sinks::kafka::Admin;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use super::gauges::Wish;
use super::listener::Listener;
use super::owner::{Owner, Place, Report};
use super::plan::Plan;
use crate::clock::Stopwatch;
use crate::commands::topics;
use crate::error::{Error, Outcome};
use crate::telemetry::{Exporter, Lags, Pulse};

/// How often offsets are committed.
const COMMIT_EVERY: Duration = Duration::from_millis(250);
/// How long partitions that are given up may take together: what each may wait for acknowledgements, and a little.
const GIVE_UP_WAIT: Duration = Duration::from_millis(7_000);
/// How long the last commit of partitions that are given up is waited for.
const COMMIT_WAIT: Duration = Duration::from_millis(1_500);
/// Reports that may wait.
const WAITING_MAX: usize = 1_024;

/// The worker.
struct Group {
    plan: Arc<Plan>,
    consumer: Arc<Consumer>,
    partitions: u32,
    owners: BTreeMap<Assignment, Owner>,
    /// Partitions that are read; the other owners are not ready yet.
    read: BTreeSet<Assignment>,
    /// The group gave something, be it nothing.
    joined: bool,
    reports: mpsc::Sender<Report>,
    lags: Lags,
    /// The main loop's own.
    pulse: Arc<Pulse>,
    /// Why the worker is not ready, if it is not.
    unready: watch::Sender<Option<String>>,
}

/// Works until somebody asks it to end. From its start on, probes are answered.
pub async fn run(plan: Plan) -> Result<Outcome, Error> {
    let (unready, told) = watch::channel(Some("the group has given nothing yet".to_owned()));
    let shown = (Arc::clone(&plan.metrics), Arc::clone(&plan.pulses));
    let exporter = plan.listen.map(|address| Exporter::start(address, shown, told)).transpose()?;
    let ended = join(plan, unready).await;
    if let Some(exporter) = exporter {
        exporter.end();
    }
    ended
}

async fn join(plan: Plan, unready: watch::Sender<Option<String>>) -> Result<Outcome, Error> {
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
        read: BTreeSet::new(),
        joined: false,
        reports,
        lags,
        pulse,
        unready,
    };
    tracing::info!(topics = topics.join(","), partitions, "the worker joins the group");
    let ended = group.work(heard, &mut listener.changes).await;
    group.unready.send_replace(Some("stopping".to_owned()));
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
                    if let Some(loads) = &self.plan.loads {
                        loads.sweep();
                    }
                }
            }
            self.say_whether_ready();
        }
    }

    fn hear(&mut self, report: Report) -> Result<(), Error> {
        match report {
            Report::Ready(of, offset) => {
                let owner = self.owners.get(&of).filter(|_| !self.read.contains(&of));
                let Some(owner) = owner else { return Ok(()) }; // It was taken away meanwhile.
                self.consumer.assign(&[(of.clone(), offset)])?;
                owner.gauges.set_placed();
                self.read.insert(of);
                Ok(())
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
                // What was never read cannot be unassigned; the group is answered all the same.
                let read: Vec<_> = partitions.into_iter().filter(|of| self.read.remove(of)).collect();
                Ok(self.consumer.unassign(&read)?)
            }
            Change::Failed(error) => Err(error.into()),
        }
    }

    /// Answers the group and starts an owner for each partition, which is read when it is ready.
    fn give(&mut self, partitions: Vec<Assignment>) -> Result<(), Error> {
        self.joined = true;
        self.consumer.assign(&[])?;
        for of in partitions {
            tracing::info!(topic = of.topic, partition = of.partition, "a partition was given");
            let place = Place {
                plan: Arc::clone(&self.plan),
                consumer: Arc::clone(&self.consumer),
                of: of.clone(),
                partitions: self.partitions,
                reports: self.reports.clone(),
            };
            let owner = Owner::start(place)?;
            self.lags.owned(&of, Arc::clone(&owner.gauges.next));
            self.owners.insert(of, owner);
        }
        Ok(())
    }

    /// Tells probes why the worker is not ready, if it is not.
    fn say_whether_ready(&self) {
        let trouble = self.owners.values().find_map(|owner| owner.gauges.trouble());
        let restoring =
            (self.read.len() < self.owners.len()).then(|| "partitions are being restored".to_owned());
        let lack = || self.owners.values().find_map(|owner| owner.gauges.lack());
        let why = trouble.or(restoring).or_else(lack);
        self.unready.send_if_modified(|told| {
            let is_news = self.joined && *told != why;
            if is_news {
                *told = why;
            }
            is_news
        });
    }

    /// Lets partitions finish and commits how far they came. `lost`: they are another's, nothing more is said about them.
    fn give_up(&mut self, partitions: &[Assignment], lost: bool) {
        let wish = if lost { Wish::Drop } else { Wish::Finish };
        for of in partitions {
            if let Some(owner) = self.owners.get(of) {
                owner.gauges.set_wish(wish);
            }
        }
        let (mut finished, since) = (Vec::new(), Stopwatch::start());
        for of in partitions {
            let Some(owner) = self.owners.remove(of) else { continue };
            self.lags.given_up(of);
            let gauges = Arc::clone(&owner.gauges);
            if !owner.join(GIVE_UP_WAIT.saturating_sub(since.elapsed())) {
                let (topic, partition) = (&of.topic, of.partition);
                tracing::error!(
                    topic,
                    partition,
                    "a partition did not end in time; what it had not finished is read again"
                );
            }
            let offset = gauges.committable.load(Ordering::Acquire);
            if offset > 0 {
                finished.push((of.clone(), offset));
            }
        }
        if !lost && !finished.is_empty() {
            self.commit_and_wait(finished);
        }
    }

    /// The last commit of partitions; it is not waited for without a bound, since brokers may be away.
    fn commit_and_wait(&self, finished: Vec<(Assignment, u64)>) {
        let (consumer, (tell, told)) = (Arc::clone(&self.consumer), std::sync::mpsc::channel());
        let commit = move || drop(tell.send(consumer.commit(&finished, true)));
        let started = std::thread::Builder::new().name("weir-commit".to_owned()).spawn(commit);
        let error = match started.map(|_| told.recv_timeout(COMMIT_WAIT)) {
            Ok(Ok(Ok(()))) => return,
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(error, "offsets were not committed; the next owner reads those records again");
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

    /// Commits what was finished since the last time, and again what the broker did not take; its answer is not waited for.
    fn commit(&mut self) {
        for of in self.consumer.uncommitted() {
            if let Some(owner) = self.owners.get_mut(&of) {
                owner.committed = None;
            }
        }
        let mut offsets = Vec::new();
        for (of, owner) in &mut self.owners {
            let offset = owner.gauges.committable.load(Ordering::Acquire);
            if owner.committed.unwrap_or(0) != offset {
                owner.committed = Some(offset);
                offsets.push((of.clone(), offset));
            }
        }
        if let Err(error) = self.consumer.commit(&offsets, false) {
            tracing::warn!(%error, "offsets were not committed; they are committed again");
            for (of, _) in &offsets {
                if let Some(owner) = self.owners.get_mut(of) {
                    owner.committed = None;
                }
            }
        }
    }
}
