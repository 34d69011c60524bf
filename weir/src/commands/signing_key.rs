//! The file of the signing keys, which all roles on Kafka share.
//!
//! Separate, because every role must take the same keys and refuse the same. Invariants: who could guess a key could ban anybody, so
//! an empty or short one is refused; the first key signs and every one verifies, so that a key can take another's place while what
//! that one signed still lies in the log; no key is ever printed.

use ingest::kafka::SigningKeys;
use sinks::kafka::Signer;

use crate::error::Error;
use crate::files;

/// Longest file, bytes.
const BYTES_MAX: u64 = 4_096;
/// Shortest key, bytes, an end of line not counted: as many as its signatures have.
const BYTES_MIN: usize = 32;
/// Most keys: a record that none of them signed is held against each.
const KEYS_MAX: usize = 4;

/// The keys of weir's own events: at least one.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys(Vec<Vec<u8>>);

impl Keys {
    /// Signs with the first.
    pub fn signer(&self) -> Signer {
        Signer::new(&self.0[0])
    }

    /// Verifies with each.
    pub fn verifier(&self) -> SigningKeys {
        SigningKeys::new(&self.0)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(hidden)")
    }
}

/// The keys in a file, if one is given: one a line, or, if it is no text, one alone.
pub fn read(file: Option<&str>) -> Result<Option<Keys>, Error> {
    let Some(file) = file else { return Ok(None) };
    let bytes = files::read(file, BYTES_MAX)?;
    let is_text = bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    let lines = bytes.split(|byte| is_text && *byte == b'\n');
    let lines = lines.map(|line| if is_text { line.trim_ascii() } else { line });
    let keys: Vec<Vec<u8>> = lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
    let shortest = keys.iter().map(Vec::len).min().unwrap_or(0);
    if shortest < BYTES_MIN {
        let detail = format!(
            "a signing key of {shortest} bytes can be guessed: give at least {BYTES_MIN} a line, for example of \
             `head -c 32 /dev/urandom | base64`, to all roles"
        );
        return Err(Error::file(file, detail));
    }
    if keys.len() > KEYS_MAX {
        let detail =
            format!("{} signing keys; at most {KEYS_MAX}: take out those that are not in use", keys.len());
        return Err(Error::file(file, detail));
    }
    Ok(Some(Keys(keys)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("signing.key").display().to_string();
        std::fs::write(&file, bytes).expect("writable");
        let read = read(Some(&file)).map_err(|error| error.to_string())?;
        Ok(read.expect("a file is given").0)
    }

    #[test]
    fn a_key_that_can_be_guessed_is_refused() {
        let good = "0123456789abcdef0123456789abcdef\n";
        let behind = format!("{good}short\n");
        for short in [&b""[..], b"\n", &[b'k'; 31], b"0123456789012345678901234567890\r\n", behind.as_bytes()]
        {
            let says = of(short).expect_err("refused");
            assert!(says.contains("/dev/urandom") && says.contains("signing.key"), "{says}");
            assert!(!says.contains("short") && !says.contains("0123456789"), "{says}");
        }
        assert_eq!(of(&[b'k'; 32]), Ok(vec![vec![b'k'; 32]]));
        assert_eq!(read(None).expect("none is given"), None);
    }

    #[test]
    fn the_first_line_signs_and_every_line_verifies() {
        let (one, other) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
        let keys = |text: &str| of(text.as_bytes());
        assert_eq!(keys(one), keys(&format!("{one}\n")), "an end of line belongs to no key");
        assert_eq!(keys(&format!("{one}\r\n\n{other}")), Ok(vec![one.into(), other.into()]));
        let many = format!("{one}\n").repeat(KEYS_MAX + 1);
        assert!(keys(&many).expect_err("refused").contains("at most 4"));
        // Bytes that are no text are one key, whatever is among them.
        let raw: Vec<u8> = (0..64).map(|byte| byte * 3).chain(*b"\n").collect();
        assert_eq!(of(&raw), Ok(vec![raw]));
    }
}
