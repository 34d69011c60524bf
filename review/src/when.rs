//! Times and numbers as pages show them.
//!
//! Separate from the pages. Pure: now is an argument. Invariant: times are UTC and say so.

use crate::strings::Strings;

/// A text that is read from left to right wherever it stands: between Arabic words a date or a signed number would turn round.
#[must_use]
pub(crate) fn kept_together(text: &str) -> String {
    format!("\u{2066}{text}\u{2069}")
}

/// A moment, as ISO 8601 without seconds: `2026-11-27 21:57 UTC`.
#[must_use]
pub(crate) fn moment(ms: u64) -> String {
    let (days, minutes) = (ms / 86_400_000, ms / 60_000 % 1_440);
    let (year, month, day) = civil(days);
    kept_together(&format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60))
}

/// A day: `2026-11-27`.
#[must_use]
pub(crate) fn day(ms: u64) -> String {
    let (year, month, day) = civil(ms / 86_400_000);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A moment for machines: `2026-11-27T21:57:06Z`.
#[must_use]
pub(crate) fn stamp(ms: u64) -> String {
    let (year, month, day) = civil(ms / 86_400_000);
    let seconds = ms / 1_000 % 86_400;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// How long something took or is ago, in its largest unit.
#[must_use]
pub(crate) fn span(t: &Strings, ms: u64) -> String {
    let seconds = ms / 1_000;
    let (key, count) = match seconds {
        0..60 => ("time.seconds", seconds),
        60..3_600 => ("time.minutes", seconds / 60),
        3_600..172_800 => ("time.hours", seconds / 3_600),
        _ => ("time.days", seconds / 86_400),
    };
    t.fill(key, [count.to_string()])
}

/// A count with thin groups: `12 345`.
#[must_use]
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A share as per cent: `4.2 %`.
#[must_use]
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}\u{202f}%", share * 100.0)
}

/// Year, month and day of a day since the epoch, by Howard Hinnant's algorithm.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strings::Language;

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399_000, "2000-02-28 23:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00 UTC"),
            (951_868_800_000, "2000-03-01 00:00 UTC"),
            (1_732_453_200_456, "2024-11-24 13:00 UTC"),
            (4_102_444_799_999, "2099-12-31 23:59 UTC"),
        ] {
            assert_eq!(moment(ms), format!("\u{2066}{text}\u{2069}"));
        }
        assert_eq!(stamp(1_732_453_261_456), "2024-11-24T13:01:01Z");
    }

    #[test]
    fn spans_and_counts_read_at_a_glance() {
        let t = Language::English.strings();
        let spans = [5_000, 90_000, 7_200_000, 200_000_000_000].map(|ms| span(t, ms));
        assert_eq!(spans, ["5 s", "1 min", "2 h", "2314 d"]);
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(12), "12");
        assert_eq!(percent(0.0421), "4.2\u{202f}%");
    }
}
