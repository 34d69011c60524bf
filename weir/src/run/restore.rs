//! A partition's state when it is taken over: from the newest checkpoint that is whole, else from the log itself or from what is
//! known to be in force.
//!
//! Separate from working. Invariants: a checkpoint that is damaged, foreign or older than the log is refused with its reason, and
//! the one before it is tried; without any, a log that was never committed is read from its first record, which gives the same
//! state; otherwise restrictions in force and wanted versions are loaded before the first record, or nothing starts. A store or
//! registry that does not answer, or lacks what was in force, is no reason to take another checkpoint, or none: it is waited for,
//! and nothing is written meanwhile.

mod reached;

use std::ops::ControlFlow;

use ingest::kafka::{Assignment, tail};
use schema::{Body, Control, ControlKind, NO_WEIGHTS, Standing, Topic};
use scorer::{Engine, Needed, RelationStage, Restore, StageRestore};
use sinks::checkpoint::{Candidate, Found, Moment, Place, Role, Topics};

use super::gauges::Gauges;
use super::plan::{Plan, Saving};
use crate::error::Error;
use crate::registry::Unloaded;
use crate::wanted;

/// What is said where state ought to be and is not.
const NO_CHECKPOINT: &str = "no checkpoint of a partition that the group has read before: is the folder mounted, and the same for all workers?";

/// Why there is no state yet.
#[derive(Debug)]
pub enum Unrestored {
    /// Somebody wishes something else.
    Unwished,
    /// What it is restored from does not answer, or is not there: the same again after a pause.
    Later(String),
    /// It cannot be restored, whoever tries.
    Never(Error),
}

impl From<Error> for Unrestored {
    fn from(error: Error) -> Self {
        let passing = matches!(
            error,
            Error::Ingest(ingest::Error::Broker(_))
                | Error::Sinks(sinks::Error::Broker(_) | sinks::Error::Store { .. })
        );
        if passing { Unrestored::Later(error.to_string()) } else { Unrestored::Never(error) }
    }
}

