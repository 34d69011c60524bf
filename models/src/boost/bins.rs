//! Columns cut into at most 256 ranges of values, a byte each.
//!
//! Separate from growing, which only sees bytes. Invariants: bin `b` of a column holds the values from cut `b - 1` on and
//! below cut `b`, so that "bin at least `b`" is "value at least `cuts[b - 1]`" to the bit, also for rows that training
//! never saw; an unknown value lies where [`known`] puts it.

use ndarray::ArrayView2;

use crate::tree::known;
use crate::workers::{Job, Workers};

/// Most bins of a column: a bin is a byte.
pub const BINS_MAX: usize = 256;
/// Rows that the cuts are found on; of more rows, every so manieth.
const ROWS_LOOKED_AT: usize = 200_000;

/// The rows as learning sees them.
pub(super) struct Binned {
    /// For each column the smallest value of each bin but the first, rising.
    pub cuts: Vec<Vec<f32>>,
    /// For each column the bin of each row.
    pub bins: Vec<Vec<u8>>,
}

impl Binned {
    /// Cuts each column into at most `bins_max` (2 to [`BINS_MAX`]) bins with about as many rows each.
    pub fn new(records: ArrayView2<'_, f32>, bins_max: usize, workers: &dyn Workers) -> Self {
        let columns = records.ncols();
        let (mut cuts, mut bins) = (vec![Vec::new(); columns], vec![Vec::new(); columns]);
        let places = cuts.iter_mut().zip(&mut bins).enumerate();
        let jobs = places.map(|(column, (cuts, bins))| {
            let job = move || {
                let values: Vec<f32> = records.column(column).iter().map(|&value| known(value)).collect();
                *cuts = find(&values, bins_max);
                let bin = |&value: &f32| cuts.partition_point(|cut| *cut <= value) as u8;
                *bins = values.iter().map(bin).collect();
            };
            Box::new(job) as Job<'_>
        });
        workers.run(jobs.collect());
        Self { cuts, bins }
    }
}

/// The cuts of one column.
fn find(values: &[f32], bins_max: usize) -> Vec<f32> {
    let step = values.len().div_ceil(ROWS_LOOKED_AT).max(1);
    let mut sorted: Vec<f32> = values.iter().step_by(step).copied().collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let runs: Vec<(f32, usize)> = sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
    let (mut cuts, mut full) = (Vec::new(), 0);
    let (mut rows_left, mut bins_left) = (sorted.len(), bins_max);
    for pair in runs.windows(2) {
        let ((low, rows), (high, next)) = (pair[0], pair[1]);
        full += rows;
        // A value with many rows is a bin of its own; the others share what is left.
        let share = rows_left.div_ceil(bins_left);
        let has_room = runs.len() > bins_max && full + next / 2 < share;
        if has_room || bins_left == 1 {
            continue;
        }
        cuts.push(between(low, high));
        (rows_left, bins_left, full) = (rows_left - full, bins_left - 1, 0);
    }
    cuts
}

/// A value above `low` and at most `high`, in the middle if there is one.
fn between(low: f32, high: f32) -> f32 {
    let middle = low / 2.0 + high / 2.0;
    if middle > low && middle <= high { middle } else { high }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::Alone;
    use proptest::prelude::*;

    #[test]
    fn few_values_have_a_bin_each() {
        assert_eq!(find(&[3.0, 1.0, 1.0, 2.0], 256), [1.5, 2.5]);
        assert_eq!(find(&[1.0; 9], 256), Vec::<f32>::new());
    }

    #[test]
    fn many_values_share_bins_of_about_one_size() {
        let values: Vec<f32> = (0..10_000).map(|n| (n * n) as f32).collect();
        let cuts = find(&values, 64);
        assert!((60..=63).contains(&cuts.len()), "{}", cuts.len());
        for (at, pair) in cuts.windows(2).enumerate() {
            let rows = values.iter().filter(|value| (pair[0]..pair[1]).contains(*value)).count();
            assert!((100..=220).contains(&rows), "bin {at} has {rows} rows");
        }
    }

    proptest! {
        #[test]
        fn a_bin_is_a_comparison_with_a_cut(
            values in proptest::collection::vec(prop_oneof![Just(f32::NAN), (0u8..40).prop_map(f32::from), -1e30f32..1e30], 2..300),
            bins_max in 2usize..=256,
        ) {
            let rows = ArrayView2::from_shape((values.len(), 1), &values).unwrap();
            let binned = Binned::new(rows, bins_max, &Alone);
            let cuts = &binned.cuts[0];
            prop_assert!(cuts.len() < bins_max && cuts.is_sorted_by(|a, b| a < b) && cuts.iter().all(|c| c.is_finite()));
            for (value, bin) in values.iter().zip(&binned.bins[0]) {
                for (at, cut) in cuts.iter().enumerate() {
                    prop_assert_eq!(known(*value) >= *cut, usize::from(*bin) > at);
                }
            }
        }
    }
}
