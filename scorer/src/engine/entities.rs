//! Facts about shared things, fed back at once: relations out, facts in, within one process.
//!
//! Separate, because between processes the same facts travel over the log. Invariant: facts never cause relations.

use features::{Slot, Store, Touches};
use schema::Event;

use super::{Engine, Output};

/// The relation engine and the facts that wait to be told.
#[derive(Debug)]
pub(super) struct Feedback {}

impl Feedback {
    pub fn new() -> Self {
        Self {}
    }

    /// An event touched something that is new to its account.
    pub fn touched(&mut self, _event: &Event<'_>, _touches: Touches, _place: (u32, u64)) {}

    /// The account was restricted by a human or a sure case.
    pub fn restricted(&mut self, _store: &Store, _slot: Slot, _event: &Event<'_>) {}

    /// Whether facts wait.
    pub fn is_waiting(&self) -> bool {
        false
    }
}

impl Engine {
    /// Feeds waiting facts back, each as an event of its account.
    pub(super) fn feed_back(&mut self, _offset: u64, _output: &mut Output) {}
}
