//! Takes truth, then decisions, then events, and counts.
//!
//! Separate from the report, which is a value. Invariants: one entry an account, found by a fixed hash; events of
//! accounts without truth are counted and passed over.

use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::{HashMap, HashSet};
use schema::{AUDIT, Body, Decision, Event, Mode};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::account::{Account, DAY_MS};
use super::report::{Listed, Report};
use super::{Settings, Truth, tally};
use crate::Error;

/// xxh3 with a fixed seed; hands on a 64-bit hash that is one already.
#[derive(Default)]
struct Fixed(u64);

impl Hasher for Fixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u8(&mut self, byte: u8) {
        // What ends a string; strings of different length already hash differently.
        self.0 ^= u64::from(byte);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// What was read that cannot be judged, and how much was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub events: u64,
    pub events_without_truth: u64,
    pub decisions: u64,
    pub decisions_without_truth: u64,
    pub shadow: u64,
}

/// Judges. Feed it truth first, decisions second, events last, each in file order.
pub struct JudgeBuilder {
    pub(super) settings: Settings,
    pub(super) accounts: Vec<Account>,
    index: HashMap<String, u32, BuildHasherDefault<Fixed>>,
    personas: BTreeMap<String, u32>,
    /// Pairs of account and peer that were seen.
    pairs: HashSet<u64, BuildHasherDefault<Fixed>>,
    /// Start of the first event's day.
    pub(super) epoch: Option<u64>,
    now: u64,
    pub(super) counts: Counts,
    pub(super) listed: Vec<Listed>,
}

impl JudgeBuilder {
    /// Starts with nothing known.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            accounts: Vec::new(),
            index: HashMap::default(),
            personas: BTreeMap::new(),
            pairs: HashSet::default(),
            epoch: None,
            now: 0,
            counts: Counts::default(),
            listed: Vec::new(),
        }
    }

    /// Takes a line of the truth; a repeated account replaces nothing.
    ///
    /// # Errors
    /// [`Error::Data`] after a decision or event.
    pub fn truth(&mut self, truth: &Truth) -> Result<(), Error> {
        if self.counts.decisions > 0 || self.counts.events > 0 {
            return Err(Error::Data("the truth comes before decisions and events".to_owned()));
        }
        if self.index.contains_key(&truth.account) {
            return Ok(());
        }
        let next = self.personas.len() as u32;
        let persona = *self.personas.entry(truth.persona.clone()).or_insert(next);
        let onset = if truth.abusive { truth.onset_ts.unwrap_or(0) } else { 0 };
        self.index.insert(truth.account.clone(), self.accounts.len() as u32);
        self.accounts.push(Account::new(truth.abusive, persona, onset));
        Ok(())
    }

    /// Takes a decision.
    ///
    /// # Errors
    /// [`Error::Data`] after an event.
    pub fn decision(&mut self, decision: &Decision) -> Result<(), Error> {
        if self.counts.events > 0 {
            return Err(Error::Data("decisions come before events".to_owned()));
        }
        self.counts.decisions += 1;
        if decision.probability(AUDIT).is_some() {
            return Ok(()); // Nothing is said of the account, but that chance drew it.
        }
        let Some(&index) = self.index.get(&decision.account) else {
            self.counts.decisions_without_truth += 1;
            return Ok(());
        };
        let account = &mut self.accounts[index as usize];
        if let Some(score) = decision.score.filter(|_| decision.issued >= account.onset) {
            account.score = account.score.max(score);
        }
        if decision.mode != Mode::Enforce {
            self.counts.shadow += 1;
            return Ok(());
        }
        account.decide(decision);
        if !account.abusive && decision.action.restricts() {
            self.listed.push(Listed::of(decision, account.persona));
        }
        Ok(())
    }

    /// Takes a score that an account got (for example from a feature row), for the measures of ranking.
    pub fn score(&mut self, account: &str, ts: u64, score: f32) {
        if let Some(&index) = self.index.get(account) {
            let account = &mut self.accounts[index as usize];
            if ts >= account.onset {
                account.score = account.score.max(score);
            }
        }
    }

    /// Takes an event.
    pub fn event(&mut self, event: &Event<'_>) {
        self.counts.events += 1;
        self.now = event.at.unwrap_or_else(|| self.now.max(event.ts));
        let epoch = *self.epoch.get_or_insert(self.now - self.now % DAY_MS);
        let Some(&index) = self.index.get(event.account) else {
            self.counts.events_without_truth += 1;
            return;
        };
        let fresh = match &event.body {
            Body::Message(message) => message.peer.is_some_and(|peer| self.pairs.insert(pair(index, peer))),
            _ => false,
        };
        let day = self.now.saturating_sub(epoch) / DAY_MS;
        self.accounts[index as usize].see(event, self.now, fresh, day);
    }

    /// Whether what was read can be of one run: not so if there are events, but none is of an account in the truth.
    #[must_use]
    pub fn is_of_one_run(&self) -> bool {
        self.counts.events == 0 || self.counts.events > self.counts.events_without_truth
    }

    /// The judgement.
    #[must_use]
    pub fn finish(self) -> Report {
        tally::report(&self)
    }

    /// Names of the personas by their number.
    pub(super) fn persona_names(&self) -> Vec<&str> {
        let mut names = vec![""; self.personas.len()];
        self.personas.iter().for_each(|(name, &number)| names[number as usize] = name);
        names
    }
}

/// A hash of account and peer.
fn pair(account: u32, peer: &str) -> u64 {
    xxh3_64_with_seed(peer.as_bytes(), u64::from(account))
}
