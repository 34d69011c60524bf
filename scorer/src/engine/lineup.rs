//! The models that live at once: a champion, challengers that decide about a share of accounts, and shadows.
//!
//! Separate from deciding, which asks which model speaks for an account. Invariants: an account has one model that decides about it,
//! the same at every event while the line-up stands; a shadow decides nothing; beside the champion a name holds one version, and
//! none once a version of that name is the champion.

use models::{Model, Weights};
use schema::limits::LIVE_MODELS_MAX;
use schema::{Activate, ControlKind, Mode};

use crate::hash::share_of;

/// Parts of a share: a millionth of accounts each.
const WHOLE: u32 = 1_000_000;

/// What a version does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It is in force, for all.
    #[default]
    All,
    /// A model decides about this share of accounts, in millionths.
    Share(u32),
    /// A model is recorded beside the others and decides nothing.
    Shadow,
}

impl Role {
    /// What a record says.
    #[must_use]
    pub fn of(activate: &Activate<'_>) -> Self {
        match (activate.what, activate.mode, activate.share) {
            (ControlKind::Model, Some(Mode::Shadow), _) => Role::Shadow,
            // A share is 0 to 1: the contract was checked.
            (ControlKind::Model, _, Some(share)) if share < 1.0 => {
                Role::Share(libm::roundf(share * WHOLE as f32) as u32)
            }
            _ => Role::All,
        }
    }

    /// As a control says it.
    #[must_use]
    pub fn told(self) -> (Option<Mode>, Option<f32>) {
        match self {
            Role::All => (None, None),
            Role::Shadow => (Some(Mode::Shadow), None),
            Role::Share(parts) => (Some(Mode::Enforce), Some(parts as f32 / WHOLE as f32)),
        }
    }

    /// Whether it is that of a model beside the champion.
    #[must_use]
    pub fn is_beside(self) -> bool {
        self != Role::All
    }

    /// Whether it says that a model is to go.
    #[must_use]
    pub fn is_nothing(self) -> bool {
        self == Role::Share(0)
    }
}

/// A model beside the champion.
#[derive(Debug)]
pub(super) struct Other {
    pub name: String,
    pub model: Model,
    pub role: Role,
}

/// All models of an engine.
#[derive(Debug, Default)]
pub(super) struct LineUp {
    champion: Option<Model>,
    /// The champion with weights that were learned online.
    adapted: Option<Model>,
    /// By name.
    others: Vec<Other>,
}

impl LineUp {
    pub fn new(champion: Option<Model>) -> Self {
        Self { champion, adapted: None, others: Vec::new() }
    }

    /// Whether any model runs at all.
    pub fn is_empty(&self) -> bool {
        self.champion.is_none() && self.others.is_empty()
    }

    /// The model that decides about most accounts, with what it learned online.
    #[inline]
    pub fn champion(&self) -> Option<&Model> {
        self.adapted.as_ref().or(self.champion.as_ref())
    }

    /// Whether the champion has learned online.
    pub fn is_adapted(&self) -> bool {
        self.adapted.is_some()
    }

    /// Why weights cannot be put into the champion, if they cannot.
    pub fn misfit(&self, weights: &Weights) -> Option<String> {
        match &self.champion {
            Some(champion) => weights.fit(champion).err().map(|error| error.to_string()),
            None => Some("no model decides that weights could be put into".to_owned()),
        }
    }

    /// Puts weights into the champion, in the place of those before; `None` takes them out. Whether they fit.
    pub fn adapt(&mut self, weights: Option<&Weights>) -> bool {
        let Some(weights) = weights else {
            self.adapted = None;
            return true;
        };
        let adapted = self.champion.as_ref().and_then(|champion| weights.applied(champion).ok());
        let fits = adapted.is_some();
        if fits {
            self.adapted = adapted;
        }
        fits
    }

    /// The model that decides about the account.
    #[inline]
    pub fn of(&self, account: &str) -> Option<&Model> {
        let has = |other: &&Other| match other.role {
            Role::Share(parts) => share_of(&other.name, account) * f64::from(WHOLE) < f64::from(parts),
            Role::All | Role::Shadow => false,
        };
        self.others.iter().find(has).map(|other| &other.model).or(self.champion())
    }

    /// The version of the model that decides about the account, whatever labels have taught it since it was trained.
    pub fn trained_of(&self, account: &str) -> Option<&str> {
        let model = self.of(account)?;
        let is_adapted = self.adapted.as_ref().is_some_and(|adapted| adapted.version() == model.version());
        let trained = if is_adapted { self.champion.as_ref() } else { None };
        Some(trained.unwrap_or(model).version())
    }

    /// The place of the first shadow at or behind `from`.
    pub fn next_shadow(&self, from: usize) -> Option<usize> {
        (from..self.others.len()).find(|place| self.others[*place].role == Role::Shadow)
    }

    /// One of the others.
    pub fn other(&self, place: usize) -> &Other {
        &self.others[place]
    }

    /// Whether there is room for a model of this name.
    pub fn has_room(&self, name: &str) -> bool {
        self.others.len() < LIVE_MODELS_MAX || self.others.iter().any(|other| other.name == name)
    }

    /// Takes a model in, in the place of its namesake.
    pub fn put(&mut self, name: &str, model: Model, role: Role) {
        self.retire(name);
        if role == Role::All {
            self.champion = Some(model);
            self.adapted = None;
        } else {
            let place = self.others.partition_point(|other| other.name.as_str() < name);
            self.others.insert(place, Other { name: name.to_owned(), model, role });
        }
    }

    /// Lets a model beside the champion go.
    pub fn retire(&mut self, name: &str) {
        self.others.retain(|other| other.name != name);
    }
}
