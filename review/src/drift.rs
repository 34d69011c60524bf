//! How far scores lie from where they lay: the population stability index.
//!
//! Separate from the pages that show it. Pure. Invariants: an index is told only where enough rows were kept; it says how scores moved,
//! never whether a model is good.

use schema::history::SCORE_BINS;

/// Weight of rows below which nothing is said.
pub(crate) const ROWS_MIN: f64 = 200.0;
/// The index from which scores moved much.
pub(crate) const MOVED: f64 = 0.25;
/// The least share that a bin is taken to hold, so that the index is finite.
const SHARE_MIN: f64 = 1e-4;

/// Weights of rows by score.
pub(crate) type Bins = [f64; SCORE_BINS];

/// Weights of rows held back from training, each at the place of its bin's mean score.
pub(crate) fn trained(bins: impl Iterator<Item = (f32, f32)>) -> Bins {
    let mut all = [0.0; SCORE_BINS];
    for (mean, weight) in bins {
        let bin = (f64::from(mean) * SCORE_BINS as f64) as usize;
        all[bin.min(SCORE_BINS - 1)] += f64::from(weight);
    }
    all
}

/// The index from one to another; `None`: there is nothing before, or too little now.
pub(crate) fn index(before: &Bins, now: &Bins) -> Option<f64> {
    let (all, rows) = (before.iter().sum::<f64>(), now.iter().sum::<f64>());
    if all <= 0.0 || rows < ROWS_MIN {
        return None;
    }
    let part = |(before, now): (&f64, &f64)| {
        let (old, new) = ((before / all).max(SHARE_MIN), (now / rows).max(SHARE_MIN));
        (new - old) * libm::log(new / old)
    };
    Some(before.iter().zip(now).map(part).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_has_no_drift_what_moves_has_and_of_little_nothing_is_said() {
        let of = |low: f64, high: f64| {
            let mut bins = [0.0; SCORE_BINS];
            (bins[0], bins[19]) = (low, high);
            bins
        };
        let before = of(0.9, 0.1);
        assert!(index(&before, &of(900.0, 100.0)).expect("enough") < 1e-9);
        // By hand: (0.5 - 0.9) ln(0.5 / 0.9) + (0.5 - 0.1) ln(0.5 / 0.1).
        assert!((index(&before, &of(500.0, 500.0)).expect("enough") - 0.878_890).abs() < 1e-5);
        assert_eq!(index(&before, &of(50.0, 50.0)), None);
        assert_eq!(index(&of(0.0, 0.0), &of(500.0, 500.0)), None);
        assert_eq!(
            trained([(0.0, 0.9), (0.99, 0.1)].into_iter()),
            before.map(|weight| f64::from(weight as f32))
        );
    }
}
