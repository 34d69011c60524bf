//! What a run of online learning leaves for the next one: its memory, how far it came, and what it published.
//!
//! Separate from learning. One JSON object, `format` 1. Invariants: a state of another model is refused, and says what to do; the file is
//! replaced whole.

use models::{Online, Weights};
use serde::{Deserialize, Serialize};

use super::known::Known;
use crate::error::Error;
use crate::files;

const FORMAT: u32 = 1;
/// Largest state file, bytes.
const BYTES_MAX: u64 = 256 << 20;

/// Where a run left.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Labels up to here were learned from, ms since the Unix epoch.
    pub learned_to: u64,
    base: String,
    gradients: Vec<f64>,
    squares: Vec<f64>,
    published: Option<Vec<(u32, u32, f32)>>,
    /// Version of the weights that were put in force last, as a service tells it.
    pub in_force: Option<String>,
    /// When that was, ms since the Unix epoch; 0: before this start.
    pub put_ms: u64,
    /// Which stored labels were learned from; `None`: nobody knows, since they came from files.
    pub(super) known: Option<Known>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    base: String,
    learned_to: u64,
    gradients: Vec<f64>,
    squares: Vec<f64>,
    published: Option<Vec<(u32, u32, f32)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_force: Option<String>,
    /// Days since the Unix epoch, and a digest of their labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known: Option<Vec<(u64, u64)>>,
}

impl State {
    /// Reads a file; nothing if there is none yet.
    pub fn open(name: &str) -> Result<Self, Error> {
        if !std::path::Path::new(name).exists() {
            return Ok(Self::default());
        }
        let text = files::read_text(name, BYTES_MAX)?;
        let file: File = serde_json::from_str(&text).map_err(|error| Error::file(name, error))?;
        if file.format != FORMAT {
            return Err(Error::file(name, format!("format {}; this build reads {FORMAT}", file.format)));
        }
        let File { base, learned_to, gradients, squares, published, in_force, known, .. } = file;
        let known = known.map(Known::from_days);
        Ok(Self { learned_to, base, gradients, squares, published, in_force, put_ms: 0, known })
    }

    /// Writes it.
    pub fn write(&self, name: &str) -> Result<(), Error> {
        let Self { learned_to, base, gradients, squares, published, in_force, known, .. } = self.clone();
        let known = known.map(|known| known.days());
        let file = File { format: FORMAT, base, learned_to, gradients, squares, published, in_force, known };
        let bytes = serde_json::to_vec(&file).expect("numbers and strings always serialise");
        let partial = format!("{name}.partial");
        files::write(&partial, &bytes)?;
        std::fs::rename(&partial, name).map_err(|error| Error::file(name, error))
    }

    /// Whether it is of another model than this one.
    pub fn is_of_another(&self, version: &str) -> bool {
        !self.base.is_empty() && self.base != version
    }

    /// Forgets what labels taught; what is in force stays so until something better is known.
    pub(super) fn begin_anew(&mut self) {
        *self = Self { in_force: self.in_force.take(), put_ms: self.put_ms, ..Self::default() };
    }

    /// Gives its memory to the learner; gives what was published.
    pub(super) fn restore(&self, online: &mut Online) -> Result<Option<Weights>, Error> {
        if self.base.is_empty() {
            return Ok(None);
        }
        let version = online.base().version();
        if self.base != version {
            return Err(Error::Usage(format!(
                "the state is of model {}, not of {version}: new trees have new leaves. Begin with another --state and all stored rows",
                self.base
            )));
        }
        online
            .remember(self.gradients.clone(), self.squares.clone())
            .map_err(|error| Error::Usage(error.to_string()))?;
        Ok(self.published.clone().map(|leaves| Weights { base: self.base.clone(), leaves }))
    }

    /// Takes over what the learner knows.
    pub(super) fn keep(&mut self, online: &Online, published: Option<Weights>) {
        let (gradients, squares) = online.memory();
        (self.gradients, self.squares) = (gradients.to_vec(), squares.to_vec());
        online.base().version().clone_into(&mut self.base);
        self.published = published.map(|weights| weights.leaves);
        self.known = None;
    }
}
