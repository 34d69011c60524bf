//! Restrictions of shared things: registering on a device or in a number range, so that a farm cannot refill freely.
//!
//! Separate, because the key of such a standing is no account. Invariants: only a challenge, only on `registration`, at most
//! 24 h; only where a rule of the policy says so and was itself enforced, and no human said otherwise lately; like any other
//! it is told only if it changes standing.

use schema::limits::ENTITY_RESTRICTION_MS_MAX;
use schema::{Action, Body, EntityKind, Event, Scope};

use super::propose::{Basis, Proposal};
use super::{Engine, Occasion, Output};

impl Engine {
    /// Restricts registration on what the rule names, if the event says what that is.
    pub(super) fn restrict_entity(
        &mut self,
        occasion: &Occasion<'_>,
        proposal: &Proposal,
        output: &mut Output,
    ) {
        let Basis::Rule(index) = proposal.basis else { return };
        let Some(kind) = self.policy.rules[index].entity else { return };
        let Some(key) = key_of(&occasion.event.body, kind) else { return };
        // The rule's evidence is the account's: which of it is newer than a human's word on the thing cannot be told.
        let standing = self.standing.get(&key);
        if standing.and_then(|s| s.word_on(Scope::Registration, Action::Challenge, occasion.at)).is_some() {
            return;
        }
        let event = Event { account: &key, ..occasion.event.clone() };
        let occasion = Occasion { event: &event, ..*occasion };
        let proposal = Proposal {
            action: Action::Challenge,
            scope: Scope::Registration,
            term_ms: proposal.term_ms.min(ENTITY_RESTRICTION_MS_MAX),
            sure: false,
            victim: false,
            review: false,
            held: None,
            ..*proposal
        };
        if self.restrict(&occasion, &proposal, output) {
            self.tell_standing(&key, occasion.at, output);
        }
    }
}

/// `device:…` or `number_range:…`, if the event tells it.
fn key_of(body: &Body<'_>, kind: EntityKind) -> Option<String> {
    match body {
        Body::Entity(fact) if fact.kind == kind => Some(fact.entity.to_owned()),
        Body::Registration(session) | Body::Session(session) => {
            let name = match kind {
                EntityKind::Device => session.device,
                EntityKind::NumberRange => session.number_range,
                _ => None,
            };
            name.map(|name| format!("{kind}:{name}"))
        }
        _ => None,
    }
}
