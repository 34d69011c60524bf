//! Versions that take effect at a record: policy, model, blocklist, exempt list, and the kill switch.
//!
//! Separate, because whatever changes a decision enters through the log, and this is where. The shell loads what
//! [`Engine::needs`] names and puts it on the shelf; the record puts it in force. Invariants: a control id acts once; without
//! its artifact a record is refused and the old version stays in force; all lists are bounded.

use std::collections::{BTreeMap, VecDeque};

use compact_str::CompactString;
use models::{Model, Weights};
use schema::limits::{BLOCKLISTS_MAX, CONTROLS_MAX, LIVE_MODELS_MAX};
use schema::{
    Action, Activate, Body, ControlKind, ENFORCEMENT_KEY, Event, KILL_NAME, NO_WEIGHTS, Refusal,
    RejectReason, Restriction, Scope, Versions,
};

use super::lineup::Role;
use super::{Engine, Output};
use crate::standing::InForce;
use crate::{Blocklist, ExemptList, Policy};

/// Artifacts that may wait to be put in force; past it the oldest is dropped, and asked for again.
const SHELF_MAX: usize = 16;

/// What a record needs before it can be processed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needed {
    /// What kind of thing.
    pub kind: ControlKind,
    /// Its name.
    pub name: String,
    /// Its version, as the record says it.
    pub version: String,
}

/// A version that is active.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Active {
    /// Which one.
    pub what: Needed,
    /// What it does.
    pub role: Role,
    /// The SHA-256 of the file that it was loaded from, hexadecimal; `None`: whoever loaded it did not say.
    pub sha256: Option<String>,
}

/// A loaded version.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Its name, as the record says it.
    pub name: String,
    /// Its version, as the record says it.
    pub version: String,
    /// The thing itself.
    pub content: Content,
    /// The SHA-256 of its file, hexadecimal, if whoever loaded it says so.
    pub sha256: Option<String>,
}

/// What can be put in force.
#[derive(Debug, Clone)]
pub enum Content {
    /// A policy.
    Policy(Box<Policy>),
    /// A model.
    Model(Box<Model>),
    /// What the champion learned online.
    Weights(Box<Weights>),
    /// A blocklist, in the place of its namesake.
    Blocklist(Box<Blocklist>),
    /// The exempt list.
    Exempt(ExemptList),
}

impl Content {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ControlKind {
        match self {
            Content::Policy(_) => ControlKind::Policy,
            Content::Model(_) => ControlKind::Model,
            Content::Weights(_) => ControlKind::Weights,
            Content::Blocklist(_) => ControlKind::Blocklist,
            Content::Exempt(_) => ControlKind::Exempt,
        }
    }
}

/// What activations left behind.
#[derive(Debug, Default)]
pub(super) struct Activations {
    shelf: Vec<Artifact>,
    /// Ids of the latest controls, oldest first.
    controls: VecDeque<CompactString>,
    /// Versions by kind, name and whether it lives beside the champion; of all else but blocklists only one name.
    active: BTreeMap<(ControlKind, String, bool), Held>,
}

/// What is active under a name.
#[derive(Debug)]
struct Held {
    version: String,
    role: Role,
    sha256: Option<String>,
}

impl Activations {
    fn knows(&self, control: &str) -> bool {
        self.controls.iter().any(|known| known == control)
    }

    fn is_active(&self, activate: &Activate<'_>) -> bool {
        let role = Role::of(activate);
        let key = (activate.what, activate.name.to_owned(), role.is_beside());
        let active = self.active.get(&key);
        active.is_some_and(|held| held.version == activate.version && held.role == role)
    }

    fn place(&self, activate: &Activate<'_>) -> Option<usize> {
        self.shelf.iter().position(|artifact| {
            artifact.content.kind() == activate.what
                && artifact.name == activate.name
                && artifact.version == activate.version
        })
    }

    /// Ids of the latest controls, oldest first.
    pub fn controls(&self) -> &VecDeque<CompactString> {
        &self.controls
    }

    /// What a checkpoint says of records before it.
    pub fn restore(&mut self, controls: VecDeque<CompactString>, active: Vec<Active>) {
        self.controls = controls;
        let entry = |Active { what: Needed { kind, name, version }, role, sha256 }: Active| {
            ((kind, name, role.is_beside()), Held { version, role, sha256 })
        };
        self.active = active.into_iter().map(entry).collect();
    }

    fn remember(&mut self, control: &str) {
        if self.controls.len() >= CONTROLS_MAX {
            self.controls.pop_front();
        }
        self.controls.push_back(control.into());
    }

