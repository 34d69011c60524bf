//! The history's thread: copies the journal into `history.db`, behind everything else.
//!
//! Separate from the engine, which never waits for it. Invariants: a batch and the position it was taken to are one
//! transaction of the history's own file, so that a record is in it once, killed when it may be; what that file cannot
//! take now waits in the journal; if it refuses for good, that is told and decisions go on without it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ingest::journal::{Chunk, Head, Reader, Record, Topic};
use schema::{Decision, Event, RawEvent, Reject, Review, Row};
use sinks::sqlite::Writer;
use sinks::{Retention, archive};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::state::State;
use crate::clock::{self, Clock};
use crate::error::Error;

/// Records taken at once.
const BATCH_RECORDS: usize = 4_096;
/// The journal's name in the history's file.
const SOURCE: &str = "journal";
/// How long to wait before a batch is tried again, and for new records before looking whether to stop.
const PAUSE: Duration = Duration::from_millis(500);
/// How long it goes on once all else has ended; the rest is taken after the next start.
const HURRY_US: u64 = 2_000_000;
/// How often what is too old is looked for, microseconds.
const EXPIRE_US: u64 = 60_000_000;
/// Rows of each table that go at once.
const EXPIRE_ROWS: usize = 2_000;

/// What the thread needs besides its file.
pub struct Ends {
    /// Where records come from.
    pub reader: Reader,
    /// How far the log is.
    pub head: watch::Receiver<Head>,
    /// Shared with whoever looks on.
    pub state: Arc<State>,
    /// The log's clock.
    pub clock: Clock,
    /// To wait with.
    pub handle: Handle,
}

/// The thread's own.
pub struct Keeper {
    writer: Writer,
    ends: Ends,
    retention: Retention,
    /// Records up to here are in.
    position: u64,
    /// When nothing was too old any more, microseconds.
    expired_us: Option<u64>,
}

/// A record, ready to be written; events are borrowed from `raws`.
enum Kept {
    Event { raw: usize, position: u64, at: u64 },
    Decision(Decision),
    Row(Row),
    Review(Review),
    Reject(Reject),
}

impl Keeper {
    /// Opens or makes the file, and finds where it left.
    pub fn open(path: &Path, retention: Retention, ends: Ends) -> Result<Keeper, Error> {
        let writer = Writer::open(path)?;
        let position = writer.position(SOURCE)?.unwrap_or(0);
        let head = *ends.head.borrow();
        if position > head.position {
            let detail = format!(
                "holds the journal up to position {position}, but the journal beside it ends at {}: it is the history of \
                 another one. Move it away",
                head.position
            );
            return Err(Error::file(&path.display().to_string(), detail));
        }
        ends.state.metrics.history_lag.set((head.position - position) as i64);
        ends.state.metrics.history_up.set(1);
        ends.state.history_took(position);
        Ok(Keeper { writer, ends, retention, position, expired_us: None })
    }

    /// Copies until everything else has ended.
    pub fn run(mut self) {
        let mut chunk = Chunk::default();
        let mut ending_us = None;
        loop {
            let head = *self.ends.head.borrow_and_update();
            let taken = match self.step(&mut chunk) {
                Ok(taken) => taken,
                Err(Error::Sinks(error @ sinks::Error::Retry { .. })) => {
                    tracing::warn!(%error, "the history waits; the journal keeps what it has not taken");
                    std::thread::sleep(PAUSE);
                    false
                }
                Err(error) => {
                    tracing::error!(%error, position = self.position, "the history ends here; decisions go on without it");
                    self.ends.state.metrics.history_up.set(0);
                    return;
                }
            };
            self.ends.state.metrics.history_lag.set(head.position.saturating_sub(self.position) as i64);
            if self.ends.state.is_closing() {
                let now = clock::ticks_us();
                if !taken || now.saturating_sub(*ending_us.get_or_insert(now)) > HURRY_US {
                    return;
                }
            }
            if !taken {
                let changed = async { tokio::time::timeout(PAUSE, self.ends.head.changed()).await };
                // Time-out, news or the end of the journal: in each case the loop looks again.
                drop(self.ends.handle.block_on(changed));
            }
        }
    }

    /// Lets a few old records go and takes the next ones; whether there were any to take.
    fn step(&mut self, chunk: &mut Chunk) -> Result<bool, Error> {
        self.expire()?;
        self.ends.reader.read(None, self.position, BATCH_RECORDS, chunk)?;
        let Some(last) = chunk.len().checked_sub(1).and_then(|last| chunk.get(last)) else {
            return Ok(false);
        };
        if let Some(first) = chunk.get(0)
            && first.position > self.position + 1
        {
            let missing = first.position - self.position - 1;
            tracing::error!(
                missing,
                after = self.position,
                "the journal let records go that the history had not taken"
            );
        }
        let last = last.position;
        let mut raws = Vec::with_capacity(chunk.len());
        let kept: Vec<Kept> = chunk.records().filter_map(|record| parse(&record, &mut raws)).collect();
        let events: Vec<Option<Event<'_>>> =
            raws.iter().map(|raw: &RawEvent<'_>| raw.event().ok().flatten()).collect();
        let records = kept.iter().filter_map(|kept| {
            Some(match kept {
                Kept::Event { raw, position, at } => {
                    let event = events[*raw].as_ref()?;
                    archive::Record::Event { partition: 0, offset: *position, at: *at, event }
                }
                Kept::Decision(decision) => archive::Record::Decision(decision),
                Kept::Row(row) => archive::Record::Row(row),
                Kept::Review(review) => archive::Record::Review(review),
                Kept::Reject(reject) => archive::Record::Reject(reject),
            })
        });
        self.writer.write(records, Some((SOURCE, last)))?;
        self.position = last;
        self.ends.state.history_took(last);
        Ok(true)
    }

    /// Now and then some of what is too old goes, also while there is always something to take.
    fn expire(&mut self) -> Result<(), Error> {
        let now = clock::ticks_us();
        if self.expired_us.is_some_and(|expired| now.saturating_sub(expired) < EXPIRE_US) {
            return Ok(());
        }
        let gone = self.writer.expire((self.ends.clock)(), self.retention, EXPIRE_ROWS)?;
        if gone == 0 {
            self.expired_us = Some(now);
        }
        Ok(())
    }
}

/// A record of the log; none for what the history has no place for.
fn parse<'a>(record: &Record<'a>, raws: &mut Vec<RawEvent<'a>>) -> Option<Kept> {
    let parsed = match record.topic {
        Topic::Events => schema::json::decode(record.body).ok().map(|raw| {
            raws.push(raw);
            Kept::Event { raw: raws.len() - 1, position: record.position, at: record.at }
        }),
        Topic::Decisions => serde_json::from_slice(record.body).ok().map(Kept::Decision),
        Topic::Rows => serde_json::from_slice(record.body).ok().map(Kept::Row),
        Topic::Reviews => serde_json::from_slice(record.body).ok().map(Kept::Review),
        Topic::Rejects => serde_json::from_slice(record.body).ok().map(|mut reject: Reject| {
            // A line of a request is no place of its own: that of the reject is.
            reject.offset = record.position;
            Kept::Reject(reject)
        }),
        Topic::Control => return None,
    };
    if parsed.is_none() {
        tracing::warn!(position = record.position, topic = ?record.topic, "the history passes over what it cannot read");
    }
    parsed
}
