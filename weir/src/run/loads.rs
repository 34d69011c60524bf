//! Versions that are being loaded, and those that were lately: one of each for all partitions of a process.
//!
//! Separate from the registry, which only loads, and from the partitions, which look at the clock while they wait. A thread of its
//! own loads each, so that a large list or a disk that hangs freezes no partition. Invariants: what was loaded is kept for a while, so
//! that a partition that falls, or comes to the same record later, does not load it again; what failed is never kept.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scorer::{Artifact, Needed};

use crate::clock::Stopwatch;
use crate::registry::{Registry, Unloaded};

/// How long one that nobody asks for any more is kept.
const KEPT: Duration = Duration::from_secs(600);
/// Most that are kept.
const KEPT_MAX: usize = 16;
/// How long is waited at once: whoever waits looks at the clock in between.
const WAIT: Duration = Duration::from_millis(50);

/// All of a process.
#[derive(Debug)]
pub struct Loads {
    registry: Registry,
    all: Mutex<Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    needed: Needed,
    /// What its file must be.
    sha256: Option<String>,
    load: Arc<Load>,
    used: Stopwatch,
}

/// One that is under way or done.
#[derive(Debug, Default)]
struct Load {
    done: Mutex<Option<Result<Artifact, Unloaded>>>,
    told: Condvar,
}

impl Loads {
    /// Nothing was loaded yet.
    pub fn new(registry: Registry) -> Self {
        Self { registry, all: Mutex::default() }
    }

    /// A version, loaded now or before, whose file has this SHA-256, if one is given. `goes_on` is asked again and again meanwhile; its error ends the waiting, and the load goes on.
    pub fn load<E>(
        &self,
        (needed, sha256): (&Needed, Option<&str>),
        mut goes_on: impl FnMut() -> Result<(), E>,
    ) -> Result<Result<Artifact, Unloaded>, E> {
        let load = self.begun(needed, sha256);
        let mut done = held(&load.done);
        let loaded = loop {
            if let Some(loaded) = &*done {
                break loaded.clone();
            }
            goes_on()?;
            done = load.told.wait_timeout(done, WAIT).unwrap_or_else(PoisonError::into_inner).0;
        };
        drop(done);
        if loaded.is_err() {
            held(&self.all).retain(|entry| !Arc::ptr_eq(&entry.load, &load));
        }
        Ok(loaded)
    }

    /// Lets those go that nobody asked for lately.
    pub fn sweep(&self) {
        held(&self.all).retain(|entry| entry.used.elapsed() < KEPT || !entry.load.is_done());
    }

    /// The load of a version, which begins now if it did not before.
    fn begun(&self, needed: &Needed, sha256: Option<&str>) -> Arc<Load> {
        let mut all = held(&self.all);
        if let Some(entry) =
            all.iter_mut().find(|entry| entry.needed == *needed && entry.sha256.as_deref() == sha256)
        {
            entry.used = Stopwatch::start();
            return Arc::clone(&entry.load);
        }
        if all.len() >= KEPT_MAX
            && let Some(oldest) = all.iter().position(|entry| entry.load.is_done())
        {
            all.remove(oldest);
        }
        let load = Arc::<Load>::default();
        let (registry, filled) = (self.registry.clone(), Filled(Arc::clone(&load)));
        let (wanted, digest) = (needed.clone(), sha256.map(str::to_owned));
        let thread = std::thread::Builder::new().name("weir-load".to_owned());
        let started = thread.spawn(move || filled.0.fill(registry.try_load(&wanted, digest.as_deref())));
        if let Err(error) = started {
            load.fill(Err(Unloaded::Passing(format!("no thread to load a version: {error}"))));
        }
        let (needed, sha256) = (needed.clone(), sha256.map(str::to_owned));
        all.push(Entry { needed, sha256, load: Arc::clone(&load), used: Stopwatch::start() });
        load
    }
}

impl Load {
    fn is_done(&self) -> bool {
        held(&self.done).is_some()
    }

    /// Says what came of it, to all who wait; the first word counts.
    fn fill(&self, loaded: Result<Artifact, Unloaded>) {
        held(&self.done).get_or_insert(loaded);
        self.told.notify_all();
    }
}

/// Nobody waits for a thread that panicked.
struct Filled(Arc<Load>);

impl Drop for Filled {
    fn drop(&mut self) {
        self.0.fill(Err(Unloaded::Final("the thread that loads it ended without a word".to_owned())));
    }
}

fn held<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use schema::ControlKind;
    use scorer::{Content, Policy};

    use super::*;

    fn needed(version: &str) -> Needed {
        Needed { kind: ControlKind::Policy, name: "strict".to_owned(), version: version.to_owned() }
    }

    fn ask(loads: &Loads, version: &str) -> Result<String, Unloaded> {
        let loaded = loads.load((&needed(version), None), || Ok::<(), ()>(())).expect("it goes on");
        loaded.map(|artifact| match artifact.content {
            Content::Policy(policy) => policy.name,
            other => panic!("{:?}", other.kind()),
        })
    }

    #[test]
    fn what_was_loaded_is_kept_and_a_folder_that_is_away_is_asked_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let registry = folder.path().join("registry");
        let strict = registry.join("policy/strict");
        std::fs::create_dir_all(&strict).expect("writable");
        std::fs::write(strict.join("1.toml"), Policy::default_toml()).expect("writable");
        std::fs::write(strict.join("2.toml"), "format = 7").expect("writable");
        let loads = Loads::new(Registry::open(&registry.display().to_string()).expect("a folder"));
        assert!(matches!(ask(&loads, "2"), Err(Unloaded::Final(detail)) if detail.contains("2.toml")));
        assert!(matches!(ask(&loads, "3"), Err(Unloaded::Final(_))), "others lie there");
        assert!(ask(&loads, "1").is_ok());
        // As when a share is not mounted.
        let away = folder.path().join("away");
        std::fs::rename(&registry, &away).expect("ours");
        assert!(ask(&loads, "1").is_ok(), "it was kept");
        assert!(matches!(ask(&loads, "2"), Err(Unloaded::Passing(detail)) if detail.contains("mounted")));
        std::fs::create_dir(&registry).expect("ours");
        assert!(matches!(ask(&loads, "2"), Err(Unloaded::Passing(detail)) if detail.contains("empty")));
        std::fs::remove_dir(&registry).expect("ours");
        std::fs::rename(&away, &registry).expect("ours");
        assert!(matches!(ask(&loads, "2"), Err(Unloaded::Final(_))));
    }

    #[test]
    fn whoever_waits_may_go_while_it_loads() {
        let folder = tempfile::tempdir().expect("a folder");
        let slow = folder.path().join("policy/strict/1.toml");
        std::fs::create_dir_all(slow.parent().expect("it has one")).expect("writable");
        // A pipe that nobody writes to yet.
        let made = std::process::Command::new("mkfifo").arg(&slow).status().expect("coreutils");
        assert!(made.success());
        let loads = Loads::new(Registry::open(&folder.path().display().to_string()).expect("a folder"));
        let mut asked = 0;
        let gone = loads.load((&needed("1"), None), || {
            asked += 1;
            if asked < 3 { Ok(()) } else { Err("somebody wishes something else") }
        });
        assert_eq!(gone.err(), Some("somebody wishes something else"));
        std::fs::write(&slow, Policy::default_toml()).expect("it is read");
        assert!(ask(&loads, "1").is_ok());
    }
}
