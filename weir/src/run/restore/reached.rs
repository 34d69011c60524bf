//! How far a partition was read that has no state besides: of reviews, and of what is wanted.
//!
//! Separate from state. The brokers know it as the committed offset, unless another group asks, or the group's members were all away for
//! so long that it was forgotten (`offsets.retention.minutes`, a week): then verdicts of years would be given to engines once more. So the
//! store of checkpoints knows it, too. Invariants: the later of the two counts; where neither is known that is told, and reading begins
//! at the oldest record, since one that nobody carried out may be among them.

use std::collections::BTreeSet;

use sinks::checkpoint::{Candidate, Moment, Role};

use super::{Restored, Sources, Unrestored};

impl Sources<'_> {
    /// How far the partition was read, by whoever.
    pub fn reached(&self, role: Role) -> Result<Restored<()>, Unrestored> {
        let mut known: Vec<Moment> = Vec::new();
        if let Some(saving) = &self.plan.saving {
            let found = self.ask(saving, saving.checkpoints.find(&self.checkpoint_place(role)))??;
            known.extend(found.candidates.iter().map(Candidate::moment));
            known.retain(|moment| self.in_the_log(moment.next_offset).is_ok());
        }
        known.extend(self.committed.map(|next_offset| Moment { next_offset, at_ms: 0 }));
        let from = known.into_iter().max_by_key(|moment| moment.next_offset);
        let (oldest, next) = self.log;
        if from.is_none() && next > oldest {
            let (role, partition, records) = (role.word(), self.place.0, next - oldest);
            tracing::warn!(
                role,
                partition,
                records,
                "neither the group nor a checkpoint knows how far this was read: it is read again, and changes nothing that is younger"
            );
        }
        Ok(Restored { from, ..Restored::fresh(()) })
    }

    /// The end of what is wanted as it lies there now, and the ids of the newest of each name before it.
    pub fn newest_controls(&self) -> Result<(u64, BTreeSet<String>), Unrestored> {
        let newest = self.wanted()?;
        Ok((self.log.1, newest.into_iter().map(|(control, _)| control.id).collect()))
    }
}