    fn note(&mut self, Active { what: Needed { kind, name, version }, role, sha256 }: Active) {
        if kind != ControlKind::Blocklist && !role.is_beside() {
            // A champion takes the place of the one before, and of its namesake beside it.
            self.active.retain(|(other, named, beside), _| *other != kind || *beside && *named != name);
        }
        self.active.insert((kind, name, role.is_beside()), Held { version, role, sha256 });
    }

    /// Notes what the kill switch is.
    pub(super) fn note_switch(&mut self, on: bool) {
        self.active.retain(|(kind, ..), _| *kind != ControlKind::Kill);
        if on {
            let (name, version) = (KILL_NAME.to_owned(), "on".to_owned());
            let what = Needed { kind: ControlKind::Kill, name, version };
            self.note(Active { what, role: Role::All, sha256: None });
        }
    }
}

impl Engine {
    /// What has to be [provided](Self::provide) before this event is processed; `None` for nearly every event.
    #[must_use]
    pub fn needs(&self, event: &Event<'_>) -> Option<Needed> {
        let Body::Activate(activate) = &event.body else { return None };
        let own = activate.what == ControlKind::Kill
            || takes_weights_out(activate)
            || Role::of(activate).is_nothing();
        let known = &self.activations;
        if own
            || known.knows(activate.control)
            || known.is_active(activate)
            || known.place(activate).is_some()
        {
            return None;
        }
        let (name, version) = (activate.name.to_owned(), activate.version.to_owned());
        Some(Needed { kind: activate.what, name, version })
    }

    /// Puts what was needed on the shelf, from which its record takes it.
    pub fn provide(&mut self, artifact: Artifact) {
        if self.activations.shelf.len() >= SHELF_MAX {
            self.activations.shelf.remove(0);
        }
        self.activations.shelf.push(artifact);
    }

    /// Versions that records put in force (not those that the engine was made with), in order; the kill switch if it is on.
    #[must_use]
    pub fn active(&self) -> Vec<Active> {
        let active = self.activations.active.iter();
        let version = |((kind, name, _), held): (&(_, String, _), &Held)| Active {
            what: Needed { kind: *kind, name: name.clone(), version: held.version.clone() },
            role: held.role,
            sha256: held.sha256.clone(),
        };
        active.map(version).collect()
    }

    /// What decides, as decisions name it: activated, or given when the engine was made.
    #[must_use]
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Puts an artifact in force without a record: what a checkpoint says was active. Whether there was room for it.
    pub fn install(&mut self, artifact: Artifact, role: Role) -> bool {
        let Artifact { name, version, content, sha256 } = artifact;
        let kind = content.kind();
        match content {
            Content::Policy(policy) => self.replace_policy(*policy),
            Content::Model(model) => {
                if role.is_beside() && !self.models.has_room(&name) {
                    return false;
                }
                self.models.put(&name, *model, role);
                self.name_champion();
            }
            Content::Weights(weights) => {
                if !self.models.adapt(Some(&weights)) {
                    return false;
                }
                self.name_champion();
            }
            Content::Blocklist(list) => {
                if !self.replace_blocklist(*list) {
                    return false;
                }
            }
            Content::Exempt(exempt) => self.exempt = exempt,
        }
        self.activations.note(Active { what: Needed { kind, name, version }, role, sha256 });
        true
    }

    /// Decisions name the champion as it is now. Weights of another one are in force no longer.
    fn name_champion(&mut self) {
        let champion = self.models.champion();
        self.versions.model = champion.map_or(String::new(), |model| model.version().to_owned());
        if !self.models.is_adapted() {
            self.activations.active.retain(|(kind, ..), _| *kind != ControlKind::Weights);
        }
    }

    /// Whether automatic enforcement is suspended.
    pub(super) fn is_killed(&self) -> bool {
        self.standing.get(ENFORCEMENT_KEY).is_some_and(|standing| !standing.in_force().is_empty())
    }

