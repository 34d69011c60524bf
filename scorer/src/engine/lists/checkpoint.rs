//! What is known from blocklists into a checkpoint and back.
//!
//! Separate from the lists, which are artifacts and not state. Invariant: if the lists in force are not those that the
//! checkpoint was made with, what they said is forgotten, and every account is asked for again.

use features::checkpoint::{Error, Frame, Part, Reader, Tag, put_text};
use schema::limits::{BLOCKLIST_TEXT_BYTES_MAX, STANDINGS_MAX};

use super::asked::Asked;
use super::{ASKED_MAX, Hit, Lists};
use crate::blocklist::EntryKind;
use crate::keyed::{KeyedRestore, Stored};

impl Stored for Hit {
    const TAGS: (Tag, Tag) = (Tag::Hits, Tag::HitsGone);

    fn put(&self, out: &mut Vec<u8>) {
        let Self { list, kind, source, expires, by_human } = self;
        out.extend_from_slice(&[*kind as u8, u8::from(*by_human), u8::from(expires.is_some())]);
        out.extend_from_slice(&expires.unwrap_or(0).to_le_bytes());
        put_text(out, list);
        put_text(out, source);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let kind = EntryKind::from_number(reader.u8()?).ok_or(Error::Damaged("an entry of no known kind"))?;
        let (by_human, has_end, end) = (reader.bool()?, reader.bool()?, reader.u64()?);
        let list = reader.text(usize::from(u16::MAX))?.to_owned();
        let source = reader.text(BLOCKLIST_TEXT_BYTES_MAX)?.to_owned();
        Ok(Self { list, kind, source, expires: has_end.then_some(end), by_human })
    }
}

impl Part for Lists {
    fn begin(&mut self, full: bool) {
        self.hits.begin(full);
        if let Some(asked) = &mut self.asked {
            asked.begin(full);
        }
    }

    fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let end = out.len() + bytes_max;
        if !self.hits.write(bytes_max, out) {
            return false;
        }
        match &mut self.asked {
            Some(asked) => asked.write(end.saturating_sub(out.len()), out),
            None => true,
        }
    }

    fn abandon(&mut self) {
        self.hits.abandon();
        if let Some(asked) = &mut self.asked {
            asked.abandon();
        }
    }

    fn needs_full(&self) -> bool {
        self.hits.needs_full()
    }
}

impl Lists {
    /// Names and versions in force, in order.
    pub fn in_force(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lists.iter().map(|list| (list.name(), list.version()))
    }

    /// Puts the lists into an order of names; those not named come last, as they were.
    pub fn sort(&mut self, names: &[String]) {
        let place = |name: &str| names.iter().position(|other| other == name).unwrap_or(names.len());
        self.lists.sort_by_key(|list| place(list.name()));
    }
}

/// What is known from blocklists, while it is read from layers, newest first.
#[derive(Debug)]
pub(crate) struct HitsRestore {
    hits: KeyedRestore<Hit>,
    asked: Option<Asked>,
}

impl HitsRestore {
    /// Nothing is read yet.
    pub fn new() -> Self {
        Self { hits: KeyedRestore::new(STANDINGS_MAX), asked: None }
    }

    /// Reads a frame; false if it is of another table.
    pub fn take(&mut self, frame: &Frame<'_>) -> Result<bool, Error> {
        if frame.tag != Tag::Asked {
            return self.hits.take(frame);
        }
        self.asked.get_or_insert_default().take(frame.records, ASKED_MAX)?;
        Ok(true)
    }

    /// A layer is read; the next is older.
    pub fn end_layer(&mut self) {
        self.hits.end_layer();
    }

    /// Gives what was read to the lists. `same`: whether the checkpoint was made with exactly these.
    pub fn finish(self, lists: &mut Lists, same: bool) {
        lists.hits = self.hits.finish();
        lists.asked = self.asked.map(Asked::restored);
        if !same {
            lists.hits.retain(|_| false);
            lists.asked.get_or_insert_default().restart();
        }
    }
}
