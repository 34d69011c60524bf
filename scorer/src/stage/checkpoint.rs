//! The relation stage into a checkpoint and back.
//!
//! Separate from the stage, which it never stops. The format is the engine's, with another kind in its head. Invariants: as of
//! the engine's checkpoint.

use features::checkpoint::{Frame, Part, Reader, Tag, frame, frames};
use features::{Origins, RelationLimits, RelationsRestore};

use super::{RelationStage, StageStats};
use crate::engine::checkpoint::FORMAT;
use crate::engine::checkpoint::restore::{Place, newest_first};
use crate::engine::checkpoint::values::{Head, STAGE, put_head, put_origins, take_head, take_origins};
use crate::error::Error;

impl RelationStage {
    /// Whether a delta would miss something: nothing was written or restored yet, or too much has gone since.
    #[must_use]
    pub fn needs_full_checkpoint(&self) -> bool {
        self.relations.needs_full()
    }

    /// Begins a checkpoint, as [`Engine::begin_checkpoint`](crate::Engine::begin_checkpoint) does; whether it is full.
    pub fn begin_checkpoint(&mut self, full: bool) -> bool {
        if self.writing.is_some() {
            self.abandon_checkpoint();
        }
        let full = full || self.needs_full_checkpoint();
        self.relations.begin(full);
        let mut begin = Vec::new();
        put_head(&mut begin, STAGE, Head { format: FORMAT, full, partition: self.partition });
        put_origins(&mut begin, &self.origins);
        let StageStats { relations, passed_over, facts, entities: _, memory_bytes: _ } = self.stats;
        for number in [relations, passed_over, facts] {
            begin.extend_from_slice(&number.to_le_bytes());
        }
        self.writing = Some(Some(begin));
        full
    }

    /// Appends a chunk, as [`Engine::write_checkpoint`](crate::Engine::write_checkpoint) does; whether it is complete.
    pub fn write_checkpoint(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let Some(begin) = &mut self.writing else { return true };
        if let Some(begin) = begin.take() {
            frame(out, Tag::Begin, &begin);
        }
        if !self.relations.write(bytes_max.max(1), out) {
            return false;
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

    /// The newest checkpoint came to nothing: what it held is in the next one again.
    pub fn abandon_checkpoint(&mut self) {
        self.writing = None;
        self.relations.abandon();
    }

    /// A stage from the chunks of a full checkpoint and the deltas after it, in the order in which they were written.
    ///
    /// # Errors
    /// If something is damaged, missing, or of another stage.
    pub fn restore<C: AsRef<[u8]>>(
        limits: RelationLimits,
        partition: u32,
        chunks: &[C],
    ) -> Result<RelationStage, Error> {
        let mut restore = StageRestore::new(limits, partition);
        for chunk in newest_first(chunks) {
            restore.chunk(chunk)?;
        }
        restore.finish()
    }
}

/// A relation stage that is being restored: give it chunks, newest layer first, each layer's as they were written.
#[derive(Debug)]
pub struct StageRestore {
    partition: u32,
    place: Place,
    values: Option<(Origins, StageStats)>,
    relations: RelationsRestore,
}

impl StageRestore {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(limits: RelationLimits, partition: u32) -> Self {
        Self { partition, place: Place::Between, values: None, relations: RelationsRestore::new(limits) }
    }

    /// Reads a chunk.
    ///
    /// # Errors
    /// If it is damaged, of another stage, or does not follow the one before.
    pub fn chunk(&mut self, chunk: &[u8]) -> Result<(), Error> {
        for frame in frames(chunk) {
            self.frame(&frame.map_err(Error::from_features)?)?;
        }
        Ok(())
    }

    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        match frame.tag {
            Tag::Begin => self.begin(frame),
            Tag::End => {
                self.relations.end_layer();
                self.place.end()
            }
            _ if !self.place.is_within() => Err(Error::checkpoint("records outside of any layer")),
            _ => match self.relations.take(frame).map_err(Error::from_features)? {
                true => Ok(()),
                false => Err(Error::checkpoint("records of another kind of checkpoint")),
            },
        }
    }

    fn begin(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let mut reader = Reader::new(frame.records);
        let head = take_head(&mut reader, STAGE, self.partition).map_err(Error::checkpoint)?;
        self.place.begin(head.full)?;
        if self.values.is_none() {
            let origins = take_origins(&mut reader).map_err(Error::from_features)?;
            let mut number = || reader.u64().map_err(Error::from_features);
            let (relations, passed_over, facts) = (number()?, number()?, number()?);
            let stats = StageStats { relations, passed_over, facts, ..StageStats::default() };
            self.values = Some((origins, stats));
        }
        Ok(())
    }

    /// The stage as it was when the newest layer began.
    ///
    /// # Errors
    /// If a layer or a record is missing.
    pub fn finish(self) -> Result<RelationStage, Error> {
        let (Place::Complete, Some((origins, stats))) = (self.place, self.values) else {
            return Err(Error::checkpoint("it has no full layer, or a layer has no end"));
        };
        let relations = self.relations.finish().map_err(Error::from_features)?;
        let (partition, found, writing) = (self.partition, Vec::new(), None);
        Ok(RelationStage { relations, origins, partition, stats, found, writing })
    }
}
