//! An engine from layers, newest first.
//!
//! Separate from writing. Chunks come one by one, so that a state of gigabytes is never in memory twice. Invariants: every layer
//! from the newest back to a full one is read to its end, or there is no engine; the versions that records had put in force are
//! there before the first record.

use features::checkpoint::{Frame, Reader, Tag, frames};
use features::{DuplicateRestore, RelationsRestore, StoreRestore};
use schema::ControlKind;
use schema::limits::DUPLICATE_WINDOW_EVENTS;

use super::values::{self, ENGINE, Values};
use crate::engine::activate::{Artifact, Needed};
use crate::engine::lineup::Role;
use crate::engine::lists::checkpoint::HitsRestore;
use crate::engine::{Engine, EngineConfig, Facts};
use crate::error::Error;
use crate::standing::checkpoint::StandingRestore;

/// Where reading stands between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The next frame begins a layer.
    Between,
    /// Within a layer; whether it is a full one.
    Within { full: bool },
    /// A full layer was read to its end.
    Complete,
}

impl Place {
    /// Whether records may come.
    pub fn is_within(self) -> bool {
        matches!(self, Place::Within { .. })
    }

    /// A layer begins.
    pub fn begin(&mut self, full: bool) -> Result<(), Error> {
        match self {
            Place::Between => {
                *self = Place::Within { full };
                Ok(())
            }
            Place::Within { .. } => Err(Error::checkpoint("a layer has no end")),
            Place::Complete => Err(Error::checkpoint("a layer follows that is older than the full one")),
        }
    }

    /// A layer ends.
    pub fn end(&mut self) -> Result<(), Error> {
        match *self {
            Place::Within { full } => {
                *self = if full { Place::Complete } else { Place::Between };
                Ok(())
            }
            _ => Err(Error::checkpoint("an end where no layer began")),
        }
    }
}

/// An engine that is being restored: give it chunks, newest layer first, each layer's as they were written.
#[derive(Debug)]
pub struct Restore {
    config: EngineConfig,
    place: Place,
    values: Option<Values>,
    artifacts: Vec<Artifact>,
    store: StoreRestore,
    relations: RelationsRestore,
    duplicates: DuplicateRestore,
    standing: StandingRestore,
    hits: HitsRestore,
}

impl Restore {
    /// Nothing is read yet. `config` is that of the engine that wrote the checkpoint: its bounds may be larger now, and its
    /// versions others where no record put them in force.
    #[must_use]
    pub fn new(config: EngineConfig) -> Self {
        Self {
            store: StoreRestore::new(config.store),
            relations: RelationsRestore::new(config.relations),
            duplicates: DuplicateRestore::new(DUPLICATE_WINDOW_EVENTS),
            standing: StandingRestore::new(config.standings_max),
            hits: HitsRestore::new(),
            place: Place::Between,
            values: None,
            artifacts: Vec::new(),
            config,
        }
    }

