//! The manifest: what one checkpoint consists of. Written last, so that it is there only if all the rest is.
//!
//! Separate, because it is a file format with its own life: one line of JSON, then the xxh3 of that line in hexadecimal.
//! Invariant: a manifest whose second line does not fit its first is damaged.

use object_store::path::Path;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{Moment, Place, Topics};

/// Version of the format; another is refused by name.
pub const FORMAT: u32 = 1;

/// One part of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartEntry {
    /// Length of the object, bytes.
    pub bytes: u64,
    /// xxh3 of the object, 16 hexadecimal digits.
    pub xxh3: String,
}

/// One checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub format: u32,
    pub role: String,
    pub partition: u32,
    pub partitions: u32,
    /// Hash of the feature catalogue, 16 hexadecimal digits.
    pub catalog: String,
    /// The chain: run and offset of its full checkpoint.
    pub chain: String,
    /// Place in the chain; 0 is the full one.
    pub number: u32,
    /// The first offset that is not in the state.
    pub next_offset: u64,
    /// The log's time, ms since the Unix epoch.
    pub at_ms: u64,
    /// The ids of the topics that its offsets are of; one that an older weir wrote does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topics: Option<String>,
    pub parts: Vec<PartEntry>,
}

impl Manifest {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("its keys are text and it is written into memory");
        let sum = xxh3_64(&bytes);
        bytes.extend_from_slice(format!("\n{sum:016x}\n").as_bytes());
        bytes
    }

    /// Reads a manifest for a place; the error says why it is refused.
    pub fn read(bytes: &[u8], place: &Place) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the manifest is damaged: not text".to_owned())?;
        let mut lines = text.lines();
        let (body, sum) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        if format!("{:016x}", xxh3_64(body.as_bytes())) != sum {
            return Err("the manifest is damaged: its checksum does not fit".to_owned());
        }
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let format = serde_json::from_str::<Format>(body).map_or(0, |head| head.format);
        if format != FORMAT {
            return Err(format!("it has format {format}; this weir reads format {FORMAT}"));
        }
        let manifest: Manifest =
            serde_json::from_str(body).map_err(|error| format!("the manifest is damaged: {error}"))?;
        manifest.fits(place)?;
        Ok(manifest)
    }

    fn fits(&self, place: &Place) -> Result<(), String> {
        let catalog = format!("{:016x}", place.catalog);
        if self.role != place.role.word() {
            return Err(format!("it is of {}, not of {}", self.role, place.role.word()));
        }
        if self.partition != place.partition {
            return Err(format!("it is of partition {}, not of {}", self.partition, place.partition));
        }
        if self.partitions != place.partitions {
            return Err(format!(
                "it was made for {} partitions and there are {}: accounts lie elsewhere now, it cannot be used",
                self.partitions, place.partitions
            ));
        }
        if self.catalog != catalog {
            return Err(format!(
                "it was made with feature catalogue {} and this weir has {catalog}: use the weir that made it, or start without",
                self.catalog
            ));
        }
        Ok(())
    }

    /// Whether it is of the topics that are there now; the error says why not.
    pub fn is_of(&self, topics: Option<Topics>) -> Result<(), String> {
        let (Some(was), Some(is)) = (&self.topics, topics.map(Topics::text)) else { return Ok(()) };
        if *was == is {
            return Ok(());
        }
        Err(format!(
            "it is of another log: its offsets are of topic {was}, and there is {is} now; the topic was deleted and made anew"
        ))
    }

    pub fn moment(&self) -> Moment {
        Moment { next_offset: self.next_offset, at_ms: self.at_ms }
    }

    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}

/// The folder of a checkpoint within its place's folder.
pub(super) fn folder(place: &Path, chain: &str, number: u32) -> Path {
    place.clone().join(chain).join(format!("{number:06}"))
}

/// The path of a manifest in a checkpoint's folder.
pub(super) fn manifest_path(folder: &Path) -> Path {
    folder.clone().join("manifest.json")
}

/// The path of a part in a checkpoint's folder.
pub(super) fn part_path(folder: &Path, part: usize) -> Path {
    folder.clone().join(format!("{part:05}.part"))
}
