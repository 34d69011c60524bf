//! Where accounts come from: countries, carriers, prefixes, number ranges and devices.
//!
//! Separate, because innocents and attackers live on the same networks: carriers put hundreds of people behind one
//! prefix, families share a phone, and a few innocents use hosting networks. Invariant: identities are numbers; names
//! are made of them when an event is written.

use rand_chacha::ChaCha8Rng;

use crate::draw::{Draw, mix};

/// A country: ISO code, minutes from UTC, share in hundredths.
pub(crate) struct Country {
    pub(crate) code: [u8; 2],
    pub(crate) zone_min: i32,
    share: u32,
}

const fn country(code: [u8; 2], zone_min: i32, share: u32) -> Country {
    Country { code, zone_min, share }
}

/// The countries of the simulated world.
pub(crate) const COUNTRIES: [Country; 12] = [
    country(*b"IN", 330, 26),
    country(*b"BR", -180, 15),
    country(*b"ID", 420, 12),
    country(*b"MX", -360, 8),
    country(*b"NG", 60, 8),
    country(*b"PK", 300, 6),
    country(*b"TR", 180, 5),
    country(*b"DE", 60, 6),
    country(*b"GB", 0, 5),
    country(*b"IT", 60, 4),
    country(*b"ZA", 120, 3),
    country(*b"AE", 240, 2),
];

/// Networks of data centres and VPNs: where machines and some careful people connect from.
pub(crate) const HOSTING: [u32; 6] = [14_061, 16_276, 24_940, 9_009, 60_068, 212_238];
/// The first autonomous system of the made-up carriers: the private 32-bit range.
const CARRIER_BASE: u32 = 4_200_000_000;

/// Where an account is and what it uses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Home {
    /// Its device.
    pub(crate) device: u64,
    /// The network that it uses at home.
    pub(crate) net: Net,
    /// The network that it uses on the way.
    pub(crate) mobile: Net,
    /// Its block of numbers.
    pub(crate) range: u64,
    /// Country of the number, an index of [`COUNTRIES`].
    pub(crate) country: u8,
    /// Country where it is.
    pub(crate) place: u8,
    /// Build of its client, an index of [`CLIENTS`].
    pub(crate) client: u8,
    /// What it is registered as.
    pub(crate) tier: Option<schema::Tier>,
    /// Whether its client proved itself genuine.
    pub(crate) attested: Option<bool>,
}

/// A network prefix and who runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Net {
    pub(crate) prefix: u64,
    pub(crate) asn: u32,
}

/// Builds of the client; the last two are rare.
pub(crate) const CLIENTS: [&str; 8] = [
    "android-2.25.30",
    "android-2.25.28",
    "ios-25.30",
    "ios-25.27",
    "android-2.25.12",
    "desktop-3.1",
    "web-2.3000",
    "android-2.24.3",
];

/// A country by its share.
pub(crate) fn any_country(rng: &mut ChaCha8Rng) -> u8 {
    let mut left = rng.below(100);
    for (index, country) in COUNTRIES.iter().enumerate() {
        if left < country.share {
            return index as u8;
        }
        left -= country.share;
    }
    0
}

/// A prefix of one of a country's three mobile carriers, behind which hundreds of accounts sit.
pub(crate) fn mobile(rng: &mut ChaCha8Rng, country: u8) -> Net {
    let carrier = [0, 0, 0, 1, 1, 2][rng.below(6) as usize];
    let asn = CARRIER_BASE + u32::from(country) * 8 + carrier;
    Net { prefix: u64::from(asn) << 16 | u64::from(rng.below(24)), asn }
}

/// A prefix of a country's two home providers; `street` makes neighbours share it.
pub(crate) fn house(country: u8, street: u64) -> Net {
    let asn = CARRIER_BASE + u32::from(country) * 8 + 4 + (mix(street) & 1) as u32;
    Net { prefix: u64::from(asn) << 32 | (mix(street ^ 0xcafe) & 0xffff_ffff), asn }
}

/// A prefix of a hosting network.
pub(crate) fn hosting(rng: &mut ChaCha8Rng) -> Net {
    let asn = HOSTING[rng.below(HOSTING.len() as u32) as usize];
    Net { prefix: u64::from(asn) << 16 | u64::from(rng.below(200)), asn }
}

/// A block of ordinary numbers of a country; there are `blocks` in the whole world.
pub(crate) fn range(rng: &mut ChaCha8Rng, country: u8, blocks: u32) -> u64 {
    let share = COUNTRIES[usize::from(country)].share;
    u64::from(country) << 32 | u64::from(rng.below((blocks * share / 100).max(3)))
}

/// A block of disposable numbers: few, and shared by attackers and a handful of innocents.
pub(crate) fn disposable(rng: &mut ChaCha8Rng, country: u8) -> u64 {
    u64::from(country) << 32 | 1 << 31 | u64::from(rng.below(6))
}

/// An ordinary person's identity on a street.
pub(crate) fn person(rng: &mut ChaCha8Rng, country: u8, street: u64, blocks: u32) -> Home {
    let net = match rng.below(100) {
        0 => hosting(rng),
        1..=59 => house(country, street),
        60..=66 => house(country, (street / 40) | (1 << 40)),
        _ => mobile(rng, country),
    };
    let range = if rng.chance(0.003) { disposable(rng, country) } else { range(rng, country, blocks) };
    Home {
        device: rng.next_device(),
        net,
        mobile: mobile(rng, country),
        range,
        country,
        place: country,
        client: client(rng),
        tier: Some(if rng.chance(0.04) { schema::Tier::Business } else { schema::Tier::Person }),
        attested: attested(rng, 0.92),
    }
}

/// What a client proved: genuine, not genuine, or nothing known.
pub(crate) fn attested(rng: &mut ChaCha8Rng, genuine: f64) -> Option<bool> {
    if rng.chance(0.04) { None } else { Some(rng.chance(genuine)) }
}

/// A build of the client: most people are up to date.
fn client(rng: &mut ChaCha8Rng) -> u8 {
    let index = rng.below(6).min(rng.below(6));
    if rng.chance(0.05) { 6 + rng.below(2) as u8 } else { index as u8 }
}

/// Draws of identities.
pub(crate) trait Identities: Draw {
    /// A device that nobody has yet.
    fn next_device(&mut self) -> u64 {
        self.next_u64() >> 8
    }
}

impl<R: Draw> Identities for R {}
