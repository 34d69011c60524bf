//! ROC, and precision over recall, as points for plots and for machines.
//!
//! Separate from the figures, which need no points. Invariants: both begin at the highest score; points that lie nearer to
//! the last kept one than a plot could show are left out, the ends never.

use crate::measure::Scored;

/// How far a point must lie from the one before, of the plot's side.
const STEP: f64 = 0.005;
/// The lowest false-positive rate that is told apart from others by its order of magnitude.
const RATE_MIN: f64 = 1e-5;

/// Points of both curves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curves {
    /// False-positive rate, recall, and the threshold that gives them.
    pub roc: Vec<[f64; 3]>,
    /// Recall, precision, and the threshold that gives them.
    pub precision: Vec<[f64; 3]>,
}

/// The curves of scored rows; empty if a label is missing.
#[must_use]
pub fn curves(rows: &[Scored]) -> Curves {
    let mut sorted = rows.to_vec();
    sorted.sort_by(|a, b| b.score.total_cmp(&a.score));
    let of = |abusive: bool| -> f64 { rows.iter().filter(|r| r.abusive == abusive).map(|r| r.weight).sum() };
    let (positive, negative) = (of(true), of(false));
    let mut found = Curves::default();
    if positive == 0.0 || negative == 0.0 {
        return found;
    }
    let (mut hits, mut alarms, mut left) = (0.0, 0.0, sorted.len());
    for tie in sorted.chunk_by(|a, b| a.score == b.score) {
        for row in tie {
            *(if row.abusive { &mut hits } else { &mut alarms }) += row.weight;
        }
        left -= tie.len();
        let (recall, rate) = (hits / positive, alarms / negative);
        let keep = |points: &mut Vec<[f64; 3]>, point: [f64; 3], scale: fn(f64) -> f64| {
            let is_far = points.last().is_none_or(|last| {
                (scale(last[0]) - scale(point[0])).abs() >= STEP || (last[1] - point[1]).abs() >= STEP
            });
            if is_far || left == 0 {
                points.push(point);
            }
        };
        keep(&mut found.roc, [rate, recall, tie[0].score], magnitude);
        keep(&mut found.precision, [recall, hits / (hits + alarms), tie[0].score], |share| share);
    }
    found
}

/// 0 to 1 over the orders of magnitude from [`RATE_MIN`] to 1.
pub(super) fn magnitude(rate: f64) -> f64 {
    1.0 - libm::log10(rate.max(RATE_MIN)) / libm::log10(RATE_MIN)
}

#[cfg(test)]
mod tests {
    use super::super::tests::rows;
    use super::*;

    #[test]
    fn the_area_under_the_points_is_the_auc() {
        let rows = rows(5_000);
        let found = curves(&rows);
        let mut area = 0.0;
        let mut last = [0.0, 0.0];
        for [rate, recall, _] in &found.roc {
            area += (rate - last[0]) * (recall + last[1]) / 2.0;
            last = [*rate, *recall];
        }
        assert!((area - crate::measure::quality(rows).auc).abs() < 0.005, "{area}");
        assert!(found.roc.len() < 600 && found.precision.len() < 600);
        assert_eq!(found.roc.last().map(|point| (point[0], point[1])), Some((1.0, 1.0)));
    }

    #[test]
    fn a_false_positive_rate_has_its_place_by_magnitude() {
        assert_eq!((magnitude(1.0), magnitude(0.0)), (1.0, 0.0));
        assert!((magnitude(1e-4) - 0.2).abs() < 1e-9);
    }
}
