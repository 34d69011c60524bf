//! Checkpoints in a directory or an object store: chains of a full one and the deltas after it.
//!
//! Separate from the engines, whose bytes it does not understand, and from the log, whose offsets it only carries. Layout:
//! `ROLE/PARTITION/CHAIN/NUMBER/PART.part` and, written last, `ROLE/PARTITION/CHAIN/NUMBER/manifest.json`. Invariants: what has
//! no manifest does not exist; a manifest names every part with its length and checksum, and every chunk has its own; a
//! checkpoint of another role, partition, number of partitions, catalogue, topic or format is refused by name; the newest chain that is
//! whole is never pruned; memory is bounded by one part and a few chunks.

#[cfg(feature = "cloud")]
mod cloud;
mod manifest;
mod part;
mod prune;
mod read;
mod write;

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use crate::error::Error;

pub use manifest::FORMAT;
pub use read::{Candidate, Chunks, Found, Refused};
pub use write::{Chain, Feed, Writing, Written};

/// Whose state a checkpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The engine of one partition of events.
    Accounts,
    /// The relation stage of one partition of relations.
    Relations,
    /// How far a partition of reviews was read: there is no state besides.
    Reviews,
    /// How far what is wanted was read, likewise.
    Control,
}

impl Role {
    /// Its word in paths and manifests.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Role::Accounts => "accounts",
            Role::Relations => "relations",
            Role::Reviews => "reviews",
            Role::Control => "control",
        }
    }
}

/// What a checkpoint must fit to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whose state.
    pub role: Role,
    /// The partition.
    pub partition: u32,
    /// Partitions of the topic.
    pub partitions: u32,
    /// The hash of the feature catalogue.
    pub catalog: u64,
    /// The ids of the topics that its offsets are of, as far as they are known; `None`: it is not asked.
    pub topics: Option<Topics>,
}

/// Ids of topics: one that is deleted and made anew has another, and offsets of the old one mean nothing in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topics {
    /// The topic that is read.
    pub own: u128,
    /// The one whose offsets are in what is read, if any.
    pub other: Option<u128>,
}

impl Topics {
    /// As a manifest says it: 32 hexadecimal digits each.
    fn text(self) -> String {
        let other = self.other.map_or(String::new(), |id| format!("+{id:032x}"));
        format!("{:032x}{other}", self.own)
    }
}

/// Where the log stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The first offset that is not in the state.
    pub next_offset: u64,
    /// The log's time, ms since the Unix epoch.
    pub at_ms: u64,
}

/// How many are kept, and when a chain begins anew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Chains kept; at least 1.
    pub chains_kept: usize,
    /// A full checkpoint is due once the deltas together exceed this share of the full one's size.
    pub deltas_share_max: f64,
    /// A full checkpoint is due after this many deltas.
    pub deltas_max: u32,
    /// Bytes of a part.
    pub part_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { chains_kept: 2, deltas_share_max: 1.0, deltas_max: 360, part_bytes: 16 * 1024 * 1024 }
    }
}

/// A store of checkpoints.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    store: Arc<dyn ObjectStore>,
    /// The URL or directory as given, for messages.
    name: Arc<str>,
    root: Path,
    settings: Settings,
}

impl Checkpoints {
    /// Opens a directory, as a path or as a `file://` URL: made if it is not there; writes are flushed to the device.
    ///
    /// # Errors
    /// If it cannot be made, or the URL is of another kind.
    pub fn open(url: &str, settings: Settings) -> Result<Self, Error> {
        let fail = |detail: String| Error::Checkpoint { name: url.to_owned(), detail };
        let directory = match url.split_once("://") {
            Some(("file", path)) => path,
            Some((scheme, _)) => {
                return Err(fail(format!("{scheme}:// is not understood: give a directory or file://")));
            }
            None => url,
        };
        std::fs::create_dir_all(directory)
            .map_err(|error| fail(format!("cannot make the directory: {error}")))?;
        let store = LocalFileSystem::new_with_prefix(directory).map_err(|error| fail(error.to_string()))?;
        let store = store.with_fsync(true).with_automatic_cleanup(true);
        Ok(Self::over(Arc::new(store), url, Path::default(), settings))
    }

    /// Opens what the URL names: a directory, or a bucket of an object store (`s3://`, `gs://`, `az://`), whose keys and
    /// settings are `options`, by the names of the variables that its own tools read (`AWS_…`, `GOOGLE_…`, `AZURE_…`). Nothing is
    /// asked of the store yet.
    ///
    /// # Errors
    /// As [`Checkpoints::open`]; if a setting is missing or wrong, or this build speaks to no object store.
    pub fn open_any(url: &str, options: &[(String, String)], settings: Settings) -> Result<Self, Error> {
        match url.split_once("://") {
            Some(("s3" | "gs" | "az", _)) => Self::open_bucket(url, options, settings),
            _ => Self::open(url, settings),
        }
    }

    #[cfg(feature = "cloud")]
    fn open_bucket(url: &str, options: &[(String, String)], settings: Settings) -> Result<Self, Error> {
        let (store, root) = cloud::bucket(url, options)
            .map_err(|error| Error::Checkpoint { name: url.to_owned(), detail: error.to_string() })?;
        Ok(Self::over(store, url, root, settings))
    }

    #[cfg(not(feature = "cloud"))]
    fn open_bucket(url: &str, _: &[(String, String)], _: Settings) -> Result<Self, Error> {
        let detail =
            "this build speaks to no object store: build weir with `--features cloud`, or give a directory";
        Err(Error::Checkpoint { name: url.to_owned(), detail: detail.to_owned() })
    }

    /// Checkpoints in any object store, below `root`; `name` is what messages call it.
    #[must_use]
    pub fn over(store: Arc<dyn ObjectStore>, name: &str, root: Path, settings: Settings) -> Self {
        let settings = Settings { chains_kept: settings.chains_kept.max(1), ..settings };
        Self { store, name: name.into(), root, settings }
    }

    /// The URL or directory as given, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder of a place.
    fn folder(&self, place: &Place) -> Path {
        self.root.clone().join(place.role.word()).join(format!("{:05}", place.partition))
    }

    fn failed(&self, what: &str, source: object_store::Error) -> Error {
        Error::Store { name: self.name.to_string(), what: what.to_owned(), source }
    }
}
