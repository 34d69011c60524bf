//! Secrets that weir makes: session tokens, one-time links, recovery codes.
//!
//! Separate, so that randomness enters the crate at one place. Invariants: a token has 256 bits from the system; only its SHA-256 is
//! kept; comparison takes the same time wherever two differ.

use sha2::{Digest as _, Sha256};

/// Bytes of a token.
const TOKEN_BYTES: usize = 32;

/// Fills bytes with the system's randomness.
pub fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).expect("the system gives randomness: without it nobody can sign in safely");
    bytes
}

/// A new token, 64 hexadecimal digits.
pub fn token() -> String {
    hex(&random::<TOKEN_BYTES>())
}

/// What is kept of a token.
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The token that a form of this session must carry: whoever has only the page's address cannot know it.
pub fn form_token(session: &str) -> String {
    hex(&hash(&format!("weir form\0{session}")))
}

/// Whether two texts are the same, in time that does not depend on where they differ.
pub fn is_same(a: &str, b: &str) -> bool {
    let differs = hash(a).iter().zip(hash(b)).fold(0, |differs, (x, y)| differs | (x ^ y));
    std::hint::black_box(differs) == 0
}

/// Hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Base32 (RFC 4648) without padding, as authenticator apps read a secret.
pub fn base32(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut text, mut held, mut bits) = (String::new(), 0_u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(DIGITS[(held >> bits) as usize & 31]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(DIGITS[(held << (5 - bits)) as usize & 31]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_a_form_token_is_that_of_its_session_alone() {
        let (one, other) = (token(), token());
        assert_eq!((one.len(), other.len()), (64, 64));
        assert_ne!(one, other);
        assert_eq!(form_token(&one), form_token(&one));
        assert_ne!(form_token(&one), form_token(&other));
        assert!(!form_token(&one).contains(&one));
        assert!(is_same("abc", "abc") && !is_same("abc", "abd") && !is_same("abc", ""));
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        let vectors = [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("foobar", "MZXW6YTBOI"),
        ];
        for (text, coded) in vectors {
            assert_eq!(base32(text.as_bytes()), coded, "{text}");
        }
    }
}
