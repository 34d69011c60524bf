//! The desk: what it was given, its store, and the fold of the log into cases.
//!
//! Separate from pages, so that whoever feeds the log into it needs no web server. Invariants: a batch of records and the position
//! it reaches are one transaction, so that a record is folded once, killed when it may be; whatever a reviewer does goes to the log
//! first, and comes back from there.

pub(crate) mod acts;
pub(crate) mod alarm;
pub(crate) mod bulk;
pub(crate) mod campaign;
pub(crate) mod case;
pub(crate) mod cause;
pub(crate) mod clause;
pub(crate) mod company;
pub(crate) mod exposure;
mod facts;
mod fold;
pub(crate) mod handles;
pub(crate) mod quality;
pub(crate) mod queue;
pub(crate) mod rank;
#[cfg(test)]
pub(crate) mod scene;
pub(crate) mod seen;
pub(crate) mod sheet;
pub(crate) mod views;

pub use alarm::Waiting;
pub use clause::Clause;
pub use fold::Habits;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use schema::History;
use schema::desk::{Entry, Insight, Outlet};
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::people::Role;
use crate::people::oidc::Provider;
use crate::people::proxies::Network;
use crate::store::Store;
use fold::Fold;
use seen::Ahead;

/// What the desk is given.
#[derive(Clone)]
pub struct Given {
    /// Where acts go.
    pub outlet: Arc<dyn Outlet>,
    /// What is in force, and what it means.
    pub insight: Arc<dyn Insight>,
    /// What was; `None`: no history is kept.
    pub history: Option<Arc<dyn History + Send + Sync>>,
    /// How it works.
    pub habits: Habits,
    /// The wall's time, ms since the Unix epoch: for sessions, waits and the audit chain. The log's own is [`Insight::now`].
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// What the operator configured.
    pub settings: Settings,
}

/// What the operator configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The address under which browsers reach the pages, such as `https://weir.example`; empty: this machine's own, by plain HTTP.
    pub origin: String,
    /// The operator's own look-up of an account, with `{account}` in the place of the pseudonym; empty: none.
    pub lookup_url: String,
    /// Roles that do nothing without a second factor.
    pub second_factor: Vec<Role>,
    /// Proxies whose word about where a request came from is believed.
    pub proxies: Vec<Network>,
    /// Clauses of the policy, of which an act names one.
    pub clauses: Vec<Clause>,
    /// Minutes of work on cases after which a break is advised; 0: never.
    pub rest_min: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let clauses = Clause::defaults();
        let (origin, lookup_url) = Default::default();
        let (second_factor, proxies) = Default::default();
        Self { origin, lookup_url, second_factor, proxies, clauses, rest_min: 50 }
    }
}

/// Everything behind the pages.
pub struct Desk {
    /// Its own file.
    pub(crate) store: Store,
    /// What it was given.
    pub(crate) given: Given,
    /// How often something was folded, and who waits for it.
    folded: (Mutex<u64>, Condvar),
    /// What was offered to whom, until when: so that two who ask at once are not sent to one case. The log decides in any case.
    offered: Mutex<BTreeMap<String, (String, u64)>>,
    /// What was fetched ahead and is not shown yet, by who fetched it.
    ahead: Mutex<BTreeMap<String, Ahead>>,
    /// Cases opened before this were looked up, ms of log time.
    looked_up: Mutex<u64>,
    /// Forms made so far.
    forms: AtomicU64,
    /// One act on a case is carried out at a time.
    acting: acts::Acting,
    /// One act on many cases is carried out at a time.
    pub(crate) bulk_turn: Mutex<()>,
    /// Blocking work at once.
    pub(crate) turns: Semaphore,
    /// Who else says who people are; `None`: passwords alone.
    pub(crate) provider: Option<Provider>,
}

/// Most blocking work at once: what is above it waits.
const TURNS: usize = 24;

/// `review.db`, held: no other process is a desk on it.
pub struct Held(Store);

impl Held {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be opened or another desk holds it.
    pub fn take(path: &Path) -> Result<Self, Error> {
        Ok(Self(Store::open(path)?))
    }
}

impl Desk {
    /// Opens or makes `review.db`.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be opened or another desk holds it.
    pub fn open(path: &Path, given: Given) -> Result<Self, Error> {
        Ok(Self::over(Held::take(path)?, given))
    }

