//! First contacts of the last 2 h: a ring, in which each names the one before it to the same peer.
//!
//! Separate from shared entities, because nearly every peer has one sender, and must cost no record of its own. The same
//! ring also holds entities seen with one account only. Invariants: at most `contacts_max` entries; the index
//! holds the newest entry of each peer, and none that the ring has overwritten; following a chain takes at most 16 steps.

pub(crate) mod checkpoint;

use compact_str::CompactString;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::checkpoint::Tracker;
use crate::relations::Toucher;

/// Others at a peer that are told at most.
pub(crate) const OTHERS_MAX: usize = 16;
/// Time that a first contact is remembered for, seconds.
const REMEMBERED_S: u32 = 2 * 3_600;

#[derive(Debug, Clone)]
struct Contact {
    account: CompactString,
    entity: u64,
    second: u32,
    /// Steps back in the ring to the contact before it; 0 none.
    back: u32,
    /// Contacts of the chain so far.
    count: u32,
    /// Whether it was the account's registration.
    registered: bool,
    /// Whether it went to a record of its own, so that the index forgot its entity.
    taken: bool,
}

/// Others at the same peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Met {
    /// Other accounts, newest first, at most 16.
    pub others: Vec<CompactString>,
    /// Accounts of the chain, the toucher included.
    pub count: u32,
}

/// The ring and its index.
#[derive(Debug)]
pub(crate) struct Contacts {
    ring: Vec<Contact>,
    max: usize,
    next: usize,
    index: HashTable<u32>,
    tracker: Tracker,
}

impl Contacts {
    /// A ring of at most this many contacts (at least 1).
    pub fn new(contacts_max: usize) -> Self {
        let max = contacts_max.clamp(1, u32::MAX as usize / 2);
        Self { ring: Vec::new(), max, next: 0, index: HashTable::new(), tracker: Tracker::default() }
    }

    /// Notes a first contact; `None` if no other account made one with the peer lately, or this one did.
    pub fn meet(&mut self, entity: u64, by: &Toucher<'_>) -> Option<Met> {
        let second = (by.ts / 1_000) as u32;
        let before = self.newest(entity).filter(|at| {
            // A late contact is near one that came after it, too.
            self.ring[*at].second.abs_diff(second) < REMEMBERED_S
        });
        let Some(before) = before else {
            self.push(entity, by, None);
            return None;
        };
        let mut others = Vec::new();
        let mut at = before;
        while others.len() < OTHERS_MAX {
            let contact = &self.ring[at];
            if contact.account == by.account {
                return None;
            }
            if contact.second.abs_diff(second) >= REMEMBERED_S {
                break;
            }
            others.push(contact.account.clone());
            let Some(earlier) = self.earlier(at) else { break };
            at = earlier;
        }
        let count = self.push(entity, by, Some(before));
        Some(Met { others, count })
    }

    /// Takes the only account known on an entity, with when it came and whether it registered; notes the toucher if there is none.
    pub fn other_or_note(&mut self, entity: u64, by: &Toucher<'_>) -> Option<(CompactString, u32, bool)> {
        match self.newest(entity) {
            Some(at) if self.ring[at].account == by.account => None,
            Some(at) => {
                self.touch(at);
                self.ring[at].taken = true;
                let contact = self.ring[at].clone();
                self.unindex(at);
                Some((contact.account, contact.second, contact.registered))
            }
            None => {
                self.push(entity, by, None);
                None
            }
        }
    }

    fn newest(&self, entity: u64) -> Option<usize> {
        self.index.find(entity, |at| self.ring[*at as usize].entity == entity).map(|at| *at as usize)
    }

    /// The contact before one, unless the ring has overwritten it.
    fn earlier(&self, at: usize) -> Option<usize> {
        let contact = &self.ring[at];
        let back = contact.back as usize;
        if back == 0 {
            return None;
        }
        // Steps from the oldest place left: what lies further back is gone.
        let age = (self.next + self.ring.len() - 1 - at) % self.ring.len();
        if age + back >= self.ring.len() {
            return None;
        }
        let earlier = (at + self.ring.len() - back) % self.ring.len();
        Some(earlier).filter(|earlier| self.ring[*earlier].entity == contact.entity)
    }