    /// Reads a chunk.
    ///
    /// # Errors
    /// If it is damaged, of another engine, or does not follow the one before.
    pub fn chunk(&mut self, chunk: &[u8]) -> Result<(), Error> {
        for frame in frames(chunk) {
            let frame = frame.map_err(Error::from_features)?;
            self.frame(&frame)?;
        }
        Ok(())
    }

    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        match frame.tag {
            Tag::Begin => return self.begin(frame),
            Tag::End => {
                self.store.end_layer();
                self.relations.end_layer();
                self.standing.end_layer();
                self.hits.end_layer();
                return self.place.end();
            }
            _ if !self.place.is_within() => {
                return Err(Error::checkpoint("records outside of any layer"));
            }
            _ => {}
        }
        match self.records(frame).map_err(Error::from_features)? {
            true => Ok(()),
            false => Err(Error::checkpoint("records of another kind of checkpoint")),
        }
    }

    fn records(&mut self, frame: &Frame<'_>) -> Result<bool, features::checkpoint::Error> {
        Ok(self.store.take(frame)?
            || self.duplicates.take(frame)?
            || self.standing.take(frame)?
            || self.hits.take(frame)?
            || self.relations.take(frame)?)
    }

    fn begin(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let mut reader = Reader::new(frame.records);
        let head =
            values::take_head(&mut reader, ENGINE, self.config.partition).map_err(Error::checkpoint)?;
        self.place.begin(head.full)?;
        if self.values.is_none() {
            let values = values::take(&mut reader, head.format).map_err(Error::from_features)?;
            if values.facts != self.config.facts {
                return Err(Error::checkpoint(
                    "facts about shared entities came in another way when it was made (fed back, or from the log)",
                ));
            }
            self.values = Some(values);
        }
        Ok(())
    }

    /// What records had put in force and has to be [provided](Self::provide) before [`Restore::finish`]. Known after the
    /// first chunk.
    #[must_use]
    pub fn needs(&self) -> Vec<Needed> {
        let active = self.values.iter().flat_map(|values| &values.active);
        let is_there = |what: &&Needed| {
            what.kind == ControlKind::Kill || self.artifacts.iter().any(|artifact| is_of(artifact, what))
        };
        active.map(|active| &active.what).filter(|what| !is_there(what)).cloned().collect()
    }

    /// The SHA-256 of the file that a version was loaded from when it was put in force, hexadecimal; `None`: it is not known.
    #[must_use]
    pub fn sha256_of(&self, needed: &Needed) -> Option<&str> {
        let mut active = self.values.iter().flat_map(|values| &values.active);
        active.find(|active| active.what == *needed).and_then(|active| active.sha256.as_deref())
    }

    /// Gives a version that records had put in force.
    pub fn provide(&mut self, artifact: Artifact) {
        self.artifacts.push(artifact);
    }

    /// The engine as it was when the newest layer began.
    ///
    /// # Errors
    /// If a layer or a record is missing, or a version that was active.
    pub fn finish(self) -> Result<Engine, Error> {
        let missing = self.needs();
        if self.place != Place::Complete {
            return Err(Error::checkpoint("it has no full layer, or a layer has no end"));
        }
        if !missing.is_empty() {
            return Err(Error::Missing { versions: missing });
        }
        let Self { config, values, mut artifacts, .. } = self;
        let values = values.ok_or_else(|| Error::checkpoint("it says nothing of the engine"))?;
        let fed_back = config.facts == Facts::FedBack;
        let mut engine = Engine::new(config);
        // Weights come behind the model that they belong to.
        artifacts.sort_by_key(|artifact| artifact.content.kind() == ControlKind::Weights);
        for artifact in artifacts {
            let active = values.active.iter().find(|active| is_of(&artifact, &active.what));
            let role = active.map_or(Role::All, |active| active.role);
            engine.install(artifact, role);
        }
        let names: Vec<String> = values.lists.iter().map(|(name, _)| name.clone()).collect();
        engine.lists.sort(&names);
        engine.versions.blocklists = engine.lists.version();
        let were = values.lists.iter().map(|(name, version)| (name.as_str(), version.as_str()));
        let same = engine.lists.in_force().eq(were);
        self.hits.finish(&mut engine.lists, same);
        engine.store = self.store.finish().map_err(Error::from_features)?;
        engine.duplicates = self.duplicates.finish().map_err(Error::from_features)?;
        engine.standing = self.standing.finish().map_err(Error::from_features)?;
        if fed_back {
            *engine.entities.relations() = self.relations.finish().map_err(Error::from_features)?;
        }
        engine.activations.restore(values.controls, values.active);
        engine.origins = values.origins;
        engine.proposed = values.proposed;
        engine.budget = values.budget;
        engine.audits = values.audits;
        engine.stats = values.stats;
        (engine.at, engine.leapt_to) = (values.at, values.leapt_to);
        Ok(engine)
    }

    /// What is in force now by configuration and was another version when the checkpoint was made, for a log: policy, model and
    /// blocklists that no record put in force.
    #[must_use]
    pub fn changes(&self) -> Vec<String> {
        let Some(values) = &self.values else { return Vec::new() };
        let by_record = |kind: ControlKind| {
            values.active.iter().any(|active| active.what.kind == kind && active.role == Role::All)
        };
        let model = self.config.model.as_ref().map_or("", |model| model.version());
        let now = [(ControlKind::Policy, self.config.policy.version.as_str()), (ControlKind::Model, model)];
        now.into_iter()
            .zip(&values.versions)
            .filter(|((kind, now), was)| !by_record(*kind) && now != was)
            .map(|((kind, now), was)| format!("{kind} was {was:?} and is {now:?}"))
            .collect()
    }
}

impl Engine {
    /// An engine from the chunks of a full checkpoint and the deltas after it, in the order in which they were written.
    ///
    /// # Errors
    /// See [`Restore`].
    pub fn restore<C: AsRef<[u8]>>(
        config: EngineConfig,
        chunks: &[C],
        artifacts: Vec<Artifact>,
    ) -> Result<Engine, Error> {
        let mut restore = Restore::new(config);
        artifacts.into_iter().for_each(|artifact| restore.provide(artifact));
        for chunk in newest_first(chunks) {
            restore.chunk(chunk)?;
        }
        restore.finish()
    }
}

fn is_of(artifact: &Artifact, what: &Needed) -> bool {
    artifact.content.kind() == what.kind && artifact.name == what.name && artifact.version == what.version
}

/// Chunks in the order in which they were written, as they are to be read: layers from the newest back to the first full one.
pub(crate) fn newest_first<C: AsRef<[u8]>>(chunks: &[C]) -> impl Iterator<Item = &[u8]> {
    let begins = |chunk: &C| chunk.as_ref().first() == Some(&(Tag::Begin as u8));
    let mut layers: Vec<&[C]> = Vec::new();
    let mut rest = chunks;
    while let Some(first) = rest.iter().rposition(begins) {
        layers.push(&rest[first..]);
        rest = &rest[..first];
        if layers.last().and_then(|layer| layer.first()).is_some_and(|chunk| is_full(chunk.as_ref())) {
            break;
        }
    }
    layers.into_iter().flatten().map(AsRef::as_ref)
}

/// Whether a layer's first chunk says that it is a full one.
fn is_full(chunk: &[u8]) -> bool {
    let first = frames(chunk).next().and_then(Result::ok);
    first.is_some_and(|frame| values::is_full(frame.records))
}
