//! The section `[oidc]`: signing in to the dashboard by a provider of OpenID Connect.
//!
//! Separate from the other sections, of which it needs no value. Invariants: the secret is never printed; after `check` the provider is
//! asked over TLS, or on this machine.

use review::{OidcSettings, Role};
use serde::Deserialize;

use super::Secret;
use crate::error::Error;
use crate::files;

/// Largest file of a secret, bytes.
const SECRET_FILE_BYTES_MAX: u64 = 4_096;

/// The provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    issuer: String,
    client_id: String,
    client_secret: Secret,
    client_secret_file: String,
    scopes: String,
    role_claim: String,
    roles: Vec<String>,
    name_claim: String,
}

impl Oidc {
    /// The provider; `None`: people sign in with passwords alone.
    ///
    /// # Errors
    /// If the file of the secret cannot be read.
    pub fn settings(&self) -> Result<Option<OidcSettings>, Error> {
        if self.issuer.is_empty() {
            return Ok(None);
        }
        let file = &self.client_secret_file;
        let filed = if file.is_empty() { None } else { Some(files::read_text(file, SECRET_FILE_BYTES_MAX)?) };
        let secret = filed.as_deref().unwrap_or(self.client_secret.reveal());
        Ok(Some(OidcSettings {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_secret: secret.lines().next().unwrap_or_default().to_owned(),
            scopes: self.scopes.clone(),
            role_claim: self.role_claim.clone(),
            roles: self.roles.iter().filter_map(|rule| role(rule)).collect(),
            name_claim: self.name_claim.clone(),
        }))
    }

    /// What is wrong, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        let Oidc { issuer, client_id, .. } = self;
        let host = issuer.strip_prefix("http://").unwrap_or_default();
        let host = host.split(['/', ':']).next().unwrap_or_default();
        let is_here = matches!(host, "127.0.0.1" | "localhost");
        if !issuer.is_empty() && !issuer.starts_with("https://") && !is_here {
            return Err(format!(
                "oidc.issuer = {issuer:?}: give https://… as the provider calls itself, or nothing"
            ));
        }
        if issuer.is_empty() != client_id.is_empty() {
            return Err("oidc.issuer and oidc.client_id belong together".to_owned());
        }
        if !self.client_secret.reveal().is_empty() && !self.client_secret_file.is_empty() {
            return Err("oidc.client_secret and oidc.client_secret_file: give one of them".to_owned());
        }
        match self.roles.iter().find(|rule| role(rule).is_none()) {
            Some(rule) => {
                Err(format!("oidc.roles: {rule:?}: each is \"VALUE=ROLE\", such as \"trust-leads=lead\""))
            }
            None => Ok(()),
        }
    }
}

fn role(rule: &str) -> Option<(String, Role)> {
    let (value, role) = rule.rsplit_once('=')?;
    Some((value.trim().to_owned(), Role::from_word(role.trim())?)).filter(|(value, _)| !value.is_empty())
}
