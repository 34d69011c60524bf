//! What rested on an account's own entry ends when the entry is taken out of its list.
//!
//! Separate from asking, which finds entries and not what became of them. Invariants: only the account's own entry is looked
//! for, since only that is surely asked for again; what a human made or confirmed stays.

use schema::{Event, Source};

use crate::engine::{Engine, Output};
use crate::policy::OWN_ENTRY_REASON;
use crate::standing::InForce;

impl Engine {
    /// Lifts what went further than the entries that are known now, at the account's first event after a list changed.
    #[cold]
    pub(in crate::engine) fn withdraw(&mut self, event: &Event<'_>, at: u64, output: &mut Output) {
        let Some(standing) = self.standing.get(event.account) else { return };
        let known = self.lists.known(event.account, at);
        let most = known.and_then(|hit| self.policy.blocklist.action(&hit.view()));
        let goes = |r: &InForce| {
            let rests = !r.by_human && r.restriction.reason == OWN_ENTRY_REASON;
            rests && most.is_none_or(|most| most < r.restriction.action)
        };
        if standing.in_force().iter().any(|r| r.is_live(at) && goes(r)) {
            self.lift(event, at, goes, (Source::Blocklist, output));
        }
    }
}
