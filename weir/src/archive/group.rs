//! The loop: fill a batch from the partitions in turn, insert it, commit, again.
//!
//! Separate from what a record must be. Invariants: offsets are committed after their batch was taken, and only of
//! partitions that are ours; the group and the wish to end are answered while ClickHouse is waited for; a partition that is
//! given up is not waited for, since whoever takes it over inserts at most a batch again; an offset that the log no longer
//! has is said aloud, never passed in silence.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Bound;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ingest::kafka::{Assignment, Change, Consumer, PartitionQueue};
use schema::Topic;
use schema::limits::ARCHIVE_WAIT_MS_MAX;
use sinks::clickhouse::{Batch, Writer};
use sinks::kafka::Admin;
use tokio::sync::watch;

use super::call::{Call, Calls};
use super::deletions::carry_out_deletions;
use super::intake::Intake;
use super::plan::Plan;
use crate::clock::Stopwatch;
use crate::commands::topics;
use crate::error::{Error, Outcome};
use crate::log_gap;
use crate::run::Listener;
use crate::telemetry::metrics::ARCHIVED;
use crate::telemetry::{Exporter, Lags, Metrics, Pulses};

/// How long empty partitions are left alone.
const IDLE_WAIT: Duration = Duration::from_millis(20);
/// What is said of a gap in the log.
const LOST: &str =
    "the log no longer has what the archive was to read next: records are missing from the archive";
/// How often the log hears how far we are.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// The role.
struct Group {
    plan: Plan,
    consumer: Arc<Consumer>,
    writer: Writer,
    /// Partitions of events, which are those of every topic that is read.
    partitions: u32,
    readers: BTreeMap<Assignment, Reader>,
    /// The partition that was read last: the next one is next.
    turn: Option<Assignment>,
    batch: Batch,
    /// Since the batch has anything.
    since: Option<Stopwatch>,
    /// The offset after the newest record of each partition that is in the batch or passed over.
    taken: BTreeMap<Assignment, u64>,
    /// The offset to be committed of each partition of ours.
    safe: BTreeMap<Assignment, u64>,
    told: Told,
    lags: Lags,
    /// Why the role is not ready, if it is not.
    unready: watch::Sender<Option<&'static str>>,
}

/// A partition that is ours.
struct Reader {
    queue: PartitionQueue,
    intake: Intake,
    /// The offset after the newest record that was read.
    next: u64,
    /// The same, shown.
    shown: Arc<AtomicU64>,
}

/// What was done since it was told last.
struct Told {
    since: Stopwatch,
    /// Records, as in [`ARCHIVED`].
    records: [u64; ARCHIVED.len()],
}

/// Works until somebody asks it to end. From its start on, probes are answered.
pub async fn run(plan: Plan) -> Result<Outcome, Error> {
    let (unready, told) = watch::channel(Some("the group has given nothing yet"));
    let pulses = Arc::<Pulses>::default();
    let shown = (Arc::clone(&plan.metrics), Arc::clone(&pulses));
    let exporter = plan.listen.map(|address| Exporter::start(address, shown, told)).transpose()?;
    let ended = join(plan, (unready, &pulses)).await;
    if let Some(exporter) = exporter {
        exporter.end();
    }
    ended
}

