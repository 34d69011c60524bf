//! Evidence newer than a human's word: a vector in which everything that may rest on older events is unknown.
//!
//! Separate, because it is what makes "counts only newer evidence" exact: a rule cannot fire on what it cannot see.
//! Invariants: a window that reaches back before the word is unknown; what decays over days is unknown for the whole quiet
//! time; who the account is (age, tier, attestation) stays known.

use features::{CATALOG, Family, Feature, FeatureVector};

const HOUR_MS: u64 = 3_600_000;

/// The vector as if nothing before the last `since_ms` ms had been seen.
#[must_use]
pub(crate) fn newer_than(vector: &FeatureVector, since_ms: u64) -> FeatureVector {
    let mut masked = *vector;
    for (value, feature) in masked.0.iter_mut().zip(&CATALOG) {
        if reach_ms(feature) > since_ms {
            *value = f32::NAN;
        }
    }
    masked
}

/// How far back a feature may look, ms.
fn reach_ms(feature: &Feature) -> u64 {
    match feature.window {
        "1m" => 60_000,
        "10m" => 10 * 60_000,
        "1h" => HOUR_MS,
        "24h" => 24 * HOUR_MS,
        "" => match feature.family {
            Family::Identity => 0,
            // Means over the last acts.
            Family::Rhythm => HOUR_MS,
            _ => 24 * HOUR_MS,
        },
        // Half-lives of days never forget wholly.
        _ => u64::MAX,
    }
}
