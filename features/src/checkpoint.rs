//! What a checkpoint of the core is made of: bytes, frames, and the marks of what changed.
//!
//! Separate from the tables that are written, because all of them (here and in `scorer`) are written in one way: the unit is a
//! record (an account, an entity, a standing), a delta holds the records that changed since the checkpoint before, and a
//! record that is about to change while it still waits to be written is written first. Bytes are little-endian; a chunk is
//! whole frames; a layer is the frames of one checkpoint. Layers are restored newest first, so that each record is read once.
//! Invariants: no I/O and no clock; no bytes make reading panic; what is read allocates no more than
//! its bytes, or the table's own bound.

mod bytes;
mod frame;
mod gone;
mod tracker;

pub use bytes::{Reader, WordsIn, WordsOut, put_bytes, put_text};
pub use frame::{FRAME_BYTES, Frame, Tag, close_frame, frame, frames, open_frame};
pub use gone::Gone;
pub use tracker::Tracker;

/// Why bytes of a checkpoint were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end early, or say what cannot be.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// It was made under other bounds than it is read with.
    #[error("{what} was {was} when it was made and is {is} now; a ring of another size cannot be taken over")]
    Bounds {
        /// The bound.
        what: &'static str,
        /// Its value in the checkpoint.
        was: u64,
        /// Its value now.
        is: u64,
    },
}

/// A table that can be written while it is used.
pub trait Part {
    /// Freezes what is to be written: what changed since the last beginning, or with `full` everything. Costs no walk over
    /// the records themselves.
    fn begin(&mut self, full: bool);

    /// Appends whole frames of about `bytes_max`; whether everything is written. May be called at any time between events.
    fn write(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool;

    /// The checkpoint came to nothing: what it held counts as changed again.
    fn abandon(&mut self);

    /// Whether a delta would miss something: nothing was written yet, or too much has gone since.
    fn needs_full(&self) -> bool;
}
