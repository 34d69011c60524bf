//! How well scores rank and how well probabilities are calibrated.
//!
//! Separate from `judge`, which counts decisions. Invariants: weights count as copies; equal scores count half for
//! AUC and are taken together everywhere else, so no result depends on the order of the input.

/// One scored, labelled, weighted observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Probability of abuse, 0 to 1 (for ranking measures any number).
    pub score: f64,
    /// Whether it was abuse.
    pub abusive: bool,
    /// How many observations it stands for.
    pub weight: f64,
}

/// A bin of the reliability curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Weight in the bin.
    pub weight: f64,
    /// Mean probability.
    pub predicted: f64,
    /// Share that was abuse.
    pub observed: f64,
}

/// All measures of one set of observations. NaN where one of the labels is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// Observations, unweighted.
    pub rows: u64,
    /// Of those, abusive.
    pub abusive: u64,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Average precision (area under precision and recall, by steps).
    pub average_precision: f64,
    /// Mean squared error of the probability.
    pub brier: f64,
    /// Recall at false-positive rates 1e-2, 1e-3 and 1e-4.
    pub recall_at: [f64; 3],
    /// Ten bins of equal width.
    pub reliability: Vec<Bin>,
}

/// False-positive rates of [`Quality::recall_at`].
pub const FALSE_POSITIVE_RATES: [f64; 3] = [1e-2, 1e-3, 1e-4];
const BINS: usize = 10;

/// Measures observations.
#[must_use]
pub fn quality(mut rows: Vec<Scored>) -> Quality {
    rows.sort_by(|a, b| b.score.total_cmp(&a.score));
    let positive: f64 = rows.iter().filter(|row| row.abusive).map(|row| row.weight).sum();
    let negative: f64 = rows.iter().filter(|row| !row.abusive).map(|row| row.weight).sum();
    let (mut hits, mut alarms) = (0.0, 0.0);
    let (mut auc, mut precision) = (0.0, 0.0);
    let mut recall_at = [0.0; 3];
    for tie in rows.chunk_by(|a, b| a.score == b.score) {
        let of = |abusive| tie.iter().filter(|r| r.abusive == abusive).map(|r| r.weight).sum::<f64>();
        let (up, side) = (of(true), of(false));
        auc += side * (hits + up / 2.0);
        hits += up;
        alarms += side;
        precision += up * hits / (hits + alarms);
        for (recall, rate) in recall_at.iter_mut().zip(FALSE_POSITIVE_RATES) {
            if alarms <= rate * negative {
                *recall = hits / positive;
            }
        }
    }
    if positive == 0.0 || negative == 0.0 {
        recall_at = [f64::NAN; 3];
    }
    Quality {
        rows: rows.len() as u64,
        abusive: rows.iter().filter(|row| row.abusive).count() as u64,
        auc: auc / (positive * negative),
        average_precision: precision / positive,
        brier: brier(&rows),
        recall_at,
        reliability: reliability(&rows),
    }
}

fn brier(rows: &[Scored]) -> f64 {
    let error = |row: &Scored| {
        let miss = row.score - f64::from(u8::from(row.abusive));
        row.weight * miss * miss
    };
    rows.iter().map(error).sum::<f64>() / rows.iter().map(|row| row.weight).sum::<f64>()
}

fn reliability(rows: &[Scored]) -> Vec<Bin> {
    let mut sums = [(0.0, 0.0, 0.0); BINS];
    for row in rows {
        let bin = ((row.score * BINS as f64) as usize).min(BINS - 1);
        sums[bin].0 += row.weight;
        sums[bin].1 += row.weight * row.score;
        sums[bin].2 += row.weight * f64::from(u8::from(row.abusive));
    }
    let bin = |&(weight, predicted, observed): &(f64, f64, f64)| Bin {
        weight,
        predicted: predicted / weight,
        observed: observed / weight,
    };
    sums.iter().filter(|sum| sum.0 > 0.0).map(bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(scores: &[(f64, bool)]) -> Vec<Scored> {
        scores.iter().map(|&(score, abusive)| Scored { score, abusive, weight: 1.0 }).collect()
    }

    #[test]
    fn a_perfect_ranking_measures_one() {
        let q = quality(rows(&[(0.9, true), (0.8, true), (0.2, false), (0.1, false)]));
        assert_eq!((q.auc, q.average_precision, q.recall_at), (1.0, 1.0, [1.0; 3]));
        assert!((q.brier - 0.025).abs() < 1e-12);
    }

    #[test]
    fn ties_count_half() {
        let q = quality(rows(&[(0.5, true), (0.5, false)]));
        assert_eq!((q.auc, q.average_precision, q.recall_at), (0.5, 0.5, [0.0; 3]));
    }

    #[test]
    fn one_label_alone_has_no_ranking() {
        let q = quality(rows(&[(0.5, true)]));
        assert!(q.auc.is_nan() && q.recall_at[0].is_nan());
    }

    proptest! {
        #[test]
        fn auc_is_the_share_of_ordered_pairs(
            scores in proptest::collection::vec((0u8..20, any::<bool>(), 1u8..4), 2..40)
        ) {
            let data: Vec<Scored> = scores.iter()
                .map(|&(s, abusive, w)| Scored { score: f64::from(s) / 20.0, abusive, weight: f64::from(w) })
                .collect();
            let (mut won, mut all) = (0.0, 0.0);
            for a in data.iter().filter(|row| row.abusive) {
                for b in data.iter().filter(|row| !row.abusive) {
                    let pair = a.weight * b.weight;
                    all += pair;
                    won += pair * if a.score > b.score { 1.0 } else if a.score == b.score { 0.5 } else { 0.0 };
                }
            }
            prop_assume!(all > 0.0);
            prop_assert!((quality(data).auc - won / all).abs() < 1e-9);
        }
    }
}
