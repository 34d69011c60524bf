//! Who may come in: API keys and their roles, and the rule for a server without keys.
//!
//! Separate from the routes. Invariants: keys are kept and compared as SHA-256, in time that does not depend on where they
//! differ, and every key is compared every time; no key is ever printed; `admin` may do everything.

use std::net::SocketAddr;

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use ingest::http::problem;
use sha2::{Digest as _, Sha256};

use crate::config::{Keys, Secret};
use crate::error::Error;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To post events and checks.
    Ingest,
    /// To read standings, decisions, what is in force and metrics.
    Read,
    /// To post reviews, and to read.
    Reviewer,
    /// To say which versions are wanted, to turn the kill switch, and to read.
    Publisher,
    /// To do everything.
    Admin,
}

impl Role {
    /// Whether a key of this role opens what asks for another.
    fn opens(self, asked: Role) -> bool {
        match self {
            Role::Admin => true,
            Role::Reviewer | Role::Publisher => asked == self || asked == Role::Read,
            Role::Ingest | Role::Read => asked == self,
        }
    }
}

/// The keys.
pub struct Door {
    keys: Vec<(Role, [u8; 32])>,
}

impl Door {
    /// Reads the keys of the configuration. Without any, only a loopback address may be served.
    pub fn new(keys: &Keys, listen: SocketAddr) -> Result<Door, Error> {
        let mut door = Door { keys: Vec::new() };
        for (role, secrets) in [
            (Role::Ingest, keys.ingest()?),
            (Role::Read, keys.read()?),
            (Role::Reviewer, keys.reviewer()?),
            (Role::Publisher, keys.publisher()?),
            (Role::Admin, keys.admin()?),
        ] {
            door.keys.extend(secrets.iter().map(|secret| (role, hash(secret))));
        }
        if door.keys.is_empty() && !listen.ip().is_loopback() {
            return Err(Error::Usage(format!(
                "{listen} is no loopback address and no API key is configured: give keys ([keys] in the configuration, \
                 WEIR_KEYS_INGEST, WEIR_KEYS_READ and so on), or listen on 127.0.0.1"
            )));
        }
        Ok(door)
    }

    /// Whether there is no key, so that everybody on this machine may come in.
    pub fn is_open(&self) -> bool {
        self.keys.is_empty()
    }

    /// Lets a request with the key of a role in.
    pub fn admit(&self, headers: &HeaderMap, role: Role) -> Result<(), Box<Response>> {
        if self.is_open() {
            return Ok(());
        }
        let given = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let given: [u8; 32] = Sha256::digest(given.unwrap_or_default()).into();
        let (mut known, mut allowed) = (false, false);
        for (has, key) in &self.keys {
            let same = is_same(key, &given);
            known |= same;
            allowed |= same & has.opens(role);
        }
        if allowed {
            Ok(())
        } else if known {
            Err(Box::new(problem(StatusCode::FORBIDDEN, "wrong_role", "this key has another role")))
        } else {
            let detail = "give a key that is configured: Authorization: Bearer KEY";
            let mut response = problem(StatusCode::UNAUTHORIZED, "no_key", detail);
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            Err(Box::new(response))
        }
    }

    /// Without keys: refuses what a browser sends for a page from elsewhere, under whatever name it reached us.
    pub fn at_home(&self, headers: &HeaderMap) -> Result<(), Box<Response>> {
        if !self.is_open() {
            return Ok(());
        }
        let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let origin = headers.get(ORIGIN).map(|value| value.to_str().unwrap_or("?"));
        let origin_host = origin.map(|text| text.split_once("://").map_or(text, |(_, host)| host));
        if is_loopback_name(host) && origin_host.is_none_or(is_loopback_name) {
            return Ok(());
        }
        let detail = "without API keys only callers of this machine that name it localhost are served";
        Err(Box::new(problem(StatusCode::FORBIDDEN, "not_local", detail)))
    }
}

fn hash(secret: &Secret) -> [u8; 32] {
    Sha256::digest(secret.reveal().as_bytes()).into()
}

