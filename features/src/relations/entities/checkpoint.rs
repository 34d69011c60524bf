//! Shared entities into a checkpoint and back.
//!
//! Separate from the table, which only marks what changes. The unit is one entity; the order of touches comes back from the
//! numbers of the touches. Invariant: of an entity that several layers tell, the newest is taken.

use compact_str::CompactString;
use hashbrown::hash_table::Entry;
use schema::EntityKind;
use schema::limits::{ENTITY_BYTES_MAX, ID_BYTES_MAX};

use super::{BUCKETS, Entity, MEMBERS_MAX, Member, NOTHING, Shared};
use crate::checkpoint::{Error, Gone, Reader, Tag, Tracker, put_text};

impl Entity {
    /// By what a checkpoint knows it.
    pub(super) fn checkpoint_key(&self) -> u128 {
        u128::from(self.hash) << 8 | self.kind as u128
    }

    fn export(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.hash.to_le_bytes());
        out.push(self.kind as u8);
        put_text(out, &self.text);
        out.extend_from_slice(&self.size.to_le_bytes());
        out.extend_from_slice(&self.newest_s.to_le_bytes());
        out.extend_from_slice(&self.touched.to_le_bytes());
        for count in self.tallies.as_flattened() {
            out.extend_from_slice(&count.to_le_bytes());
        }
        out.push(self.members.len() as u8);
        for member in &self.members {
            out.push(u8::from(member.restricted));
            put_text(out, &member.account);
        }
    }

    fn import(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let hash = reader.u64()?;
        let kind = EntityKind::ALL.get(usize::from(reader.u8()?));
        let kind = *kind.ok_or(Error::Damaged("an entity of an unknown kind"))?;
        let text = CompactString::from(reader.text(ENTITY_BYTES_MAX)?);
        let (size, newest_s, touched) = (reader.u32()?, reader.u32()?, reader.u64()?);
        let mut tallies = [[0; BUCKETS as usize]; 3];
        for count in tallies.as_flattened_mut() {
            *count = reader.u16()?;
        }
        let count = usize::from(reader.u8()?);
        if count > MEMBERS_MAX {
            return Err(Error::Damaged("an entity has too many members"));
        }
        let mut members = Vec::new();
        for _ in 0..count {
            let restricted = reader.bool()?;
            members.push(Member { account: reader.text(ID_BYTES_MAX)?.into(), restricted });
        }
        let (newer, older) = (NOTHING, NOTHING);
        Ok(Self { hash, text, kind, size, newest_s, tallies, members, newer, older, touched })
    }
}

impl Shared {
    /// A record is about to change: if it waits to be written, it is written first.
    #[inline]
    pub(super) fn touch_slot(&mut self, slot: u32) {
        if self.tracker.touch(slot) {
            let Self { slots, tracker, .. } = self;
            tracker.spill(|out| slots[slot as usize].export(out));
        }
    }

    /// Appends what is kept of both tables themselves.
    pub fn put_values(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.touches.to_le_bytes());
        self.once.put_values(out);
    }

    /// See [`crate::checkpoint::Part::begin`].
    pub fn begin(&mut self, full: bool) {
        self.once.begin(full);
        self.tracker.begin(full, self.slots.len() as u32, &self.free);
    }

    /// See [`crate::checkpoint::Part::write`].
    pub fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let end = out.len() + bytes_max;
        let once = self.once.write(Tag::Once, bytes_max, out);
        let Self { slots, tracker, .. } = self;
        let left = end.saturating_sub(out.len());
        once & tracker.write((Tag::Shared, Tag::SharedGone), left, out, |slot, out| {
            slots[slot as usize].export(out);
        })
    }

    /// See [`crate::checkpoint::Part::abandon`].
    pub fn abandon(&mut self) {
        self.once.abandon();
        let Self { slots, index, tracker, .. } = self;
        tracker.abandon(|slot| index.find(slots[slot as usize].hash, |other| *other == slot).is_some());
    }

    /// See [`crate::checkpoint::Part::needs_full`].
    pub fn needs_full(&self) -> bool {
        self.once.needs_full() || self.tracker.needs_full()
    }

    /// Reads what the newest layer says of both tables themselves.
    pub fn take_values(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        self.touches = reader.u64()?;
        self.once.take_values(reader)
    }

    /// Reads entities seen with one account.
    pub fn take_once(&mut self, records: &[u8]) -> Result<(), Error> {
        self.once.take(records)
    }

    /// Reads shared entities; one that a newer layer told, or said is gone, stays as it is.
    pub fn take(&mut self, records: &[u8], gone: &Gone) -> Result<(), Error> {
        let mut reader = Reader::new(records);
        while !reader.is_empty() {
            let entity = Entity::import(&mut reader)?;
            if gone.contains(entity.checkpoint_key()) {
                continue;
            }
            let slots = &mut self.slots;
            let place = self.index.entry(
                entity.hash,
                |slot| slots[*slot as usize].hash == entity.hash && slots[*slot as usize].kind == entity.kind,
                |slot| slots[*slot as usize].hash,
            );
            if let Entry::Vacant(place) = place {
                place.insert(slots.len() as u32);
                slots.push(entity);
            }
        }
        Ok(())
    }

    /// Puts the records in their order; those above the bound it has now are dropped.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.once.finish()?;
        let mut order: Vec<u32> = (0..self.slots.len() as u32).collect();
        order.sort_unstable_by_key(|slot| self.slots[*slot as usize].touched);
        let touches = self.touches;
        for slot in order {
            let touched = self.slots[slot as usize].touched;
            self.link(slot);
            self.slots[slot as usize].touched = touched;
        }
        self.touches = touches;
        if self.index.len() <= self.max {
            self.tracker = Tracker::restored();
        }
        while self.index.len() > self.max {
            self.drop_record(self.last);
        }
        Ok(())
    }
}
