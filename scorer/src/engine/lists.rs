//! When blocklists are asked, and what is remembered of the answer.
//!
//! Separate from the lists themselves, which know no accounts. An account is asked for at its first event, its device,
//! prefix, ASN and number range at every registration or session, and all of them at its first event after a list changed.
//! Invariants: only entries are remembered, never a filter's word; an entry that has ended is forgotten at the account's next
//! event; bounded.

pub(super) mod asked;
pub(super) mod checkpoint;
mod withdrawn;

use compact_str::CompactString;
use features::Entities;
use schema::limits::{BLOCKLISTS_MAX, STANDINGS_MAX};
use schema::{Body, Event, Session};
use xxhash_rust::xxh3::Xxh3;

use crate::blocklist::{Blocklist, EntryKind, EntryView};
use crate::hash::text_hash;
use crate::keyed::Keyed;
use asked::Asked;

/// Accounts of which it is remembered that they were asked for since the last change; past it, they are asked again.
const ASKED_MAX: usize = 4_000_000;

/// All lists in force.
#[derive(Debug)]
pub(super) struct Lists {
    lists: Vec<Blocklist>,
    /// What is known of accounts: the strongest entry.
    hits: Keyed<Hit>,
    /// After a change: accounts asked for since.
    asked: Option<Asked>,
}

/// A confirmed entry.
#[derive(Debug, Clone)]
pub(super) struct Hit {
    /// Name of the list.
    pub list: String,
    /// What was found.
    pub kind: EntryKind,
    /// Where the entry came from.
    pub source: String,
    /// Its end, ms since the Unix epoch.
    pub expires: Option<u64>,
    /// A human entered it.
    pub by_human: bool,
}

impl Hit {
    /// As an entry, for the policy's limits.
    pub fn view(&self) -> EntryView<'_> {
        let Hit { kind, source, expires, by_human, .. } = self;
        EntryView { kind: *kind, value: "", source, expires: *expires, note: "", by_human: *by_human }
    }

    /// How much it says: a human's, an account's or device's first.
    fn rank(&self) -> (bool, bool, u64) {
        let own = matches!(self.kind, EntryKind::Account | EntryKind::Device);
        (own && self.by_human, own, self.expires.unwrap_or(u64::MAX))
    }
}

/// The answer at one event.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Answer {
    /// An entry is known of the account.
    pub is_known: bool,
    /// One was confirmed at this very event.
    pub is_new: bool,
    /// It is the account's first event after a list changed.
    pub is_anew: bool,
}

impl Lists {
    pub fn new(mut lists: Vec<Blocklist>) -> Self {
        lists.truncate(BLOCKLISTS_MAX);
        Self { lists, hits: Keyed::new(), asked: None }
    }

    /// Hash over all lists' names and versions; empty without lists.
    pub fn version(&self) -> String {
        if self.lists.is_empty() {
            return String::new();
        }
        let mut hash = Xxh3::new();
        for list in &self.lists {
            hash.update(list.name().as_bytes());
            hash.update(&[0]);
            hash.update(list.version().as_bytes());
        }
        format!("{:016x}", hash.digest())
    }

    /// Whether a list of this name can be put in force.
    pub fn has_room(&self, name: &str) -> bool {
        self.lists.len() < BLOCKLISTS_MAX || self.lists.iter().any(|list| list.name() == name)
    }

    /// Puts a list in the place of its namesake; whether there was room for it.
    pub fn replace(&mut self, list: Blocklist) -> bool {
        if !self.has_room(list.name()) {
            return false;
        }
        self.hits.retain(|hit| hit.list != list.name());
        match self.lists.iter().position(|l| l.name() == list.name()) {
            Some(index) => self.lists[index] = list,
            None => self.lists.push(list),
        }
        self.asked.get_or_insert_default().restart();
        true
    }