    /// A desk on a file that is held.
    #[must_use]
    pub fn over(held: Held, given: Given) -> Self {
        Self {
            store: held.0,
            given,
            turns: Semaphore::new(TURNS),
            provider: None,
            folded: (Mutex::new(0), Condvar::new()),
            offered: Mutex::new(BTreeMap::new()),
            ahead: Mutex::new(BTreeMap::new()),
            looked_up: Mutex::new(0),
            forms: AtomicU64::new(0),
            acting: acts::Acting::default(),
            bulk_turn: Mutex::new(()),
        }
    }

    /// The same, to which people come by a provider as well.
    #[must_use]
    pub fn with_provider(self, provider: Provider) -> Self {
        Self { provider: Some(provider), ..self }
    }

    /// Log time now, ms since the Unix epoch.
    pub(crate) fn now(&self) -> u64 {
        self.given.insight.now()
    }

    /// The wall's time, ms.
    pub(crate) fn wall(&self) -> u64 {
        (self.given.clock)()
    }

    /// How far a source was folded; `None`: it is new.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn position(&self, source: &str) -> Result<Option<u64>, Error> {
        self.store.read(|db| position(db, source))
    }

    /// Folds the next records of a source, and notes how far it came: `reached` is at least the last one's position. Records up to
    /// where it had come before are passed over.
    ///
    /// # Errors
    /// If the store cannot be written: then nothing of it was.
    pub fn take(&self, source: &str, entries: &[Entry], reached: u64) -> Result<(), Error> {
        self.take_merged(&[(source, Some(reached))], entries.iter().map(|entry| (0, entry)))
    }

    /// Folds the next records of several sources in the order given, each with the place of its source in `reached`, which says how far
    /// each source came (`None`: it has not begun). Records up to where a source had come before are passed over.
    ///
    /// # Errors
    /// If the store cannot be written: then nothing of it was.
    pub fn take_merged<'a>(
        &self,
        reached: &[(&str, Option<u64>)],
        entries: impl Iterator<Item = (usize, &'a Entry)>,
    ) -> Result<(), Error> {
        let mut writer = self.store.writer();
        let transaction = writer.transaction()?;
        let before = reached.iter().map(|(source, _)| position(&transaction, source));
        let before: Vec<Option<u64>> = before.collect::<Result<_, _>>()?;
        let fold = Fold::new(&transaction, &self.given.habits);
        for (_, entry) in
            entries.filter(|(of, entry)| before[*of].is_none_or(|before| entry.position > before))
        {
            fold.take(entry)?;
        }
        let sql = "INSERT INTO progress VALUES (?1, ?2)
            ON CONFLICT (source) DO UPDATE SET position = max(position, excluded.position)";
        for (source, reached) in reached.iter().filter_map(|(source, reached)| Some((source, (*reached)?))) {
            transaction.prepare_cached(sql)?.execute((source, reached as i64))?;
        }
        transaction.commit()?;
        drop(writer);
        let (count, told) = &self.folded;
        *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        told.notify_all();
        Ok(())
    }

    /// Waits until `found` gives something, looking whenever something was folded, or until the time is over.
    pub(crate) fn wait_for<T>(
        &self,
        most: Duration,
        mut found: impl FnMut(&Connection) -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        let (count, told) = &self.folded;
        let mut left = most;
        loop {
            let seen = *count.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(value) = self.store.read(&mut found)? {
                return Ok(Some(value));
            }
            if left.is_zero() {
                return Ok(None);
            }
            // Short naps, counted: no clock is needed to know how long it waited at least.
            let nap = left.min(Duration::from_millis(100));
            let guard = count.lock().unwrap_or_else(PoisonError::into_inner);
            let (_guard, ended) = told
                .wait_timeout_while(guard, nap, |count| *count == seen)
                .unwrap_or_else(PoisonError::into_inner);
            if ended.timed_out() {
                left -= nap;
            }
        }
    }
}

fn position(db: &Connection, source: &str) -> Result<Option<u64>, Error> {
    let mut query = db.prepare_cached("SELECT position FROM progress WHERE source = ?1")?;
    let mut rows = query.query([source])?;
    Ok(rows.next()?.map(|row| row.get::<_, i64>(0)).transpose()?.map(|position| position as u64))
}