/// Compares all bytes, wherever they differ.
fn is_same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    std::hint::black_box(a.iter().zip(b).fold(0, |differs, (x, y)| differs | (x ^ y))) == 0
}

/// Whether `host` or `host:port` is this machine.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(keys: &[(Role, &str)]) -> Door {
        Door { keys: keys.iter().map(|(role, key)| (*role, hash(&Secret::new((*key).to_owned())))).collect() }
    }

    fn headers(pairs: &[(axum::http::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_key_opens_what_its_role_may_do() {
        let door =
            door(&[(Role::Ingest, "ingest-key"), (Role::Read, "read-key"), (Role::Admin, "admin-key")]);
        let status = |value: &'static str, role| {
            door.admit(&headers(&[(AUTHORIZATION, value)]), role)
                .map_or_else(|r| r.status().as_u16(), |()| 200)
        };
        assert_eq!(status("Bearer ingest-key", Role::Ingest), 200);
        assert_eq!(status("Bearer ingest-key", Role::Read), 403);
        assert_eq!(status("Bearer read-key", Role::Ingest), 403);
        assert_eq!(status("Bearer admin-key", Role::Read), 200);
        assert_eq!(status("Bearer admin-key", Role::Ingest), 200);
        for wrong in
            ["", "Bearer ", "Bearer ingest-key ", "Bearer ingest-ke", "Basic ingest-key", "ingest-key"]
        {
            assert_eq!(status(wrong, Role::Ingest), 401, "{wrong:?}");
        }
        assert_eq!(door.admit(&HeaderMap::new(), Role::Read).unwrap_err().status(), 401);
    }

    #[test]
    fn who_judges_or_publishes_may_read_and_nothing_else_besides() {
        let door = door(&[(Role::Reviewer, "reviewer-key"), (Role::Publisher, "publisher-key")]);
        for (key, own, other) in [
            ("Bearer reviewer-key", Role::Reviewer, Role::Publisher),
            ("Bearer publisher-key", Role::Publisher, Role::Reviewer),
        ] {
            let opens = |role| door.admit(&headers(&[(AUTHORIZATION, key)]), role).is_ok();
            let found = [own, Role::Read, other, Role::Ingest, Role::Admin].map(opens);
            assert_eq!(found, [true, true, false, false, false], "{key}");
        }
    }

    #[test]
    fn without_keys_only_this_machine_is_at_home() {
        let open = door(&[]);
        let fine = |pairs: &[_]| open.at_home(&headers(pairs)).is_ok();
        for host in ["localhost", "localhost:8484", "127.0.0.1:8484", "[::1]:8484", "127.0.0.2"] {
            assert!(fine(&[(HOST, host)]), "{host}");
        }
        for host in ["weir.example:8484", "localhost.example", "10.0.0.1", ""] {
            assert!(!fine(&[(HOST, host)]), "{host}");
        }
        assert!(fine(&[(HOST, "localhost:1"), (ORIGIN, "http://localhost:3000")]));
        assert!(!fine(&[(HOST, "localhost:1"), (ORIGIN, "https://elsewhere.example")]));
        assert!(!fine(&[(HOST, "localhost:1"), (ORIGIN, "null")]));
        assert!(door(&[(Role::Read, "k")]).at_home(&headers(&[(HOST, "weir.example")])).is_ok());
    }

    #[test]
    fn without_keys_no_other_address_is_served() {
        let keys = crate::config::load(None, &[]).unwrap().config.keys;
        assert!(Door::new(&keys, "127.0.0.1:1".parse().unwrap()).unwrap().is_open());
        assert!(Door::new(&keys, "[::1]:1".parse().unwrap()).is_ok());
        for address in ["0.0.0.0:1", "10.1.2.3:1", "[::]:1"] {
            let error = Door::new(&keys, address.parse().unwrap()).err().expect("refused").to_string();
            assert!(error.contains("no API key"), "{error}");
        }
    }
}
