//! Marks of a table's slots: changed since the last checkpoint, and waiting to be written into the present one.
//!
//! Separate from the tables, because every table is marked in the same way. Off until the first checkpoint: then a mark costs
//! one branch. Invariants: a slot that waits is exported before it changes; what was in a checkpoint that came to nothing is
//! marked again; keys of records that went are bounded, past it the next checkpoint is a full one.

use super::{Tag, close_frame, open_frame};
use crate::prefetch::prefetch;

/// Most keys of records that went, kept for one delta; past it, a full checkpoint is needed.
const GONE_MAX: usize = 4_000_000;
/// Records exported early are kept in pieces of about so many bytes.
const SPILL_BYTES: usize = 64 * 1024;
const GONE_BYTES: usize = size_of::<u128>();

#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    changed: u64,
    waiting: u64,
}

/// The marks of one table.
#[derive(Debug, Default)]
pub struct Tracker {
    is_on: bool,
    marks: Vec<Marks>,
    /// What the present checkpoint holds, written or not.
    held: Vec<u64>,
    /// The first word that may have something waiting.
    cursor: usize,
    /// Keys of records that went since the last beginning.
    gone: Vec<u128>,
    /// Those of the present checkpoint, and how many of them are written.
    gone_held: Vec<u128>,
    gone_written: usize,
    /// More went than are kept: since the last beginning, and before it.
    overflown: [bool; 2],
    /// Records exported before they changed.
    spilled: Vec<Vec<u8>>,
}

impl Tracker {
    /// A tracker of a restored table: nothing has changed.
    #[must_use]
    pub fn restored() -> Self {
        Self { is_on: true, ..Self::default() }
    }

    /// Whether marks are kept.
    #[must_use]
    #[inline]
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Asks for the marks of a slot.
    #[inline]
    pub fn prefetch(&self, slot: u32) {
        if let Some(marks) = self.marks.get(slot as usize / 64) {
            prefetch(&marks.changed);
        }
    }

    /// Marks a slot as changed; true if its record still waits and must be given to [`Tracker::spill`] before it changes.
    #[inline]
    #[must_use]
    pub fn touch(&mut self, slot: u32) -> bool {
        self.is_on && self.mark(slot)
    }

    #[inline]
    fn mark(&mut self, slot: u32) -> bool {
        let (word, bit) = (slot as usize / 64, 1_u64 << (slot % 64));
        if word >= self.marks.len() {
            self.grow(word);
        }
        let marks = &mut self.marks[word];
        marks.changed |= bit;
        let waits = marks.waiting & bit != 0;
        marks.waiting &= !bit;
        waits
    }

    #[cold]
    fn grow(&mut self, word: usize) {
        self.marks.resize(word + 1, Marks::default());
    }

    /// The record of a slot goes; it was given to [`Tracker::touch`] before. `key`: by what it is known.
    pub fn leave(&mut self, slot: u32, key: u128) {
        if !self.is_on {
            return;
        }
        self.marks[slot as usize / 64].changed &= !(1 << (slot % 64));
        if self.gone.len() >= GONE_MAX {
            self.overflown[0] = true;
            return;
        }
        self.gone.push(key);
    }

    /// Takes a record that waited, before it changes.
    pub fn spill(&mut self, export: impl FnOnce(&mut Vec<u8>)) {
        if self.spilled.last().is_none_or(|last| last.len() >= SPILL_BYTES) {
            self.spilled.push(Vec::new());
        }
        if let Some(last) = self.spilled.last_mut() {
            export(last);
        }
    }

