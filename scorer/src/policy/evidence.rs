//! The four kinds of evidence, and which of them a set of features gives.
//!
//! Separate, because rules, models and blocklists all speak in it. Invariant: what only says who an account is (age,
//! tier, attestation) is context and no evidence: with it, every rule about young accounts would count as two kinds. Nor is
//! a bare count of blocks or reports, which a crowd makes at will: what they say counts by its credibility (`feedback_*`).

use features::{CATALOG, Evidence};

/// Features that are context and no evidence.
pub(super) const CONTEXT: [&str; 4] = ["age_s", "tier", "attested", "device_age_s"];

/// How the names of counts begin that a crowd can make at will, whoever the account is.
const CROWD: [&str; 6] =
    ["reports_", "blocks_", "report_rate_", "block_rate_", "distinct_reporters_", "distinct_blockers_"];

/// Whether all that these features say, context apart, is how others on the same network or number range fare.
pub(crate) fn is_neighbourhood(features: impl Iterator<Item = usize>) -> bool {
    let mut names = features.map(|f| CATALOG[f].name).filter(|name| !CONTEXT.contains(name)).peekable();
    let of_neighbours = |name: &str| {
        ["prefix_re", "asn_re", "range_re", "range_accounts"].iter().any(|start| name.starts_with(start))
    };
    names.peek().is_some() && names.all(of_neighbours)
}

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
    let says = |name: &str| !CONTEXT.contains(&name) && !CROWD.iter().any(|start| name.starts_with(start));
    features.filter(|f| says(CATALOG[*f].name)).fold(Kinds::NONE, |kinds, feature| {
        kinds.with(match CATALOG[feature].evidence {
            Evidence::VolumeRhythm => Kinds::VOLUME_RHYTHM,
            Evidence::Response => Kinds::RESPONSE,
            Evidence::IdentityShared => Kinds::IDENTITY_SHARED,
        })
    })
}
