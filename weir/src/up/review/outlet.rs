//! Where the dashboard's acts go: into the journal, as `POST /v1/reviews` and `POST /v1/control` write them.
//!
//! Separate from HTTP, whose checks it shares. Invariants: as `schema::desk::Outlet` says; all reviews of a call are one commit.

use std::sync::Arc;

use ingest::http::push_review;
use ingest::journal::{Appender, Batch, Commit};
use schema::desk::{Outlet, Untaken};
use schema::{Control, Controlled, Refusal, RejectReason, Review};
use tokio::runtime::Handle;

use crate::clock::Clock;
use crate::up::api::{Publisher, Trouble};

/// Writes into the journal.
pub struct Mouth {
    /// Where to.
    pub appender: Appender,
    /// Takes controls.
    pub publisher: Arc<Publisher>,
    /// The log's clock.
    pub clock: Clock,
    /// To wait with.
    pub handle: Handle,
}

impl Outlet for Mouth {
    fn review(&self, reviews: &[Review]) -> Result<(), Untaken> {
        let (now, mut batch) = ((self.clock)(), Batch::default());
        for review in reviews {
            push_review(review, now, &mut batch).map_err(Untaken::Refused)?;
        }
        let written = self.appender.commit_blocking(Commit { batch, ..Commit::default() });
        written.map(drop).map_err(|failed| Untaken::Unavailable(failed.1.to_string()))
    }

    fn control(&self, control: &Control) -> Result<Controlled, Untaken> {
        self.handle.block_on(self.publisher.want(control.clone())).map_err(|trouble: Trouble| {
            if trouble.may_pass() {
                Untaken::Unavailable(trouble.detail)
            } else {
                Untaken::Refused(Refusal::new(RejectReason::ArtifactMissing, trouble.detail))
            }
        })
    }
}
