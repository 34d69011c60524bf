//! Shares with their intervals, quantiles, and precision at a stated base rate.
//!
//! Separate because these are formulas, not definitions of judging.

/// The 97.5 % point of the normal distribution: intervals are of 95 %.
const Z: f64 = 1.959_963_984_540_054;

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
        wilson(self.hits, self.of)
    }

    /// Counts one more.
    pub(super) fn add(&mut self, hit: bool) {
        self.of += 1;
        self.hits += u64::from(hit);
    }
}

/// Wilson's 95 % interval of `hits` out of `of`; the whole of 0 to 1 out of none.
#[must_use]
pub fn wilson(hits: u64, of: u64) -> (f64, f64) {
    if of == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (of as f64, hits as f64 / of as f64);
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * libm::sqrt(p * (1.0 - p) / n + Z * Z / (4.0 * n * n));
    let low = if hits == 0 { 0.0 } else { (middle - half) / (1.0 + Z * Z / n) };
    let high = if hits == of { 1.0 } else { (middle + half) / (1.0 + Z * Z / n) };
    (low, high)
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
    fn the_interval_of_none_in_many_is_small_and_not_nothing() {
        let (low, high) = wilson(0, 100_000);
        assert!(low == 0.0 && (3.8e-5..3.9e-5).contains(&high), "{high}");
        let (low, high) = wilson(50, 100);
        assert!((0.403..0.405).contains(&low) && (0.595..0.597).contains(&high));
    }

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
