//! The tests' clock: how long something took, and what time it is for a broker.
//!
//! Separate, so that no test's expectation hides a clock. Invariant: nothing that a test compares comes from here.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, to measure from.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the tests' clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Now, ms since the Unix epoch.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the tests' clock")]
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(now.as_millis()).expect("it is before the year 584,554,049")
}
