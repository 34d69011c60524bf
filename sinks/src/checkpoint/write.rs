//! Writing: chunks come through a bounded channel from whoever owns the engine, and go out in parts.
//!
//! Separate from reading. The owner of the engine never waits: it asks [`Feed::is_ready`] between records. Invariants: the
//! manifest is written after every part is; a feed that is dropped before its end leaves no manifest; one checkpoint of a chain
//! is written at a time; a checkpoint that failed takes no number.

use object_store::ObjectStoreExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use xxhash_rust::xxh3::xxh3_64;

use super::manifest::{FORMAT, Manifest, PartEntry, folder, manifest_path, part_path};
use super::{Checkpoints, Moment, Place, Topics, part};
use crate::error::Error;

/// Chunks that wait for the store at most.
const CHUNKS_WAITING: usize = 4;

enum Piece {
    Chunk(Vec<u8>),
    End,
}

/// Takes the chunks of one checkpoint.
#[derive(Debug)]
pub struct Feed(mpsc::Sender<Piece>);

impl Feed {
    /// Whether a chunk can be taken now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.capacity() > 1
    }

    /// Whether the checkpoint has failed: nothing more will be taken.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Gives a chunk; false if it was not taken, because the feed was not ready or the checkpoint has failed.
    pub fn push(&self, chunk: Vec<u8>) -> bool {
        self.is_ready() && self.0.try_send(Piece::Chunk(chunk)).is_ok()
    }

    /// Says that there are no more; false if the checkpoint has failed.
    pub fn end(self) -> bool {
        // One place is kept free for it.
        self.0.try_send(Piece::End).is_ok()
    }
}

/// A checkpoint that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Where the log stood.
    pub moment: Moment,
    /// Whether it was a full one.
    pub full: bool,
    /// Its bytes.
    pub bytes: u64,
}

/// A checkpoint that is being written.
pub type Writing = JoinHandle<Result<Written, Error>>;

/// The chain of one place that this process writes.
#[derive(Debug)]
pub struct Chain {
    checkpoints: Checkpoints,
    place: Place,
    /// Tells chains of different processes apart.
    run: u64,
    /// The chain's name, once a full checkpoint is durable.
    name: Option<String>,
    next_number: u32,
    full_bytes: u64,
    deltas_bytes: u64,
    /// The one under way.
    begun: Option<(Moment, Option<String>)>,
}

impl Chain {
    /// A chain for a place. `run` tells processes apart that write the same place after each other: the time of start, say.
    /// It begins with a full checkpoint, also after a restore.
    #[must_use]
    pub fn new(checkpoints: Checkpoints, place: Place, run: u64) -> Self {
        let (name, begun) = (None, None);
        Self { checkpoints, place, run, name, next_number: 0, full_bytes: 0, deltas_bytes: 0, begun }
    }

    /// Whether the next checkpoint should be a full one.
    #[must_use]
    pub fn wants_full(&self) -> bool {
        let settings = &self.checkpoints.settings;
        self.name.is_none()
            || self.next_number > settings.deltas_max
            || self.deltas_bytes as f64 > self.full_bytes as f64 * settings.deltas_share_max
    }

    /// Begins a checkpoint: a full one, which begins a new chain, or a delta. Call [`Chain::wrote`] with what the writing came
    /// to. Must be called within a tokio runtime.
    ///
    /// # Panics
    /// If one is under way, or a delta comes before any full one.
    pub fn begin(&mut self, full: bool, moment: Moment) -> (Feed, Writing) {
        assert!(self.begun.is_none(), "one checkpoint of a chain is written at a time");
        let fresh = full.then(|| format!("{:020}-{:020}", self.run, moment.next_offset));
        let chain = fresh.clone().or(self.name.clone()).expect("a chain begins with a full checkpoint");
        let manifest = Manifest {
            format: FORMAT,
            role: self.place.role.word().to_owned(),
            partition: self.place.partition,
            partitions: self.place.partitions,
            catalog: format!("{:016x}", self.place.catalog),
            chain,
            number: if full { 0 } else { self.next_number },
            next_offset: moment.next_offset,
            at_ms: moment.at_ms,
            topics: self.place.topics.map(Topics::text),
            parts: Vec::new(),
        };
        self.begun = Some((moment, fresh));
        let (feed, pieces) = mpsc::channel(CHUNKS_WAITING + 1);
        let writing = tokio::spawn(write(self.checkpoints.clone(), self.place, manifest, pieces));
        (Feed(feed), writing)
    }

    /// Notes what the writing came to.
    pub fn wrote(&mut self, written: &Result<Written, Error>) {
        let begun = self.begun.take();
        let (Ok(written), Some((_, fresh))) = (written, begun) else { return };
        match fresh {
            Some(name) => {
                self.name = Some(name);
                self.next_number = 1;
                self.full_bytes = written.bytes;
                self.deltas_bytes = 0;
            }
            None => {
                self.next_number += 1;
                self.deltas_bytes += written.bytes;
            }
        }
    }
}

async fn write(
    checkpoints: Checkpoints,
    place: Place,
    mut manifest: Manifest,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<Written, Error> {
    let folder = folder(&checkpoints.folder(&place), &manifest.chain, manifest.number);
    let mut open = part::header(&manifest, 0);
    loop {
        match pieces.recv().await {
            Some(Piece::Chunk(chunk)) => {
                part::put_chunk(&mut open, &chunk);
                if open.len() >= checkpoints.settings.part_bytes {
                    let next = part::header(&manifest, manifest.parts.len() + 1);
                    put_part(&checkpoints, &folder, &mut manifest, std::mem::replace(&mut open, next))
                        .await?;
                }
            }
            Some(Piece::End) => break,
            None => {
                let detail = "the engine gave it up before its end".to_owned();
                return Err(Error::Checkpoint { name: folder.to_string(), detail });
            }
        }
    }
    put_part(&checkpoints, &folder, &mut manifest, open).await?;
    let path = manifest_path(&folder);
    let put = checkpoints.store.put(&path, manifest.to_bytes().into()).await;
    put.map_err(|source| checkpoints.failed(path.as_ref(), source))?;
    let written = Written { moment: manifest.moment(), full: manifest.number == 0, bytes: manifest.bytes() };
    if written.full
        && let Err(error) = checkpoints.prune(&place, &manifest.chain).await
    {
        tracing::warn!(%error, "old checkpoints stay for now: they could not be pruned");
    }
    Ok(written)
}

async fn put_part(
    checkpoints: &Checkpoints,
    folder: &object_store::path::Path,
    manifest: &mut Manifest,
    object: Vec<u8>,
) -> Result<(), Error> {
    let path = part_path(folder, manifest.parts.len());
    let xxh3 = format!("{:016x}", xxh3_64(&object));
    manifest.parts.push(PartEntry { bytes: object.len() as u64, xxh3 });
    let put = checkpoints.store.put(&path, object.into()).await;
    put.map(|_| ()).map_err(|source| checkpoints.failed(path.as_ref(), source))
}
