//! A desk for tests of people and pages: its own store is real; what lies behind it only remembers what it was sent.
//!
//! Separate from the tests, since several modules use it. Invariant: time stands still until a test moves it.

mod away;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use schema::control::Control;
use schema::desk::{Explained, FeatureNote, Insight, Outlet, RuleNote, Shelved, Untaken};
use schema::history::Told;
use schema::{Controlled, History, InForce, Review, Row, Standing};

use crate::desk::{Desk, Given, Habits, Settings};

/// What lies behind the desk.
#[derive(Default)]
pub(crate) struct Shelf {
    versions: Vec<Shelved>,
    sent: Mutex<Vec<String>>,
    refuses: AtomicBool,
}

impl Shelf {
    /// With versions that can be put in force.
    pub(crate) fn with(versions: Vec<Shelved>) -> Self {
        Self { versions, ..Self::default() }
    }

    /// What was sent, in order.
    pub(crate) fn wanted(&self) -> Vec<String> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on it takes nothing.
    pub(crate) fn refuse(&self) {
        self.refuses.store(true, Ordering::Relaxed);
    }
}

impl Outlet for Shelf {
    fn review(&self, _: &[Review]) -> Result<(), Untaken> {
        Err(Untaken::Unavailable("there is no log".to_owned()))
    }

    fn control(&self, control: &Control) -> Result<Controlled, Untaken> {
        control.check().map_err(Untaken::Refused)?;
        if self.refuses.load(Ordering::Relaxed) {
            return Err(Untaken::Unavailable("the log is full".to_owned()));
        }
        let Control { kind, name, version, by, .. } = control;
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.push(format!("{kind} {name} {version} by {by}"));
        Ok(Controlled { id: control.id.clone(), outcome: "active".to_owned(), position: None })
    }
}

impl Insight for Shelf {
    fn in_force(&self) -> Told<InForce> {
        Ok(InForce::default())
    }

    fn standing(&self, _: &str) -> Told<Option<Standing>> {
        Ok(None)
    }

    fn features(&self) -> &[FeatureNote] {
        &[]
    }

    fn explain(&self, _: &Row) -> Option<Explained> {
        None
    }

    fn rules(&self) -> Vec<RuleNote> {
        Vec::new()
    }

    fn policy_text(&self) -> String {
        String::new()
    }

    fn now(&self) -> u64 {
        1_732_453_200_000
    }

    fn shelf(&self) -> Told<Vec<Shelved>> {
        Ok(self.versions.clone())
    }
}

/// A desk, and its clock.
pub(crate) fn desk(folder: &Path, settings: Settings) -> (Arc<Desk>, Arc<AtomicU64>) {
    desk_with(folder, settings, Arc::new(Shelf::default()))
}

/// A desk with something behind it, and its clock.
pub(crate) fn desk_with(folder: &Path, settings: Settings, shelf: Arc<Shelf>) -> (Arc<Desk>, Arc<AtomicU64>) {
    made(folder, settings, (shelf, false))
}

/// A desk whose history does not answer.
pub(crate) fn desk_away(folder: &Path, settings: Settings) -> Arc<Desk> {
    made(folder, settings, (Arc::default(), true)).0
}

fn made(
    folder: &Path,
    settings: Settings,
    (shelf, is_away): (Arc<Shelf>, bool),
) -> (Arc<Desk>, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(1_732_453_200_000));
    let reads = Arc::clone(&clock);
    let given = Given {
        outlet: Arc::clone(&shelf) as Arc<dyn Outlet>,
        insight: shelf,
        history: is_away.then(|| Arc::new(away::Away) as Arc<dyn History + Send + Sync>),
        clock: Arc::new(move || reads.load(Ordering::Relaxed)),
        settings,
        habits: Habits::default(),
    };
    (Arc::new(Desk::open(&folder.join("review.db"), given).expect("a new folder")), clock)
}