    /// Whether a record may be processed at all: reserved names are weir's own, and a version needs its artifact.
    pub(super) fn admit(&self, event: &Event<'_>) -> Result<(), Refusal> {
        let Body::Activate(activate) = &event.body else {
            return if event.account == ENFORCEMENT_KEY { Err(reserved()) } else { Ok(()) };
        };
        let word = |text: String| Err(Refusal::new(RejectReason::UnknownWord, text));
        match activate.what {
            ControlKind::Kill if activate.name != KILL_NAME => {
                word(format!("name: the kill switch is called {KILL_NAME}, not {:?}", activate.name))
            }
            ControlKind::Kill if !matches!(activate.version, "on" | "off") => {
                word(format!("version: the kill switch is on or off, not {:?}", activate.version))
            }
            ControlKind::Blocklist
                if self.activations.place(activate).is_some_and(|at| self.is_too_many(at)) =>
            {
                let detail = format!("name: {BLOCKLISTS_MAX} other blocklists are in force");
                Err(Refusal::new(RejectReason::OutOfRange, detail))
            }
            ControlKind::Weights => match self.misfit(activate) {
                Some(why) => Err(Refusal::new(RejectReason::ArtifactMissing, format!("name: {why}"))),
                None => self.needs(event).map_or(Ok(()), |needed| Err(missing(&needed))),
            },
            ControlKind::Model if Role::of(activate).is_beside() => {
                self.admit_beside(activate)?;
                self.needs(event).map_or(Ok(()), |needed| Err(missing(&needed)))
            }
            _ => self.needs(event).map_or(Ok(()), |needed| Err(missing(&needed))),
        }
    }

    /// Whether a model may live beside the champion under this name.
    fn admit_beside(&self, activate: &Activate<'_>) -> Result<(), Refusal> {
        if !Role::of(activate).is_nothing() && !self.models.has_room(activate.name) {
            let detail = format!(
                "name: {LIVE_MODELS_MAX} other models live beside the champion; let one go (share 0)"
            );
            return Err(Refusal::new(RejectReason::OutOfRange, detail));
        }
        Ok(())
    }

    /// Why weights on the shelf cannot be put into the champion, if they cannot.
    fn misfit(&self, activate: &Activate<'_>) -> Option<String> {
        let place = self.activations.place(activate).filter(|_| !self.activations.knows(activate.control));
        place.and_then(|at| match &self.activations.shelf[at].content {
            Content::Weights(weights) => self.models.misfit(weights),
            _ => None,
        })
    }

    fn is_too_many(&self, shelf: usize) -> bool {
        match &self.activations.shelf[shelf].content {
            Content::Blocklist(list) => !self.lists.has_room(list.name()),
            _ => false,
        }
    }

    /// Carries an admitted activation out.
    pub(super) fn activate(&mut self, activate: &Activate<'_>, at: u64, output: &mut Output) {
        if self.activations.knows(activate.control) {
            self.stats.activations_repeated += 1;
            return;
        }
        self.activations.remember(activate.control);
        match activate.what {
            ControlKind::Weights if takes_weights_out(activate) => {
                self.models.adapt(None);
                self.name_champion();
            }
            ControlKind::Kill => self.switch(activate, at, output),
            ControlKind::Model if Role::of(activate).is_nothing() => {
                self.models.retire(activate.name);
                self.activations.active.remove(&(ControlKind::Model, activate.name.to_owned(), true));
            }
            _ => {
                if let Some(place) = self.activations.place(activate) {
                    let artifact = self.activations.shelf.remove(place);
                    self.install(artifact, Role::of(activate));
                }
            }
        }
        self.stats.activations += 1;
    }

    /// Turns the kill switch and tells gateways, which suspend automatic restrictions while its entry is there.
    fn switch(&mut self, activate: &Activate<'_>, at: u64, output: &mut Output) {
        let on = activate.version == "on";
        if on == self.is_killed() {
            return;
        }
        let standing = self.standing.reserved(ENFORCEMENT_KEY);
        standing.next_seq(at);
        if on {
            let restriction = Restriction {
                scope: Scope::All,
                action: Action::Lift,
                limit: None,
                expires: None,
                decision: activate.control.to_owned(),
                reason: "kill_switch".to_owned(),
                message: String::new(),
                human: false,
            };
            let (by_human, victim, previous) = (false, false, None);
            standing.put(InForce { restriction, issued: at, by_human, victim, previous });
        } else {
            standing.take(at, |_| true);
        }
        self.activations.note_switch(on);
        self.tell_standing(ENFORCEMENT_KEY, at, output);
    }
}

/// Whether the champion is to be as it was trained.
fn takes_weights_out(activate: &Activate<'_>) -> bool {
    activate.what == ControlKind::Weights && activate.version == NO_WEIGHTS
}

#[cold]
fn reserved() -> Refusal {
    let detail = format!("account: {ENFORCEMENT_KEY} is a key of weir's own");
    Refusal::new(RejectReason::ForgedInternal, detail)
}

#[cold]
fn missing(needed: &Needed) -> Refusal {
    let Needed { kind, name, version } = needed;
    let detail = format!("{kind} {name} {version} could not be loaded: the version before it stays in force");
    Refusal::new(RejectReason::ArtifactMissing, detail)
}
