//! Signatures of artifacts: ed25519 over the bytes of a file, with keys in files.
//!
//! Separate, because it is the only place that knows keys. Invariants: a secret key never leaves its file and is made readable
//! by its owner alone; a signature is of the whole file under a label of its own, so that it cannot be taken for one of
//! something else.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::error::Error;
use crate::files;

/// What is signed begins so.
const LABEL: &[u8] = b"weir model file\0";
/// Longest key or signature file, bytes.
const BYTES_MAX: u64 = 1_024;

/// A key that signs.
pub struct SecretKey(SigningKey);

/// A key that proves who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl SecretKey {
    /// Makes a key out of the system's randomness and writes it to a new file that its owner alone may read, and the public key
    /// beside it, with `.pub` after its name.
    pub fn make(name: &str) -> Result<PublicKey, Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| Error::file(name, error))?;
        let key = SigningKey::from_bytes(&secret);
        write_secret(name, &hex(&secret))?;
        let public = PublicKey(key.verifying_key());
        files::write(&format!("{name}.pub"), (public.hex() + "\n").as_bytes())?;
        Ok(public)
    }

    /// Reads a secret key.
    pub fn read(name: &str) -> Result<Self, Error> {
        Ok(Self(SigningKey::from_bytes(&bytes(name)?)))
    }

    /// The signature of a file's bytes, 128 hexadecimal digits.
    pub fn sign(&self, file: &[u8]) -> String {
        hex(&self.0.sign(&[LABEL, file].concat()).to_bytes())
    }

    /// The key that proves it.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }
}

impl PublicKey {
    /// Reads a public key.
    pub fn read(name: &str) -> Result<Self, Error> {
        let key = VerifyingKey::from_bytes(&bytes(name)?);
        key.map(Self).map_err(|_| Error::file(name, "this is no ed25519 public key"))
    }

    /// 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(self.0.as_bytes())
    }

    /// Whether the signature is this key's, of these bytes.
    pub fn proves(&self, file: &[u8], signature: &str) -> bool {
        let Some(signature) = unhex::<64>(signature) else { return false };
        self.0.verify_strict(&[LABEL, file].concat(), &Signature::from_bytes(&signature)).is_ok()
    }
}

/// Never over a file that is there, and readable by its owner alone from its first byte on.
fn write_secret(name: &str, text: &str) -> Result<(), Error> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(name).and_then(|mut file| writeln!(file, "{text}"));
    written.map_err(|error| Error::file(name, error))
}

fn bytes(name: &str) -> Result<[u8; 32], Error> {
    let text = files::read_text(name, BYTES_MAX)?;
    unhex(text.trim()).ok_or_else(|| {
        Error::file(name, "a key is 64 hexadecimal digits: make one with `weir models keygen`")
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_proves_its_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("key").to_string_lossy().into_owned();
        let public = SecretKey::make(&name).unwrap();
        let secret = SecretKey::read(&name).unwrap();
        assert_eq!(PublicKey::read(&format!("{name}.pub")).unwrap(), public);
        let signature = secret.sign(b"a model");
        assert!(public.proves(b"a model", &signature));
        assert!(!public.proves(b"b model", &signature));
        assert!(!public.proves(b"a model", &signature[2..]));
        let other = SecretKey::make(&format!("{name}2")).unwrap();
        assert!(!other.proves(b"a model", &signature));
        assert!(SecretKey::make(&name).is_err(), "a key is never written over");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&name).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
