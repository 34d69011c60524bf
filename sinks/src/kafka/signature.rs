//! weir's own signature on events that gateways may not send.
//!
//! Separate, because only weir's roles may hold the key. Invariants: HMAC-SHA256 over the record's value; the key is never
//! printed.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Signs records.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// A key; any bytes will do, at least 32 random ones should.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// The signature of a record's value.
    #[must_use]
    pub fn sign(&self, value: &[u8]) -> [u8; 32] {
        self.0.clone().chain_update(value).finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::Signer;

    #[test]
    fn it_is_hmac_sha256_as_published() {
        // RFC 4231, test case 2.
        let tag = Signer::new(b"Jefe").sign(b"what do ya want for nothing?");
        let text: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn the_key_is_never_printed() {
        assert_eq!(format!("{:?}", Signer::new(b"secret")), "Signer(hidden)");
    }
}
