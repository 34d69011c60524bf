//! A feature vector, and a set of features.
//!
//! Separate from the store, because models, rules and rows hold them without knowing how they came to be. Invariant:
//! a value is `NaN` (unknown) or finite and at least 0.

use crate::catalog::{CATALOG, FEATURES};

/// The features of one account at one time, in catalogue order. `NaN` is unknown.
#[derive(Debug, Clone, Copy)]
pub struct FeatureVector(pub [f32; FEATURES]);

impl FeatureVector {
    /// A vector of which nothing is known.
    #[must_use]
    pub const fn unknown() -> Self {
        Self([f32::NAN; FEATURES])
    }

    /// The value of a feature; `None` if unknown.
    #[must_use]
    pub fn get(&self, feature: usize) -> Option<f32> {
        self.0.get(feature).copied().filter(|value| !value.is_nan())
    }
}

impl Default for FeatureVector {
    fn default() -> Self {
        Self::unknown()
    }
}

const WORDS: usize = FEATURES.div_ceil(64);

/// A set of features, by index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeatureSet([u64; WORDS]);

impl FeatureSet {
    /// No feature.
    #[must_use]
    pub const fn empty() -> Self {
        Self([0; WORDS])
    }

    /// Every feature.
    #[must_use]
    pub fn all() -> Self {
        (0..FEATURES).collect()
    }

    /// Adds a feature by index; an index outside the catalogue is passed over.
    pub fn insert(&mut self, feature: usize) {
        if feature < FEATURES {
            self.0[feature / 64] |= 1 << (feature % 64);
        }
    }

    /// Whether a feature is in it.
    #[must_use]
    pub fn contains(&self, feature: usize) -> bool {
        feature < FEATURES && self.0[feature / 64] & (1 << (feature % 64)) != 0
    }

    /// Whether the two share a feature.
    #[must_use]
    pub fn intersects(&self, other: &FeatureSet) -> bool {
        self.0.iter().zip(&other.0).any(|(own, other)| own & other != 0)
    }

    /// Whether it has no feature.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The two together.
    #[must_use]
    pub fn union(mut self, other: &FeatureSet) -> FeatureSet {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own |= other;
        }
        self
    }

    /// Its features, in catalogue order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..FEATURES).filter(|feature| self.contains(*feature))
    }
}

impl FromIterator<usize> for FeatureSet {
    fn from_iter<I: IntoIterator<Item = usize>>(features: I) -> Self {
        let mut set = Self::empty();
        for feature in features {
            set.insert(feature);
        }
        set
    }
}

const CAUSES: usize = 48;

/// For each bit of causes, the features that it may change.
static CHANGES: [FeatureSet; CAUSES] = {
    let mut table = [FeatureSet::empty(); CAUSES];
    let mut bit = 0;
    while bit < CAUSES {
        let mut feature = 0;
        while feature < FEATURES {
            if CATALOG[feature].causes & (1 << bit) != 0 {
                table[bit].0[feature / 64] |= 1 << (feature % 64);
            }
            feature += 1;
        }
        bit += 1;
    }
    table
};

/// The features that these causes may change.
#[inline]
pub(crate) fn changed_by(mut causes: u64) -> FeatureSet {
    let mut set = FeatureSet::empty();
    while causes != 0 {
        set = set.union(&CHANGES[causes.trailing_zeros() as usize]);
        causes &= causes - 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::{FeatureSet, FeatureVector, changed_by};
    use crate::catalog::counters::{Counter, MESSAGES_1H};
    use crate::catalog::{FEATURES, feature_by_name};

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: FeatureSet = [0, 70, FEATURES - 1, FEATURES + 5].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 70, FEATURES - 1]);
        assert!(set.intersects(&FeatureSet::all()) && !set.intersects(&FeatureSet::empty()));
        assert!(FeatureSet::empty().is_empty() && !set.is_empty() && !set.contains(FEATURES + 5));
    }

    #[test]
    fn a_message_changes_its_counters_and_ratios() {
        let set = changed_by(1 << (Counter::Messages as u64));
        assert!(set.contains(MESSAGES_1H));
        assert!(!set.contains(feature_by_name("blocks_1h").unwrap()));
    }

    #[test]
    fn unknown_is_none() {
        let mut vector = FeatureVector::unknown();
        assert_eq!(vector.get(3), None);
        vector.0[3] = 2.0;
        assert_eq!((vector.get(3), vector.get(FEATURES)), (Some(2.0), None));
    }
}
