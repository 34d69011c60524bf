//! The engine into a checkpoint and back.
//!
//! Separate from the line, which it never stops: between two records the shell lets it write a few kilobytes. A checkpoint is a
//! layer: full, or what changed since the one before. Invariants: all parts are frozen at the same moment, after a record and
//! before the next; a restored engine gives the same further outputs, byte for byte; it needs the same versions that were
//! active, and says which are missing; no bytes make reading panic.

pub(crate) mod restore;
pub(crate) mod values;

pub use restore::Restore;

use features::checkpoint::{Part, Tag, frame};

use super::{Engine, Facts};

/// Version of the format; this and the one before are read, others refused by name. 5: what the files of active
/// versions were.
pub const FORMAT: u32 = 5;

/// A checkpoint under way.
#[derive(Debug)]
pub(super) struct Writing {
    /// The first frame, until it is written.
    begin: Option<Vec<u8>>,
}

impl Engine {
    fn parts(&mut self) -> impl Iterator<Item = &mut dyn Part> {
        let fed_back = self.entities.mode() == Facts::FedBack;
        let relations: Option<&mut dyn Part> = if fed_back { Some(self.entities.relations()) } else { None };
        let others: [&mut dyn Part; 4] =
            [&mut self.standing, &mut self.lists, &mut self.duplicates, &mut self.store];
        others.into_iter().chain(relations)
    }

    /// Whether a delta would miss something: nothing was written or restored yet, or too much has gone since.
    #[must_use]
    pub fn needs_full_checkpoint(&mut self) -> bool {
        self.parts().any(|part| part.needs_full())
    }

    /// Begins a checkpoint of the state after the last record: full, or what changed since the one before began; whether it is
    /// full, which it also is if a delta would miss something. One that is under way is abandoned. A delta speaks of the
    /// checkpoint before it: if that did not become durable, call [`Engine::abandon_checkpoint`] first.
    pub fn begin_checkpoint(&mut self, full: bool) -> bool {
        if self.writing.is_some() {
            self.abandon_checkpoint();
        }
        let full = full || self.needs_full_checkpoint();
        self.parts().for_each(|part| part.begin(full));
        self.writing = Some(Writing { begin: Some(values::put(self, full)) });
        full
    }

    /// Appends at least one and about `bytes_max` bytes of whole frames: a chunk. Whether the checkpoint is complete (also if
    /// none is under way). What changes between two calls is kept aside as it was, so call it steadily.
    pub fn write_checkpoint(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let Some(writing) = &mut self.writing else { return true };
        if let Some(begin) = writing.begin.take() {
            frame(out, Tag::Begin, &begin);
        }
        let end = out.len() + bytes_max.max(1);
        for part in self.parts() {
            if out.len() >= end || !part.write(end - out.len(), out) {
                return false;
            }
        }
        frame(out, Tag::End, &[]);
        self.writing = None;
        true
    }

    /// Whether a checkpoint is under way.
    #[must_use]
    pub fn is_writing_checkpoint(&self) -> bool {
        self.writing.is_some()
    }

    /// The newest checkpoint came to nothing, complete or not: what it held is in the next one again.
    pub fn abandon_checkpoint(&mut self) {
        self.writing = None;
        self.parts().for_each(|part| part.abandon());
    }
}
