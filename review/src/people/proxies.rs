//! Whose word about where a request came from is believed: proxies of the operator's own.
//!
//! Separate from signing in, which holds back an address that guesses. Invariants: pure; what an unknown caller says of others counts for
//! nothing; of a row of proxies the first that is not ours is the caller.

use std::fmt;
use std::net::IpAddr;

/// A network, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fd00::/8` or an address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Network> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits)),
            None => (text, None),
        };
        let base: IpAddr = base.trim().parse().ok()?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.trim().parse().ok().filter(|bits| *bits <= most))?;
        Some(Network { base, bits })
    }

    /// Whether an address lies in it; one of IPv4 that is written as IPv6 is one of IPv4.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                same(u128::from(base.to_bits()) << 96, u128::from(address.to_bits()) << 96, self.bits)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => same(base.to_bits(), address.to_bits(), self.bits),
            _ => false,
        }
    }
}

fn same(a: u128, b: u128, bits: u8) -> bool {
    bits == 0 || (a ^ b) >> (128 - u32::from(bits)) == 0
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

/// Where a request came from: who called us, or, if that is a proxy of ours, who it says called it, and so on. `forwarded`: the values of
/// `X-Forwarded-For`, in the order of the headers.
pub fn caller<'a>(peer: IpAddr, forwarded: impl Iterator<Item = &'a str>, proxies: &[Network]) -> IpAddr {
    let named: Vec<&str> = forwarded.flat_map(|value| value.split(',')).collect();
    let mut caller = peer.to_canonical();
    for text in named.into_iter().rev() {
        if !proxies.iter().any(|proxy| proxy.has(caller)) {
            break;
        }
        let Ok(address) = text.trim().parse::<IpAddr>() else { break };
        caller = address.to_canonical();
    }
    caller
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded: &[&str], proxies: &[&str], expected: &str) {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let proxies: Vec<Network> =
            proxies.iter().map(|text| Network::parse(text).expect("a network")).collect();
        assert_eq!(caller(address(peer), forwarded.iter().copied(), &proxies), address(expected));
    }

    #[test]
    fn an_address_that_is_forwarded_counts_from_proxies_of_ours_alone() {
        check("203.0.113.9", &["198.51.100.1"], &[], "203.0.113.9");
        check("203.0.113.9", &["198.51.100.1"], &["10.0.0.0/8"], "203.0.113.9");
        check("10.1.2.3", &["198.51.100.1"], &["10.0.0.0/8"], "198.51.100.1");
        // What the caller wrote itself stands before what the proxy added.
        check("10.1.2.3", &["1.1.1.1, 198.51.100.1"], &["10.0.0.0/8"], "198.51.100.1");
        check("10.1.2.3", &["1.1.1.1", "198.51.100.1, 10.9.9.9"], &["10.0.0.0/8"], "198.51.100.1");
        check("10.1.2.3", &["nonsense"], &["10.0.0.0/8"], "10.1.2.3");
        check("10.1.2.3", &[], &["10.0.0.0/8"], "10.1.2.3");
        check("::ffff:10.1.2.3", &["2001:db8::7"], &["10.1.2.3"], "2001:db8::7");
        check("fd00::1", &["198.51.100.1"], &["fd00::/8"], "198.51.100.1");
    }

    #[test]
    fn a_network_is_read_or_refused() {
        for text in ["10.0.0.0/8", "::1", "127.0.0.1", "0.0.0.0/0", "::/0"] {
            assert!(Network::parse(text).is_some(), "{text}");
        }
        for text in ["", "10.0.0.0/33", "::/129", "host", "10.0.0/8", "10.0.0.0/x"] {
            assert!(Network::parse(text).is_none(), "{text}");
        }
        let all = Network::parse("0.0.0.0/0").expect("a network");
        assert!(all.has("203.0.113.9".parse().expect("an address")));
        assert!(!all.has("2001:db8::1".parse().expect("an address")));
    }
}
