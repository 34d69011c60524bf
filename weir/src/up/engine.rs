//! The engine's thread: reads the journal's events, decides, writes what follows back into the journal.
//!
//! Separate from everything that serves, so that one thread owns the engine by value. Invariants: decisions, standings
//! and the reader's position are one commit; after a crash what was decided before is decided again and not written
//! again; what the disk refuses is kept and tried again, and nothing is read meanwhile; no event is passed over unread, and
//! none is taken before the writer told of it, which it does once whoever asks about it is registered; a
//! checkpoint is of a moment at which nothing was owed.

mod decide;
mod save;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ingest::journal::{
    Appender, Batch, Chunk, Commit, Head, Reader, Record, StandingChange, Topic, Unwritten, Watched,
};
use schema::{Checked, ENFORCEMENT_KEY, Refusal, Reject};
use scorer::{Engine, EngineConfig, Needed, Output};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use super::restore::{Restored, Shelf};
use super::state::State;
use super::versions::Versions;
use crate::clock::Clock;
use crate::error::Error;
use crate::registry::Registry;
use crate::saving::Saver;
use crate::telemetry::PartitionLabels;
use crate::telemetry::metrics::RecordOutcome;
use save::now;

/// Records taken at once.
const BATCH_RECORDS: usize = 4_096;
/// The engine's name among the journal's readers.
pub const READER: &str = "engine";
/// How often the position is written when nothing is decided.
const POSITION_MS: u64 = 1_000;
/// How long to wait for new records before looking whether to stop.
const WAIT: Duration = Duration::from_millis(200);
/// The same while a checkpoint waits for the disk.
const WAIT_SAVING: Duration = Duration::from_millis(5);
/// How long what lies in the log is still decided once the server stops.
const DRAIN: Duration = Duration::from_millis(2_500);
/// How long the last checkpoint may take then.
const SAVE: Duration = Duration::from_secs(2);
/// How long to wait before a commit is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// What the thread needs besides its engine.
pub struct Ends {
    /// Where events come from.
    pub reader: Reader,
    /// Where results go.
    pub appender: Appender,
    /// Checks that wait.
    pub watched: Arc<Watched>,
    /// How far the log is.
    pub head: watch::Receiver<Head>,
    /// Shared with whoever looks on.
    pub state: Arc<State>,
    /// The log's clock.
    pub clock: Clock,
    /// To wait with.
    pub handle: Handle,
}

/// What the engine is made from.
pub struct Source {
    /// Checkpoints.
    pub shelf: Shelf,
    /// What the engine decides by.
    pub config: EngineConfig,
    /// What was in force, unless the data folder does not last.
    pub versions: Option<Versions>,
}

/// The thread's own.
struct Line {
    engine: Engine,
    ends: Ends,
    output: Output,
    /// Position of the last record that the engine took.
    position: u64,
    /// Results up to here lie in the journal already.
    written: u64,
    /// When the position was written last, ms since the Unix epoch.
    told_ms: u64,
    results: Results,
    saver: Saver,
    /// Where activations find their versions.
    registry: Registry,
    /// Versions that decide about what comes after `written`.
    next: Option<Box<Source>>,
}

/// What a batch led to.
#[derive(Default)]
struct Results {
    commit: Commit,
    answers: Vec<(oneshot::Sender<Checked>, Checked)>,
    counts: [u64; RecordOutcome::ALL.len()],
    /// Log times of the records that were decided about, ms since the Unix epoch.
    decided_at: Vec<u64>,
}

