//! The provider's word that a sign-in ended (OpenID Connect Back-Channel Logout 1.0).
//!
//! Separate from signing in, since nobody waits at a browser for it. Invariants: it is believed by its signature, as an identity token is,
//! and says which it is; a word that would be good for longer than a day is not taken, so that those that were heard can be kept until
//! they are good no more.

use serde_json::Value;

use super::{Closed, Provider, secret};
use crate::people::oidc::token::{Disbelief, SKEW_S};

/// What a logout token says that it is about.
const ENDED: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How long a word may be good at most, ms.
const LIFE_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// Whose sessions end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The provider's number of the person.
    pub subject: String,
    /// What is kept of the word's own number, so that it is heard once.
    pub number: [u8; 32],
    /// Until when it would be believed, wall ms.
    pub good_until: u64,
}

impl Provider {
    /// Whose sessions end, as the provider says by a logout token.
    ///
    /// # Errors
    /// Why it is not believed; a token that names only a session of the provider's is of no use here.
    pub fn ended(&self, now: u64, token: &str) -> Result<Ended, Closed> {
        let claims = self.believe(token, None, now)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let events = claims.get("events").and_then(Value::as_object);
        let is_end = events.is_some_and(|events| events.contains_key(ENDED));
        let (Some(subject), Some(number)) = (text("sub").filter(|_| is_end), text("jti")) else {
            return Err(Closed::Token(Disbelief::Malformed));
        };
        let ends_s = claims.get("exp").and_then(Value::as_f64).unwrap_or_default() as u64;
        let good_until = ends_s.saturating_add(SKEW_S).saturating_mul(1_000);
        if good_until > now.saturating_add(LIFE_MS_MAX) {
            return Err(Closed::Token(Disbelief::Time));
        }
        Ok(Ended { subject: subject.to_owned(), number: secret::hash(number), good_until })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::token::tests::Signer;
    use super::super::{Fetch, Settings};
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    /// A provider with the keys of a signer.
    struct Keyed(String);

    impl Fetch for Keyed {
        fn get(&self, url: &str) -> Result<Vec<u8>, String> {
            let told = json!({"issuer": "https://id.example", "authorization_endpoint": "https://id.example/auth",
                "token_endpoint": "https://id.example/token", "jwks_uri": "https://id.example/keys"});
            Ok(if url.ends_with("/keys") { self.0.clone() } else { told.to_string() }.into_bytes())
        }

        fn post(&self, _: &str, _: &str, _: Option<&str>) -> Result<Vec<u8>, String> {
            Err("nobody asks".to_owned())
        }
    }

    #[test]
    fn a_word_that_a_sign_in_ended_is_of_that_kind_has_a_number_and_is_good_for_a_day_at_most() {
        let signer = Signer::new();
        let settings = Settings {
            issuer: "https://id.example".to_owned(),
            client_id: "weir".to_owned(),
            ..Settings::default()
        };
        let provider = Provider::new(settings, Arc::new(Keyed(signer.key_set().to_string())));
        let now_s = NOW / 1_000;
        let whole = json!({"iss": "https://id.example", "aud": "weir", "sub": "s1", "jti": "j1", "iat": now_s, "exp": now_s + 120,
            "events": {ENDED: {}}});
        let judge = |name: &str, value: Value| {
            let mut claims = whole.clone();
            claims[name] = value;
            let token = signer.token(&json!({"alg": "ES256", "kid": "k1"}), &claims);
            provider.ended(NOW, &token).map_err(|closed| match closed {
                Closed::Token(why) => why,
                other => panic!("{other}"),
            })
        };
        let ended = judge("sub", json!("s1")).expect("believed");
        assert_eq!((&*ended.subject, ended.good_until), ("s1", NOW + 180_000));
        assert_ne!(judge("jti", json!("j2")).expect("believed").number, ended.number);
        assert_eq!(judge("jti", Value::Null), Err(Disbelief::Malformed));
        assert_eq!(judge("sub", Value::Null), Err(Disbelief::Malformed));
        assert_eq!(judge("events", json!({})), Err(Disbelief::Malformed));
        assert_eq!(judge("nonce", json!("n1")), Err(Disbelief::Nonce), "an identity token is none");
        assert_eq!(judge("exp", json!(now_s + 100_000)), Err(Disbelief::Time));
    }
}
