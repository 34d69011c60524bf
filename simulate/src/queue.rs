//! What happens next: the agenda of all accounts, in order of time.
//!
//! Separate, because the order of ties decides determinism: time, then account, then order of entry. Invariant: tasks
//! come out in order of time, and none is dropped before the end of the run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An account of the simulation (below [`OUTSIDE`]) or somebody of the network around it.
pub(crate) type Who = u32;
/// The first number of somebody outside of the simulated accounts: they receive, answer, block and report.
pub(crate) const OUTSIDE: Who = 1 << 31;

/// Something to do. The account that it belongs to stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    /// Plan the day that begins.
    Day,
    /// Register.
    Register,
    /// Begin a conversation.
    Talk,
    /// Write to somebody new.
    Meet,
    /// Say something in a group.
    GroupTalk,
    /// A rare ordinary act.
    Errand(Errand),
    /// The next message of a conversation with `peer`; `mine`: by the account; `old`: they talked before the run.
    Turn { peer: Who, left: u16, mine: bool, old: bool },
    /// The peer blocks the account.
    Block { peer: Who },
    /// The peer takes the block back.
    Unblock { peer: Who },
    /// The peer reports the account.
    Report { peer: Who, reason: schema::ReportReason },
    /// Somebody whom the account added leaves the group.
    Leave { peer: Who, group: u32 },
    /// The message to the peer turns out undeliverable.
    Undelivered { peer: Who },
    /// The persona's own act; what `step` means is the persona's business.
    Wake { step: u32 },
    /// Answer the challenge in force.
    Challenge,
    /// Ask for a review of the ban in force.
    Appeal,
    /// Tell of the acts refused so far.
    Refused,
    /// Leave the network.
    Delete,
}

/// Ordinary acts that are rare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Errand {
    /// The address book grew.
    Lookup,
    /// A new group with a few contacts.
    NewGroup,
    /// A new phone.
    NewPhone,
    /// Greet everybody.
    Greet,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: u64,
    who: Who,
    order: u64,
    task: Task,
}

/// The agenda.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    order: u64,
}

impl Queue {
    /// Puts a task on the agenda at a time (ms since the Unix epoch).
    pub(crate) fn push(&mut self, at: u64, who: Who, task: Task) {
        self.order += 1;
        self.heap.push(Reverse(Entry { at, who, order: self.order, task }));
    }

    /// The next task.
    pub(crate) fn pop(&mut self) -> Option<(u64, Who, Task)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.who, entry.task))
    }
}