/// Restores the engine, then takes records until it is told to stop and has taken all, or time is short.
pub fn run(source: Source, ends: Ends) -> Result<(), Error> {
    let written = ends.reader.position(READER)?;
    let head = *ends.head.borrow();
    let mut source = source;
    let (mut kept, mut since) = (None, 0);
    if let Some(versions) = &mut source.versions {
        if written == 0 {
            versions.switch(0)?;
        }
        since = versions.since();
        kept = (!versions.are_same()).then(|| versions.kept()).transpose()?;
    }
    let restored = source.shelf.restore(kept.as_ref().unwrap_or(&source.config), &ends.reader, head)?;
    let Some(Restored { engine, position }) = restored else { return Ok(()) };
    for scorer::Active { what: Needed { kind, name, version }, role, .. } in engine.active() {
        tracing::info!(%kind, name, version, ?role, "what was activated is in force, whatever the configuration names");
    }
    if position < since {
        tracing::warn!(
            position,
            since,
            "what lies between was decided by a policy, model or lists that are gone: it is read again by those of after"
        );
    }
    let (saver, registry) = (source.shelf.saver(position), source.shelf.registry.clone());
    let (output, results) = (Output::default(), Results::default());
    let next = kept.is_some().then(|| Box::new(source));
    let line = Line { engine, ends, output, position, written, told_ms: 0, results, saver, registry, next };
    line.tell_deciding();
    line.run()
}

impl Line {
    fn run(mut self) -> Result<(), Error> {
        let mut chunk = Chunk::default();
        let mut drains_since = None;
        loop {
            self.ends.state.pulse.beat();
            if self.ends.state.is_draining() {
                let now = now();
                let is_late = now.saturating_sub(*drains_since.get_or_insert(now)) > DRAIN;
                // Whatever is not decided yet is decided after the next start, as it would be now.
                if is_late || self.position < self.written {
                    return self.end();
                }
            }
            let head = *self.ends.head.borrow_and_update();
            let taken = self.step(&mut chunk, head)?;
            self.gauge(head);
            self.save(!taken);
            if taken {
                continue;
            }
            if self.next.is_some() {
                if self.switch()? {
                    continue;
                }
                return Ok(());
            }
            // Up to the head there was nothing but what others, and this line, wrote.
            self.position = self.position.max(head.position);
            self.ends.state.caught_up();
            self.gauge(head);
            if self.ends.state.is_draining() {
                return self.end();
            }
            let wait = if self.saver.is_busy() { WAIT_SAVING } else { WAIT };
            let changed = async { tokio::time::timeout(wait, self.ends.head.changed()).await };
            // Time-out, news or the end of the journal: in each case the loop looks again.
            drop(self.ends.handle.block_on(changed));
        }
    }

    /// Takes the next events, if there are any that the engine may decide about.
    fn step(&mut self, chunk: &mut Chunk, head: Head) -> Result<bool, Error> {
        self.ends.reader.read(Some(Topic::Events), self.position, BATCH_RECORDS, chunk)?;
        // The file shows a commit before its checks are registered: who asked would wait for a decision that was made already.
        chunk.keep_up_to(if self.next.is_some() { self.written.min(head.position) } else { head.position });
        let Some(last) = chunk.len().checked_sub(1).and_then(|last| chunk.get(last)) else {
            return Ok(false);
        };
        let last = last.position;
        self.batch(chunk, last)?;
        Ok(true)
    }

    fn end(mut self) -> Result<(), Error> {
        self.tell_position()?;
        self.save_all(now() + SAVE, false);
        Ok(())
    }

    fn batch(&mut self, chunk: &Chunk, last: u64) -> Result<(), Error> {
        let mut waiting = self.ends.watched.take(last);
        for record in chunk.records() {
            let watcher = waiting.remove(&record.position);
            self.record(&record, watcher)?;
            self.position = record.position;
        }
        self.ends.state.metrics.batch_records.observe(chunk.len() as f64);
        self.finish(last, &waiting)
    }

