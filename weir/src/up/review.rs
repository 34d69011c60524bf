//! The dashboard in this process: what it is given, and the thread that feeds the log to it.
//!
//! Separate from the dashboard, which knows neither journal nor models. Invariants: the thread waits for nobody and nobody for it; a
//! batch is folded once, killed when it may be; what the desk cannot take now waits in the journal.

mod known;
mod outlet;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ingest::journal::{Chunk, Head, Journal, Reader, Record, Topic};
use memchr::memmem::Finder;
use review::{Desk, Given};
use schema::History;
use schema::desk::{Arrived, Entry};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;

use super::api::{Publisher, Readers};
use super::state::State;
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::dashboard;
use crate::error::Error;
use crate::insight::Sight;
use crate::registry::Registry;
use crate::setup;
use known::Embedded;
use outlet::Mouth;

/// Records taken at once.
const BATCH_RECORDS: usize = 4_096;
/// The journal's name in the desk's file.
const SOURCE: &str = "journal";
/// How long to wait before a batch is tried again, and for new records before looking whether to stop.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the position is written when nothing is folded, microseconds.
const POSITION_US: u64 = 1_000_000;
/// How long it goes on once all else has ended; the rest is taken after the next start.
const HURRY_US: u64 = 1_000_000;
/// Accounts that are looked up at once.
const LOOK_UPS: usize = 64;

/// The parts of the server that the dashboard rests on.
pub struct Base<'a> {
    /// The data folder.
    pub folder: &'a Path,
    /// The configuration in force.
    pub config: &'a Config,
    /// The log.
    pub journal: &'a Journal,
    /// What the threads tell each other.
    pub state: &'a Arc<State>,
    /// The log's clock.
    pub clock: &'a Clock,
    /// Takes controls.
    pub publisher: &'a Arc<Publisher>,
    /// Where activated versions lie.
    pub registry: Registry,
}

/// Opens the desk and starts its thread.
pub fn start(base: Base<'_>, runtime: &Runtime) -> Result<(Arc<Desk>, JoinHandle<()>), Error> {
    let Base { folder, config, journal, state, clock, publisher, registry } = base;
    let handle = runtime.handle();
    let outlet = Mouth {
        appender: journal.appender(),
        publisher: Arc::clone(publisher),
        clock: Arc::clone(clock),
        handle: handle.clone(),
    };
    let known = Embedded {
        readers: Readers::new(journal.reader()?),
        publisher: Arc::clone(publisher),
        state: Arc::clone(state),
        head: journal.head(),
        has_history: config.history.enabled,
        handle: handle.clone(),
    };
    let options = setup::configured(&config.engine);
    let insight = Sight::new(Arc::new(known), (options, Some(registry)), Arc::clone(clock));
    let history = config.history.enabled.then(|| sinks::sqlite::History::open(&folder.join("history.db")));
    // One that cannot be opened is told by whoever writes it.
    let history =
        history.and_then(Result::ok).map(|history| Arc::new(history) as Arc<dyn History + Send + Sync>);
    let given = Given {
        outlet: Arc::new(outlet),
        insight: Arc::new(insight),
        history,
        clock: clock::wall(),
        settings: dashboard::settings(&config.review),
        habits: dashboard::habits(&config.review, state.speed)?,
    };
    let desk = Desk::open(&folder.join("review.db"), given)?;
    let desk = Arc::new(dashboard::with_provider(desk, &config.oidc, handle)?);
    let ends = Ends {
        desk: Arc::clone(&desk),
        reader: journal.reader()?,
        head: journal.head(),
        state: Arc::clone(state),
        handle: handle.clone(),
    };
    let feeder = Feeder::open(ends)?;
    let thread = std::thread::Builder::new().name("desk".to_owned()).spawn(move || feeder.run());
    let thread = thread.map_err(|error| Error::Usage(format!("no thread: {error}")))?;
    Ok((desk, thread))
}

/// What the thread needs.
struct Ends {
    /// What it feeds.
    desk: Arc<Desk>,
    /// Where records come from.
    reader: Reader,
    /// How far the log is.
    head: watch::Receiver<Head>,
    /// Shared with whoever looks on.
    state: Arc<State>,
    /// To wait with.
    handle: Handle,
}

