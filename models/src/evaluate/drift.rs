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

/// The index of a column over rows, each a value and how many it stands for; NaN is unknown. 0 if a side has no rows.
#[must_use]
pub fn drift(column: &str, before: &[(f32, f32)], now: &[(f32, f32)]) -> Drift {
    let edges = edges(before);
    let shares = |rows: &[(f32, f32)]| {
        let mut counts = vec![0.0; edges.len() + 2];
        for (value, weight) in rows {
            let bin = if value.is_nan() { 0 } else { 1 + edges.partition_point(|edge| edge <= value) };
            counts[bin] += f64::from(*weight);
        }
        let all: f64 = counts.iter().sum();
        counts.into_iter().map(|count| if all > 0.0 { count / all } else { 0.0 }).collect::<Vec<f64>>()
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

/// Where the tenths of the known rows begin.
fn edges(rows: &[(f32, f32)]) -> Vec<f32> {
    let mut known: Vec<(f32, f32)> = rows.iter().copied().filter(|(value, _)| !value.is_nan()).collect();
    known.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let all: f64 = known.iter().map(|(_, weight)| f64::from(*weight)).sum();
    let (mut edges, mut passed) = (Vec::with_capacity(BINS), 0.0);
    for (value, weight) in known {
        passed += f64::from(weight);
        while edges.len() + 1 < BINS && passed > (edges.len() + 1) as f64 * all / BINS as f64 {
            edges.push(value);
        }
    }
    edges.dedup();
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drift(column: &str, before: &[f32], now: &[f32]) -> Drift {
        let of = |values: &[f32]| values.iter().map(|value| (*value, 1.0)).collect::<Vec<_>>();
        super::drift(column, &of(before), &of(now))
    }

    #[test]
    fn rows_that_stand_for_more_count_for_more() {
        // The same traffic, of which one side keeps a tenth of what is below 500.
        let all: Vec<(f32, f32)> = (0..1_000).map(|n| (n as f32, 1.0)).collect();
        let is_kept = |n: &i32| *n >= 500 || n % 10 == 0;
        let sampled: Vec<i32> = (0..1_000).filter(is_kept).collect();
        let weighed = |n: &i32| (*n as f32, if *n < 500 { 10.0 } else { 1.0 });
        let found = super::drift("c", &all, &sampled.iter().map(weighed).collect::<Vec<_>>());
        assert!(found.psi < 1e-3, "{found:?}");
        let bare: Vec<(f32, f32)> = sampled.iter().map(|n| (*n as f32, 1.0)).collect();
        assert!(super::drift("c", &all, &bare).psi > 0.5);
    }

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