    fn push(&mut self, entity: u64, by: &Toucher<'_>, before: Option<usize>) -> u32 {
        let full = self.ring.len() == self.max;
        let at = if full { self.next } else { self.ring.len() };
        let count = before.map_or(0, |before| self.ring[before].count).saturating_add(1);
        let back = before.map_or(0, |before| (at + self.max - before) % self.max) as u32;
        let contact = Contact {
            account: CompactString::from(by.account),
            entity,
            second: (by.ts / 1_000) as u32,
            back,
            count,
            registered: by.what == schema::Touch::Registered,
            taken: false,
        };
        self.touch(at);
        if full {
            self.unindex(at);
            self.ring[at] = contact;
        } else {
            self.ring.push(contact);
        }
        self.next = (at + 1) % self.max;
        let ring = &self.ring;
        match self.index.entry(
            entity,
            |other| ring[*other as usize].entity == entity,
            |other| ring[*other as usize].entity,
        ) {
            Entry::Occupied(mut place) => *place.get_mut() = at as u32,
            Entry::Vacant(place) => {
                place.insert(at as u32);
            }
        }
        count
    }

    /// Takes a place out of the index, if it is the newest of its entity.
    fn unindex(&mut self, at: usize) {
        if let Ok(place) = self.index.find_entry(self.ring[at].entity, |other| *other as usize == at) {
            place.remove();
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.ring.capacity() * size_of::<Contact>() + self.index.capacity() * 8 / 7 * 5 + self.tracker.bytes()
    }
}

const _: () = assert!(size_of::<Contact>() <= 48, "a million of them are kept");

#[cfg(test)]
mod tests {
    use schema::{Origin, Touch};

    use super::{Contacts, OTHERS_MAX};
    use crate::relations::Toucher;

    fn by(account: &str, second: u64) -> Toucher<'_> {
        let origin = Origin { partition: 0, offset: 0, n: 0 };
        Toucher { account, ts: 1_700_000_000_000 + second * 1_000, what: Touch::FirstContact, origin }
    }

    #[test]
    fn the_first_contact_with_a_peer_meets_nobody_and_the_second_meets_the_first() {
        let mut contacts = Contacts::new(100);
        assert_eq!(contacts.meet(7, &by("a", 0)), None);
        let met = contacts.meet(7, &by("b", 60)).unwrap();
        assert_eq!((met.others, met.count), (vec!["a".into()], 2));
        assert_eq!(contacts.meet(7, &by("b", 61)), None, "it was there already");
        let met = contacts.meet(7, &by("c", 62)).unwrap();
        assert_eq!(met.others, ["b", "a"]);
    }

    #[test]
    fn a_contact_is_forgotten_after_two_hours() {
        let mut contacts = Contacts::new(100);
        contacts.meet(7, &by("a", 0));
        assert_eq!(contacts.meet(7, &by("b", 7_200)), None);
        assert_eq!(contacts.meet(7, &by("c", 7_300)).unwrap().others, ["b"]);
    }

    #[test]
    fn the_ring_forgets_its_oldest_and_never_follows_a_chain_into_others() {
        let mut contacts = Contacts::new(8);
        for round in 0_u64..200 {
            let name = format!("a{round}");
            let entity = round % 3 + 1;
            if let Some(met) = contacts.meet(entity, &by(&name, round)) {
                for other in &met.others {
                    let other: u64 = other[1..].parse().unwrap();
                    assert_eq!(other % 3 + 1, entity, "round {round}");
                    assert!(round - other <= 8, "round {round} met {other}");
                }
            }
        }
        assert!(contacts.index.len() <= 8);
    }

    #[test]
    fn at_most_sixteen_others_are_told() {
        let mut contacts = Contacts::new(1_000);
        for round in 0..100_u64 {
            let met = contacts.meet(9, &by(&format!("a{round}"), round));
            assert!(
                met.is_none_or(|met| met.others.len() <= OTHERS_MAX && u64::from(met.count) == round + 1)
            );
        }
    }
}
