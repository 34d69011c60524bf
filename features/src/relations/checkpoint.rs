//! The relation engine into a checkpoint and back.
//!
//! Separate, because it is one table to the outside and three within. Invariant: the three are frozen at the same moment.

use super::{RelationLimits, Relations};
use crate::checkpoint::{Error, Frame, Gone, Part, Reader, Tag, frame};

impl Part for Relations {
    fn begin(&mut self, full: bool) {
        let mut values = Vec::new();
        self.contacts.put_values(&mut values);
        self.shared.put_values(&mut values);
        self.values = Some(values);
        self.contacts.begin(full);
        self.shared.begin(full);
    }

    fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let end = out.len() + bytes_max;
        if let Some(values) = self.values.take() {
            frame(out, Tag::Relations, &values);
        }
        let contacts = self.contacts.write(Tag::Contacts, end.saturating_sub(out.len()), out);
        contacts & self.shared.write(end.saturating_sub(out.len()), out)
    }

    fn abandon(&mut self) {
        self.values = None;
        self.contacts.abandon();
        self.shared.abandon();
    }

    fn needs_full(&self) -> bool {
        self.contacts.needs_full() || self.shared.needs_full()
    }
}

/// A relation engine that is being read from layers, newest first.
#[derive(Debug)]
pub struct RelationsRestore {
    relations: Relations,
    gone: Gone,
    has_values: bool,
}

impl RelationsRestore {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(limits: RelationLimits) -> Self {
        Self { relations: Relations::new(limits), gone: Gone::default(), has_values: false }
    }

    /// Reads a frame; false if it is of another table.
    ///
    /// # Errors
    /// If it is damaged, or the rings had another size.
    pub fn take(&mut self, frame: &Frame<'_>) -> Result<bool, Error> {
        let Relations { contacts, shared, .. } = &mut self.relations;
        match frame.tag {
            Tag::Relations if self.has_values => {}
            Tag::Relations => {
                let mut reader = Reader::new(frame.records);
                contacts.take_values(&mut reader)?;
                shared.take_values(&mut reader)?;
                self.has_values = true;
            }
            Tag::Contacts => contacts.take(frame.records)?,
            Tag::Once => shared.take_once(frame.records)?,
            Tag::Shared => shared.take(frame.records, &self.gone)?,
            Tag::SharedGone => self.gone.take(frame.records)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A layer is read; the next is older.
    pub fn end_layer(&mut self) {
        self.gone.end_layer();
    }

    /// The engine as it was when the newest layer began.
    ///
    /// # Errors
    /// If something of it is missing.
    pub fn finish(mut self) -> Result<Relations, Error> {
        if !self.has_values {
            return Err(Error::Damaged("the relation engine's own values are missing"));
        }
        self.relations.contacts.finish()?;
        self.relations.shared.finish()?;
        Ok(self.relations)
    }
}
