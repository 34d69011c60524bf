//! Entities that two accounts or more share: who was on them lately, and how many are new or restricted.
//!
//! Separate from first contacts, because these last for days. An entity seen with one account is only an entry of a ring; the
//! second account makes it a record. Invariants: at most `entities_max` records, of which the longest untouched goes first, and
//! none untouched for 30 d stays; at most 64 recent members; distinct accounts are exact up to 64, above that an
//! account that comes back after 64 others counts again.

pub(crate) mod checkpoint;

use compact_str::CompactString;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use schema::{EntityKind, Touch};

use crate::checkpoint::Tracker;
use crate::relations::contacts::Contacts;
use crate::relations::{EntityName, RelationLimits, Toucher, entity_text};

/// Recent members kept.
pub(crate) const MEMBERS_MAX: usize = schema::limits::CO_ACCOUNTS_MAX;
const BUCKETS: u32 = 6;
const BUCKET_S: u32 = 4 * 3_600;
const REMEMBERED_S: u32 = 30 * 86_400;
const NOTHING: u32 = u32::MAX;

/// An account that was on an entity.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Its id.
    pub account: CompactString,
    /// Whether it was counted as restricted.
    pub restricted: bool,
}

/// What is counted over a day.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Tally {
    /// Accounts that came.
    Accounts,
    /// Of them, newly registered.
    Registered,
    /// Accounts restricted.
    Restricted,
}

/// One shared entity.
#[derive(Debug)]
pub(crate) struct Entity {
    hash: u64,
    /// `kind:pseudonym`.
    pub text: CompactString,
    /// Its kind.
    pub kind: EntityKind,
    /// Distinct accounts.
    pub size: u32,
    newest_s: u32,
    tallies: [[u16; BUCKETS as usize]; 3],
    /// Recent members, oldest first.
    pub members: Vec<Member>,
    newer: u32,
    older: u32,
    /// When it was put first in the order of touches: the number of that touch.
    touched: u64,
}

impl Entity {
    /// A day's count, up to the entity's newest second.
    pub fn tally(&self, tally: Tally) -> u32 {
        self.tallies[tally as usize].iter().map(|count| u32::from(*count)).sum()
    }

    fn advance(&mut self, second: u32) {
        let (from, to) = (self.newest_s / BUCKET_S, second / BUCKET_S);
        for bucket in to.saturating_sub(BUCKETS - 1).max(from + 1)..=to {
            for tally in &mut self.tallies {
                tally[(bucket % BUCKETS) as usize] = 0;
            }
        }
        self.newest_s = self.newest_s.max(second);
    }

    fn count(&mut self, tally: Tally, second: u32) {
        let bucket = second / BUCKET_S;
        if bucket + BUCKETS > self.newest_s / BUCKET_S {
            let count = &mut self.tallies[tally as usize][(bucket % BUCKETS) as usize];
            *count = count.saturating_add(1);
        }
    }

    /// Puts a member last; whether it was not there.
    fn join(&mut self, account: &str) -> bool {
        if let Some(at) = self.members.iter().position(|member| member.account == account) {
            let member = self.members.remove(at);
            self.members.push(member);
            return false;
        }
        if self.members.len() == MEMBERS_MAX {
            self.members.remove(0);
        }
        self.members.push(Member { account: account.into(), restricted: false });
        self.size = self.size.saturating_add(1);
        true
    }

    fn come(&mut self, account: &str, second: u32, registered: bool) {
        self.advance(second);
        if self.join(account) {
            self.count(Tally::Accounts, second);
            if registered {
                self.count(Tally::Registered, second);
            }
        }
    }
}

/// All shared entities.
#[derive(Debug)]
pub(crate) struct Shared {
    once: Contacts,
    index: HashTable<u32>,
    slots: Vec<Entity>,
    free: Vec<u32>,
    max: usize,
    first: u32,
    last: u32,
    /// Touches so far.
    touches: u64,
    tracker: Tracker,
}

impl Shared {
    /// No entities.
    pub fn new(limits: RelationLimits) -> Self {
        Self {
            once: Contacts::new(limits.contacts_max),
            index: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            max: limits.entities_max.clamp(1, NOTHING as usize - 1),
            first: NOTHING,
            last: NOTHING,
            touches: 0,
            tracker: Tracker::default(),
        }
    }

