//! Random draws: the few distributions that people and machines are made of.
//!
//! Separate, because a draw must give the same bits on every machine: only exact arithmetic and `libm` are used, never
//! the platform's own functions. Invariant: a draw reads nothing but its generator.

use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Milliseconds in a second.
pub(crate) const SECOND: f64 = 1_000.0;
/// Milliseconds in a minute.
pub(crate) const MINUTE: f64 = 60_000.0;
/// Milliseconds in an hour.
pub(crate) const HOUR: f64 = 3_600_000.0;

/// A generator for one purpose: the seed picks the world, the stream the account or purpose.
pub(crate) fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// A good 64-bit mixer (the finaliser of splitmix64): a bijection, so distinct inputs stay distinct.
pub(crate) const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number in 0..1 that is a fixed function of two values: for traits that need no storage.
pub(crate) fn trait_of(a: u64, b: u64) -> f64 {
    (mix(mix(a) ^ b.rotate_left(32)) >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// The distributions.
pub(crate) trait Draw: RngCore {
    /// Uniform in 0..1, 1 excluded.
    fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform in low..high.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Log-uniform in low..high: every order of magnitude is equally likely.
    fn spread(&mut self, low: f64, high: f64) -> f64 {
        libm::exp(self.between(libm::log(low), libm::log(high)))
    }

    /// True with probability `p`.
    fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in 0..n; 0 if `n` is 0.
    fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.next_u32()) * u64::from(n)) >> 32) as u32
    }

    /// Uniform integer, both ends included.
    fn whole(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Standard normal.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.unit())).sqrt();
        radius * libm::cos(2.0 * std::f64::consts::PI * self.unit())
    }

    /// Log-normal with this median and sigma of the logarithm.
    fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.normal())
    }

    /// Exponential with this mean.
    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// Poisson with this mean (normal approximation above 30).
    fn poisson(&mut self, mean: f64) -> u32 {
        if mean <= 0.0 {
            return 0;
        }
        if mean > 30.0 {
            return (mean + mean.sqrt() * self.normal() + 0.5).max(0.0) as u32;
        }
        let floor = libm::exp(-mean);
        let (mut product, mut n) = (self.unit(), 0);
        while product > floor {
            product *= self.unit();
            n += 1;
        }
        n
    }
}

impl<R: RngCore> Draw for R {}
