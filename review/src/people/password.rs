//! Passwords: what is taken, how it is kept, how it is checked.
//!
//! Separate from people, so that the parameters stand in one place. Invariants: Argon2id with 19 MiB, 2 passes, 1 lane (what OWASP
//! names first) and a salt of its own; rules of NIST SP 800-63B: length and a list of refused ones, no composition; a name that does
//! not exist costs as much as one that does.

use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};

/// Shortest password, characters.
pub const CHARS_MIN: usize = 12;
/// Longest password, bytes.
pub const BYTES_MAX: usize = 1_024;
/// Memory of one hash, KiB.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over it.
const PASSES: u32 = 2;
/// Those that were often found in breaches; the file says where it is from.
const BREACHED: &str = include_str!("breached.txt");
/// Common ones and the names of the place, in small letters without blanks, digits at the ends taken off.
const REFUSED: &str = include_str!("refused.txt");

/// Why a password is not taken; the key of a text.
pub fn fault(password: &str, name: &str) -> Option<&'static str> {
    if password.chars().count() < CHARS_MIN {
        return Some("password.short");
    }
    if password.len() > BYTES_MAX {
        return Some("password.long");
    }
    let plain: String = password.to_lowercase().chars().filter(|letter| !letter.is_whitespace()).collect();
    let core = plain.trim_matches(|letter: char| !letter.is_alphabetic());
    let repeats = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters.dedup();
        letters.len() < 5
    };
    let is_refused = REFUSED.lines().chain(BREACHED.lines()).any(|line| line == plain || line == core);
    let is_run = ["abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiopasdfghjklzxcvbnm"]
        .iter()
        .any(|run| run.contains(&*plain) || run.chars().rev().collect::<String>().contains(&*plain));
    let name = name.to_lowercase();
    let is_name = !name.is_empty() && core.replace(&*name, "").len() < 5 && plain.contains(&*name);
    (is_refused || is_run || is_name || repeats(&plain)).then_some("password.common")
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("these are within Argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// What is kept of a password: a PHC string.
pub fn hash(password: &str) -> String {
    let hash = hasher().hash_password(password.as_bytes());
    hash.expect("the password is within Argon2's limits and the system gives a salt").to_string()
}

/// Whether it is the password; `None` for a person who does not exist, which takes as long.
pub fn is_right(password: &str, kept: Option<&str>) -> bool {
    static NOBODY: OnceLock<String> = OnceLock::new();
    let known = kept.is_some();
    let kept = kept.unwrap_or_else(|| NOBODY.get_or_init(|| hash("nobody has this password")));
    let Ok(kept) = PasswordHash::new(kept) else { return false };
    let given = if password.len() > BYTES_MAX { "" } else { password };
    hasher().verify_password(given.as_bytes(), &kept).is_ok() && known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_password_is_right_and_the_parameters_are_those_that_are_stated() {
        let kept = hash("correct horse battery staple");
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(kept, hash("correct horse battery staple"), "each has its own salt");
        assert!(is_right("correct horse battery staple", Some(&kept)));
        assert!(!is_right("correct horse battery stapl", Some(&kept)));
        assert!(!is_right("", Some(&kept)));
        assert!(!is_right("nobody has this password", None));
    }

    #[test]
    fn short_and_common_ones_are_refused_and_long_ones_without_digits_are_taken() {
        for (password, why) in [
            ("elevenchars", Some("password.short")),
            ("password1234", Some("password.common")),
            ("Password 2026!", Some("password.common")),
            ("aaaaaaaaaaaaa", Some("password.common")),
            ("abababababab", Some("password.common")),
            ("abcdefghijklm", Some("password.common")),
            ("123456789012", Some("password.common")),
            ("marie-curie-1", Some("password.common")),
            ("starwars2024!", Some("password.common")),
            ("1qaz2wsx3edc", Some("password.common")),
            ("Thunderbird99", Some("password.common")),
            ("plain words are fine here", None),
            ("рыба и птица в небе", None),
        ] {
            assert_eq!(fault(password, "marie-curie"), why, "{password}");
        }
        assert_eq!(fault(&"ab1 xyz q".repeat(200), ""), Some("password.long"));
    }
}
