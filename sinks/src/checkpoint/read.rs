//! Reading: which checkpoints there are, newest first, and their chunks, newest layer first.
//!
//! Separate from writing. Whether the bytes mean something is for the engine to say; if it refuses a candidate, the next one is
//! taken. Invariants: a delta is a candidate only if every one before it in its chain is there; everything that was looked at
//! and not taken is told, with the reason; at most a few parts are in memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use tokio::sync::mpsc;

use super::manifest::{Manifest, folder, manifest_path, part_path};
use super::{Checkpoints, Moment, Place, part};
use crate::error::Error;

/// Parts read ahead of whoever takes the chunks.
const PARTS_AHEAD: usize = 2;

/// A checkpoint that may be restored: a full one and the deltas after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    place: Place,
    /// In the order in which they were written.
    layers: Vec<Arc<Manifest>>,
}

impl Candidate {
    /// Where the log stood.
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.layers.last().expect("a candidate has a full checkpoint").moment()
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.layers.iter().map(|layer| layer.bytes()).sum()
    }

    /// Its chain and the number of its newest delta, for messages.
    #[must_use]
    pub fn name(&self) -> String {
        let newest = self.layers.last().expect("a candidate has a full checkpoint");
        format!("{}/{:06}", newest.chain, newest.number)
    }
}

/// A checkpoint that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its path.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What a place has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// What may be restored, newest first.
    pub candidates: Vec<Candidate>,
    /// What was refused.
    pub refused: Vec<Refused>,
    /// Of them, those of a topic that was deleted and made anew.
    pub of_another_log: usize,
}

/// The chunks of a candidate: newest layer first, within a layer as they were written.
#[derive(Debug)]
pub struct Chunks {
    parts: mpsc::Receiver<Result<Vec<Bytes>, Error>>,
    ready: std::vec::IntoIter<Bytes>,
}

impl Chunks {
    /// The next chunk; `None` after the last.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if a part is missing or damaged, [`Error::Store`] if the store does not answer; nothing follows.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some(chunk) = self.ready.next() {
                return Ok(Some(chunk));
            }
            match self.parts.recv().await {
                Some(chunks) => self.ready = chunks?.into_iter(),
                None => return Ok(None),
            }
        }
    }

    /// The same from a thread that may wait.
    ///
    /// # Errors
    /// As [`Chunks::next`].
    pub fn next_blocking(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some(chunk) = self.ready.next() {
                return Ok(Some(chunk));
            }
            match self.parts.blocking_recv() {
                Some(chunks) => self.ready = chunks?.into_iter(),
                None => return Ok(None),
            }
        }
    }
}

impl Checkpoints {
    /// What may be restored at a place, newest first, and what is refused.
    ///
    /// # Errors
    /// If the store does not answer: then it is not known whether there is one.
    pub async fn find(&self, place: &Place) -> Result<Found, Error> {
        let folder = self.folder(place);
        let list = self.store.list(Some(&folder)).try_collect::<Vec<_>>().await;
        let list = list.map_err(|source| self.failed(folder.as_ref(), source))?;
        let mut paths: Vec<Path> = list.into_iter().map(|object| object.location).collect();
        paths.retain(|path| path.filename() == Some("manifest.json"));
        paths.sort();
        let mut found = Found::default();
        let mut chains: BTreeMap<String, Vec<Arc<Manifest>>> = BTreeMap::new();
        for path in paths {
            match self.manifest(&path, place).await? {
                Ok(manifest) => {
                    if let Err(reason) = manifest.is_of(place.topics) {
                        found.of_another_log += 1;
                        found.refused.push(Refused { name: path.to_string(), reason });
                        continue;
                    }
                    let chain = chains.entry(manifest.chain.clone()).or_default();
                    if manifest.number as usize == chain.len() {
                        chain.push(Arc::new(manifest));
                    } else {
                        let reason = "one before it in its chain is missing or refused".to_owned();
                        found.refused.push(Refused { name: path.to_string(), reason });
                    }
                }
                Err(reason) => found.refused.push(Refused { name: path.to_string(), reason }),
            }
        }
        for layers in chains.into_values() {
            for count in 1..=layers.len() {
                found.candidates.push(Candidate { place: *place, layers: layers[..count].to_vec() });
            }
        }
        found.candidates.sort_by_key(|candidate| Reverse((candidate.moment().next_offset, candidate.name())));
        Ok(found)
    }

    /// Begins to read a candidate. Must be called within a tokio runtime.
    #[must_use]
    pub fn read(&self, candidate: &Candidate) -> Chunks {
        let (to, parts) = mpsc::channel(PARTS_AHEAD);
        let (checkpoints, candidate) = (self.clone(), candidate.clone());
        tokio::spawn(async move {
            let place = checkpoints.folder(&candidate.place);
            for manifest in candidate.layers.iter().rev() {
                let folder = folder(&place, &manifest.chain, manifest.number);
                for number in 0..manifest.parts.len() {
                    let part = checkpoints.part(manifest, &folder, number).await;
                    let failed = part.is_err();
                    if to.send(part).await.is_err() || failed {
                        return;
                    }
                }
            }
        });
        Chunks { parts, ready: Vec::new().into_iter() }
    }

    /// A manifest, or why it is refused.
    async fn manifest(&self, path: &Path, place: &Place) -> Result<Result<Manifest, String>, Error> {
        let read = async { self.store.get(path).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Manifest::read(&bytes, place)),
            Err(object_store::Error::NotFound { .. }) => Ok(Err("it was pruned meanwhile".to_owned())),
            Err(source) => Err(self.failed(path.as_ref(), source)),
        }
    }

    async fn part(&self, manifest: &Manifest, folder: &Path, number: usize) -> Result<Vec<Bytes>, Error> {
        let path = part_path(folder, number);
        let read = async { self.store.get(&path).await?.bytes().await };
        let object = match read.await {
            Ok(object) => object,
            // Its manifest is still there: it is damaged. Else it was pruned, or the store is not what it was when it was found.
            Err(object_store::Error::NotFound { .. })
                if self.store.head(&manifest_path(folder)).await.is_ok() =>
            {
                let detail = format!("part {number} is missing");
                return Err(Error::Checkpoint { name: folder.to_string(), detail });
            }
            Err(source) => return Err(self.failed(path.as_ref(), source)),
        };
        part::chunks(manifest, number, &object)
            .map_err(|detail| Error::Checkpoint { name: folder.to_string(), detail })
    }
}
