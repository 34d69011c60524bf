//! The file of the signing key, which all roles on Kafka share.
//!
//! Separate, because every role must take the same keys and refuse the same. Invariant: who could guess the key could ban anybody, so
//! an empty or short one is refused; the key is never printed.

use crate::error::Error;
use crate::files;

/// Longest key, bytes.
const BYTES_MAX: u64 = 4_096;
/// Shortest key, bytes, an end of line not counted: as many as its signatures have.
const BYTES_MIN: usize = 32;

/// The key in a file, if one is given.
pub fn read(file: Option<&str>) -> Result<Option<Vec<u8>>, Error> {
    let Some(file) = file else { return Ok(None) };
    let key = files::read(file, BYTES_MAX)?;
    let bytes = key.strip_suffix(b"\n").unwrap_or(&key);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes).len();
    if bytes < BYTES_MIN {
        let detail = format!(
            "a signing key of {bytes} bytes can be guessed: give at least {BYTES_MIN}, for example of \
             `head -c 32 /dev/urandom | base64`, to all roles"
        );
        return Err(Error::file(file, detail));
    }
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_can_be_guessed_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("signing.key").display().to_string();
        let of = |key: &[u8]| {
            std::fs::write(&file, key).expect("writable");
            read(Some(&file)).map_err(|error| error.to_string())
        };
        for short in [&b""[..], b"\n", &[b'k'; 31], b"0123456789012345678901234567890\r\n"] {
            let says = of(short).expect_err("refused");
            assert!(says.contains("/dev/urandom") && says.contains("signing.key"), "{says}");
        }
        assert_eq!(of(&[b'k'; 32]), Ok(Some(vec![b'k'; 32])));
        assert!(of(b"01234567890123456789012345678901\n").is_ok());
        assert_eq!(read(None).expect("none is given"), None);
    }
}
