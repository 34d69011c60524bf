//! The engine at a start: from the newest checkpoint that is whole and of this journal, else from the journal's beginning.
//!
//! Separate from the engine's thread. Invariants: a checkpoint that is damaged, foreign or older than the journal is refused with
//! its reason in the log, and the one before it is tried; what records had put in force is loaded before anything is decided;
//! where nothing is left and the journal's beginning is gone, nothing starts.

use std::sync::Arc;
use std::time::Duration;

use ingest::journal::{Head, Reader};
use scorer::{Engine, EngineConfig, Restore};
use sinks::checkpoint::{Candidate, Chain, Checkpoints, Moment, Place, Role};
use tokio::runtime::Handle;

use super::state::State;
use crate::clock;
use crate::error::Error;
use crate::registry::Registry;
use crate::saving::Saver;
use crate::telemetry::LOAD;

/// Where the engine's checkpoints lie.
#[derive(Clone)]
pub struct Shelf {
    /// The folder.
    pub checkpoints: Checkpoints,
    /// Time from one to the next.
    pub every: Duration,
    /// Where the folder is spoken to.
    pub store: Handle,
    /// Whether to stop.
    pub state: Arc<State>,
    /// Where what records put in force is loaded from.
    pub registry: Registry,
}

/// An engine, and how far it has read.
pub struct Restored {
    /// The engine.
    pub engine: Engine,
    /// Position of the last record that it took; 0: none.
    pub position: u64,
}

/// The place of the one engine there is.
pub fn place() -> Place {
    let (role, catalog) = (Role::Accounts, features::catalog_hash());
    Place { role, partition: 0, partitions: 1, catalog, topics: None }
}

impl Shelf {
    /// The engine from the newest checkpoint that can be used, or an empty one; `None` if the server stops meanwhile.
    pub fn restore(
        &self,
        config: &EngineConfig,
        log: &Reader,
        head: Head,
    ) -> Result<Option<Restored>, Error> {
        let found = self.store.block_on(self.checkpoints.find(&place()))?;
        for refused in &found.refused {
            tracing::error!(name = refused.name, reason = refused.reason, "a checkpoint was refused");
        }
        for candidate in &found.candidates {
            let (name, position) = (candidate.name(), position(candidate.moment()));
            let read =
                is_of(candidate.moment(), log, head).and_then(|()| self.read(candidate, config.clone()));
            if self.state.is_draining() {
                return Ok(None);
            }
            match read {
                Ok(engine) => {
                    let bytes = candidate.bytes();
                    tracing::info!(name, position, bytes, "the engine was restored from a checkpoint");
                    return Ok(Some(Restored { engine, position }));
                }
                Err(reason) => {
                    tracing::error!(name, reason, "a checkpoint was refused; the one before it is tried");
                }
            }
        }
        if head.pruned > 0 {
            return Err(Error::Role(format!(
                "no checkpoint can be used (the log says why), and the journal's first {} records are gone: what the engine knew \
                 cannot be worked out again. Put back `checkpoints` and `journal.db` of the data folder from one backup",
                head.pruned
            )));
        }
        if head.position > 0 {
            tracing::warn!(records = head.position, "no checkpoint: the journal is read from its beginning");
        }
        Ok(Some(Restored { engine: Engine::new(config.clone()), position: 0 }))
    }

    /// Saves an engine that stands at this position.
    pub fn saver(&self, position: u64) -> Saver {
        let chain = Chain::new(self.checkpoints.clone(), place(), clock::now_ms());
        let valid = (position > 0).then(|| position + 1);
        Saver::new(chain, self.store.clone(), self.every, valid)
    }

    fn read(&self, candidate: &Candidate, config: EngineConfig) -> Result<Engine, String> {
        let mut chunks = {
            let _inside = self.store.enter();
            self.checkpoints.read(candidate)
        };
        let mut restore = Restore::new(config);
        while let Some(chunk) = chunks.next_blocking().map_err(|error| error.to_string())? {
            restore.chunk(&chunk).map_err(|error| error.to_string())?;
            self.state.pulse.beat();
            if self.state.is_draining() {
                return Err("the server stops".to_owned());
            }
        }
        for needed in restore.needs() {
            self.state.pulse.expect_within(LOAD);
            let loaded = self.registry.load_this(&needed, restore.sha256_of(&needed));
            restore.provide(loaded.map_err(|error| error.to_string())?);
        }
        restore.finish().map_err(|error| error.to_string())
    }
}

/// Position of the last record in a checkpoint.
pub fn position(moment: Moment) -> u64 {
    moment.next_offset.saturating_sub(1)
}

/// Whether a checkpoint is of this journal, which still has everything after it.
fn is_of(moment: Moment, log: &Reader, head: Head) -> Result<(), String> {
    let position = position(moment);
    if position > head.position {
        return Err(format!("it ends at position {position}, the journal at {}", head.position));
    }
    if position < head.pruned {
        return Err(format!("it ends at position {position}, the journal begins after {}", head.pruned));
    }
    match log.time_of(position).map_err(|error| error.to_string())? {
        Some(at) if at != moment.at_ms => {
            Err(format!("it is of another journal: position {position} has another time there"))
        }
        _ => Ok(()),
    }
}
