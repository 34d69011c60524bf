//! What rows are measured apart by, beside their features: the country of the account's number, and of simulated traffic the persona.
//!
//! Separate from labels, which they say nothing about, and from features: no model learns from them. Invariants: the first word about
//! a country counts, so that a replay and an archive say the same; what was not heard is unknown.

use std::collections::BTreeMap;

use schema::{Body, Event};

/// What was heard of accounts.
#[derive(Debug, Default)]
pub struct Slices {
    countries: BTreeMap<String, [u8; 2]>,
    personas: BTreeMap<String, String>,
}

impl Slices {
    /// Notes the country of an account's number, if the event is the first to say it.
    pub fn event(&mut self, event: &Event<'_>) {
        let (Body::Registration(session) | Body::Session(session)) = &event.body else { return };
        if let Some(country) = session.country
            && !self.countries.contains_key(event.account)
        {
            self.countries.insert(event.account.to_owned(), country);
        }
    }

    /// Notes what kind of account it is.
    pub fn persona(&mut self, account: &str, persona: &str) {
        self.personas.insert(account.to_owned(), persona.to_owned());
    }

    /// The country (ISO 3166-1 alpha-2) and the persona of an account.
    #[must_use]
    pub fn of(&self, account: &str) -> [Option<&str>; 2] {
        let country = self.countries.get(account).and_then(|country| std::str::from_utf8(country).ok());
        [country, self.personas.get(account).map(String::as_str)]
    }
}
