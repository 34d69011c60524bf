//! The 95 % interval of a share (Wilson's), for all reports.
//!
//! Separate, since decisions are counted and rows are weighed, but an interval is an interval. Invariant: it lies between 0 and 1, and a
//! share of 0 or 1 is one of its ends.

/// The 97.5 % point of the normal distribution.
pub(crate) const Z: f64 = 1.959_963_984_540_054;

/// The interval of the share `p` of `n` independent observations (as many as weights are worth); 0 to 1 of none.
#[must_use]
pub(crate) fn wilson(p: f64, n: f64) -> (f64, f64) {
    if n <= 0.0 || n.is_nan() {
        return (0.0, 1.0);
    }
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * libm::sqrt(p * (1.0 - p) / n + Z * Z / (4.0 * n * n));
    let end = |end: f64| (end / (1.0 + Z * Z / n)).clamp(0.0, 1.0);
    let low = if p <= 0.0 { 0.0 } else { end(middle - half) };
    let high = if p >= 1.0 { 1.0 } else { end(middle + half) };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_none_in_many_is_small_and_not_nothing() {
        let (low, high) = wilson(0.0, 100_000.0);
        assert!(low == 0.0 && (3.8e-5..3.9e-5).contains(&high), "{high}");
        let (low, high) = wilson(0.5, 100.0);
        assert!((0.403..0.405).contains(&low) && (0.595..0.597).contains(&high));
        assert_eq!((wilson(1.0, 9.0).1, wilson(0.3, 0.0)), (1.0, (0.0, 1.0)));
    }
}
