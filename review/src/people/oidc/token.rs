//! Identity tokens of OpenID Connect: read strictly, and believed only if everything holds.
//!
//! Separate from the flow, so that each rule can be shown a token without a provider. Invariants: pure; RS256 and ES256 alone, and the
//! key decides which of them, never the token; a token is believed with the right signature, issuer, audience, nonce and time, all of
//! them; what is not understood is refused.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Map, Value};

/// Longest token, bytes.
const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// Most keys of a provider.
const KEYS_MAX: usize = 64;
/// How far clocks may differ, s.
pub(super) const SKEW_S: u64 = 60;

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disbelief {
    /// It is no token of three parts, or a part is not what it must be.
    #[error("it is malformed")]
    Malformed,
    /// It is signed in a way that is not taken.
    #[error("its algorithm is not RS256 or ES256")]
    Algorithm,
    /// No key of the provider has its number.
    #[error("the provider has no such key")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("its signature is wrong")]
    Signature,
    /// It is from another issuer.
    #[error("it is of another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("it is for another audience")]
    Audience,
    /// It is of another sign-in.
    #[error("its nonce is of another sign-in")]
    Nonce,
    /// It has expired, or is from the future.
    #[error("it has expired, or is of the future")]
    Time,
}

/// A provider's key.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
}

/// The keys of a provider, by number; one that has none is under an empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<String, Key>);

impl Keys {
    /// Reads a JSON Web Key Set; keys of other kinds and uses are passed over.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Keys> {
        let set: Value = serde_json::from_slice(bytes).ok()?;
        let keys = set.get("keys")?.as_array()?;
        let keys = keys.iter().take(KEYS_MAX).filter_map(|key| {
            let text = |name: &str| key.get(name).and_then(Value::as_str);
            if text("use").is_some_and(|usage| usage != "sig") {
                return None;
            }
            let found = match (text("kty")?, text("crv")) {
                ("RSA", _) if text("alg").is_none_or(|alg| alg == "RS256") => {
                    Key::Rsa { n: decoded(text("n")?)?, e: decoded(text("e")?)? }
                }
                ("EC", Some("P-256")) => {
                    let (x, y) = (decoded(text("x")?)?, decoded(text("y")?)?);
                    if x.len() != 32 || y.len() != 32 {
                        return None;
                    }
                    Key::P256([&[4_u8][..], &x, &y].concat())
                }
                _ => return None,
            };
            Some((text("kid").unwrap_or_default().to_owned(), found))
        });
        Some(Keys(keys.collect()))
    }

    fn get(&self, number: Option<&str>) -> Option<&Key> {
        match number {
            Some(number) => self.0.get(number),
            // Without a number only a provider with one key leaves no doubt.
            None if self.0.len() == 1 => self.0.values().next(),
            None => None,
        }
    }
}

/// What a token must be.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Its issuer, exactly.
    pub issuer: &'a str,
    /// Who it is for.
    pub client: &'a str,
    /// Of this sign-in; `None`: of none, as of a token that ends sessions.
    pub nonce: Option<&'a str>,
    /// The wall's time, ms.
    pub now: u64,
}