    /// Writes what the batch led to, then answers who waits.
    fn finish(&mut self, last: u64, late: &BTreeMap<u64, oneshot::Sender<Checked>>) -> Result<(), Error> {
        debug_assert!(late.is_empty(), "every watched position is an event of this stretch");
        let Results { mut commit, answers, counts, decided_at } = std::mem::take(&mut self.results);
        let now = (self.ends.clock)();
        let something = !commit.batch.is_empty() || !commit.standings.is_empty();
        if last > self.written && (something || now >= self.told_ms + POSITION_MS) {
            commit.read_to = Some((READER, last));
            self.commit(commit)?;
            self.told_ms = now;
            self.written = last;
        }
        for (watcher, checked) in answers {
            // Who stopped waiting finds the decision in the feed.
            drop(watcher.send(checked));
        }
        let (metrics, speed) = (&self.ends.state.metrics, self.ends.state.speed);
        let now = (self.ends.clock)();
        for at in decided_at {
            self.ends.state.decided(now.saturating_sub(at) as f64 / 1_000.0 / speed);
        }
        for (outcome, count) in RecordOutcome::ALL.into_iter().zip(counts) {
            metrics.count_records(outcome, count);
        }
        Ok(())
    }

    /// Commits, however long the disk is full; ends only if the disk fails, or is full while the server stops.
    fn commit(&mut self, commit: Commit) -> Result<(), Error> {
        let mut commit = commit;
        loop {
            let (unwritten, error) = match self.ends.appender.commit_blocking(commit) {
                Ok(_) => return Ok(()),
                Err(failed) => *failed,
            };
            match error {
                Unwritten::Full if self.ends.state.is_draining() => {
                    let told =
                        "the disk is full: what is not written yet is decided again after the next start";
                    return Err(Error::Usage(told.to_owned()));
                }
                Unwritten::Full => tracing::warn!("the disk is full: decisions wait for room"),
                error => return Err(Error::Usage(error.to_string())),
            }
            self.ends.state.pulse.beat();
            std::thread::sleep(AGAIN);
            commit = unwritten;
        }
    }

    fn tell_position(&mut self) -> Result<(), Error> {
        if self.position > self.written {
            let read_to = Some((READER, self.position));
            self.commit(Commit { read_to, ..Commit::default() })?;
            self.written = self.position;
        }
        Ok(())
    }

    /// Takes the engine's output over into the commit.
    fn keep(&mut self, record: &Record<'_>) {
        if self.output.is_empty() {
            return;
        }
        let Results { commit, decided_at, .. } = &mut self.results;
        let Output { decisions, standings, rows, .. } = &self.output;
        for decision in decisions {
            self.ends.state.metrics.count_decision(decision.action, decision.mode);
            push(&mut commit.batch, Topic::Decisions, &decision.account, decision);
            decided_at.push(record.at);
        }
        for row in rows {
            push(&mut commit.batch, Topic::Rows, &row.account, row);
        }
        for standing in standings.iter().filter(|standing| standing.account != ENFORCEMENT_KEY) {
            let body = (!standing.restrictions.is_empty()).then(|| json(standing));
            let (account, seq) = (standing.account.clone(), standing.seq);
            commit.standings.push(StandingChange { account, seq, body });
        }
    }

    #[cold]
    fn reject(&mut self, record: &Record<'_>, refusal: Refusal) {
        self.output.clear();
        self.ends.state.metrics.count_reject(refusal.reason);
        if record.position > self.written {
            let reject = Reject::new(refusal, "journal", record.position, record.at, record.body);
            push(&mut self.results.commit.batch, Topic::Rejects, "", &reject);
        }
    }

    fn gauge(&self, head: Head) {
        let (state, metrics) = (&self.ends.state, &self.ends.state.metrics);
        state.engine.show(&self.engine.stats());
        let lag = metrics.lag.get_or_create(&PartitionLabels::default());
        lag.set(head.position.saturating_sub(self.position) as i64);
        metrics.log_size.set(head.bytes as i64);
    }
}

fn push(batch: &mut Batch, topic: Topic, key: &str, record: &impl serde::Serialize) {
    batch.push_with(topic, key.as_bytes(), |bytes| {
        serde_json::to_writer(bytes, record)
            .expect("schema's records have string keys and memory takes them");
    });
}

fn json(record: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("schema's records have string keys and memory takes them")
}
