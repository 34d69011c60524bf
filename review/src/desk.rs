//! The desk: what it was given, and its store.
//!
//! Separate from pages, so that whoever feeds the log into it needs no web server. Invariants: a batch of records and the position
//! it reaches are one transaction, so that a record is folded once, killed when it may be.

use std::path::Path;
use std::sync::Arc;

use schema::History;
use schema::desk::{Insight, Outlet};
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::store::Store;

/// What the desk is given.
#[derive(Clone)]
pub struct Given {
    /// Where acts go.
    pub outlet: Arc<dyn Outlet>,
    /// What is in force, and what it means.
    pub insight: Arc<dyn Insight>,
    /// What was; `None`: no history is kept.
    pub history: Option<Arc<dyn History + Send + Sync>>,
    /// The wall's time, ms since the Unix epoch: for sessions, waits and the audit chain. The log's own is [`Insight::now`].
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// What the operator configured.
    pub settings: Settings,
}

/// What the operator configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The address under which browsers reach the pages, such as `https://weir.example`; empty: this machine's own, by plain HTTP.
    pub origin: String,
    /// The operator's own look-up of an account, with `{account}` in the place of the pseudonym; empty: none.
    pub lookup_url: String,
}

/// Everything behind the pages.
pub struct Desk {
    /// Its own file.
    pub(crate) store: Store,
    /// What it was given.
    pub(crate) given: Given,
    /// Blocking work at once.
    pub(crate) turns: Semaphore,
}

/// Most blocking work at once: what is above it waits.
const TURNS: usize = 24;

impl Desk {
    /// Opens or makes `review.db`.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be opened or another desk holds it.
    pub fn open(path: &Path, given: Given) -> Result<Self, Error> {
        Ok(Self { store: Store::open(path)?, given, turns: Semaphore::new(TURNS) })
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
        self.store.read(|db| {
            let mut query = db.prepare_cached("SELECT position FROM progress WHERE source = ?1")?;
            let mut rows = query.query([source])?;
            Ok(rows.next()?.map(|row| row.get::<_, i64>(0)).transpose()?.map(|position| position as u64))
        })
    }
    /// Notes how far a source was folded.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn reached(&self, source: &str, position: u64) -> Result<(), Error> {
        let sql = "INSERT INTO progress VALUES (?1, ?2) ON CONFLICT (source) DO UPDATE SET position = excluded.position";
        self.store.writer().prepare_cached(sql)?.execute((source, position as i64))?;
        Ok(())
    }
}
