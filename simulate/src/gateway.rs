//! What stands between the accounts and the network: takes every event and says what is refused.
//!
//! Separate, so that the open loop needs no engine. Invariant: the simulator asks before an act and tells after it,
//! in order of time.

use schema::{Event, Limit, Scope};

/// What a gateway enforces on an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restraint {
    /// Warn, challenge, rate-limit or ban.
    pub action: schema::Action,
    /// For a rate limit.
    pub limit: Option<Limit>,
    /// Id of the decision behind it.
    pub decision: String,
}

/// Takes events, and answers with what is in force.
pub trait Gateway {
    /// One event, in order of `ts`.
    fn offer(&mut self, event: &Event<'_>);

    /// The strongest restriction in force for an act of this scope, now (ms since the Unix epoch).
    fn restriction(&mut self, account: &str, scope: Scope, now_ms: u64) -> Option<Restraint>;
}

/// The open loop: everything passes.
pub(crate) struct Open<'s>(pub(crate) &'s mut dyn FnMut(&Event<'_>));

impl Gateway for Open<'_> {
    fn offer(&mut self, event: &Event<'_>) {
        (self.0)(event);
    }

    fn restriction(&mut self, _: &str, _: Scope, _: u64) -> Option<Restraint> {
        None
    }
}
