//! A table by text key whose records can be written into a checkpoint while it is used.
//!
//! Separate from what is kept in it (standings, blocklist hits). Records lie in slots, so that what changed is a mark; an index
//! finds them by the hash of the key. Invariants: one record a key; nothing a caller can see depends on the order of slots.

use compact_str::CompactString;
use features::checkpoint::{Error, Frame, Gone, Part, Reader, Tag, Tracker, put_text};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use schema::limits::ENTITY_BYTES_MAX;
use xxhash_rust::xxh3::xxh3_128;

use crate::hash::text_hash;

/// What can be kept in a [`Keyed`] table.
pub(crate) trait Stored: Sized {
    /// Tags of its records and of the keys of those that went.
    const TAGS: (Tag, Tag);

    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads it.
    fn take(reader: &mut Reader<'_>) -> Result<Self, Error>;
}

/// Records by text key.
#[derive(Debug)]
pub(crate) struct Keyed<V> {
    index: HashTable<u32>,
    slots: Vec<Option<(CompactString, V)>>,
    free: Vec<u32>,
    tracker: Tracker,
}

fn export<V: Stored>(slots: &[Option<(CompactString, V)>], slot: u32, out: &mut Vec<u8>) {
    let Some((key, value)) = &slots[slot as usize] else { return };
    put_text(out, key);
    value.put(out);
}

fn key_of<V>(slots: &[Option<(CompactString, V)>], slot: u32) -> &str {
    slots[slot as usize].as_ref().map_or("", |(key, _)| key)
}

impl<V: Stored> Keyed<V> {
    /// An empty table.
    pub fn new() -> Self {
        Self { index: HashTable::new(), slots: Vec::new(), free: Vec::new(), tracker: Tracker::default() }
    }

    /// Records.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Every record, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (&CompactString, &V)> {
        self.slots.iter().flatten().map(|(key, value)| (key, value))
    }

    fn slot_of(&self, key: &str) -> Option<u32> {
        self.index.find(text_hash(key), |slot| key_of(&self.slots, *slot) == key).copied()
    }

    /// Whether there is a record of the key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.slot_of(key).is_some()
    }

    /// The record of a key.
    pub fn get(&self, key: &str) -> Option<&V> {
        let slot = self.slot_of(key)?;
        self.slots[slot as usize].as_ref().map(|(_, value)| value)
    }

    /// The record of a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        let slot = self.slot_of(key)?;
        self.touch(slot);
        self.slots[slot as usize].as_mut().map(|(_, value)| value)
    }

    /// The record of a key, to be changed; made if there is none.
    pub fn entry(&mut self, key: &str, make: impl FnOnce() -> V) -> &mut V {
        let slot = match self.slot_of(key) {
            Some(slot) => {
                self.touch(slot);
                slot
            }
            None => self.add(CompactString::new(key), make()),
        };
        &mut self.slots[slot as usize].as_mut().expect("a slot that the index names holds a record").1
    }

    /// Puts a record in the place of the one of its key.
    pub fn insert(&mut self, key: CompactString, value: V) {
        match self.slot_of(&key) {
            Some(slot) => {
                self.touch(slot);
                self.slots[slot as usize] = Some((key, value));
            }
            None => {
                self.add(key, value);
            }
        }
    }

    /// Takes the record of a key out.
    pub fn remove(&mut self, key: &str) {
        if let Some(slot) = self.slot_of(key) {
            self.take_out(slot);
        }
    }

    /// Keeps only what `keeps` says.
    pub fn retain(&mut self, keeps: impl Fn(&V) -> bool) {
        for slot in 0..self.slots.len() as u32 {
            if self.slots[slot as usize].as_ref().is_some_and(|(_, value)| !keeps(value)) {
                self.take_out(slot);
            }
        }
    }

    fn add(&mut self, key: CompactString, value: V) -> u32 {
        let hash = text_hash(&key);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some((key, value));
                slot
            }
            None => {
                self.slots.push(Some((key, value)));
                self.slots.len() as u32 - 1
            }
        };
        self.touch(slot);
        let slots = &self.slots;
        self.index.insert_unique(hash, slot, |slot| text_hash(key_of(slots, *slot)));
        slot
    }

    fn take_out(&mut self, slot: u32) {
        self.touch(slot);
        let Some((key, _)) = self.slots[slot as usize].take() else { return };
        if let Ok(place) = self.index.find_entry(text_hash(&key), |other| *other == slot) {
            place.remove();
        }
        self.tracker.leave(slot, xxh3_128(key.as_bytes()));
        self.free.push(slot);
    }

    /// A record is about to change: if it waits to be written, it is written first.
    #[inline]
    fn touch(&mut self, slot: u32) {
        if self.tracker.touch(slot) {
            let Self { slots, tracker, .. } = self;
            tracker.spill(|out| export(slots, slot, out));
        }
    }
}

impl<V: Stored> Part for Keyed<V> {
    fn begin(&mut self, full: bool) {
        self.tracker.begin(full, self.slots.len() as u32, &self.free);
    }

    fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let Self { slots, tracker, .. } = self;
        tracker.write(V::TAGS, bytes_max, out, |slot, out| export(slots, slot, out))
    }

    fn abandon(&mut self) {
        let Self { slots, tracker, .. } = self;
        tracker.abandon(|slot| slots[slot as usize].is_some());
    }

    fn needs_full(&self) -> bool {
        self.tracker.needs_full()
    }
}

/// A table that is being read from layers, newest first.
#[derive(Debug)]
pub(crate) struct KeyedRestore<V> {
    table: Keyed<V>,
    gone: Gone,
    len_max: usize,
}

impl<V: Stored> KeyedRestore<V> {
    /// Nothing is read yet; more than `len_max` records are refused.
    pub fn new(len_max: usize) -> Self {
        Self { table: Keyed::new(), gone: Gone::default(), len_max }
    }

    /// Reads a frame; false if it is of another table.
    pub fn take(&mut self, frame: &Frame<'_>) -> Result<bool, Error> {
        let (records, gone) = V::TAGS;
        if frame.tag == gone {
            self.gone.take(frame.records)?;
        } else if frame.tag == records {
            let mut reader = Reader::new(frame.records);
            while !reader.is_empty() {
                self.take_record(&mut reader)?;
            }
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn take_record(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        let key = reader.text(ENTITY_BYTES_MAX)?;
        let value = V::take(reader)?;
        if self.gone.contains(xxh3_128(key.as_bytes())) {
            return Ok(());
        }
        let Keyed { index, slots, .. } = &mut self.table;
        let hash = text_hash(key);
        let place =
            index.entry(hash, |slot| key_of(slots, *slot) == key, |slot| text_hash(key_of(slots, *slot)));
        let Entry::Vacant(place) = place else { return Ok(()) };
        if slots.len() >= self.len_max {
            return Err(Error::Damaged("more records than the table may have"));
        }
        place.insert(slots.len() as u32);
        slots.push(Some((CompactString::new(key), value)));
        Ok(())
    }

    /// A layer is read; the next is older.
    pub fn end_layer(&mut self) {
        self.gone.end_layer();
    }

    /// The table as it was when the newest layer began.
    pub fn finish(mut self) -> Keyed<V> {
        self.table.tracker = Tracker::restored();
        self.table
    }
}
