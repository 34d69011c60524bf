//! Signing in by a provider of OpenID Connect: authorization code with PKCE.
//!
//! Separate from people, who may come by a password as well, and from pages, which know no token. Invariants: a sign-in that was begun
//! ends once, in the browser that began it, within ten minutes; what the provider says is believed as `token` says and not otherwise;
//! so many sign-ins under way are remembered, the oldest go first; no secret, code or token is logged.

pub mod logout;
pub mod token;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{Role, secret};
use token::{Disbelief, Expected, Keys};

/// How long somebody may take at the provider, ms.
const DOOR_MS: u64 = 10 * 60 * 1_000;
/// Most sign-ins under way.
const DOORS_MAX: usize = 1_000;
/// How long what the provider says of itself is believed, ms.
const KNOWN_MS: u64 = 60 * 60 * 1_000;
/// How soon keys are asked for again for a token of an unknown one, ms.
const KEYS_MS: u64 = 60 * 1_000;
/// How long a provider that did not answer is left alone, ms.
const REST_MS: u64 = 5_000;
/// Longest code or state that is looked at, bytes.
const CODE_BYTES_MAX: usize = 4_096;

/// What the operator configured.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The issuer, such as `https://id.example`, exactly as the provider calls itself.
    pub issuer: String,
    /// Our number there.
    pub client_id: String,
    /// Our secret there; empty: a public client, which PKCE alone protects.
    pub client_secret: String,
    /// What is asked for besides `openid`, separated by blanks.
    pub scopes: String,
    /// The claim whose value, or one of whose values, gives the role; dots lead into objects.
    pub role_claim: String,
    /// Which value gives which role; the first that fits counts. None: only who was linked comes in.
    pub roles: Vec<(String, Role)>,
    /// The claim that gives the name.
    pub name_claim: String,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { issuer, client_id, .. } = self;
        write!(f, "Settings {{ issuer: {issuer}, client_id: {client_id}, client_secret: hidden }}")
    }
}

/// How the provider is spoken to; a call may block.
pub trait Fetch: Send + Sync {
    /// The body at an address.
    ///
    /// # Errors
    /// Why there is none, without secrets.
    fn get(&self, url: &str) -> Result<Vec<u8>, String>;
    /// The answer to a form, also if it says no. `authorization`: the value of that header, which is never logged.
    ///
    /// # Errors
    /// Why there is none, without secrets.
    fn post(&self, url: &str, form: &str, authorization: Option<&str>) -> Result<Vec<u8>, String>;
}

/// Why nobody comes in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// No sign-in of that state is under way in this browser: it ended, was finished, or never began here.
    #[error("no sign-in of that state is under way in this browser")]
    NoDoor,
    /// The provider refused, in its word.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// The provider does not answer, or not as it must.
    #[error("the provider does not answer as it must: {0}")]
    Provider(String),
    /// Its token is not believed.
    #[error("the identity token is not believed: {0}")]
    Token(#[from] Disbelief),
}

/// Whom the provider says that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The provider's own number of them, which never changes.
    pub subject: String,
    /// What they are called.
    pub name: String,
    /// The role that the claim gives, if it gives one.
    pub role: Option<Role>,
    /// Where they wanted to go.
    pub next: String,
    /// Who was signed in already and wants to come this way from now on.
    pub link: Option<Linking>,
}

/// Somebody who is signed in and wants to come by a provider from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linking {
    /// Pseudonym.
    pub user: String,
    /// What is kept of the token of the session in which they asked: it must still live when the answer comes. The cookie itself may not
    /// come with an answer from another site.
    pub session: [u8; 32],
}

/// A sign-in under way.
struct Door {
    browser: [u8; 32],
    nonce: String,
    verifier: String,
    back: String,
    next: String,
    link: Option<Linking>,
    ends_at: u64,
}

/// What the provider says of itself.
struct Discovered {
    authorize: String,
    token: String,
    jwks: String,
    /// Whether our secret goes into the header, not into the form.
    is_basic: bool,
    keys: Keys,
    keys_at: u64,
    at: u64,
}

/// A provider, and sign-ins under way there.
pub struct Provider {
    /// What was configured.
    pub settings: Settings,
    fetch: Arc<dyn Fetch>,
    discovered: Mutex<Option<Arc<Discovered>>>,
    /// Until when it is not asked who it is, wall ms: it did not answer.
    rests_until: Mutex<u64>,
    doors: Mutex<BTreeMap<[u8; 32], Door>>,
}

