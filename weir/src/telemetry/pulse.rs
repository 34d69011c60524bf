//! Pulses: whether the threads that must go on do.
//!
//! Separate, because a probe is answered by another thread than the one it asks about. A thread says again and again by when it
//! will be heard of next; one that is late is stuck or dead. Invariants: a thread that ended as it was asked to is missed by nobody;
//! one that panicked is missed; a beat is one atomic store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock;

/// Silence after which a thread is stuck: far more than any step takes, less than people wait.
const STUCK: Duration = Duration::from_secs(60);
/// How long a step may take that reads a large state, list or model.
pub const LOAD: Duration = Duration::from_secs(600);
/// Nothing is expected any more.
const ENDED: u64 = u64::MAX;

/// One thread's.
#[derive(Debug)]
pub struct Pulse {
    name: String,
    /// By when it will be heard of, microseconds of the process's clock.
    until_us: AtomicU64,
}

impl Pulse {
    /// A thread that begins, perhaps by reading a large state.
    pub fn new(name: &str) -> Self {
        let pulse = Self { name: name.to_owned(), until_us: AtomicU64::new(0) };
        pulse.expect_within(LOAD);
        pulse
    }

    /// It goes on.
    pub fn beat(&self) {
        self.expect_within(STUCK);
    }

    /// The step that begins may take so long.
    pub fn expect_within(&self, time: Duration) {
        let time_us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 2);
        self.until_us.store(clock::ticks_us().saturating_add(time_us), Ordering::Relaxed);
    }

    /// Goes on for as long as the loop of tasks that runs it does.
    pub async fn keep(self: Arc<Self>) {
        loop {
            self.beat();
            tokio::time::sleep(STUCK / 12).await;
        }
    }

    /// It ends as it was asked to.
    pub fn end(&self) {
        self.until_us.store(ENDED, Ordering::Relaxed);
    }

    /// What is wrong, if it should have been heard of.
    pub fn fault(&self) -> Option<String> {
        let late_us = clock::ticks_us().checked_sub(self.until_us.load(Ordering::Relaxed))?;
        let late = Duration::from_micros(late_us).as_secs();
        Some(format!(
            "{} is stuck or dead: it should have gone on {late} s ago; start the process anew",
            self.name
        ))
    }
}

/// Those of a role whose threads come and go.
#[derive(Debug, Default)]
pub struct Pulses(Mutex<Vec<Arc<Pulse>>>);

impl Pulses {
    /// A thread begins.
    pub fn start(&self, name: &str) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse::new(name));
        let mut all = self.lock();
        all.retain(|one| one.until_us.load(Ordering::Relaxed) != ENDED);
        all.push(Arc::clone(&pulse));
        pulse
    }

    /// What is wrong with the first of those with which something is.
    pub fn fault(&self) -> Option<String> {
        self.lock().iter().find_map(|pulse| pulse.fault())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Pulse>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_late_is_missed_and_one_that_ended_is_not() {
        let pulses = Pulses::default();
        let (steady, late) = (pulses.start("the steady one"), pulses.start("the late one"));
        steady.beat();
        late.beat();
        assert_eq!(pulses.fault(), None);
        late.expect_within(Duration::ZERO);
        let fault = pulses.fault().expect("it is late");
        assert!(fault.starts_with("the late one is stuck or dead"), "{fault}");
        late.end();
        assert_eq!(pulses.fault(), None);
        pulses.start("another");
        assert_eq!(pulses.lock().len(), 2, "who ended is forgotten");
    }
}
