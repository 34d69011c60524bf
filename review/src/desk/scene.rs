//! For tests: a desk on a file of its own, whose log is a list in memory, and whose clock is set by hand.

use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use schema::desk::{Arrived, Entry, Explained, FeatureNote, Insight, Outlet, RuleNote, Untaken};
use schema::history::Told;
use schema::{Control, Controlled, InForce, Review, Row, Standing};

use super::{Desk, Given, Habits, Settings};

/// When every test begins, ms.
pub const START: u64 = 1_800_000_000_000;

/// What a log says of the records that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirms {
    /// It takes them and says so.
    All,
    /// It does not take them.
    Nothing,
    /// It takes them, and says that it does not answer.
    Late,
}

/// A log that is folded as soon as it is written, and what is in force.
#[derive(Default)]
pub struct World {
    desk: OnceLock<Weak<Desk>>,
    /// Log time, ms.
    pub now: AtomicU64,
    /// Records so far.
    pub position: AtomicU64,
    /// What is in force, one standing an account.
    pub standings: Mutex<Vec<Standing>>,
    /// One of [`Confirms`].
    pub confirms: AtomicU8,
}

impl World {
    /// A desk in a folder.
    pub fn desk(folder: &Path, habits: Habits) -> (Arc<World>, Arc<Desk>) {
        let world = Arc::new(World::default());
        world.now.store(START, Ordering::Relaxed);
        let given = Given {
            outlet: Arc::clone(&world) as Arc<dyn Outlet>,
            insight: Arc::clone(&world) as Arc<dyn Insight>,
            history: None,
            clock: Arc::new(|| START),
            settings: Settings::default(),
            habits,
        };
        let desk = Arc::new(Desk::open(&folder.join("review.db"), given).expect("a desk"));
        world.position.store(desk.position("journal").expect("readable").unwrap_or(0), Ordering::Relaxed);
        drop(world.desk.set(Arc::downgrade(&desk)));
        (world, desk)
    }

    /// Lets something arrive in the log now.
    pub fn arrive(&self, arrived: Arrived) {
        let position = self.position.fetch_add(1, Ordering::Relaxed) + 1;
        let entry = Entry { position, at: self.now.load(Ordering::Relaxed), arrived };
        let desk = self.desk.get().and_then(Weak::upgrade).expect("the desk lives");
        desk.take("journal", &[entry], position).expect("folded");
    }

    /// Time passes.
    pub fn pass(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Outlet for World {
    fn review(&self, reviews: &[Review]) -> Result<(), Untaken> {
        let confirms = self.confirms.load(Ordering::Relaxed);
        if confirms != Confirms::Nothing as u8 {
            reviews.iter().for_each(|review| self.arrive(Arrived::Review(review.clone())));
        }
        let away = || Err(Untaken::Unavailable("it does not answer".to_owned()));
        if confirms == Confirms::All as u8 { Ok(()) } else { away() }
    }

    fn control(&self, _: &Control) -> Result<Controlled, Untaken> {
        Err(Untaken::Unavailable("no test asks".to_owned()))
    }
}

impl Insight for World {
    fn in_force(&self) -> Told<InForce> {
        Ok(InForce::default())
    }

    fn standing(&self, account: &str) -> Told<Option<Standing>> {
        let standings = self.standings.lock().expect("nobody panics with it");
        Ok(standings.iter().find(|standing| standing.account == account).cloned())
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
        self.now.load(Ordering::Relaxed)
    }
}

/// A decision of automation; `more` are further fields of its JSON, each after a comma.
pub fn decision(id: &str, account: &str, action: &str, more: &str) -> Arrived {
    let text = format!(
        r#"{{"id":"{id}","account":"{account}","seq":1,"action":"{action}","scope":"all","issued":1,"expires":null,
        "event":"e","reasons":[{{"code":"bulk"}}],"source":"rule","rule":"busy","mode":"enforce",
        "versions":{{"policy":"p","model":"m","features":"f","blocklists":""}}{more}}}"#
    );
    Arrived::Decision(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}")))
}

/// A report by `peer`; `more` are further fields.
pub fn report(id: &str, account: &str, peer: &str, more: &str) -> Arrived {
    Arrived::Event(format!(
        r#"{{"id":"{id}","ts":{START},"kind":"report","account":"{account}","peer":"{peer}"{more}}}"#
    ))
}

/// An appeal.
pub fn appeal(id: &str, account: &str, decision: &str) -> Arrived {
    Arrived::Event(format!(
        r#"{{"id":"{id}","ts":{START},"kind":"appeal","account":"{account}","decision":"{decision}"}}"#
    ))
}

/// A review; `more` are further fields.
pub fn review(id: &str, (case, account): (&str, &str), (actor, act): (&str, &str), more: &str) -> Arrived {
    let text = format!(
        r#"{{"id":"{id}","case":"{case}","account":"{account}","at":{START},"actor":"{actor}","act":"{act}"{more}}}"#
    );
    Arrived::Review(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}")))
}
