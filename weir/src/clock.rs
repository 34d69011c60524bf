//! The clock: the only module that reads one.
//!
//! Separate, because time is data everywhere else. Invariant: the wall clock reaches a decision only as the time at which
//! a log took a record; all else that it gives is shown to people (rates, durations).

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock as an argument: ms since the Unix epoch.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Microseconds since some moment of this process, never going back.
#[expect(clippy::disallowed_methods, reason = "this is the module that reads the clock")]
pub fn ticks_us() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// The wall clock as an argument.
pub fn wall() -> Clock {
    Arc::new(now_ms)
}

/// A clock that starts at the wall's time and then runs so many times faster: for demonstrations.
pub fn hurried(factor: f64) -> Clock {
    let (start_ms, start_us) = (now_ms(), ticks_us());
    Arc::new(move || {
        let passed_us = ticks_us().saturating_sub(start_us);
        start_ms + (passed_us as f64 * factor / 1_000.0) as u64
    })
}

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the module that reads the clock")]
    pub fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu_time() }
    }

    /// Time on the wall since the start.
    pub fn elapsed(&self) -> Duration {
        self.wall.elapsed()
    }

    /// Time that this process spent on a processor since the start; zero where the system does not tell.
    pub fn cpu(&self) -> Duration {
        cpu_time().saturating_sub(self.cpu)
    }
}

/// The time of day, ms since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "this is the module that reads the clock")]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// User and system time of this process so far, from Linux's `/proc`.
fn cpu_time() -> Duration {
    // Fields 14 and 15, counted after the command in brackets, which may hold blanks; in ticks of 10 ms.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: u64 = after.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