impl From<ingest::Error> for Unrestored {
    fn from(error: ingest::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<sinks::Error> for Unrestored {
    fn from(error: sinks::Error) -> Self {
        Error::from(error).into()
    }
}

/// Why a candidate did not become a state.
enum Unfit {
    /// It is damaged, or foreign: the one before it is tried.
    Refused(String),
    /// The fault is not its own: no other is tried.
    Kept(Unrestored),
}

impl Unfit {
    fn refused(error: &impl ToString) -> Self {
        Unfit::Refused(error.to_string())
    }
}

impl From<Unrestored> for Unfit {
    fn from(why: Unrestored) -> Self {
        Unfit::Kept(why)
    }
}

/// A state, and where its log goes on.
pub struct Restored<S> {
    /// The state.
    pub state: S,
    /// The checkpoint's place in the log; `None`: there was none.
    pub from: Option<Moment>,
    /// There were only checkpoints of a topic that was deleted and made anew: offsets that were committed are of that one, too.
    pub is_anew: bool,
}

/// What is left of a partition's state.
enum Newest<S> {
    /// It was restored.
    Restored(Restored<S>),
    /// There were checkpoints, and none fits; whether all are of another log.
    Unfit { is_anew: bool },
    /// There are none, or they are not asked for.
    None,
}

impl<S> Restored<S> {
    /// A state that nothing was restored for.
    pub fn fresh(state: S) -> Self {
        Self { state, from: None, is_anew: false }
    }

    /// The same place with what is made of the state and its log time, ms since the Unix epoch.
    pub fn map<W>(self, make: impl FnOnce(S, u64) -> W) -> Restored<W> {
        let at_ms = self.from.map_or(0, |moment| moment.at_ms);
        Restored { state: make(self.state, at_ms), from: self.from, is_anew: self.is_anew }
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
    /// Which topics there are now, if state is saved.
    pub topics: Option<Topics>,
    /// Whether the partition is still to be read.
    pub gauges: &'p Gauges,
}

impl Sources<'_> {
    /// The engine of a partition of events.
    pub fn engine(&self) -> Result<Restored<Engine>, Unrestored> {
        let partition = self.place.0;
        let found = self.newest(Role::Accounts, |candidate| {
            let mut restore = Restore::new(self.plan.engine_of(self.place));
            self.each_chunk(candidate, |chunk| restore.chunk(chunk).map_err(|error| Unfit::refused(&error)))?;
            for needed in restore.needs() {
                let loaded = self.in_force(&needed, restore.sha256_of(&needed))?;
                restore.provide(loaded);
            }
            for change in restore.changes() {
                tracing::info!(
                    partition,
                    change,
                    "the configuration is another than when the checkpoint was made"
                );
            }
            restore.finish().map_err(|error| Unfit::refused(&error))
        })?;
        let (is_known, is_anew) = match found {
            Newest::Restored(restored) => return Ok(restored),
            Newest::Unfit { is_anew } => (true, is_anew),
            Newest::None => (self.committed.is_some() || self.log.0 > 0, false),
        };
        let mut engine = Engine::new(self.plan.engine_of(self.place));
        if is_known {
            let adopted = self.adopt(&mut engine)?;
            tracing::warn!(
                partition,
                adopted,
                "no checkpoint: restrictions in force were loaded from the standing topic, what accounts did before is forgotten"
            );
        }
        Ok(Restored { is_anew, ..Restored::fresh(engine) })
    }

    /// The stage of a partition of relations.
    pub fn stage(&self) -> Result<Restored<RelationStage>, Unrestored> {
        let (partition, limits) = (self.place.0, self.plan.engine.relations);
        let found = self.newest(Role::Relations, |candidate| {
            let mut restore = StageRestore::new(limits, partition);
            self.each_chunk(candidate, |chunk| restore.chunk(chunk).map_err(|error| Unfit::refused(&error)))?;
            restore.finish().map_err(|error| Unfit::refused(&error))
        })?;
        let fresh = Restored::fresh(RelationStage::new(limits, partition));
        Ok(match found {
            Newest::Restored(restored) => restored,
            Newest::Unfit { is_anew } => Restored { is_anew, ..fresh },
            Newest::None => fresh,
        })
    }

    /// The place of checkpoints of this role.
    pub fn checkpoint_place(&self, role: Role) -> Place {
        let (partition, partitions) = self.place;
        Place { role, partition, partitions, catalog: features::catalog_hash(), topics: self.topics }
    }

    /// A version that was in force when a checkpoint was made, from the file that it was then: there is no state without it.
    fn in_force(&self, needed: &Needed, sha256: Option<&str>) -> Result<scorer::Artifact, Unrestored> {
        let Needed { kind, name, version } = needed;
        match self.load(needed, sha256)? {
            Some(Ok(artifact)) => Ok(artifact),
            Some(Err(Unloaded::Passing(why))) => Err(Unrestored::Later(why)),
            Some(Err(Unloaded::Final(why))) => Err(Unrestored::Later(format!(
                "{why}: {kind} {name} {version} was in force when the checkpoint was made; put its file back into the registry as it was"
            ))),
            None => Err(Unrestored::Never(Error::Role(format!(
                "{kind} {name} {version} was in force when the checkpoint was made: give --registry"
            )))),
        }
    }

    /// Loads a version, from a file of this SHA-256 if one is wanted; `None`: there is no registry.
    fn load(
        &self,
        needed: &Needed,
        sha256: Option<&str>,
    ) -> Result<Option<Result<scorer::Artifact, Unloaded>>, Unrestored> {
        let Some(loads) = &self.plan.loads else { return Ok(None) };
        loads.load((needed, sha256), || self.is_wanted()).map(Some)
    }

    fn is_wanted(&self) -> Result<(), Unrestored> {
        if self.gauges.is_wanted() { Ok(()) } else { Err(Unrestored::Unwished) }
    }

    /// Asks the store; whoever wishes something else does not wait for it.
    fn ask<T>(&self, saving: &Saving, question: impl Future<Output = T>) -> Result<T, Unrestored> {
        saving.ask(question, || self.gauges.is_wanted()).ok_or(Unrestored::Unwished)
    }

    fn newest<S>(
        &self,
        role: Role,
        read: impl Fn(&Candidate) -> Result<S, Unfit>,
    ) -> Result<Newest<S>, Unrestored> {
        let Some(saving) = &self.plan.saving else { return Ok(Newest::None) };
        let partition = self.place.0;
        let found = self.ask(saving, saving.checkpoints.find(&self.checkpoint_place(role)))??;
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
                    let (role, bytes) = (role.word(), candidate.bytes());
                    tracing::info!(role, partition, name, offset, bytes, "a checkpoint was restored");
                    let restored = Restored { state, from: Some(moment), is_anew: false };
                    return Ok(Newest::Restored(restored));
                }
                Err(Unfit::Kept(why)) => return Err(why),
                Err(Unfit::Refused(reason)) => {
                    tracing::error!(
                        partition,
                        name,
                        reason,
                        "a checkpoint was refused; the one before it is tried"
                    );
                }
            }
        }
        Ok(self.without(role, saving, &found))
    }

    /// No checkpoint of a role was taken: tells it if there ought to be one. Where not even a foreign one lies, the folder is not the one
    /// that it was, and probes hear it for as long as the partition is held.
    fn without<S>(&self, role: Role, saving: &Saving, found: &Found) -> Newest<S> {
        let is_empty = found.candidates.is_empty() && found.refused.is_empty();
        if let Some(committed) = self.committed
            && self.gauges.set_unrestored()
        {
            self.plan.metrics.unrestored.inc();
            let (role, partition, store) = (role.word(), self.place.0, saving.checkpoints.name());
            let (refused, candidates) = (found.refused.len(), found.candidates.len());
            tracing::error!(role, partition, committed, store, refused, candidates, "{NO_CHECKPOINT}");
            if is_empty {
                self.gauges.set_lack(format!(
                    "{store} has no checkpoint of partition {partition} ({role}), which the group has read to offset {committed}: is it \
                     mounted, and the same for all workers? Restrictions in force hold, what was known besides is forgotten"
                ));
            }
        }
        if is_empty {
            return Newest::None;
        }
        Newest::Unfit { is_anew: found.candidates.is_empty() && found.of_another_log == found.refused.len() }
    }

    /// Whether the log still has everything after a checkpoint.
    fn in_the_log(&self, offset: u64) -> Result<(), Unfit> {
        let (low, high) = self.log;
        let refused = |why: String| Err(Unfit::Refused(why));
        if offset < low {
            return refused(format!(
                "it ends at {offset}, the log begins at {low}: records between are gone"
            ));
        }
        if offset > high {
            return refused(format!("it ends at {offset}, the log at {high}: it is of another log"));
        }
        Ok(())
    }

    fn each_chunk(
        &self,
        candidate: &Candidate,
        mut take: impl FnMut(&[u8]) -> Result<(), Unfit>,
    ) -> Result<(), Unfit> {
        let Some(saving) = &self.plan.saving else { return Ok(()) };
        let mut chunks = {
            let _inside = saving.store.enter();
            saving.checkpoints.read(candidate)
        };
        loop {
            match self.ask(saving, chunks.next())? {
                Ok(Some(chunk)) => take(&chunk)?,
                Ok(None) => return Ok(()),
                Err(error @ sinks::Error::Checkpoint { .. }) => return Err(Unfit::refused(&error)),
                Err(error) => return Err(Unfit::Kept(error.into())),
            }
        }
    }

    /// Loads what is in force and what is wanted; gives the number of accounts.
    fn adopt(&self, engine: &mut Engine) -> Result<u64, Unrestored> {
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
        for (control, at) in self.wanted()? {
            self.want(&control, at, engine)?;
        }
        Ok(adopted)
    }

    /// What is wanted and since when, ms since the Unix epoch: the latest of each name, in the order of the log, since of two champions
    /// the later one counts.
    fn wanted(&self) -> Result<Vec<(Control, u64)>, Unrestored> {
        let mut wanted: Vec<(Control, u64)> = Vec::new();
        self.tail(Topic::Control, 0, |value, at| {
            if let Ok(control) = wanted::control(value) {
                wanted.retain(|(older, _)| (older.kind, older.key()) != (control.kind, control.key()));
                wanted.push((control, at));
            }
        })?;
        Ok(wanted)
    }

    /// Puts in force what is wanted, without a record.
    fn want(&self, control: &Control, at: u64, engine: &mut Engine) -> Result<(), Unrestored> {
        let Control { kind, name, version, .. } = control.clone();
        let id = control.event_id(0);
        let Body::Activate(activate) = control.activation(&id, "!", at).body else { return Ok(()) };
        let role = scorer::Role::of(&activate);
        match kind {
            _ if role.is_nothing() => {}
            ControlKind::Kill => drop(engine.adopt(&control.enforcement(at, at))),
            ControlKind::Weights if version == NO_WEIGHTS => {}
            _ => match self.load(&Needed { kind, name, version }, control.sha256.as_deref())? {
                Some(Ok(artifact)) => drop(engine.install(artifact, role)),
                Some(Err(Unloaded::Passing(why))) => return Err(Unrestored::Later(why)),
                Some(Err(Unloaded::Final(why))) => {
                    tracing::error!(why, "a version is wanted and cannot be loaded: another stays in force");
                }
                None => tracing::error!(
                    control = control.id,
                    "a version is wanted and there is no --registry: another stays in force"
                ),
            },
        }
        Ok(())
    }

    fn tail(&self, topic: Topic, partition: u32, mut each: impl FnMut(&[u8], u64)) -> Result<(), Unrestored> {
        let of = Assignment { topic: self.plan.topic(topic), partition };
        tail(&self.plan.brokers, &self.plan.consumer_settings(), &of, |record| {
            if let Some(value) = record.value {
                each(value, record.at.unwrap_or(0));
            }
            if self.gauges.is_wanted() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        self.is_wanted()
    }
}
