//! Gauges of the dashboard: what waits, what is late, and since when the audit chain's head was not published.
//!
//! Separate from the metrics' table, where their names and help are declared: `weir up` and `weir review` both show them. Invariant: set
//! by one task alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use review::Waiting;

/// By cause.
pub type ByCause = Family<[(&'static str, &'static str); 1], Gauge>;

/// What is shown of a desk. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct ReviewGauges {
    /// Open cases.
    pub open: ByCause,
    /// Open cases past their clock.
    pub overdue: ByCause,
    /// How long the oldest open case has waited, s.
    pub age: ByCause,
    /// Time since the chain's head was last known to be published, s.
    pub head_age: Gauge,
    /// Acts that the log did not take.
    pub untaken: Counter,
    /// When it was, wall ms; 0: never.
    published_at: Arc<AtomicU64>,
}

impl ReviewGauges {
    /// Shows what waits, at the wall's time `now`, ms.
    pub fn show(&self, waiting: &[Waiting], now: u64) {
        for one in waiting {
            let cause = [("cause", one.cause)];
            self.open.get_or_create(&cause).set(one.open as i64);
            self.overdue.get_or_create(&cause).set(one.overdue as i64);
            self.age.get_or_create(&cause).set((one.oldest_ms / 1_000) as i64);
        }
        let published_at = self.published_at.load(Ordering::Relaxed);
        self.head_age.set((now.saturating_sub(published_at) / 1_000) as i64);
    }

    /// The head is published, at the wall's time `now`, ms.
    pub fn published(&self, now: u64) {
        self.published_at.store(now, Ordering::Relaxed);
        self.head_age.set(0);
    }
}
