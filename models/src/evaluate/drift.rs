//! How the values of a column moved: the population stability index.
//!
//! Separate, since it needs no label. Invariants: bins are tenths of the reference, the unknown a bin of its own; a bin that
//! is empty on one side counts as [`SHARE_MIN`], so that the index is finite.

/// Bins of the reference.
const BINS: usize = 10;
/// The least share that a bin is taken to hold.
const SHARE_MIN: f64 = 1e-4;

/// How one column moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// The column.
    pub column: String,
    /// Under .1 little, over .25 much.
    pub psi: f64,
    /// Share of unknown values in the reference.
    pub unknown_before: f64,
    /// Share of unknown values now.
    pub unknown_now: f64,
}

/// The index of a column; NaN is unknown. 0 if a side has no rows.
#[must_use]
pub fn drift(column: &str, before: &[f32], now: &[f32]) -> Drift {
    let mut known: Vec<f32> = before.iter().copied().filter(|value| !value.is_nan()).collect();
    known.sort_unstable_by(f32::total_cmp);
    let mut edges: Vec<f32> =
        (1..BINS).filter_map(|bin| known.get(bin * known.len() / BINS).copied()).collect();
    edges.dedup();
    let shares = |values: &[f32]| {
        let mut counts = vec![0.0; edges.len() + 2];
        for value in values {
            let bin = if value.is_nan() { 0 } else { 1 + edges.partition_point(|edge| edge <= value) };
            counts[bin] += 1.0;
        }
        counts.into_iter().map(|count: f64| count / values.len().max(1) as f64).collect::<Vec<f64>>()
    };
    let (old, new) = (shares(before), shares(now));
    let bin = |(old, new): (&f64, &f64)| {
        if *old == 0.0 && *new == 0.0 {
            return 0.0;
        }
        let (old, new) = (old.max(SHARE_MIN), new.max(SHARE_MIN));
        (new - old) * libm::log(new / old)
    };
    let has_rows = !before.is_empty() && !now.is_empty();
    let psi = if has_rows { old.iter().zip(&new).map(bin).sum() } else { 0.0 };
    Drift { column: column.to_owned(), psi, unknown_before: old[0], unknown_now: new[0] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_has_no_drift_and_what_moves_or_is_lost_has() {
        let same: Vec<f32> = (0..1_000).map(|n| (n * 37 % 1_000) as f32).collect();
        let other: Vec<f32> = (0..1_000).map(|n| (n * 41 % 1_000) as f32).collect();
        assert!(drift("c", &same, &other).psi < 1e-9);
        let moved: Vec<f32> = same.iter().map(|value| value + 300.0).collect();
        assert!(drift("c", &same, &moved).psi > 1.0);
        let lost: Vec<f32> =
            same.iter().map(|value| if *value < 500.0 { f32::NAN } else { *value }).collect();
        let found = drift("c", &same, &lost);
        assert!(found.psi > 1.0 && found.unknown_now == 0.5 && found.unknown_before == 0.0, "{found:?}");
        let constant = vec![3.0; 50];
        assert_eq!(drift("c", &constant, &constant).psi, 0.0);
        assert_eq!(drift("c", &[], &same).psi, 0.0);
    }
}
