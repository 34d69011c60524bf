//! What a partition and the main loop show each other.
//!
//! Separate from both, which share nothing else. Invariants: a wish only grows; what is wrong with a partition stays told until it
//! went on for a while; what it lacks for as long as it is held.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::telemetry::Pulse;

/// What the main loop wants of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Read and decide.
    Work,
    /// Finish what was read, and end.
    Finish,
    /// End at once and write nothing more: the partition is another's.
    Drop,
}

/// What a partition shows to the main loop. Counts are since it was assigned.
#[derive(Debug)]
pub struct Gauges {
    wish: AtomicU8,
    /// The client was told from where on the partition is read.
    placed: AtomicBool,
    /// The offset that may be committed; 0: none yet.
    pub committable: AtomicU64,
    /// Records read.
    pub records: AtomicU64,
    /// The offset that is read next.
    pub next: Arc<AtomicU64>,
    /// Whether the thread lives.
    pub pulse: Arc<Pulse>,
    /// Why it does not go on, if it does not.
    trouble: Mutex<Option<String>>,
    /// What it goes on without, if it does.
    lack: Mutex<Option<String>>,
    /// It was told that there is no checkpoint.
    unrestored: AtomicBool,
}

impl Gauges {
    /// Nothing was read.
    pub fn new(pulse: Arc<Pulse>) -> Self {
        Self {
            wish: AtomicU8::new(Wish::Work as u8),
            placed: AtomicBool::new(false),
            committable: AtomicU64::new(0),
            records: AtomicU64::new(0),
            next: Arc::default(),
            pulse,
            trouble: Mutex::default(),
            lack: Mutex::default(),
            unrestored: AtomicBool::new(false),
        }
    }

    /// What the main loop wants.
    pub fn wish(&self) -> Wish {
        match self.wish.load(Ordering::Acquire) {
            0 => Wish::Work,
            1 => Wish::Finish,
            _ => Wish::Drop,
        }
    }

    /// Whether the partition is to be read.
    pub fn is_wanted(&self) -> bool {
        self.wish() == Wish::Work
    }

    /// Says what is wanted; a wish to drop is never taken back.
    pub fn set_wish(&self, wish: Wish) {
        self.wish.fetch_max(wish as u8, Ordering::AcqRel);
    }

    /// Whether the client was told from where on the partition is read.
    pub fn is_placed(&self) -> bool {
        self.placed.load(Ordering::Acquire)
    }

    /// Says that the client was told from where on the partition is read.
    pub fn set_placed(&self) {
        self.placed.store(true, Ordering::Release);
    }

    /// There is no checkpoint where one ought to be; whether that is news.
    pub fn set_unrestored(&self) -> bool {
        !self.unrestored.swap(true, Ordering::AcqRel)
    }

    /// What the partition goes on without, if it does.
    pub fn lack(&self) -> Option<String> {
        self.lack.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says what the partition goes on without; it is not taken back.
    pub fn set_lack(&self, what: String) {
        *self.lack.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    /// Why the partition does not go on, if it does not.
    pub fn trouble(&self) -> Option<String> {
        self.told().clone()
    }

    /// Says why the partition does not go on; `None`: it does. Whether that is news.
    pub fn set_trouble(&self, why: Option<String>) -> bool {
        let mut told = self.told();
        let is_news = *told != why;
        *told = why;
        is_news
    }

    fn told(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