/// Where a browser is sent, and what it keeps.
pub struct Begun {
    /// The provider's address.
    pub url: String,
    /// The cookie's value.
    pub browser: String,
}

/// What came back from the provider.
#[derive(Debug, Clone, Copy)]
pub struct Returned<'a> {
    /// `state`.
    pub state: &'a str,
    /// `code`.
    pub code: &'a str,
    /// `error`; empty: none.
    pub error: &'a str,
    /// `iss`; empty: it was not told.
    pub issuer: &'a str,
    /// The cookie's value.
    pub browser: &'a str,
}

impl Provider {
    /// One that nothing was asked yet.
    #[must_use]
    pub fn new(settings: Settings, fetch: Arc<dyn Fetch>) -> Self {
        let (discovered, rests_until) = (Mutex::new(None), Mutex::new(0));
        let doors = Mutex::new(BTreeMap::new());
        Self { settings, fetch, discovered, rests_until, doors }
    }

    /// Begins a sign-in. `back`: our address for the provider's answer; `link`: who is signed in and wants to be linked.
    ///
    /// # Errors
    /// [`Closed::Provider`].
    pub fn begin(
        &self,
        now: u64,
        back: &str,
        (next, link): (&str, Option<Linking>),
    ) -> Result<Begun, Closed> {
        let discovered = self.discover(now)?;
        let [state, nonce, verifier, browser] = [(); 4].map(|()| secret::token());
        let challenge = token::encoded(&Sha256::digest(verifier.as_bytes()));
        let scope = format!("openid {}", self.settings.scopes);
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", back)
            .append_pair("scope", scope.trim())
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        let joint = if discovered.authorize.contains('?') { '&' } else { '?' };
        let url = format!("{}{joint}{query}", discovered.authorize);
        let door = Door {
            browser: secret::hash(&browser),
            nonce,
            verifier,
            back: back.to_owned(),
            next: next.to_owned(),
            link,
            ends_at: now.saturating_add(DOOR_MS),
        };
        let mut doors = lock(&self.doors);
        doors.retain(|_, door| door.ends_at > now);
        while doors.len() >= DOORS_MAX {
            let oldest = doors.iter().min_by_key(|(_, door)| door.ends_at).map(|(state, _)| *state);
            oldest.map(|state| doors.remove(&state));
        }
        doors.insert(secret::hash(&state), door);
        Ok(Begun { url, browser })
    }

    /// Ends a sign-in: whom the provider says that it is.
    ///
    /// # Errors
    /// Why nobody comes in.
    pub fn finish(&self, now: u64, returned: &Returned<'_>) -> Result<Identified, Closed> {
        if returned.state.len() > CODE_BYTES_MAX || returned.code.len() > CODE_BYTES_MAX {
            return Err(Closed::NoDoor);
        }
        // Taken out whatever follows: a state is good for one answer.
        let door = lock(&self.doors).remove(&secret::hash(returned.state)).ok_or(Closed::NoDoor)?;
        if door.ends_at <= now || door.browser != secret::hash(returned.browser) {
            return Err(Closed::NoDoor);
        }
        if !returned.issuer.is_empty() && returned.issuer != self.settings.issuer {
            return Err(Closed::Token(Disbelief::Issuer));
        }
        if !returned.error.is_empty() {
            return Err(Closed::Refused(plain(returned.error)));
        }
        let token = self.exchange(&door, (returned.code, now))?;
        let claims = self.believe(&token, Some(&door.nonce), now)?;
        let subject =
            claims.get("sub").and_then(Value::as_str).filter(|subject| (1..=255).contains(&subject.len()));
        let subject = subject.ok_or(Closed::Token(Disbelief::Malformed))?.to_owned();
        let name = texts(&claims, &self.settings.name_claim).into_iter().next().unwrap_or_default();
        let held = texts(&claims, &self.settings.role_claim);
        let role = self.settings.roles.iter().find(|(value, _)| held.contains(value)).map(|(_, role)| *role);
        Ok(Identified { subject, name, role, next: door.next, link: door.link })
    }

