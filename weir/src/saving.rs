//! Saving an engine's state while it works: a checkpoint under way, a little of it between two batches. For a partition on Kafka
//! and for the whole journal of `weir up`.
//!
//! Separate from the work, whose bytes it does not understand. Invariants: a checkpoint becomes valid only after everything
//! that its records caused was acknowledged, so that a restored engine owes nothing; what is committed is never above the
//! newest valid checkpoint; one that failed is told, and what it held is in the next.

use std::time::Duration;

use sinks::checkpoint::{Chain, Feed, Moment, Writing};
use tokio::runtime::Handle;

/// Fewest and most bytes of a chunk, of which a line that is busy writes one between two batches: 0.1 to 1.5 ms.
const CHUNK_BYTES: [usize; 2] = [32 * 1024, 512 * 1024];
/// Bytes a second that a line at work may give to a checkpoint as it begins; the rate grows by as much with each second. Few, so that
/// decisions come as soon as ever meanwhile; and ever more, so that a large state is done in time: 0.8 GB within 9 s.
const BYTES_PER_S: f64 = 16_000_000.0;
/// How long the store is waited for at once, at the end.
const STORE_WAIT: Duration = Duration::from_millis(5);

/// A state that can be saved.
pub trait State {
    /// Begins a checkpoint of the state as it is now; whether it is a full one.
    fn begin(&mut self, full: bool) -> bool;
    /// Appends a chunk; whether the checkpoint is complete.
    fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool;
    /// The newest checkpoint came to nothing.
    fn abandon(&mut self);
    /// The log's time, ms since the Unix epoch.
    fn at_ms(&self) -> u64;
}

/// Saves one partition.
pub struct Saver {
    chain: Chain,
    runtime: Handle,
    every: Duration,
    /// When the next one begins, since the takeover, if it is a delta.
    due: Duration,
    /// How long the last full one took until it was valid.
    full_took: Duration,
    /// The offset after the records of the newest valid checkpoint.
    valid: Option<u64>,
    /// The same, and when it was seen first.
    seen: Option<(Option<u64>, Duration)>,
    under_way: Option<UnderWay>,
}

/// A checkpoint that is being written.
struct UnderWay {
    feed: Option<Feed>,
    writing: Writing,
    next_offset: u64,
    full: bool,
    /// When it began, since the takeover.
    since: Duration,
    /// Bytes that were given.
    given: usize,
    /// Every chunk was given.
    complete: bool,
}

impl UnderWay {
    /// Bytes that the next chunk may have; `None`: the line gives no more for now. `now`: its time, `None` if it does nothing else.
    fn chunk(&self, now: Option<Duration>) -> Option<usize> {
        let [least, most] = CHUNK_BYTES;
        let Some(now) = now else { return Some(most) };
        let passed = now.saturating_sub(self.since).as_secs_f64();
        let due = (BYTES_PER_S * (passed + passed * passed / 2.0)) as usize;
        due.checked_sub(self.given).map(|bytes| bytes.clamp(least, most))
    }
}

/// How far the partition is.
#[derive(Debug, Clone, Copy)]
pub struct Position {
    /// The offset after the newest record.
    pub next: u64,
    /// Everything before it is finished.
    pub finished: u64,
}

impl Saver {
    /// Saves into `chain` every so often; `valid`: the checkpoint that was restored.
    pub fn new(chain: Chain, runtime: Handle, every: Duration, valid: Option<u64>) -> Self {
        let (due, full_took) = (every, Duration::ZERO);
        Self { chain, runtime, every, due, full_took, valid, seen: None, under_way: None }
    }

    /// Begins the first one after this share of the time between two, so that those of many places do not fall together.
    pub fn first_after(self, share: f64) -> Self {
        Self { due: self.every.mul_f64(share), ..self }
    }

    /// The offset that a restart would begin with.
    pub fn valid(&self) -> Option<u64> {
        self.valid
    }

    /// Time since the newest checkpoint; zero while nothing followed it.
    pub fn age(&mut self, at: Position, now: Duration) -> Duration {
        let since = match self.seen {
            Some((valid, since)) if valid == self.valid => since,
            _ => now,
        };
        self.seen = Some((self.valid, since));
        if self.valid.unwrap_or(0) >= at.next { Duration::ZERO } else { now.saturating_sub(since) }
    }

    /// Whether a checkpoint is under way.
    pub fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// Does a little: begins one if it is time, writes a chunk, hears what became of it.
    /// `idle`: no record waits, so that it may be more.
    pub fn step(&mut self, state: &mut dyn State, at: Position, now: Duration, idle: bool) {
        if self.under_way.is_none() {
            if now >= self.begins_at() && at.next > 0 && self.valid != Some(at.next) {
                self.begin(state, at, now);
            }
            return;
        }
        self.write(state, at, Some(now), idle);
        self.hear(state, now);
    }

    /// When the next one begins. What is read again after a crash is what followed the begin of the last one that became valid: so a full
    /// one, which takes longer, begins earlier by as long as the last full one took, at most by half of the time between two. At
    /// 10 s from one to the next that keeps it below 15 s while a full one takes no more than 10.
    fn begins_at(&self) -> Duration {
        let early = if self.chain.wants_full() { self.full_took.min(self.every / 2) } else { Duration::ZERO };
        self.due.saturating_sub(early)
    }

