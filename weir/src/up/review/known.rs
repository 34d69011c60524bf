//! What the dashboard in this process knows of what is in force: the publisher's word, the journal's standings, the engine's versions.
//!
//! Separate from explaining it, which the desk on Kafka does in the same way. Invariants: as [`crate::insight::Known`] says.

use std::sync::Arc;

use schema::history::Told;
use schema::{HistoryError, InForce, Standing, VersionInForce, Versions};
use tokio::runtime::Handle;

use crate::insight::Known;
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

    fn deciding(&self) -> (Versions, Vec<VersionInForce>) {
        let deciding = self.state.deciding.borrow().clone();
        (deciding.versions, deciding.active)
    }
}