    /// The code for an identity token.
    fn exchange(&self, door: &Door, (code, now): (&str, u64)) -> Result<String, Closed> {
        let discovered = self.discover(now)?;
        let Settings { client_id, client_secret, .. } = &self.settings;
        let has_secret = !client_secret.is_empty();
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &door.back)
            .append_pair("code_verifier", &door.verifier);
        let basic = (has_secret && discovered.is_basic).then(|| token::basic(client_id, client_secret));
        if basic.is_none() {
            form.append_pair("client_id", client_id);
            if has_secret {
                form.append_pair("client_secret", client_secret);
            }
        }
        let answer =
            self.fetch.post(&discovered.token, &form.finish(), basic.as_deref()).map_err(Closed::Provider)?;
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|_| Closed::Provider("the token endpoint gave no JSON".to_owned()))?;
        match answer.get("id_token").and_then(Value::as_str) {
            Some(token) => Ok(token.to_owned()),
            None => {
                let why = answer.get("error").and_then(Value::as_str).unwrap_or("no identity token");
                Err(Closed::Refused(plain(why)))
            }
        }
    }

    /// The claims of a token, with keys that are asked for again if one is unknown.
    fn believe(&self, token: &str, nonce: Option<&str>, now: u64) -> Result<Map<String, Value>, Closed> {
        let Settings { issuer, client_id, .. } = &self.settings;
        let expected = Expected { issuer, client: client_id, nonce, now };
        let discovered = self.discover(now)?;
        match token::believed(token, &discovered.keys, &expected) {
            Err(Disbelief::UnknownKey) if now.saturating_sub(discovered.keys_at) > KEYS_MS => {
                *lock(&self.discovered) = None;
                Ok(token::believed(token, &self.discover(now)?.keys, &expected)?)
            }
            judged => Ok(judged?),
        }
    }

    /// What the provider says of itself, asked for again after a time. One asks at once, and one that does not answer is left alone for a
    /// while: whoever is not signed in may ask as often as they like.
    fn discover(&self, now: u64) -> Result<Arc<Discovered>, Closed> {
        if let Some(known) = &*lock(&self.discovered)
            && now.saturating_sub(known.at) < KNOWN_MS
        {
            return Ok(Arc::clone(known));
        }
        let Ok(mut rests_until) = self.rests_until.try_lock() else {
            return Err(Closed::Provider("it is being asked who it is".to_owned()));
        };
        if now < *rests_until {
            return Err(Closed::Provider("it did not answer a moment ago".to_owned()));
        }
        let asked = self.ask(now);
        if asked.is_err() {
            *rests_until = now.saturating_add(REST_MS);
        }
        asked
    }

    fn ask(&self, now: u64) -> Result<Arc<Discovered>, Closed> {
        let wrong = |detail: &str| Closed::Provider(detail.to_owned());
        let issuer = &self.settings.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let told = self.fetch.get(&address).map_err(Closed::Provider)?;
        let told: Value = serde_json::from_slice(&told).map_err(|_| wrong("its configuration is no JSON"))?;
        let text = |name: &str| told.get(name).and_then(Value::as_str);
        if text("issuer") != Some(issuer) {
            return Err(wrong("it calls itself otherwise than oidc.issuer does"));
        }
        let is_plain = issuer.starts_with("http://");
        let endpoint = |name: &str| {
            let found = text(name)
                .filter(|url| url.starts_with("https://") || is_plain && url.starts_with("http://"));
            found
                .map(str::to_owned)
                .ok_or_else(|| wrong(&format!("its configuration has no {name} over TLS")))
        };
        let methods = told.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
        let takes =
            |method: &str| methods.is_none_or(|all| all.iter().any(|one| one.as_str() == Some(method)));
        let jwks = endpoint("jwks_uri")?;
        let keys = Keys::parse(&self.fetch.get(&jwks).map_err(Closed::Provider)?);
        let discovered = Arc::new(Discovered {
            authorize: endpoint("authorization_endpoint")?,
            token: endpoint("token_endpoint")?,
            jwks,
            is_basic: takes("client_secret_basic"),
            keys: keys.ok_or_else(|| wrong("its keys cannot be read"))?,
            keys_at: now,
            at: now,
        });
        tracing::info!(issuer, jwks = discovered.jwks, "the provider of sign-ins was asked who it is");
        *lock(&self.discovered) = Some(Arc::clone(&discovered));
        Ok(discovered)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A word of the provider's, of which nothing but letters is kept: it comes by way of a browser.
fn plain(word: &str) -> String {
    word.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').take(64).collect()
}

/// The text or texts of a claim; dots lead into objects, unless a claim has the whole name.
fn texts(claims: &Map<String, Value>, path: &str) -> Vec<String> {
    let nested = || {
        let mut parts = path.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    };
    match claims.get(path).or_else(nested) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
