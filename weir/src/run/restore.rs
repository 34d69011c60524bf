//! A partition's state when it is taken over: from the newest checkpoint that is whole, else from the log itself or from what is
//! known to be in force.
//!
//! Separate from working. Invariants: a checkpoint that is damaged, foreign or older than the log is refused with its reason, and
//! the one before it is tried; without any, a log that was never committed is read from its first record, which gives the same
//! state; otherwise restrictions in force and wanted versions are loaded before the first record, or nothing starts.

use ingest::kafka::{Assignment, tail};
use schema::{Body, Control, ControlKind, NO_WEIGHTS, Standing, Topic};
use scorer::{Engine, Needed, RelationStage, Restore, StageRestore};
use sinks::checkpoint::{Candidate, Moment, Place, Role};

use super::plan::Plan;
use crate::error::Error;
use crate::wanted;

/// A state, and where its log goes on.
pub struct Restored<S> {
    /// The state.
    pub state: S,
    /// The checkpoint's place in the log; `None`: there was none.
    pub from: Option<Moment>,
}

impl<S> Restored<S> {
    /// A state that nothing was restored for.
    pub fn fresh(state: S) -> Self {
        Self { state, from: None }
    }

    /// The same place with what is made of the state and its log time, ms since the Unix epoch.
    pub fn map<W>(self, make: impl FnOnce(S, u64) -> W) -> Restored<W> {
        let at_ms = self.from.map_or(0, |moment| moment.at_ms);
        Restored { state: make(self.state, at_ms), from: self.from }
    }
}

/// What a partition is restored from.
pub struct Sources<'p> {
    /// The worker's settings.
    pub plan: &'p Plan,
    /// Oldest and next offset of the partition.
    pub log: (u64, u64),
    /// The committed offset.
    pub committed: Option<u64>,
    /// Partition, and partitions of its topic.
    pub place: (u32, u32),
}

