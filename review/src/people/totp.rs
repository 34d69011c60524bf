//! The second factor: time-based one-time passwords (RFC 6238) and recovery codes.
//!
//! Separate from passwords. Pure: time and randomness are arguments. Invariants: six digits, steps of 30 s, HMAC-SHA-1, which every
//! authenticator app speaks; the step before and after are taken, too; a step is taken once.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use super::secret;

/// Bytes of a secret: what RFC 4226 recommends.
pub const SECRET_BYTES: usize = 20;
/// Recovery codes that a person is given.
pub const RECOVERY_CODES: usize = 10;
const STEP_MS: u64 = 30_000;

/// The six digits of a step.
fn code(secret: &[u8], step: u64) -> u32 {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let at = usize::from(digest[digest.len() - 1] & 15);
    let word = [digest[at], digest[at + 1], digest[at + 2], digest[at + 3]];
    (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000
}

/// The step of a code that is right at `now_ms` (wall) and comes after `last`, the step that was taken before; `None`: it is wrong.
pub fn step(secret: &[u8], given: &str, now_ms: u64, last: u64) -> Option<u64> {
    let digits: String = given.chars().filter(|digit| !digit.is_whitespace()).collect();
    let now = now_ms / STEP_MS;
    let mut found = None;
    for step in [now.saturating_sub(1), now, now + 1] {
        let right = secret::is_same(&format!("{:06}", code(secret, step)), &digits);
        if right && step > last {
            found = Some(step);
        }
    }
    found
}

/// What an authenticator app reads.
pub fn address(secret: &[u8], name: &str) -> String {
    let name: String = name.bytes().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    });
    format!("otpauth://totp/weir:{name}?secret={}&issuer=weir", secret::base32(secret))
}

/// New recovery codes, 50 bits each, in two groups of five.
pub fn recovery_codes() -> Vec<String> {
    let one = || {
        let text = secret::base32(&secret::random::<7>());
        format!("{}-{}", &text[..5], &text[5..10])
    };
    (0..RECOVERY_CODES).map(|_| one()).collect()
}

/// A recovery code as it is compared: without blanks and hyphens, in capitals.
pub fn recovery_form(given: &str) -> String {
    given.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, SHA-1; the RFC gives eight digits, of which the last six are ours.
        let vectors = [
            (59, 287_082),
            (1_111_111_109, 81_804),
            (1_111_111_111, 50_471),
            (1_234_567_890, 5_924),
            (2_000_000_000, 279_037),
            (20_000_000_000, 353_130),
        ];
        for (seconds, digits) in vectors {
            assert_eq!(code(SECRET, seconds / 30), digits, "{seconds}");
        }
    }

    #[test]
    fn a_code_is_taken_once_and_for_a_minute_and_a_half() {
        let at = 1_111_111_109_000;
        let taken = step(SECRET, "081 804", at, 0).expect("right");
        assert_eq!(taken, at / STEP_MS);
        assert_eq!(step(SECRET, "081804", at, taken), None, "a second time");
        assert!(
            step(SECRET, "081804", at + STEP_MS, 0).is_some()
                && step(SECRET, "081804", at - STEP_MS, 0).is_some()
        );
        assert_eq!(step(SECRET, "081804", at + 2 * STEP_MS, 0), None);
        assert_eq!(step(SECRET, "", at, 0), None);
        assert_eq!(step(SECRET, "081805", at, 0), None);
    }

    #[test]
    fn recovery_codes_are_compared_as_people_type_them() {
        let codes = recovery_codes();
        assert_eq!(codes.len(), RECOVERY_CODES);
        assert_eq!(recovery_form(&format!(" {} ", codes[0].to_lowercase())), codes[0].replace('-', ""));
        assert!(address(SECRET, "a b").starts_with("otpauth://totp/weir:a%20b?secret=GEZDGNBV"));
    }
}
