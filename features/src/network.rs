//! Network prefixes in 64 bits, so that an account's can be asked for again when a blocklist changed.
//!
//! Separate, because accounts, entities and blocklists must know a prefix by the same number. Lossless: every IPv4 CIDR,
//! and every IPv6 one of the global unicast block 2000::/3 up to /64. Anything else is 63 bits of its hash, which only an
//! exact entry matches. Invariants: a code is never 0; the same network in another spelling has the same code.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::entity::key_hash;

/// The top bits of a code: a hash has the first set, an IPv6 /64 is its own first half, which begins with 001.
const HASH: u64 = 1 << 63;
const TAG_SHIFT: u32 = 61;
const TAG_V6_64: u64 = 0b001;
const TAG_V4: u64 = 0b010;
const TAG_V6_SHORT: u64 = 0b011;
const PAYLOAD: u64 = (1 << TAG_SHIFT) - 1;

/// Number of network prefixes among the kinds of a blocklist's entries.
pub(crate) const LISTED_KIND: u8 = 2;

/// Address and length of a CIDR prefix; a bare address has its full length.
#[must_use]
pub fn cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
    let address: IpAddr = address.parse().ok()?;
    let full = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Some(full), |l| l.parse().ok())?;
    (length <= full).then_some((address, length))
}

/// The first `length` bits of an address.
#[must_use]
pub fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(a) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(a.to_bits() & mask))
        }
        IpAddr::V6(a) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(a.to_bits() & mask))
        }
    }
}

/// The code of a prefix as a gateway writes it: CIDR or a pseudonym.
#[must_use]
pub fn network_code(text: &str) -> u64 {
    let Some((address, length)) = cidr(text) else { return HASH | key_hash(LISTED_KIND, text) };
    let address = masked(address, length);
    encode(address, length).unwrap_or_else(|| {
        let canonical = compact_str::format_compact!("{address}/{length}");
        HASH | key_hash(LISTED_KIND, &canonical)
    })
}

/// What a code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// The network itself.
    Cidr(IpAddr, u8),
    /// The lower 63 bits of its key's hash.
    Hash(u64),
}

/// Reads a code back.
#[must_use]
pub fn network_of(code: u64) -> Network {
    let payload = code & PAYLOAD;
    let marker = payload.trailing_zeros();
    let v6 = |high: u64, length| Network::Cidr(Ipv6Addr::from_bits(u128::from(high) << 64).into(), length);
    match code >> TAG_SHIFT {
        TAG_V6_64 => v6(code, 64),
        TAG_V4 if marker <= 32 => {
            let bits = ((payload ^ 1 << marker) >> 1) as u32;
            Network::Cidr(Ipv4Addr::from_bits(bits).into(), (32 - marker) as u8)
        }
        TAG_V6_SHORT if marker <= 60 => {
            v6(payload ^ 1 << marker | TAG_V6_64 << TAG_SHIFT, (63 - marker) as u8)
        }
        _ => Network::Hash(code & !HASH),
    }
}

/// A masked network as its bits, a 1 that marks their end, and zeros.
fn encode(address: IpAddr, length: u8) -> Option<u64> {
    match address {
        IpAddr::V4(a) => {
            Some(TAG_V4 << TAG_SHIFT | u64::from(a.to_bits()) << 1 | 1 << (32 - u32::from(length)))
        }
        IpAddr::V6(a) => {
            let high = (a.to_bits() >> 64) as u64;
            match length {
                _ if high >> TAG_SHIFT != TAG_V6_64 => None,
                64 => Some(high),
                3..=63 => Some(TAG_V6_SHORT << TAG_SHIFT | high & PAYLOAD | 1 << (63 - u32::from(length))),
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_says_its_network(bits in any::<u128>(), length in 0u8..=64, v4 in any::<bool>()) {
            let (address, length): (IpAddr, u8) = if v4 {
                (Ipv4Addr::from_bits(bits as u32).into(), length.min(32))
            } else {
                (Ipv6Addr::from_bits(bits >> 3 | 1 << 125).into(), length.max(3))
            };
            let code = network_code(&format!("{address}/{length}"));
            prop_assert_eq!(network_of(code), Network::Cidr(masked(address, length), length));
            prop_assert_eq!(network_code(&format!("{}/{length}", masked(address, length))), code);
        }
    }

    #[test]
    fn what_does_not_fit_is_a_hash_and_differs() {
        let texts = ["p_1", "p_2", "fe80::/64", "2001:db8::/65", "2001:db8::1", "::/0"];
        let codes = texts.map(network_code);
        assert!(codes.iter().all(|code| matches!(network_of(*code), Network::Hash(_))), "{codes:x?}");
        for (n, code) in codes.iter().enumerate() {
            assert!(!codes[..n].contains(code), "{}", texts[n]);
        }
    }
}
