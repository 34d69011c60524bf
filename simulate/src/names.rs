//! Pseudonyms: what a gateway's keyed hash would have made of numbers, devices and networks.
//!
//! Separate, so that no name can hint at a persona: a name is a hash of the seed, a kind and a number, nothing else.
//! Invariant: built on the stack, at most 24 bytes, lower-case hexadecimal after the prefix.

use crate::draw::mix;

/// A short text on the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Name {
    bytes: [u8; 24],
    len: u8,
}

impl Name {
    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("a name is built from ASCII only")
    }
}

/// What a name is for: the letter before the underscore.
#[derive(Clone, Copy)]
pub(crate) enum Sort {
    Account,
    Device,
    Prefix,
    Range,
    Group,
    Event,
}

impl Sort {
    const fn letter(self) -> u8 {
        match self {
            Sort::Account => b'a',
            Sort::Device => b'd',
            Sort::Prefix => b'p',
            Sort::Range => b'r',
            Sort::Group => b'g',
            Sort::Event => b'e',
        }
    }

    /// Hexadecimal digits after the prefix.
    const fn digits(self) -> usize {
        match self {
            Sort::Account => 20,
            Sort::Device | Sort::Group | Sort::Event => 16,
            Sort::Prefix | Sort::Range => 10,
        }
    }
}

/// The pseudonym of the thing with this number.
pub(crate) fn name(seed: u64, sort: Sort, number: u64) -> Name {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = [0; 24];
    bytes[0] = sort.letter();
    bytes[1] = b'_';
    // The low half is a bijection of the number, so two things of one kind never share a name of 16 digits or more.
    let mut low = mix(number ^ mix(seed ^ u64::from(sort.letter())));
    let mut high = mix(low ^ 0x5eed);
    for digit in 0..sort.digits() {
        let from = if digit < 16 { &mut low } else { &mut high };
        bytes[2 + digit] = HEX[(*from & 15) as usize];
        *from >>= 4;
    }
    Name { bytes, len: (2 + sort.digits()) as u8 }
}