async fn join(
    plan: Plan,
    (unready, pulses): (watch::Sender<Option<&'static str>>, &Pulses),
) -> Result<Outcome, Error> {
    let pulse = tokio::spawn(pulses.start("the main loop").keep());
    let admin = Admin::open(&plan.brokers, &plan.settings)?;
    topics::findings(admin.check(&topics::plan_to_check(&plan.prefix, 0)).await?)?;
    let partitions = admin.partitions(&Topic::Events.name(&plan.prefix))?;
    drop(admin);
    let writer = Writer::new(plan.server.clone());
    writer.migrate(&plan.layout, plan.retention).await.map_err(|error| {
        Error::Role(format!("{}: {error}. Is ClickHouse running there, over HTTP?", plan.server.url))
    })?;
    if plan.keys.is_none() {
        tracing::warn!(
            "no signing key: verdicts, activations and facts are not archived, as workers without it refuse them"
        );
    }
    let names: Vec<String> = plan.topics().into_iter().map(|(_, name)| name).collect();
    let settings = plan.consumer_settings();
    let consumer = Arc::new(Consumer::open((&plan.brokers, &plan.group), &names, &settings)?);
    let mut listener =
        Listener::start(Arc::clone(&consumer), pulses.start("the thread that serves the group"))?;
    let deletions = tokio::spawn(carry_out_deletions(writer.clone(), plan.deletions_every));
    tracing::info!(topics = names.join(","), clickhouse = plan.server.url, "the archive joins the group");
    let lags = plan.listen.map(|_| Lags::start(Arc::clone(&consumer), Arc::clone(&plan.metrics)));
    let lags = lags.transpose()?.unwrap_or_default();
    let mut group = Group::new(plan, (consumer, partitions), writer, (lags, unready));
    let ended = match Calls::listen(&mut listener.changes) {
        Ok(mut calls) => group.work(&mut calls).await,
        Err(error) => Err(error),
    };
    deletions.abort();
    pulse.abort();
    group.unready.send_replace(Some("stopping"));
    group.give_up_all();
    mem::take(&mut group.lags).end();
    listener.end();
    tracing::info!("the archive left the group");
    ended.map(|()| Outcome::Done)
}

impl Group {
    fn new(
        plan: Plan,
        (consumer, partitions): (Arc<Consumer>, u32),
        writer: Writer,
        (lags, unready): (Lags, watch::Sender<Option<&'static str>>),
    ) -> Self {
        Self {
            plan,
            consumer,
            writer,
            partitions,
            readers: BTreeMap::new(),
            turn: None,
            batch: Batch::default(),
            since: None,
            taken: BTreeMap::new(),
            safe: BTreeMap::new(),
            told: Told::new(),
            lags,
            unready,
        }
    }

    async fn work(&mut self, calls: &mut Calls<'_>) -> Result<(), Error> {
        while !calls.is_end() {
            self.fill(calls).await?;
            self.insert(calls).await?;
            self.tell();
        }
        Ok(())
    }

    /// Reads until the batch is full, or has waited long enough, or somebody wants to end.
    async fn fill(&mut self, calls: &mut Calls<'_>) -> Result<(), Error> {
        let waited = Duration::from_millis(ARCHIVE_WAIT_MS_MAX);
        while !self.batch.is_full() && self.since.is_none_or(|since| since.elapsed() < waited) {
            let records = self.round()?;
            let rest = async {
                if records == 0 {
                    tokio::time::sleep(IDLE_WAIT).await;
                } else {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                biased;
                call = calls.next() => match call {
                    Call::Group(change) => self.change(change)?,
                    Call::End | Call::TimeIsUp => return Ok(()),
                },
                () = rest => {}
            }
        }
        Ok(())
    }

    /// Reads what every partition has ready, as long as the batch has room; gives the number of records.
    fn round(&mut self) -> Result<usize, Error> {
        let mut records = 0;
        for _ in 0..self.readers.len() {
            let Some(of) = self.next_turn().filter(|_| !self.batch.is_full()) else { break };
            let reader = self.readers.get_mut(&of).expect("it was just found");
            let (count, fault) = reader.read(&mut self.batch, &mut self.told, &self.plan.metrics);
            if count > 0 {
                self.taken.insert(of.clone(), reader.next);
                records += count;
            }
            if let Some(fault) = fault {
                tracing::warn!(
                    topic = of.topic,
                    partition = of.partition,
                    fault,
                    "a partition is read again"
                );
                self.read_again(&of)?;
            }
            self.turn = Some(of);
        }
        if records == 0 {
            self.commit(Vec::new());
        } else if self.since.is_none() {
            self.since = Some(Stopwatch::start());
        }
        Ok(records)
    }

    /// The partition after the one that was read last; after all, the first.
    fn next_turn(&self) -> Option<Assignment> {
        let after = self.turn.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let next =
            self.readers.range((after, Bound::Unbounded)).next().or_else(|| self.readers.iter().next());
        next.map(|(of, _)| of.clone())
    }

    /// Inserts the batch, however long it takes, and commits. If the time to end passes first, nothing is committed.
    async fn insert(&mut self, calls: &mut Calls<'_>) -> Result<(), Error> {
        self.since = None;
        if self.taken.is_empty() {
            return Ok(());
        }
        let (batch, taken) = (mem::take(&mut self.batch).seal(), mem::take(&mut self.taken));
        let writer = self.writer.clone();
        let (metrics, since) = (Arc::clone(&self.plan.metrics), Stopwatch::start());
        let unready = self.unready.clone();
        let mut insert = pin!(writer.insert_until_done(&batch, |error| {
            metrics.archive_insert_failures.inc();
            unready.send_replace(Some("ClickHouse does not take a batch"));
            tracing::warn!(%error, records = batch.records(), "ClickHouse did not take a batch");
        }));
        loop {
            tokio::select! {
                biased;
                done = &mut insert => {
                    done?;
                    break;
                }
                call = calls.next() => match call {
                    Call::Group(change) => self.change(change)?,
                    Call::End => {}
                    Call::TimeIsUp => {
                        tracing::warn!("ClickHouse did not take the last batch in time; it is read again");
                        return Ok(());
                    }
                },
            }
        }
        metrics.archive_insert.observe(since.elapsed().as_secs_f64());
        metrics.archive_rows.inc_by(batch.records() as u64);
        self.unready.send_replace(None);
        let ours = |(of, _): &(Assignment, u64)| self.readers.contains_key(of);
        let offsets: Vec<(Assignment, u64)> = taken.into_iter().filter(ours).collect();
        self.safe.extend(offsets.iter().cloned());
        self.commit(offsets);
        Ok(())
    }

    /// Commits, and again what the broker did not take: it may be long until more comes. Its answer is not waited for.
    fn commit(&self, mut offsets: Vec<(Assignment, u64)>) {
        let again = self.consumer.uncommitted().into_iter();
        offsets.extend(again.filter_map(|of| self.safe.get_key_value(&of)).map(|(of, at)| (of.clone(), *at)));
        if let Err(error) = self.consumer.commit(&offsets, false) {
            tracing::warn!(%error, "offsets were not committed; they are tried again with the next");
        }
    }

    fn change(&mut self, change: Option<Change>) -> Result<(), Error> {
        match change {
            Some(Change::Assigned(partitions)) => self.give(partitions),
            Some(Change::Revoked { partitions, lost }) => {
                self.give_up(&partitions, lost);
                Ok(self.consumer.unassign(&partitions)?)
            }
            Some(Change::Failed(error)) => Err(error.into()),
            None => Err(Error::Role("the thread that serves the group ended".to_owned())),
        }
    }

    fn give(&mut self, partitions: Vec<Assignment>) -> Result<(), Error> {
        let committed = self.consumer.committed(&partitions)?;
        let topics = self.plan.topics();
        let mut places = Vec::with_capacity(partitions.len());
        for (of, committed) in partitions.into_iter().zip(committed) {
            let next = self.place(&of, committed)?;
            let named = topics.iter().find(|(_, name)| *name == of.topic);
            let (topic, name) = named.expect("only these were asked for").clone();
            let intake = Intake::new(topic, name, self.plan.admission(&of, self.partitions));
            let mut queue = self.consumer.queue(&of)?;
            // What the client still holds from the last time comes before that place.
            while !queue.take(Duration::ZERO).is_empty() {}
            let shown = Arc::new(AtomicU64::new(next));
            self.lags.owned(&of, Arc::clone(&shown));
            self.readers.insert(of.clone(), Reader { queue, intake, next, shown });
            places.push((of, Some(next)));
        }
        tracing::info!(partitions = places.len(), "partitions were given");
        self.consumer.assign(&places)?;
        self.unready.send_replace(None);
        Ok(())
    }

    /// Where a partition is read from: where it was left, if the log still has that.
    fn place(&self, of: &Assignment, left: Option<u64>) -> Result<u64, Error> {
        let (oldest, next) = self.consumer.watermarks(of)?;
        let Some(left) = left else { return Ok(oldest) };
        Ok(log_gap::place(of, left, (oldest, next), LOST).unwrap_or_else(|oldest| oldest))
    }

    fn read_again(&mut self, of: &Assignment) -> Result<(), Error> {
        let left = self.readers.get(of).map(|reader| reader.next);
        let next = self.place(of, left)?;
        if let Some(reader) = self.readers.get_mut(of) {
            reader.next = next;
        }
        Ok(self.consumer.seek(of, Some(next))?)
    }

    /// Forgets partitions, and sees to it that what is safe of them is committed.
    fn give_up(&mut self, partitions: &[Assignment], lost: bool) {
        let mut safe = Vec::new();
        for of in partitions {
            self.readers.remove(of);
            self.lags.given_up(of);
            self.taken.remove(of);
            safe.extend(self.safe.remove_entry(of));
        }
        if !lost && let Err(error) = self.consumer.commit(&safe, true) {
            tracing::warn!(%error, "offsets were not committed; the next owner inserts those records again");
        }
        tracing::info!(partitions = partitions.len(), lost, "partitions were given up");
    }

    fn give_up_all(&mut self) {
        let all: Vec<Assignment> = self.readers.keys().cloned().collect();
        self.give_up(&all, false);
        self.consumer.close();
    }

    fn tell(&mut self) {
        if self.told.since.elapsed() < TELL_EVERY {
            return;
        }
        let [kept, refused, passed] = mem::replace(&mut self.told, Told::new()).records;
        tracing::info!(kept, refused, passed, partitions = self.readers.len(), "records in the last minute");
    }
}

impl Reader {
    /// Puts what is ready into the batch; gives the number of records, and what is wrong with the partition after them.
    fn read(&mut self, batch: &mut Batch, told: &mut Told, metrics: &Metrics) -> (usize, Option<String>) {
        let (mut counts, mut fault) = ([0; ARCHIVED.len()], None);
        for message in self.queue.take(Duration::ZERO).iter() {
            fault = message.fault();
            if fault.is_some() {
                break;
            }
            counts[self.intake.take(message.offset(), &message.record(), batch) as usize] += 1;
            self.next = message.offset() + 1;
        }
        let records: u64 = counts.iter().sum();
        if records > 0 {
            self.shown.store(self.next, Ordering::Relaxed);
            for ((what, count), told) in ARCHIVED.iter().zip(counts).zip(&mut told.records) {
                *told += count;
                metrics.archived.get_or_create(&[("outcome", what)]).inc_by(count);
            }
        }
        (records as usize, fault)
    }
}

impl Told {
    fn new() -> Self {
        Self { since: Stopwatch::start(), records: Default::default() }
    }
}
