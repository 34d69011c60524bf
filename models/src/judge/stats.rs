//! Shares with their intervals, quantiles, and precision at a stated base rate.
//!
//! Separate because these are formulas, not definitions of judging.

use crate::interval;

/// `hits` out of `of`, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Share {
    /// How many.
    pub hits: u64,
    /// Out of how many.
    pub of: u64,
}

impl Share {
    /// The share; NaN out of none.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.hits as f64 / self.of as f64
    }

    /// The 95 % interval (Wilson).
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        interval::wilson(self.value(), self.of as f64)
    }

    /// Counts one more.
    pub(super) fn add(&mut self, hit: bool) {
        self.of += 1;
        self.hits += u64::from(hit);
    }
}

/// Precision if a share `base` of accounts abuses, of these a share `recall` is caught, and a share `false_rate` of
/// the others is. NaN if nobody is caught.
pub(super) fn precision(base: f64, recall: f64, false_rate: f64) -> f64 {
    let caught = base * recall;
    caught / (caught + (1.0 - base) * false_rate)
}

/// The value that a share `q` of the (sorted) values do not exceed; `None` of none.
pub(super) fn quantile(sorted: &[u32], q: f64) -> Option<u32> {
    let rank = libm::ceil(q * sorted.len() as f64) as usize;
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[1, 2, 3, 4], 0.5), Some(2));
        assert_eq!(quantile(&[1, 2, 3, 4], 0.9), Some(4));
        assert_eq!(quantile(&[7], 0.5), Some(7));
    }

    #[test]
    fn precision_falls_with_the_base_rate() {
        assert!((precision(0.001, 1.0, 0.001) - 0.5).abs() < 0.001);
        assert!(precision(0.015, 1.0, 0.001) > 0.93);
    }
}
