//! A first look at a log: who asked for deletion in it, and whether it holds facts about shared things.
//!
//! Separate from the replay, which must know both before its first event. Invariant: what is no event is passed over; the replay counts it.

use std::collections::BTreeSet;

use schema::Body;

use crate::dataset::each_event;
use crate::error::Error;

/// What is known of a log before it is replayed.
#[derive(Debug, Default)]
pub struct Log {
    /// Accounts that were deleted.
    pub deleted: BTreeSet<String>,
    /// Facts and proposals lie in it: it is of one of several partitions.
    pub has_facts: bool,
}

impl Log {
    /// Looks through the files.
    pub fn look(files: &[String]) -> Result<Self, Error> {
        let mut log = Self::default();
        each_event(files, true, |event, _| {
            match &event.body {
                Body::Deletion => {
                    log.deleted.insert(event.account.to_owned());
                }
                Body::Entity(_) | Body::Proposal(_) => log.has_facts = true,
                _ => {}
            }
            Ok(())
        })?;
        Ok(log)
    }
}