/// The thread's own.
struct Feeder {
    ends: Ends,
    kinds: Vec<Finder<'static>>,
    /// Records up to here were read.
    position: u64,
    /// The desk's file says so up to here.
    told: u64,
    told_us: u64,
}

impl Feeder {
    /// Finds where the desk left.
    fn open(ends: Ends) -> Result<Feeder, Error> {
        let position = ends.desk.position(SOURCE)?.unwrap_or(0);
        let head = ends.head.borrow().position;
        if position > head {
            let detail = format!(
                "holds the journal up to position {position}, but the journal beside it ends at {head}: it is the desk of \
                 another one. Move it away"
            );
            return Err(Error::file("review.db", detail));
        }
        // As a gateway or a reviewer writes them, with or without blanks; what only looks so is decoded in vain.
        let kinds = ["report", "appeal", "deletion"].map(|kind| Finder::new(kind.as_bytes()).into_owned());
        Ok(Feeder { ends, kinds: kinds.into(), position, told: position, told_us: clock::ticks_us() })
    }

    /// Feeds until everything else has ended.
    fn run(mut self) {
        let mut chunk = Chunk::default();
        let (mut ending_us, mut caught_up) = (None, false);
        loop {
            // Marked as seen before the log is read, so that nothing in between is missed.
            self.ends.head.borrow_and_update();
            let taken = match self.step(&mut chunk) {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::warn!(%error, position = self.position, "the desk waits; the journal keeps what it has not taken");
                    std::thread::sleep(PAUSE);
                    false
                }
            };
            if self.ends.state.is_closing() {
                let now = clock::ticks_us();
                if !taken || now.saturating_sub(*ending_us.get_or_insert(now)) > HURRY_US {
                    return;
                }
            }
            if taken {
                continue;
            }
            if !caught_up {
                caught_up = self
                    .ends
                    .desk
                    .go_on()
                    .inspect_err(|error| tracing::warn!(%error, "acts on many wait"))
                    .is_ok();
            }
            if let Err(error) = self.ends.desk.look_up(LOOK_UPS) {
                tracing::debug!(%error, "what is known of accounts besides could not be looked up now");
            }
            let changed = async { tokio::time::timeout(PAUSE, self.ends.head.changed()).await };
            // Time-out, news or the end of the journal: in each case the loop looks again.
            drop(self.ends.handle.block_on(changed));
        }
    }

    /// Takes the next records; whether there were any to take.
    fn step(&mut self, chunk: &mut Chunk) -> Result<bool, Error> {
        self.ends.reader.read(None, self.position, BATCH_RECORDS, chunk)?;
        let last = chunk.len().checked_sub(1).and_then(|last| chunk.get(last)).map(|last| last.position);
        let entries: Vec<Entry> = chunk.records().filter_map(|record| self.entry(&record)).collect();
        let reached = last.unwrap_or(self.position);
        let now = clock::ticks_us();
        let is_due = reached > self.told && now.saturating_sub(self.told_us) > POSITION_US;
        if !entries.is_empty() || is_due {
            self.ends.desk.take(SOURCE, &entries, reached)?;
            (self.told, self.told_us) = (reached, now);
        }
        self.position = reached;
        Ok(last.is_some())
    }

    /// A record of the log; none for what the desk has no place for.
    fn entry(&self, record: &Record<'_>) -> Option<Entry> {
        let arrived = match record.topic {
            Topic::Reviews => serde_json::from_slice(record.body).ok().map(Arrived::Review),
            Topic::Decisions => serde_json::from_slice(record.body).ok().map(Arrived::Decision),
            Topic::Events if self.kinds.iter().any(|kind| kind.find(record.body).is_some()) => {
                std::str::from_utf8(record.body).ok().map(|text| Arrived::Event(text.to_owned()))
            }
            Topic::Events | Topic::Rejects | Topic::Control | Topic::Rows => return None,
        };
        if arrived.is_none() {
            tracing::warn!(position = record.position, topic = ?record.topic, "the desk passes over what it cannot read");
        }
        Some(Entry { position: record.position, at: record.at, arrived: arrived? })
    }
}
