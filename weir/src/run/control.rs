//! The control writer: what is wanted becomes an `activate` record in every partition of events.
//!
//! Separate from those who want and from those who obey. It is the owner of the one partition of `weir.control`, so there is
//! one writer at a time. Invariants: the record for a partition has an id that follows from the control's, so a repeat after
//! a crash is one that engines know; the kill switch is told to gateways at once, however far behind a partition is; where nobody
//! knows how far it was read, the newest of each name is wanted again and nothing older.

use std::collections::BTreeSet;

use ingest::kafka::{Message, partition_of};
use schema::{Control, ControlKind};

use super::line::{Stop, Work};
use super::outlet::{Outlet, ticket};
use crate::saving::State;
use crate::wanted;

/// Writes activations.
pub struct Controller {
    /// The account under which each partition is told: one that belongs there.
    addresses: Vec<String>,
    /// What is wanted of the records before an offset: the ids of the newest of each name; `None`: each record is news.
    newest: Option<(u64, BTreeSet<String>)>,
    /// The log's time: highest so far, ms since the Unix epoch.
    at: u64,
}

impl Controller {
    /// A writer to so many partitions, whose log stands at `at` (ms since the Unix epoch). `newest`: which records before an offset
    /// are still wanted, by their ids; without it, all.
    pub fn new(partitions: u32, newest: Option<(u64, BTreeSet<String>)>, at: u64) -> Self {
        let addresses = (0..partitions).map(|partition| address(partition, partitions)).collect();
        Self { addresses, newest, at }
    }

    /// Whether another took its place before anybody here read it.
    fn is_replaced(&self, control: &Control, offset: u64) -> bool {
        self.newest.as_ref().is_some_and(|(before, ids)| offset < *before && !ids.contains(&control.id))
    }

    fn activate(&self, control: &Control, place: (u64, u64), outlet: &mut Outlet<'_>) -> Result<u32, Stop> {
        let (offset, at) = place;
        outlet.look_at_the_clock()?;
        let mut outputs = 0;
        if control.kind == ControlKind::Kill {
            outputs += outlet.enforcement(&control.enforcement(at, at), offset)?;
        }
        for (partition, account) in (0..).zip(&self.addresses) {
            let id = control.event_id(partition);
            let event = control.activation(&id, account, at);
            outlet.producer.internal_event(&event, ticket(offset))?;
            outputs += 1;
        }
        tracing::info!(
            control = control.id,
            kind = %control.kind,
            name = control.name,
            version = control.version,
            by = control.by,
            "a version was activated"
        );
        Ok(outputs)
    }
}

impl Work for Controller {
    const IS_PLACE_ALONE: bool = true;

    fn record(&mut self, message: &Message<'_>, outlet: &mut Outlet<'_>) -> Result<u32, Stop> {
        let (offset, at) = (message.offset(), message.record().at.unwrap_or(0));
        self.at = self.at.max(at);
        if message.record().value.is_none() {
            return Ok(0); // A tombstone: nothing is wanted of that name any more.
        }
        match wanted::control(message.value()) {
            Ok(control) if self.is_replaced(&control, offset) => Ok(0),
            Ok(control) => self.activate(&control, (offset, at), outlet),
            Err(refusal) => outlet.reject(refusal, (offset, at), message.value()),
        }
    }

    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }
}

/// Nothing but the place.
impl State for Controller {
    fn begin(&mut self, _: bool) -> bool {
        true
    }

    fn write(&mut self, _: usize, _: &mut Vec<u8>) -> bool {
        true
    }

    fn abandon(&mut self) {}

    fn at_ms(&self) -> u64 {
        self.at
    }
}

/// An account name of weir's own that belongs to the partition.
fn address(partition: u32, partitions: u32) -> String {
    let names = (0_u64..).map(|n| format!("!control-{n}"));
    let mut own = names.filter(|name| partition_of(name.as_bytes(), partitions) == partition);
    own.next().expect("a hash reaches every partition sooner or later")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_an_address_that_belongs_there() {
        for partitions in [1, 3, 48] {
            let controller = Controller::new(partitions, None, 0);
            for (partition, account) in (0..).zip(&controller.addresses) {
                assert_eq!(partition_of(account.as_bytes(), partitions), partition);
            }
        }
    }
}