/// What a token says, if it is to be believed.
///
/// # Errors
/// Why it is not.
pub fn believed(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<Map<String, Value>, Disbelief> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Disbelief::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Disbelief::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Disbelief::Malformed)?;
    let header = object(header)?;
    if header.contains_key("crit") {
        return Err(Disbelief::Malformed);
    }
    let text =
        |fields: &Map<String, Value>, name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let algorithm = text(&header, "alg").ok_or(Disbelief::Malformed)?;
    if !matches!(&*algorithm, "RS256" | "ES256") {
        return Err(Disbelief::Algorithm);
    }
    let key = keys.get(text(&header, "kid").as_deref()).ok_or(Disbelief::UnknownKey)?;
    let signature = decoded(signature).ok_or(Disbelief::Malformed)?;
    verify(key, &algorithm, (signed.as_bytes(), &signature))?;
    let claims = object(claims)?;
    if text(&claims, "iss").as_deref() != Some(expected.issuer) {
        return Err(Disbelief::Issuer);
    }
    if !is_for(&claims, expected.client) {
        return Err(Disbelief::Audience);
    }
    if claims.get("nonce").map(|nonce| nonce.as_str().unwrap_or_default()) != expected.nonce {
        return Err(Disbelief::Nonce);
    }
    let seconds =
        |name: &str| claims.get(name).and_then(Value::as_f64).filter(|s| *s >= 0.0).map(|s| s as u64);
    let now_s = expected.now / 1_000;
    let ends = seconds("exp").ok_or(Disbelief::Time)?;
    let begins = seconds("nbf").unwrap_or(0).max(seconds("iat").ok_or(Disbelief::Time)?);
    if now_s >= ends.saturating_add(SKEW_S) || begins > now_s.saturating_add(SKEW_S) {
        return Err(Disbelief::Time);
    }
    Ok(claims)
}

/// The key says which algorithm it is for.
fn verify(key: &Key, algorithm: &str, (signed, signature): (&[u8], &[u8])) -> Result<(), Disbelief> {
    let wrong = |_| Disbelief::Signature;
    match (key, algorithm) {
        (Key::Rsa { n, e }, "RS256") => {
            let key = RsaPublicKeyComponents { n, e };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).map_err(wrong)
        }
        (Key::P256(point), "ES256") => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).map_err(wrong)
        }
        _ => Err(Disbelief::Algorithm),
    }
}

/// Whether a token is for us, and if for others too, asked for by us.
fn is_for(claims: &Map<String, Value>, client: &str) -> bool {
    let party = claims.get("azp");
    let is_party = party.is_none_or(|party| party.as_str() == Some(client));
    match claims.get("aud") {
        Some(Value::String(one)) => one == client && is_party,
        Some(Value::Array(many)) => {
            let ours = many.iter().any(|one| one.as_str() == Some(client));
            ours && is_party && (many.len() == 1 || party.is_some())
        }
        _ => false,
    }
}

