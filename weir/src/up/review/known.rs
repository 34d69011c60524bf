//! What the dashboard in this process knows of what is in force: the publisher's word, the journal's standings, the engine's versions.
//!
//! Separate from explaining it, which the desk on Kafka does in the same way. Invariants: as [`crate::insight::Known`] says.

use std::sync::Arc;

use ingest::journal::Head;
use schema::desk::Vitals;
use schema::history::Told;
use schema::{HistoryError, InForce, Standing, VersionInForce, Versions};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::insight::Known;
use crate::telemetry::PartitionLabels;
use crate::up::api::{Publisher, Readers};
use crate::up::state::State;

/// Of a server with a journal.
pub struct Embedded {
    /// Standings.
    pub readers: Readers,
    /// What was wanted.
    pub publisher: Arc<Publisher>,
    /// What the engine decides by.
    pub state: Arc<State>,
    /// How far the log is.
    pub head: watch::Receiver<Head>,
    /// Whether a history is kept.
    pub has_history: bool,
    /// To wait with.
    pub handle: Handle,
}

impl Known for Embedded {
    fn in_force(&self) -> Told<InForce> {
        Ok(self.handle.block_on(self.publisher.in_force()))
    }

    fn standing(&self, account: &str) -> Told<Option<Standing>> {
        let away = |error: ingest::Error| HistoryError::Unavailable(error.to_string());
        let reader = self.readers.take().map_err(away)?;
        let found = reader.standing(account).map_err(away)?;
        self.readers.put(reader);
        let standing = found.map(|body| serde_json::from_slice(&body));
        standing.transpose().map_err(|error| HistoryError::Failed(error.to_string()))
    }

    fn vitals(&self) -> Vitals {
        let (metrics, here) = (&self.state.metrics, PartitionLabels::default());
        let count = |value: i64| u64::try_from(value).ok();
        let head = *self.head.borrow();
        let fault = self.state.pulse.fault().or_else(|| self.state.writes.fault());
        Vitals {
            build: String::new(),
            engine_behind: count(metrics.lag.get_or_create(&here).get()),
            history_behind: count(metrics.history_lag.get()).filter(|_| self.has_history),
            newest_at: Some(head.at).filter(|_| head.position > 0),
            position: Some(head.position),
            checkpoint_age_s: count(metrics.checkpoint_age.get_or_create(&here).get()),
            fault: fault.or_else(|| self.state.unready().map(str::to_owned)),
        }
    }

    fn deciding(&self) -> (Versions, Vec<VersionInForce>) {
        let deciding = self.state.deciding.borrow().clone();
        (deciding.versions, deciding.active)
    }
}
