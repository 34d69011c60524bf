//! The ring of first contacts into a checkpoint and back.
//!
//! Separate from the ring, which only marks what changes. The unit is one place of the ring; the index is made anew from the
//! ring, oldest first. Invariant: every place that was in use comes back, or reading fails.

use compact_str::CompactString;
use hashbrown::hash_table::Entry;
use schema::limits::ID_BYTES_MAX;

use super::{Contact, Contacts};
use crate::checkpoint::{Error, Reader, Tag, Tracker, put_text};

const REGISTERED: u8 = 1;
const TAKEN: u8 = 2;

fn export(contact: &Contact, at: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&at.to_le_bytes());
    out.extend_from_slice(&contact.entity.to_le_bytes());
    for number in [contact.second, contact.back, contact.count] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.push(if contact.registered { REGISTERED } else { 0 } | if contact.taken { TAKEN } else { 0 });
    put_text(out, &contact.account);
}

impl Contacts {
    /// A place is about to change: if it waits to be written, it is written first.
    #[inline]
    pub(super) fn touch(&mut self, at: usize) {
        if self.tracker.touch(at as u32) {
            let Self { ring, tracker, .. } = self;
            tracker.spill(|out| export(&ring[at], at as u32, out));
        }
    }

    /// Appends what is kept of the ring itself: places in use, the next place, the bound.
    pub fn put_values(&self, out: &mut Vec<u8>) {
        for number in [self.ring.len(), self.next, self.max] {
            out.extend_from_slice(&(number as u32).to_le_bytes());
        }
    }

    /// See [`crate::checkpoint::Part::begin`].
    pub fn begin(&mut self, full: bool) {
        self.tracker.begin(full, self.ring.len() as u32, &[]);
    }

    /// See [`crate::checkpoint::Part::write`].
    pub fn write(&mut self, tag: Tag, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let Self { ring, tracker, .. } = self;
        tracker.write((tag, tag), bytes_max, out, |at, out| export(&ring[at as usize], at, out))
    }

    /// See [`crate::checkpoint::Part::abandon`].
    pub fn abandon(&mut self) {
        self.tracker.abandon(|_| true);
    }

    /// See [`crate::checkpoint::Part::needs_full`].
    pub fn needs_full(&self) -> bool {
        self.tracker.needs_full()
    }

    /// Makes the places that the newest layer says were in use.
    pub fn take_values(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        let [len, next, max] = [reader.u32()?, reader.u32()?, reader.u32()?].map(|number| number as usize);
        if max != self.max {
            return Err(Error::Bounds { what: "contacts_max", was: max as u64, is: self.max as u64 });
        }
        if len > max || next >= max || (len < max && next != len % max) {
            return Err(Error::Damaged("a ring that does not close"));
        }
        let blank = Contact {
            account: CompactString::default(),
            entity: 0,
            second: 0,
            back: 0,
            count: 0,
            registered: false,
            taken: false,
        };
        self.ring.resize(len, blank);
        self.next = next;
        Ok(())
    }

    /// Reads places; one that a newer layer told stays. A count of 0 marks a place of which nothing was read.
    pub fn take(&mut self, records: &[u8]) -> Result<(), Error> {
        let mut reader = Reader::new(records);
        while !reader.is_empty() {
            let at = reader.u32()? as usize;
            let entity = reader.u64()?;
            let [second, back, count] = [reader.u32()?, reader.u32()?, reader.u32()?];
            let marks = reader.u8()?;
            let account = reader.text(ID_BYTES_MAX)?;
            let place = self.ring.get_mut(at).ok_or(Error::Damaged("a place outside of its ring"))?;
            if count == 0 || back as usize >= self.max || marks > REGISTERED | TAKEN {
                return Err(Error::Damaged("a first contact that cannot be"));
            }
            if place.count == 0 {
                let (registered, taken) = (marks & REGISTERED != 0, marks & TAKEN != 0);
                let account = CompactString::from(account);
                *place = Contact { account, entity, second, back, count, registered, taken };
            }
        }
        Ok(())
    }

    /// Makes the index anew.
    pub fn finish(&mut self) -> Result<(), Error> {
        if self.ring.iter().any(|contact| contact.count == 0) {
            return Err(Error::Damaged("a first contact is missing"));
        }
        let oldest = if self.ring.len() == self.max { self.next } else { 0 };
        let ring = &self.ring;
        self.index.reserve(ring.len(), |at| ring[*at as usize].entity);
        for at in (oldest..ring.len()).chain(0..oldest) {
            let contact = &ring[at];
            let entry = self.index.entry(
                contact.entity,
                |other| ring[*other as usize].entity == contact.entity,
                |other| ring[*other as usize].entity,
            );
            match (entry, contact.taken) {
                (Entry::Occupied(place), true) => {
                    place.remove();
                }
                (Entry::Occupied(mut place), false) => *place.get_mut() = at as u32,
                (Entry::Vacant(_), true) => {}
                (Entry::Vacant(place), false) => {
                    place.insert(at as u32);
                }
            }
        }
        self.tracker = Tracker::restored();
        Ok(())
    }
}
