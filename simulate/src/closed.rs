//! The closed loop's gateway: an engine decides on every event, and what it restricts is refused at once.
//!
//! Separate from the trait, so that only this file knows the engine. Invariant: the engine sees exactly the events that
//! the sink sees, in the same order, so that scoring the written file gives the same decisions.

use schema::{Decision, Event, Scope};
use scorer::{Engine, Output};

use crate::gateway::{Gateway, Restraint};

/// An engine between the accounts and the network.
pub(crate) struct Closed<'r> {
    engine: &'r mut Engine,
    sink: &'r mut dyn FnMut(&Event<'_>),
    decided: &'r mut dyn FnMut(&Decision),
    output: Output,
    offset: u64,
}

impl<'r> Closed<'r> {
    pub(crate) fn new(
        engine: &'r mut Engine,
        sink: &'r mut dyn FnMut(&Event<'_>),
        decided: &'r mut dyn FnMut(&Decision),
    ) -> Self {
        Self { engine, sink, decided, output: Output::default(), offset: 0 }
    }
}

impl Gateway for Closed<'_> {
    fn offer(&mut self, event: &Event<'_>) {
        (self.sink)(event);
        // As in a file: records are numbered from 1.
        self.offset += 1;
        self.engine.process(event, self.offset, &mut self.output);
        for decision in &self.output.decisions {
            (self.decided)(decision);
        }
        self.output.clear();
    }

    fn restriction(&mut self, account: &str, scope: Scope, now_ms: u64) -> Option<Restraint> {
        let view = self.engine.restriction(account, scope, now_ms)?;
        Some(Restraint { action: view.action, limit: view.limit, decision: view.decision.to_owned() })
    }
}
