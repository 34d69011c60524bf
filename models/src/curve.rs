//! A rising line through points: what isotonic calibration makes of a score.
//!
//! Separate from bodies, any of which may have one. Invariants, held by [`Curve::new`]: at least two points, both of whose
//! numbers are finite and rise strictly, so that it never changes a ranking; beyond its ends it goes on with [`END_SLOPE`].

use crate::Error;

/// How steep a curve is where nothing was measured: nearly flat, yet two different scores stay different.
pub const END_SLOPE: f64 = 0.01;
/// Most points of a curve.
pub const POINTS_MAX: usize = 4_096;

/// From log-odds to log-odds.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    points: Vec<[f32; 2]>,
}

impl Curve {
    /// Checks and takes the points.
    ///
    /// # Errors
    /// [`Error::Forest`] if an invariant of this module does not hold.
    pub fn new(points: Vec<[f32; 2]>) -> Result<Self, Error> {
        let rises = points.windows(2).all(|pair| pair[0][0] < pair[1][0] && pair[0][1] < pair[1][1]);
        let is_finite = points.iter().flatten().all(|number| number.is_finite() && number.abs() < 1e6);
        if !(2..=POINTS_MAX).contains(&points.len()) || !rises || !is_finite {
            return Err(Error::Forest(format!(
                "a calibration curve of {} points that do not rise",
                points.len()
            )));
        }
        Ok(Self { points })
    }

    /// The points, rising.
    #[must_use]
    pub fn points(&self) -> &[[f32; 2]] {
        &self.points
    }

    /// The calibrated log-odds.
    #[must_use]
    pub fn map(&self, score: f64) -> f64 {
        along(&self.points, score, [0, 1], END_SLOPE)
    }

    /// The score that [`Curve::map`] maps to these log-odds.
    #[must_use]
    pub fn unmap(&self, log_odds: f64) -> f64 {
        along(&self.points, log_odds, [1, 0], 1.0 / END_SLOPE)
    }
}

/// Goes along the points from one of their numbers to the other.
fn along(points: &[[f32; 2]], value: f64, [from, to]: [usize; 2], end_slope: f64) -> f64 {
    let above = points.partition_point(|point| f64::from(point[from]) <= value);
    let point = |at: usize| points.get(at).map(|point| point.map(f64::from));
    match (above.checked_sub(1).and_then(point), point(above)) {
        (Some(low), Some(high)) => {
            low[to] + (value - low[from]) * (high[to] - low[to]) / (high[from] - low[from])
        }
        (Some(end), None) | (None, Some(end)) => end[to] + (value - end[from]) * end_slope,
        (None, None) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn points_that_do_not_rise_are_refused() {
        for points in
            [vec![], vec![[0.0, 0.0]], vec![[0.0, 0.0], [1.0, 0.0]], vec![[0.0, 0.0], [f32::NAN, 1.0]]]
        {
            assert!(Curve::new(points.clone()).is_err(), "{points:?}");
        }
    }

    proptest! {
        #[test]
        fn a_higher_score_stays_higher_and_the_way_back_is_the_way(
            steps in proptest::collection::vec((0.01f32..3.0, 0.01f32..3.0), 2..20), a in -40.0f64..80.0, b in -40.0f64..80.0
        ) {
            let (mut x, mut y) = (-5.0f32, -5.0f32);
            let points = steps.iter().map(|step| {
                (x, y) = (x + step.0, y + step.1);
                [x, y]
            });
            let curve = Curve::new(points.collect()).unwrap();
            prop_assert_eq!(a < b, curve.map(a) < curve.map(b));
            prop_assert!((curve.unmap(curve.map(a)) - a).abs() < 1e-6);
        }
    }
}