impl Sources<'_> {
    /// The engine of a partition of events.
    pub fn engine(&self) -> Result<Restored<Engine>, Error> {
        let partition = self.place.0;
        let found = self.newest(Role::Accounts, |candidate| {
            let mut restore = Restore::new(self.plan.engine_of(self.place));
            self.each_chunk(candidate, |chunk| restore.chunk(chunk).map_err(|error| error.to_string()))?;
            for needed in restore.needs() {
                restore.provide(self.load(&needed)?);
            }
            for change in restore.changes() {
                tracing::info!(
                    partition,
                    change,
                    "the configuration is another than when the checkpoint was made"
                );
            }
            restore.finish().map_err(|error| error.to_string())
        })?;
        if let Some(found) = found {
            return Ok(found);
        }
        let mut engine = Engine::new(self.plan.engine_of(self.place));
        if self.committed.is_some() || self.log.0 > 0 {
            let adopted = self.adopt(&mut engine)?;
            tracing::warn!(
                partition,
                adopted,
                "no checkpoint: restrictions in force were loaded from the standing topic, what accounts did before is forgotten"
            );
        }
        Ok(Restored::fresh(engine))
    }

    /// The stage of a partition of relations.
    pub fn stage(&self) -> Result<Restored<RelationStage>, Error> {
        let (partition, limits) = (self.place.0, self.plan.engine.relations);
        let found = self.newest(Role::Relations, |candidate| {
            let mut restore = StageRestore::new(limits, partition);
            self.each_chunk(candidate, |chunk| restore.chunk(chunk).map_err(|error| error.to_string()))?;
            restore.finish().map_err(|error| error.to_string())
        })?;
        Ok(found.unwrap_or_else(|| Restored::fresh(RelationStage::new(limits, partition))))
    }

    /// The place of checkpoints of this role.
    pub fn checkpoint_place(&self, role: Role) -> Place {
        let (partition, partitions) = self.place;
        Place { role, partition, partitions, catalog: features::catalog_hash() }
    }

    fn load(&self, needed: &Needed) -> Result<scorer::Artifact, String> {
        let Needed { kind, name, version } = needed;
        let registry = self.plan.registry.as_ref();
        let registry =
            registry.ok_or_else(|| format!("{kind} {name} {version} was active: give --registry"))?;
        registry.load(needed).map_err(|error| error.to_string())
    }

    fn newest<S>(
        &self,
        role: Role,
        read: impl Fn(&Candidate) -> Result<S, String>,
    ) -> Result<Option<Restored<S>>, Error> {
        let Some(saving) = &self.plan.saving else { return Ok(None) };
        let partition = self.place.0;
        let found = saving.store.block_on(saving.checkpoints.find(&self.checkpoint_place(role)))?;
        for refused in &found.refused {
            tracing::error!(
                partition,
                name = refused.name,
                reason = refused.reason,
                "a checkpoint was refused"
            );
        }
        for candidate in &found.candidates {
            let (name, moment) = (candidate.name(), candidate.moment());
            let offset = moment.next_offset;
            match self.in_the_log(offset).and_then(|()| read(candidate)) {
                Ok(state) => {
                    tracing::info!(
                        partition,
                        name,
                        offset,
                        bytes = candidate.bytes(),
                        "a checkpoint was restored"
                    );
                    return Ok(Some(Restored { state, from: Some(moment) }));
                }
                Err(reason) => {
                    tracing::error!(
                        partition,
                        name,
                        reason,
                        "a checkpoint was refused; the one before it is tried"
                    );
                }
            }
        }
        Ok(None)
    }

    /// Whether the log still has everything after a checkpoint.
    fn in_the_log(&self, offset: u64) -> Result<(), String> {
        let (low, high) = self.log;
        if offset < low {
            return Err(format!("it ends at {offset}, the log begins at {low}: records between are gone"));
        }
        if offset > high {
            return Err(format!("it ends at {offset}, the log at {high}: it is of another log"));
        }
        Ok(())
    }

    fn each_chunk(
        &self,
        candidate: &Candidate,
        mut take: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let Some(saving) = &self.plan.saving else { return Ok(()) };
        let mut chunks = {
            let _inside = saving.store.enter();
            saving.checkpoints.read(candidate)
        };
        while let Some(chunk) = chunks.next_blocking().map_err(|error| error.to_string())? {
            take(&chunk)?;
        }
        Ok(())
    }

    /// Loads what is in force and what is wanted; gives the number of accounts.
    fn adopt(&self, engine: &mut Engine) -> Result<u64, Error> {
        let mut adopted = 0;
        self.tail(Topic::Standing, self.place.0, |value, _| {
            match serde_json::from_slice::<Standing>(value) {
                Ok(standing) => adopted += u64::from(engine.adopt(&standing)),
                Err(error) => tracing::error!(%error, "a standing cannot be read"),
            }
        })?;
        if self.plan.key.is_none() {
            return Ok(adopted);
        }
        // The latest of each name, in the order of the log: of two champions the later one counts.
        let mut wanted: Vec<(Control, u64)> = Vec::new();
        self.tail(Topic::Control, 0, |value, at| {
            if let Ok(control) = wanted::control(value) {
                wanted.retain(|(older, _)| (older.kind, older.key()) != (control.kind, control.key()));
                wanted.push((control, at));
            }
        })?;
        for (control, at) in wanted {
            self.want(&control, at, engine);
        }
        Ok(adopted)
    }

    /// Puts in force what is wanted, without a record.
    fn want(&self, control: &Control, at: u64, engine: &mut Engine) {
        let Control { kind, name, version, .. } = control.clone();
        let id = control.event_id(0);
        let Body::Activate(activate) = control.activation(&id, "!", at).body else { return };
        let role = scorer::Role::of(&activate);
        match kind {
            _ if role.is_nothing() => {}
            ControlKind::Kill => drop(engine.adopt(&control.enforcement(at, at))),
            ControlKind::Weights if version == NO_WEIGHTS => {}
            _ => match self.load(&Needed { kind, name, version }) {
                Ok(artifact) => drop(engine.install(artifact, role)),
                Err(error) => {
                    tracing::error!(error, "a version is wanted and cannot be loaded: another stays in force")
                }
            },
        }
    }

    fn tail(&self, topic: Topic, partition: u32, mut each: impl FnMut(&[u8], u64)) -> Result<(), Error> {
        let of = Assignment { topic: self.plan.topic(topic), partition };
        tail(&self.plan.brokers, &self.plan.consumer_settings(), &of, |record| {
            if let Some(value) = record.value {
                each(value, record.at.unwrap_or(0));
            }
        })?;
        Ok(())
    }
}
