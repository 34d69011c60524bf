//! Counts in two bytes: a 16-bit float, and decay in steps.
//!
//! Separate, because slow counts, gaps and dormancy all use it and its error is stated once. A value has 12 significant
//! bits (relative error at most 2^-12) between 2^-16 and 65,520; less is 0, more is 65,520. A count stops growing by 1
//! at about 4,096. Decay is applied in sixteenths of the half-life, aligned to the epoch, so that rounding can never
//! stop it and the result does not depend on when it was read. Invariant: no platform arithmetic but `+ * /`.

/// A float from 0 to 65,520 in 16 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Small(pub u16);

const BIAS: u32 = (127 - 16) << 11;

impl Small {
    /// The nearest value; negative ones and `NaN` are 0.
    #[inline]
    pub fn of(value: f32) -> Self {
        if value > 0.0 {
            let rounded = (value.to_bits() + (1 << 11)) >> 12;
            Self(rounded.saturating_sub(BIAS).min(0xffff) as u16)
        } else {
            Self(0)
        }
    }

    /// The value.
    #[inline]
    pub fn value(self) -> f32 {
        if self.0 == 0 { 0.0 } else { f32::from_bits((u32::from(self.0) + BIAS) << 12) }
    }
}

/// Half-lives of slow counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HalfLife {
    /// Seven days.
    Days7,
    /// Thirty days.
    Days30,
}

/// 2^(-k/16).
const SIXTEENTHS: [f32; 16] = [
    1.0,
    0.957_603_3,
    0.917_004_05,
    0.878_126_1,
    0.840_896_4,
    0.805_245_2,
    0.771_105_4,
    0.738_413_1,
    std::f32::consts::FRAC_1_SQRT_2,
    0.677_127_8,
    0.648_419_8,
    0.620_928_9,
    0.594_603_5,
    0.569_394_3,
    0.545_253_9,
    0.522_136_9,
];

impl HalfLife {
    /// Length of a step, seconds: a sixteenth of the half-life.
    pub const fn step_s(self) -> u32 {
        match self {
            HalfLife::Days7 => 7 * 86_400 / 16,
            HalfLife::Days30 => 30 * 86_400 / 16,
        }
    }

    /// What is left at `now_s` of 1 that was there at `then_s`; 1 if `now_s` is not later.
    #[inline]
    pub fn left(self, then_s: u32, now_s: u32) -> f32 {
        let steps = (now_s / self.step_s()).saturating_sub(then_s / self.step_s());
        if steps == 0 {
            return 1.0;
        }
        let halvings = steps / 16;
        if halvings > 60 {
            return 0.0;
        }
        SIXTEENTHS[(steps % 16) as usize] * f32::from_bits((127 - halvings) << 23)
    }
}

#[cfg(test)]
mod tests {
    use super::{HalfLife, Small};

    #[test]
    fn a_small_float_is_within_its_stated_error() {
        for value in [0.001_f32, 0.25, 1.0, 3.3, 17.0, 4_000.0, 65_000.0] {
            let error = (Small::of(value).value() - value).abs() / value;
            assert!(error <= 1.0 / 4096.0, "{value}: {error}");
        }
        assert_eq!(Small::of(-1.0).value(), 0.0);
        assert_eq!(Small::of(f32::NAN).value(), 0.0);
        assert_eq!(Small::of(1e9).value(), Small(0xffff).value());
    }

    #[test]
    fn a_count_halves_every_half_life() {
        for half_life in [HalfLife::Days7, HalfLife::Days30] {
            let step = half_life.step_s();
            assert_eq!(half_life.left(0, step - 1), 1.0);
            assert_eq!(half_life.left(0, step * 16), 0.5);
            assert_eq!(half_life.left(0, step * 32), 0.25);
            assert_eq!(half_life.left(step, 0), 1.0);
            assert_eq!(half_life.left(0, step * 16 * 61), 0.0);
            let exact = libm::exp2f(-5.0 / 16.0);
            assert!((half_life.left(0, step * 5) - exact).abs() < 1e-6);
        }
    }
}