    /// Saves everything that was finished, if there is time; the partition reads nothing more meanwhile.
    pub fn finish(
        &mut self,
        state: &mut dyn State,
        at: Position,
        clock: impl Fn() -> Duration,
        until: Duration,
    ) {
        if at.next == 0 || at.finished != at.next {
            return; // Nothing was read, or something is owed: the checkpoint before it stands.
        }
        while self.valid != Some(at.next) && clock() < until {
            if self.under_way.is_none() {
                self.begin(state, at, clock());
            }
            let valid_before = self.valid;
            self.write(state, at, None, true);
            self.hear(state, clock());
            if self.under_way.is_none() && self.valid == valid_before {
                return; // It failed, and was told.
            }
            if self.under_way.is_some() {
                std::thread::sleep(STORE_WAIT);
            }
        }
    }

    fn begin(&mut self, state: &mut dyn State, at: Position, now: Duration) {
        self.due = now + self.every;
        let full = state.begin(self.chain.wants_full());
        let moment = Moment { next_offset: at.next, at_ms: state.at_ms() };
        let _inside = self.runtime.enter();
        let (feed, writing) = self.chain.begin(full, moment);
        self.under_way = Some(UnderWay {
            feed: Some(feed),
            writing,
            next_offset: at.next,
            full,
            since: now,
            given: 0,
            complete: false,
        });
    }

    /// Writes chunks: at a line's pace at `now`, or without one, all that the store takes.
    fn write(&mut self, state: &mut dyn State, at: Position, now: Option<Duration>, idle: bool) {
        let Some(under_way) = &mut self.under_way else { return };
        let Some(feed) = &under_way.feed else { return };
        while !under_way.complete
            && feed.is_ready()
            && let Some(bytes) = under_way.chunk(now)
        {
            let mut chunk = Vec::with_capacity(bytes * 2);
            under_way.complete = state.write(bytes, &mut chunk);
            under_way.given += chunk.len();
            if !chunk.is_empty() && !feed.push(chunk) {
                under_way.feed = None; // It failed: the store says why.
                return;
            }
            if !idle || at.finished < at.next {
                break; // Records wait, or acknowledgements do, and are to be heard.
            }
        }
        // It becomes valid with its end: not before all that its records caused is safe.
        if under_way.complete
            && at.finished >= under_way.next_offset
            && let Some(feed) = under_way.feed.take()
        {
            feed.end(); // If it has failed, the store says why.
        }
    }

    fn hear(&mut self, state: &mut dyn State, now: Duration) {
        let Some(under_way) = &mut self.under_way else { return };
        if !under_way.writing.is_finished() {
            return;
        }
        let Ok(written) = self.runtime.block_on(&mut under_way.writing) else {
            tracing::error!("the task that writes checkpoints panicked");
            self.under_way = None;
            state.abandon();
            return;
        };
        self.chain.wrote(&written);
        match written {
            Ok(written) => {
                self.valid = Some(written.moment.next_offset);
                if under_way.full {
                    self.full_took = now.saturating_sub(under_way.since);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a checkpoint was not written; the one before it stands");
                state.abandon();
            }
        }
        self.under_way = None;
    }
}

#[cfg(test)]
mod tests {
    use sinks::checkpoint::{Checkpoints, Place, Role, Settings};

    use super::*;

    const EVERY: Duration = Duration::from_secs(10);
    const STEP: Duration = Duration::from_millis(20);
    /// A full one takes at least 1 s at a line's pace.
    const FULL_BYTES: usize = 24_000_000;

    /// So many bytes of state, a thousandth of which changes.
    #[derive(Default)]
    struct Big {
        left: usize,
        /// Whether each that began was a full one.
        began: Vec<bool>,
    }

    impl State for Big {
        fn begin(&mut self, full: bool) -> bool {
            self.left = if full { FULL_BYTES } else { FULL_BYTES / 1_000 };
            self.began.push(full);
            full
        }

        fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
            let given = bytes_max.min(self.left);
            out.resize(out.len() + given, 7);
            self.left -= given;
            self.left == 0
        }

        fn abandon(&mut self) {}

        fn at_ms(&self) -> u64 {
            0
        }
    }

    #[test]
    fn a_full_one_begins_earlier_by_as_long_as_the_last_one_took() {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        // Every other is a full one.
        let settings = Settings { deltas_max: 1, chains_kept: 1, ..Settings::default() };
        let checkpoints =
            Checkpoints::open(&folder.path().display().to_string(), settings).expect("a folder");
        let place = Place { role: Role::Accounts, partition: 0, partitions: 1, catalog: 1, topics: None };
        let mut saver = Saver::new(Chain::new(checkpoints, place, 1), runtime.handle().clone(), EVERY, None);
        let (mut state, mut now, mut seen) = (Big::default(), Duration::ZERO, Vec::new());
        while seen.len() < 4 {
            now += STEP;
            assert!(now < 60 * EVERY, "{seen:?}");
            let next = now.as_millis() as u64;
            saver.step(&mut state, Position { next, finished: next }, now, false);
            if state.began.len() > seen.len() {
                seen.push(now.as_secs_f64());
            }
            if saver.is_busy() {
                std::thread::sleep(Duration::from_millis(1)); // The folder works in its own time.
            }
        }
        assert_eq!(state.began, [true, false, true, false]);
        let between: Vec<f64> = seen.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(between[0] > 9.9 && between[2] > 9.9, "{between:?}");
        assert!((4.9..9.1).contains(&between[1]), "{between:?}");
    }
}
