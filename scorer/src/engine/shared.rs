//! Restrictions of shared things: registering on a device or in a number range, so that a farm cannot refill freely.
//!
//! Separate, because the key of such a standing is no account: engines of many partitions see the accounts on it, and one of
//! them, that of the key's own partition, decides. The others propose, in its log. In one process the proposal is fed back at
//! once. Invariants: only the owner of a key says what its standing is; automation only challenges, humans challenge or limit,
//! only on `registration`, at most 24 h; only where a rule of the owner's policy says so and no human said otherwise lately; like any other it is told only if
//! it changes standing; a proposal causes neither relations nor proposals, and is heard once.

use compact_str::{CompactString, format_compact};
use schema::limits::ENTITY_RESTRICTION_MS_MAX;
use schema::{
    Action, Body, Decision, EntityKind, Event, Mode, Origin, Proposal, Reason, Scope, Source, decision_id,
};
use xxhash_rust::xxh3::Xxh3;

use super::propose::Basis;
use super::wording::{plain, restriction_of};
use super::{Engine, Occasion, Output};
use crate::standing::{Change, InForce, Wanted};

/// A proposal on its way to the log of the shared thing's own partition.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposalEvent {
    /// The event's id.
    pub id: CompactString,
    /// Event time of the record that caused it, ms since the Unix epoch.
    pub ts: u64,
    /// `device:…` or `number_range:…`: the key of the record.
    pub key: CompactString,
    /// The rule's name.
    pub rule: String,
    /// The decision about the account.
    pub decision: String,
    /// That decision's leading reason.
    pub reason: Option<Reason>,
    /// The record that caused it.
    pub origin: Origin,
}

impl ProposalEvent {
    /// The proposal as an event, ready to be encoded.
    #[must_use]
    pub fn event(&self) -> Event<'_> {
        let reason = self.reason.as_ref();
        let body = Body::Proposal(Proposal {
            rule: &self.rule,
            decision: &self.decision,
            feature: reason.and_then(|reason| reason.feature.as_deref()),
            value: reason.and_then(|reason| reason.value).filter(|value| value.is_finite()),
            origin: self.origin,
        });
        Event { id: &self.id, ts: self.ts, at: None, account: &self.key, age_h: None, idle_h: None, body }
    }
}

/// What a human may put in force for a key of a shared thing, of what he wants: a challenge or a limit of registrations, at most
/// 24 h. An account's own is his word as it stands.
pub(super) fn within_bounds(key: &str, wanted: &Wanted, at: u64) -> Wanted {
    if kind_of(key).is_none() {
        return *wanted;
    }
    let longest = at.saturating_add(ENTITY_RESTRICTION_MS_MAX);
    let limit = wanted.limit.filter(|_| wanted.action == Action::RateLimit);
    let action = if limit.is_some() { Action::RateLimit } else { Action::Challenge };
    let expires = Some(wanted.expires.map_or(longest, |end| end.min(longest)));
    Wanted { action, scope: Scope::Registration, limit, expires }
}

/// The kind of the shared thing whose key this is; `None`: it is an account.
fn kind_of(key: &str) -> Option<EntityKind> {
    let kind = key.split_once(':').and_then(|(kind, _)| EntityKind::from_word(kind))?;
    matches!(kind, EntityKind::Device | EntityKind::NumberRange).then_some(kind)
}

impl Engine {
    /// Proposes what the rule wants done about the thing that it names, if the event says what that is. The decision about the
    /// account is the newest.
    pub(super) fn propose_shared(&mut self, occasion: &Occasion<'_>, basis: Basis, output: &Output) {
        let Basis::Rule(index) = basis else { return };
        let rule = &self.policy.rules[index];
        let Some(key) = rule.entity.and_then(|kind| key_of(&occasion.event.body, kind)) else { return };
        let Some(decision) = output.decisions.last() else { return };
        self.entities.propose(|origin| ProposalEvent {
            id: proposal_id(&key, decision),
            ts: occasion.event.ts,
            rule: rule.name.clone(),
            decision: decision.id.clone(),
            reason: decision.reasons.first().cloned(),
            key,
            origin,
        });
    }

    /// Decides about a proposal, as the one engine that decides about its key.
    pub(super) fn restrict_shared(
        &mut self,
        event: &Event<'_>,
        proposal: &Proposal<'_>,
        at: u64,
        output: &mut Output,
    ) {
        let key = event.account;
        let Some(index) = self.rule_for(key, proposal) else { return };
        let term = self.policy.rules[index].outcome.term_ms.min(ENTITY_RESTRICTION_MS_MAX);
        let (action, scope) = (Action::Challenge, Scope::Registration);
        let wanted = Wanted { action, scope, limit: None, expires: Some(at.saturating_add(term)) };
        let change = match self.standing.get(key) {
            // Evidence is the accounts': which of it is newer than a human's word on the thing cannot be told.
            Some(standing) if standing.word_on(scope, action, at).is_some() => return,
            Some(standing) => standing.change(&wanted, at),
            None => Some(Change::default()),
        };
        let Some(Change { supersedes, .. }) = change else { return };
        let Some(seq) = self.standing.entry(key, at).map(|standing| standing.next_seq(at)) else { return };
        let rule = &self.policy.rules[index];
        let feature = proposal.feature.map(str::to_owned);
        let reason = Reason { feature, value: proposal.value, ..plain(&rule.outcome.reason) };
        let message = match rule.outcome.action {
            Action::Challenge => rule.outcome.message.clone(),
            _ => action.word().to_owned(),
        };
        let decision = Decision {
            id: decision_id(key, event.id, (action, scope, Mode::Enforce), &rule.name),
            reasons: vec![reason],
            counterfactual: rule.counterfactual(),
            rule: Some(rule.name.clone()),
            ..self.plain_decision(event, &wanted, (Source::Rule, &rule.outcome.reason), (seq, at, supersedes))
        };
        let (restriction, previous) = (restriction_of(&decision, message), decision.supersedes.clone());
        self.emit(decision, output);
        if let Some(standing) = self.standing.get_mut(key) {
            standing.put(InForce { restriction, issued: at, by_human: false, victim: false, previous });
        }
        self.tell_standing(key, at, output);
    }

    /// The rule of the owner's own policy, by index, that a proposal names, if that is enforced and speaks of such a thing.
    fn rule_for(&self, key: &str, proposal: &Proposal<'_>) -> Option<usize> {
        let kind = kind_of(key)?;
        let index = self.policy.rules.iter().position(|rule| rule.name == proposal.rule)?;
        let rule = &self.policy.rules[index];
        let speaks = rule.entity == Some(kind) && rule.outcome.mode == Mode::Enforce;
        (speaks && !self.is_free(key)).then_some(index)
    }
}

/// `device:…` or `number_range:…`, if the event tells it.
fn key_of(body: &Body<'_>, kind: EntityKind) -> Option<CompactString> {
    match body {
        Body::Entity(fact) if fact.kind == kind => Some(fact.entity.into()),
        Body::Registration(session) | Body::Session(session) => {
            let name = match kind {
                EntityKind::Device => session.device,
                EntityKind::NumberRange => session.number_range,
                _ => None,
            };
            name.map(|name| format_compact!("{kind}:{name}"))
        }
        _ => None,
    }
}

/// `p_` and a hash of the key and of the decision that it comes from: the same whichever way it travels.
fn proposal_id(key: &str, decision: &Decision) -> CompactString {
    let mut hash = Xxh3::new();
    for part in [key, &decision.id] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    format_compact!("p_{:032x}", hash.digest128())
}
