//! What rows are measured apart by, beside their features: the country of the account's number, its client, tier and age, and of
//! simulated traffic the persona.
//!
//! Separate from labels, which they say nothing about, and from features: no model learns from them. Invariants: the first word about a
//! country counts, and of clients the last one at or before the row, so that a replay and an archive say the same; tier and age are
//! those of the row itself; what was not heard is unknown; of an account's clients the last [`CLIENTS_MAX`] are known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use features::catalog::computed::{AGE_S, TIER};
use schema::{Body, Event, Row, Tier};

/// Changes of client that are remembered of an account.
const CLIENTS_MAX: usize = 32;

/// Ages by name: each from the one before it up to so many seconds.
const AGES: [(f32, &str); 6] = [
    (3_600.0, "under 1 h"),
    (86_400.0, "1 h to 1 d"),
    (7.0 * 86_400.0, "1 d to 7 d"),
    (30.0 * 86_400.0, "7 d to 30 d"),
    (365.0 * 86_400.0, "30 d to 1 y"),
    (f32::INFINITY, "over 1 y"),
];

/// Tiers in the order of their codes in a row.
const TIERS: [Tier; 4] = [Tier::Person, Tier::Business, Tier::Verified, Tier::Bot];

/// Values of a row that it is measured apart by, in the order of their columns: country (ISO 3166-1 alpha-2), client, tier, age and persona.
pub type Apart<'a> = [Option<&'a str>; 5];

/// What was heard of accounts.
#[derive(Debug, Default)]
pub struct Slices {
    countries: BTreeMap<String, [u8; 2]>,
    /// Since when (ms since the Unix epoch) an account has which client, in rising order.
    clients: BTreeMap<String, Vec<(u64, Arc<str>)>>,
    /// Each client's name once.
    names: BTreeSet<Arc<str>>,
    personas: BTreeMap<String, String>,
}

impl Slices {
    /// Notes what the event says about its account; `at`: when the log took it, ms since the Unix epoch.
    pub fn event(&mut self, event: &Event<'_>, at: u64) {
        let (Body::Registration(session) | Body::Session(session)) = &event.body else { return };
        if let Some(country) = session.country
            && !self.countries.contains_key(event.account)
        {
            self.countries.insert(event.account.to_owned(), country);
        }
        if let Some(client) = session.client {
            self.client(event.account, client, at);
        }
    }

    fn client(&mut self, account: &str, client: &str, at: u64) {
        let name = self.names.get(client).cloned().unwrap_or_else(|| Arc::from(client));
        self.names.insert(name.clone());
        let known = self.clients.entry(account.to_owned()).or_default();
        let place = known.partition_point(|(since, _)| *since <= at);
        if place > 0 && known[place - 1].1 == name {
            return;
        }
        known.insert(place, (at, name));
        if known.len() > CLIENTS_MAX {
            known.remove(0);
        }
    }

    /// Notes what kind of account it is.
    pub fn persona(&mut self, account: &str, persona: &str) {
        self.personas.insert(account.to_owned(), persona.to_owned());
    }

    /// What the row is measured apart by.
    #[must_use]
    pub fn of(&self, row: &Row) -> Apart<'_> {
        let country = self.countries.get(&row.account);
        let clients = self.clients.get(&row.account).map_or(&[][..], Vec::as_slice);
        let client = clients.partition_point(|(since, _)| *since <= row.at).checked_sub(1);
        let value = |place: usize| row.values.get(place).copied().flatten();
        // A code is a small whole number: the catalogue says so.
        let tier = value(TIER).and_then(|code| TIERS.get(code as usize));
        let age = value(AGE_S).and_then(|age| AGES.iter().find(|(end, _)| age < *end));
        [
            country.and_then(|country| std::str::from_utf8(country).ok()),
            client.map(|place| &*clients[place].1),
            tier.map(|tier| tier.word()),
            age.map(|(_, name)| *name),
            self.personas.get(&row.account).map(String::as_str),
        ]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use schema::{RowWhy, Session};

    use super::*;

    /// A row of account `a` of which nothing is known.
    pub fn bare(at: u64, why: RowWhy) -> Row {
        Row {
            event: "e".to_owned(),
            account: "a".to_owned(),
            at,
            partition: 0,
            offset: 0,
            why,
            weight: 1.0,
            catalog: String::new(),
            values: Vec::new(),
            score: None,
            model: String::new(),
            decisions: Vec::new(),
        }
    }

    fn row(at: u64, age_s: Option<f32>, tier: Option<f32>) -> Row {
        let mut values = vec![None; features::CATALOG.len()];
        (values[AGE_S], values[TIER]) = (age_s, tier);
        Row { values, ..bare(at, RowWhy::Sample) }
    }

    fn session(slices: &mut Slices, at: u64, client: &str, country: &[u8; 2]) {
        let session = Session { client: Some(client), country: Some(*country), ..Session::default() };
        let text = format!(r#"{{"id":"e","ts":{},"kind":"session","account":"a"}}"#, 1_762_128_000_000 + at);
        let raw = schema::json::decode(text.as_bytes()).unwrap();
        let mut event = raw.event().unwrap().unwrap();
        event.body = Body::Session(session);
        slices.event(&event, at);
    }

    #[test]
    fn a_row_is_told_apart_by_what_was_known_when_it_was_taken() {
        let mut slices = Slices::default();
        session(&mut slices, 10, "old", b"IN");
        // An archive may tell what came later first.
        session(&mut slices, 30, "newest", b"BR");
        session(&mut slices, 20, "new", b"BR");
        let client = |at: u64| slices.of(&row(at, None, None))[1];
        assert_eq!(
            [9, 10, 19, 20, 29, 30, 99].map(client).map(Option::unwrap_or_default),
            ["", "old", "old", "new", "new", "newest", "newest"]
        );
        assert_eq!(slices.of(&row(99, None, None))[0], Some("IN"));
        let told = |age: f32, tier: f32| slices.of(&row(1, Some(age), Some(tier)))[2..4].to_vec();
        assert_eq!(told(3_599.0, 0.0), [Some("person"), Some("under 1 h")]);
        assert_eq!(told(3_600.0, 3.0), [Some("bot"), Some("1 h to 1 d")]);
        assert_eq!(told(1e9, 1.0), [Some("business"), Some("over 1 y")]);
        assert_eq!(slices.of(&row(1, None, None))[2..], [None, None, None]);
    }

    #[test]
    fn of_many_clients_the_last_are_known() {
        let mut slices = Slices::default();
        (0..100).for_each(|at| session(&mut slices, at, &format!("c{at}"), b"IN"));
        assert_eq!(slices.clients["a"].len(), CLIENTS_MAX);
        assert_eq!(slices.of(&row(1_000, None, None))[1], Some("c99"));
        assert_eq!(slices.of(&row(67, None, None))[1], None);
    }
}