    /// Asks what is due at this event.
    #[inline]
    pub fn check(
        &mut self,
        event: &Event<'_>,
        is_fresh: bool,
        remembered: impl FnOnce() -> Entities,
        at: u64,
    ) -> Answer {
        if self.lists.is_empty() {
            return Answer::default();
        }
        let session = match &event.body {
            Body::Registration(session) | Body::Session(session) => Some(session),
            _ => None,
        };
        let is_anew = self.asked.is_some() && self.is_anew(event.account);
        let is_new = (is_fresh || session.is_some() || is_anew)
            && self.ask(event, (is_fresh || is_anew, session), is_anew.then_some(remembered), at);
        let is_known = !self.hits.is_empty() && self.known(event.account, at).is_some();
        Answer { is_known, is_new, is_anew }
    }

    /// The strongest entry known of the account; one that has ended is forgotten.
    pub fn known(&mut self, account: &str, at: u64) -> Option<&Hit> {
        let ended = self.hits.get(account)?.expires.is_some_and(|end| end <= at);
        if ended {
            self.hits.remove(account);
        }
        self.hits.get(account)
    }

    /// Forgets an account.
    pub fn forget(&mut self, account: &str) {
        self.hits.remove(account);
    }

    /// Whether the account was not asked for since the newest change; from now on it was.
    fn is_anew(&mut self, account: &str) -> bool {
        self.asked.as_mut().is_some_and(|asked| {
            if asked.len() >= ASKED_MAX {
                asked.restart();
            }
            asked.insert(text_hash(account))
        })
    }

    /// Asks all lists for what is due, also for what is `remembered`. Whether an entry was confirmed.
    fn ask(
        &mut self,
        event: &Event<'_>,
        (account_due, session): (bool, Option<&Session<'_>>),
        remembered: Option<impl FnOnce() -> Entities>,
        at: u64,
    ) -> bool {
        let mut best = None;
        if account_due || session.is_some() {
            note(&self.lists, &mut best, |list| list.find(EntryKind::Account, event.account, at));
        }
        if let Some(session) = session {
            let asn = session.asn.map(|n| n.to_string());
            let facts = [
                (EntryKind::Device, session.device),
                (EntryKind::IpPrefix, session.ip_prefix),
                (EntryKind::Asn, asn.as_deref()),
                (EntryKind::NumberRange, session.number_range),
            ];
            for (kind, value) in facts.into_iter().filter_map(|(kind, value)| Some((kind, value?))) {
                note(&self.lists, &mut best, |list| list.find(kind, value, at));
            }
        }
        if let Some(remembered) = remembered {
            self.ask_remembered(&remembered(), &mut best, at);
        }
        let Some(hit) = best else { return false };
        if self.known(event.account, at).is_some_and(|old| old.rank() > hit.rank()) {
            return false;
        }
        if self.hits.len() < STANDINGS_MAX || self.hits.contains_key(event.account) {
            self.hits.insert(CompactString::new(event.account), hit);
        }
        true
    }

    /// Asks for what the account was last seen on, of which hashes and codes are remembered.
    fn ask_remembered(&self, on: &Entities, best: &mut Option<Hit>, at: u64) {
        for (kind, hash) in [(EntryKind::Device, on.device), (EntryKind::NumberRange, on.range)] {
            if let Some(hash) = hash {
                note(&self.lists, best, |list| list.find_hash(kind, hash, at));
            }
        }
        if let Some(code) = on.prefix {
            note(&self.lists, best, |list| list.find_network(code, at));
        }
        if let Some(asn) = on.asn.map(|asn| asn.to_string()) {
            note(&self.lists, best, |list| list.find(EntryKind::Asn, &asn, at));
        }
    }
}

/// Keeps the strongest of what the lists find.
fn note<'l>(
    lists: &'l [Blocklist],
    best: &mut Option<Hit>,
    find: impl Fn(&'l Blocklist) -> Option<EntryView<'l>>,
) {
    for list in lists {
        let Some(entry) = find(list) else { continue };
        let hit = Hit {
            list: list.name().to_owned(),
            kind: entry.kind,
            source: entry.source.to_owned(),
            expires: entry.expires,
            by_human: entry.by_human,
        };
        if best.as_ref().is_none_or(|b| b.rank() < hit.rank()) {
            *best = Some(hit);
        }
    }
}
