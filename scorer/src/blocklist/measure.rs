//! How often the filter says "maybe" of something that is not listed, measured.
//!
//! Separate, because the figure is shown to people: the computed rate is a promise, the measured one is a fact.

use super::{Blocklist, key_hash};
use crate::blocklist::EntryKind;

/// A measured false-positive rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FalsePositives {
    /// Absent keys that were asked for.
    pub probes: u64,
    /// Of them, answered with "maybe".
    pub maybes: u64,
    /// `maybes / probes`.
    pub rate: f64,
    /// Lower end of the 95 % interval (Wilson).
    pub low: f64,
    /// Upper end of the 95 % interval (Wilson).
    pub high: f64,
}

impl Blocklist {
    /// Asks the filter for `probes` keys that are surely absent.
    #[must_use]
    pub fn measure_false_positives(&self, probes: u64) -> FalsePositives {
        let mut maybes = 0;
        for i in 0..probes {
            // A space cannot stand in a pseudonym, so that no such key is ever listed; if one is, it is no false answer.
            let key = format!("absent {i}");
            let listed = || self.find(EntryKind::Account, &key, 0).is_some();
            maybes += u64::from(self.bloom.check(&key_hash(EntryKind::Account, &key)) && !listed());
        }
        let (low, high) = wilson(maybes, probes);
        FalsePositives { probes, maybes, rate: maybes as f64 / probes.max(1) as f64, low, high }
    }
}

/// The 95 % Wilson interval of `hits` in `trials`.
fn wilson(hits: u64, trials: u64) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let (n, z) = (trials as f64, 1.959_963_985);
    let p = hits as f64 / n;
    let centre = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    (((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0))
}