fn object(part: &str) -> Result<Map<String, Value>, Disbelief> {
    let bytes = decoded(part).ok_or(Disbelief::Malformed)?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(Disbelief::Malformed),
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Our number and secret as the header says them (RFC 6749, section 2.3.1).
#[must_use]
pub fn basic(client: &str, secret: &str) -> String {
    let part = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", part(client), part(secret))))
}

/// Bytes as the flow writes them into addresses.
#[must_use]
pub fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_800_000_000_000;
    const EXPECTED: Expected<'_> =
        Expected { issuer: "https://id.example", client: "weir", nonce: Some("n1"), now: NOW };

    /// A provider's key.
    pub(in crate::people::oidc) struct Signer {
        pair: EcdsaKeyPair,
        random: SystemRandom,
    }

    impl Signer {
        pub(in crate::people::oidc) fn new() -> Self {
            let random = SystemRandom::new();
            let document =
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
            Self { pair: pair.expect("a key"), random }
        }

        fn keys(&self) -> Keys {
            Keys::parse(self.key_set().to_string().as_bytes()).expect("a set")
        }

        pub(in crate::people::oidc) fn key_set(&self) -> Value {
            let point = self.pair.public_key().as_ref();
            let (x, y) = (encoded(&point[1..33]), encoded(&point[33..]));
            json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k1", "x": x, "y": y, "use": "sig"},
                {"kty": "oct", "k": "AAAA", "kid": "secret"}, {"kty": "EC", "crv": "P-256", "kid": "enc", "use": "enc", "x": x, "y": y}]})
        }

        pub(in crate::people::oidc) fn token(&self, header: &Value, claims: &Value) -> String {
            let signed = format!(
                "{}.{}",
                encoded(header.to_string().as_bytes()),
                encoded(claims.to_string().as_bytes())
            );
            let signature = self.pair.sign(&self.random, signed.as_bytes()).expect("signs");
            format!("{signed}.{}", encoded(signature.as_ref()))
        }
    }

    fn claims() -> Value {
        json!({"iss": "https://id.example", "aud": "weir", "sub": "s1", "nonce": "n1", "exp": NOW / 1_000 + 300, "iat": NOW / 1_000})
    }

    #[test]
    fn a_token_is_believed_only_if_signature_issuer_audience_nonce_and_time_are_right() {
        let signer = Signer::new();
        let header = json!({"alg": "ES256", "kid": "k1"});
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            believed(&signer.token(&header, &claims), &signer.keys(), &EXPECTED)
                .map(|claims| claims["sub"].clone())
        };
        assert_eq!(with("sub", json!("s1")), Ok(json!("s1")));
        assert_eq!(with("iss", json!("https://id.example/")), Err(Disbelief::Issuer));
        assert_eq!(with("aud", json!("other")), Err(Disbelief::Audience));
        assert_eq!(
            with("aud", json!(["weir", "other"])),
            Err(Disbelief::Audience),
            "for others, too, and nobody says who asked"
        );
        assert_eq!(with("aud", json!(["weir"])), Ok(json!("s1")));
        assert_eq!(with("azp", json!("other")), Err(Disbelief::Audience));
        assert_eq!(with("nonce", json!("n2")), Err(Disbelief::Nonce));
        assert_eq!(with("nonce", Value::Null), Err(Disbelief::Nonce));
        assert_eq!(with("exp", json!(NOW / 1_000 - 61)), Err(Disbelief::Time));
        assert_eq!(with("exp", json!(NOW / 1_000 - 59)), Ok(json!("s1")), "clocks differ a little");
        assert_eq!(with("exp", json!("never")), Err(Disbelief::Time));
        assert_eq!(with("iat", json!(NOW / 1_000 + 120)), Err(Disbelief::Time));
        assert_eq!(with("nbf", json!(NOW / 1_000 + 120)), Err(Disbelief::Time));
    }

    #[test]
    fn neither_another_key_nor_another_algorithm_nor_a_changed_token_passes() {
        let (signer, other) = (Signer::new(), Signer::new());
        let header = json!({"alg": "ES256", "kid": "k1"});
        let judge = |token: &str| believed(token, &signer.keys(), &EXPECTED).map(|_| ());
        let good = signer.token(&header, &claims());
        assert_eq!(judge(&good), Ok(()));
        assert_eq!(judge(&other.token(&header, &claims())), Err(Disbelief::Signature));
        let (rest, signature) = good.rsplit_once('.').expect("three parts");
        let mut more = claims();
        more["weir_role"] = json!("admin");
        let forged = format!(
            "{}.{}.{signature}",
            rest.split_once('.').expect("two").0,
            encoded(more.to_string().as_bytes())
        );
        assert_eq!(judge(&forged), Err(Disbelief::Signature));
        for (header, why) in [
            (json!({"alg": "none"}), Disbelief::Algorithm),
            (json!({"alg": "HS256", "kid": "k1"}), Disbelief::Algorithm),
            (json!({"alg": "RS256", "kid": "k1"}), Disbelief::Algorithm),
            (json!({"alg": "ES256", "kid": "k2"}), Disbelief::UnknownKey),
            (json!({"alg": "ES256", "kid": "enc"}), Disbelief::UnknownKey),
            (json!({"alg": "ES256", "kid": "secret"}), Disbelief::UnknownKey),
            (json!({"alg": "ES256", "kid": "k1", "crit": ["b64"]}), Disbelief::Malformed),
            (json!({"kid": "k1"}), Disbelief::Malformed),
        ] {
            assert_eq!(judge(&signer.token(&header, &claims())), Err(why), "{header}");
        }
        for text in ["", "a", "a.b", "a.b.c", "..", &format!("{rest}."), &format!("{good}=")] {
            assert!(judge(text).is_err(), "{text}");
        }
    }
}
