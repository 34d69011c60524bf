//! Figures of the benches: processors, metrics, medians.
//!
//! Separate from what is measured. Invariant: what is read of other processes is what the kernel or they themselves tell.

use std::fmt;
use std::time::Duration;

use crate::http::Client;

/// What a run came to.
pub struct Figure {
    /// Records.
    pub records: u64,
    /// Their bytes, keys and values.
    pub bytes: u64,
    /// How long it took.
    pub time: Duration,
    /// Processor time of the client and of the broker.
    pub processors: [Duration; 2],
}

impl Figure {
    /// Records a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.records as f64 / self.time.as_secs_f64()
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.time.as_secs_f64();
        let [client, broker] = self.processors.map(|time| time.as_secs_f64());
        write!(
            f,
            "{:.0} events/s, {:.0} MB/s, {seconds:.1} s; processors: client {:.2} ({:.2} µs an event), broker {:.2} ({:.2} µs)",
            self.rate(),
            self.bytes as f64 / seconds / 1e6,
            client / seconds,
            client / self.records as f64 * 1e6,
            broker / seconds,
            broker / self.records as f64 * 1e6,
        )
    }
}

/// Processor time that processes have had so far.
pub struct Processors<const N: usize> {
    of: [u32; N],
    then: [Duration; N],
}

impl<const N: usize> Processors<N> {
    /// Looks at processes, by their numbers.
    ///
    /// # Panics
    /// If one does not run.
    #[must_use]
    pub fn read(of: &[u32; N]) -> Self {
        Self { of: *of, then: of.map(processor_time) }
    }

    /// What they had since.
    ///
    /// # Panics
    /// If one does not run any more.
    #[must_use]
    pub fn since(&self) -> [Duration; N] {
        std::array::from_fn(|place| processor_time(self.of[place]).saturating_sub(self.then[place]))
    }
}

fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("a name in brackets").split(' ').collect();
    // User and system time, in hundredths of a second.
    let ticks = |place: usize| fields[place].parse::<u64>().expect("a number");
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// The sum of a metric over its labels; 0 if it is not shown.
///
/// # Panics
/// If nobody shows metrics there.
#[must_use]
pub fn metric(address: &str, name: &str) -> u64 {
    let answer = Client::connect(address).and_then(|mut client| client.call("GET", "/metrics", "", b""));
    let text = String::from_utf8(answer.expect("the role shows itself").body).expect("text");
    let own = |line: &&str| line.split(['{', ' ']).next() == Some(name);
    let value = |line: &str| line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok());
    text.lines().filter(own).filter_map(value).sum::<f64>() as u64
}

/// The middle one.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How busy the machine is, whoever keeps it so.
#[must_use]
pub fn load_of_the_machine() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("load {}", load.split(' ').next().unwrap_or("unknown"))
}
