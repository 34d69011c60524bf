//! When people are awake: circadian rhythm, time zones, weekends and the holiday.
//!
//! Separate, because every persona with human hours asks it. Invariant: moments are whole milliseconds since the Unix
//! epoch; a local day begins at four in the morning, when most people sleep.

use rand_chacha::ChaCha8Rng;

use crate::draw::{Draw, HOUR};

/// Milliseconds in a day.
pub(crate) const DAY_MS: u64 = 86_400_000;
/// Milliseconds in an hour.
pub(crate) const HOUR_MS: u64 = 3_600_000;

/// Share of a day's acts in each local hour from four in the morning on, in thousandths.
const HOURS: [u32; 24] =
    [4, 7, 16, 32, 46, 52, 54, 54, 56, 58, 54, 52, 52, 54, 58, 62, 66, 68, 64, 54, 34, 18, 8, 5];

/// The last local four o'clock at or before `now`.
pub(crate) fn day_start(now: u64, zone_min: i32) -> u64 {
    let shift = (i64::from(zone_min) * 60_000 - 4 * HOUR_MS as i64).rem_euclid(DAY_MS as i64) as u64;
    let local = now + shift;
    (local - local % DAY_MS).saturating_sub(shift)
}

/// A moment of the day that began at `day`, drawn by the hour's share and moved by the account's own habit (hours).
pub(crate) fn moment(rng: &mut ChaCha8Rng, day: u64, shift_h: f64) -> u64 {
    const TOTAL: u32 = {
        let (mut sum, mut hour) = (0, 0);
        while hour < 24 {
            sum += HOURS[hour];
            hour += 1;
        }
        sum
    };
    let mut left = rng.below(TOTAL);
    let mut hour = 0;
    while left >= HOURS[hour] {
        left -= HOURS[hour];
        hour += 1;
    }
    let into = (hour as f64 + rng.unit() + shift_h).rem_euclid(24.0);
    day + (into * HOUR) as u64
}

/// Whether the local day that began at `day` is a Saturday or Sunday.
pub(crate) fn is_weekend(day: u64, zone_min: i32) -> bool {
    let local_days = (day as i64 + i64::from(zone_min) * 60_000) / DAY_MS as i64;
    // 1 January 1970 was a Thursday.
    matches!((local_days + 3).rem_euclid(7), 5 | 6)
}

/// The holiday: the local day in whose late evening everybody greets everybody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holiday {
    /// The run's start.
    pub(crate) start: u64,
    /// Days from the run's start to the holiday's eve.
    pub(crate) days: u64,
}

impl Holiday {
    /// On the fifth day of a run of a week: well after the start and before the end.
    pub(crate) fn within(start: u64, end: u64) -> Self {
        Self { start, days: (end - start) * 4 / 7 / DAY_MS }
    }

    /// Whether the local day that began at `day` is the holiday's eve.
    pub(crate) fn is_eve(self, day: u64) -> bool {
        let noon = day + 12 * HOUR_MS;
        noon >= self.start && (noon - self.start) / DAY_MS == self.days
    }
}