    /// Records.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let members: usize =
            self.slots.iter().map(|entity| entity.members.capacity() * size_of::<Member>()).sum();
        self.once.bytes()
            + self.slots.capacity() * size_of::<Entity>()
            + members
            + self.index.capacity() * 8 / 7 * 5
            + self.tracker.bytes()
    }

    /// An account came to an entity; the record, if another account is known on it.
    pub fn touch(
        &mut self,
        kind: EntityKind,
        hash: u64,
        name: &EntityName<'_>,
        by: &Toucher<'_>,
    ) -> Option<&Entity> {
        let second = (by.ts / 1_000) as u32;
        self.expire(second);
        let slot = match self.find(kind, hash) {
            Some(slot) => slot,
            None => {
                let (other, then_s, registered) = self.once.other_or_note(hash, by)?;
                let slot = self.add(kind, hash, entity_text(kind, *name));
                self.touch_slot(slot);
                self.slots[slot as usize].newest_s = then_s;
                self.slots[slot as usize].come(&other, then_s, registered);
                slot
            }
        };
        self.touch_slot(slot);
        self.unlink(slot);
        self.link(slot);
        let entity = &mut self.slots[slot as usize];
        entity.come(by.account, second, by.what == Touch::Registered);
        Some(entity)
    }

    /// An account was restricted; the record, if the entity is shared and the account was not yet counted.
    pub fn restrict(&mut self, kind: EntityKind, hash: u64, by: &Toucher<'_>) -> Option<&Entity> {
        let slot = self.find(kind, hash)?;
        self.touch_slot(slot);
        let second = (by.ts / 1_000) as u32;
        let entity = &mut self.slots[slot as usize];
        entity.advance(second);
        entity.join(by.account);
        let member = entity.members.last_mut().expect("it has just joined");
        if std::mem::replace(&mut member.restricted, true) {
            return None;
        }
        entity.count(Tally::Restricted, second);
        Some(entity)
    }

    /// Takes an account out of an entity's recent members; its counts stand.
    pub fn forget(&mut self, kind: EntityKind, hash: u64, account: &str) {
        if let Some(slot) = self.find(kind, hash) {
            self.touch_slot(slot);
            self.slots[slot as usize].members.retain(|member| member.account != account);
        }
    }

    fn find(&self, kind: EntityKind, hash: u64) -> Option<u32> {
        let is =
            |slot: &u32| self.slots[*slot as usize].hash == hash && self.slots[*slot as usize].kind == kind;
        self.index.find(hash, is).copied()
    }

    fn add(&mut self, kind: EntityKind, hash: u64, text: CompactString) -> u32 {
        if self.index.len() >= self.max {
            self.drop_record(self.last);
        }
        let entity = Entity {
            hash,
            text,
            kind,
            size: 0,
            newest_s: 0,
            tallies: Default::default(),
            members: Vec::new(),
            newer: NOTHING,
            older: NOTHING,
            touched: 0,
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = entity;
                slot
            }
            None => {
                self.slots.push(entity);
                self.slots.len() as u32 - 1
            }
        };
        let slots = &self.slots;
        let place = self.index.entry(hash, |_| false, |other| slots[*other as usize].hash);
        match place {
            Entry::Vacant(place) => place.insert(slot),
            Entry::Occupied(_) => unreachable!("no record was said to be equal"),
        };
        self.link(slot);
        slot
    }

    /// Drops the longest untouched record if it is too old.
    fn expire(&mut self, second: u32) {
        if self.last != NOTHING
            && self.slots[self.last as usize].newest_s.saturating_add(REMEMBERED_S) < second
        {
            self.drop_record(self.last);
        }
    }

    fn drop_record(&mut self, slot: u32) {
        self.touch_slot(slot);
        self.unlink(slot);
        let hash = self.slots[slot as usize].hash;
        if let Ok(place) = self.index.find_entry(hash, |other| *other == slot) {
            place.remove();
        }
        self.tracker.leave(slot, self.slots[slot as usize].checkpoint_key());
        self.slots[slot as usize].members = Vec::new();
        self.free.push(slot);
    }

    fn link(&mut self, slot: u32) {
        self.touches += 1;
        self.slots[slot as usize].touched = self.touches;
        self.slots[slot as usize].newer = NOTHING;
        self.slots[slot as usize].older = self.first;
        match self.first {
            NOTHING => self.last = slot,
            first => self.slots[first as usize].newer = slot,
        }
        self.first = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let (newer, older) = (self.slots[slot as usize].newer, self.slots[slot as usize].older);
        match newer {
            NOTHING => self.first = older,
            newer => self.slots[newer as usize].older = older,
        }
        match older {
            NOTHING => self.last = newer,
            older => self.slots[older as usize].newer = newer,
        }
    }
}
