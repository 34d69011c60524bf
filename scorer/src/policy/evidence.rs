//! The four kinds of evidence, and which of them a set of features gives.
//!
//! Separate, because rules, models and blocklists all speak in it. Invariant: what only says who an account is (age,
//! tier, attestation) is context and no evidence: with it, every rule about young accounts would count as two kinds.

use features::{CATALOG, Evidence};

/// Features that are context and no evidence.
const CONTEXT: [&str; 4] = ["age_s", "tier", "attested", "device_age_s"];

/// A set of kinds of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kinds(u8);

impl Kinds {
    /// No evidence.
    pub const NONE: Kinds = Kinds(0);
    /// The account's own volume and rhythm.
    pub const VOLUME_RHYTHM: Kinds = Kinds(1);
    /// The response of distinct peers.
    pub const RESPONSE: Kinds = Kinds(2);
    /// Identity and shared entities.
    pub const IDENTITY_SHARED: Kinds = Kinds(4);
    /// An exact blocklist entry.
    pub const BLOCKLIST: Kinds = Kinds(8);

    /// The two together.
    #[must_use]
    pub const fn with(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    /// How many kinds.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }
}

/// The kinds that these features give.
pub(crate) fn kinds_of(features: impl Iterator<Item = usize>) -> Kinds {
    features.filter(|f| !CONTEXT.contains(&CATALOG[*f].name)).fold(Kinds::NONE, |kinds, feature| {
        kinds.with(match CATALOG[feature].evidence {
            Evidence::VolumeRhythm => Kinds::VOLUME_RHYTHM,
            Evidence::Response => Kinds::RESPONSE,
            Evidence::IdentityShared => Kinds::IDENTITY_SHARED,
        })
    })
}