    /// Begins a checkpoint: what changed now waits; with `full`, every slot below `slots` but the `free` ones.
    pub fn begin(&mut self, full: bool, slots: u32, free: &[u32]) {
        self.is_on = true;
        self.cursor = 0;
        self.spilled.clear();
        self.gone_written = 0;
        self.gone_held = std::mem::take(&mut self.gone);
        self.overflown = [false, self.overflown[0]];
        if full {
            // A full checkpoint has no need of them, unless it comes to nothing.
            self.gone_written = self.gone_held.len();
            self.marks.clear();
            self.marks.resize((slots as usize).div_ceil(64), Marks { changed: u64::MAX, waiting: 0 });
            if !slots.is_multiple_of(64)
                && let Some(last) = self.marks.last_mut()
            {
                last.changed = (1 << (slots % 64)) - 1;
            }
            for slot in free {
                self.marks[*slot as usize / 64].changed &= !(1 << (slot % 64));
            }
        }
        self.held.clear();
        for marks in &mut self.marks {
            marks.waiting = std::mem::take(&mut marks.changed);
            self.held.push(marks.waiting);
        }
    }

    /// Appends whole frames of about `bytes_max`: first what was exported early, then keys of what went, then what waits.
    /// Whether everything is written.
    pub fn write(
        &mut self,
        (records, gone): (Tag, Tag),
        bytes_max: usize,
        out: &mut Vec<u8>,
        mut export: impl FnMut(u32, &mut Vec<u8>),
    ) -> bool {
        let end = out.len() + bytes_max;
        while out.len() < end {
            let Some(piece) = self.spilled.pop() else { break };
            super::frame(out, records, &piece);
        }
        if out.len() < end && self.gone_written < self.gone_held.len() {
            let most = ((end - out.len()) / GONE_BYTES).max(1);
            let keys = &self.gone_held[self.gone_written..];
            let keys = &keys[..keys.len().min(most)];
            let opened = open_frame(out, gone);
            keys.iter().for_each(|key| out.extend_from_slice(&key.to_le_bytes()));
            close_frame(out, opened);
            self.gone_written += keys.len();
        }
        if out.len() < end
            && let Some(first) = self.next_waiting()
        {
            let opened = open_frame(out, records);
            export(first, out);
            while out.len() < end
                && let Some(slot) = self.next_waiting()
            {
                export(slot, out);
            }
            close_frame(out, opened);
        }
        self.spilled.is_empty()
            && self.gone_written == self.gone_held.len()
            && self.cursor == self.marks.len()
    }

    fn next_waiting(&mut self) -> Option<u32> {
        while let Some(marks) = self.marks.get_mut(self.cursor) {
            if marks.waiting != 0 {
                let bit = marks.waiting.trailing_zeros();
                marks.waiting &= marks.waiting - 1;
                return Some(self.cursor as u32 * 64 + bit);
            }
            self.cursor += 1;
        }
        None
    }

    /// The checkpoint came to nothing: what it held counts as changed. `is_live`: whether a slot still holds a record.
    pub fn abandon(&mut self, is_live: impl Fn(u32) -> bool) {
        for (word, held) in self.held.iter_mut().enumerate() {
            let mut left = std::mem::take(held);
            while left != 0 {
                let slot = word as u32 * 64 + left.trailing_zeros();
                if is_live(slot) {
                    self.marks[word].changed |= 1 << (slot % 64);
                }
                left &= left - 1;
            }
        }
        for marks in &mut self.marks {
            marks.waiting = 0;
        }
        self.spilled.clear();
        self.cursor = self.marks.len();
        let mut gone = std::mem::take(&mut self.gone_held);
        self.gone_written = 0;
        gone.append(&mut self.gone);
        self.overflown[0] |= self.overflown[1] || gone.len() > GONE_MAX;
        self.gone = gone;
    }

    /// Whether a delta would miss something.
    #[must_use]
    pub fn needs_full(&self) -> bool {
        !self.is_on || self.overflown[0]
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let spilled: usize = self.spilled.iter().map(Vec::capacity).sum();
        self.marks.capacity() * size_of::<Marks>()
            + self.held.capacity() * 8
            + (self.gone.capacity() + self.gone_held.capacity()) * GONE_BYTES
            + spilled
    }
}
