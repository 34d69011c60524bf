//! From an event to its wire shape.
//!
//! Separate from the check, which is its inverse. Invariant: `RawEvent::from(&event).event()` is the same event, for
//! every event that a decoder can give.

use super::{RawEvent, Text};
use crate::event::{Body, EntityFact, Event, Feedback, GroupAdd, Message, Proposal, Session, VerdictEvent};

impl<'a> From<&Event<'a>> for RawEvent<'a> {
    fn from(event: &Event<'a>) -> Self {
        let mut raw = RawEvent {
            id: Some(event.id.into()),
            ts: Some(event.ts),
            at: event.at,
            kind: Some(event.body.kind().into()),
            account: Some(event.account.into()),
            age_h: event.age_h,
            idle_h: event.idle_h,
            ..RawEvent::default()
        };
        raw.fill(&event.body);
        raw
    }
}

fn text(value: Option<&str>) -> Option<Text<'_>> {
    value.map(Text::from)
}

fn country(value: Option<[u8; 2]>) -> Option<Text<'static>> {
    value.map(|letters| Text::from(letters.map(char::from).iter().collect::<String>()))
}

impl<'a> RawEvent<'a> {
    fn fill(&mut self, body: &Body<'a>) {
        match body {
            Body::Registration(session) | Body::Session(session) => self.session(session),
            Body::Message(message) => self.message(message),
            Body::Reply { peer } | Body::Unblock { peer } => self.peer = Some((*peer).into()),
            Body::Undelivered { peer } => self.peer = text(*peer),
            Body::Block(feedback) => self.feedback(feedback),
            Body::Report { feedback, reason } => {
                self.feedback(feedback);
                self.reason = Some(reason.word().into());
            }
            Body::GroupCreate { group, group_size } => {
                self.group = text(*group);
                self.group_size = *group_size;
            }
            Body::GroupAdd(add) => self.group_add(add),
            Body::GroupLeave { peer, group } => {
                self.peer = Some((*peer).into());
                self.group = text(*group);
            }
            Body::Lookup { count, hits } => {
                self.count = Some(*count);
                self.hits = *hits;
            }
            Body::ChallengeResult { decision, passed } => {
                self.decision = Some((*decision).into());
                self.passed = Some(*passed);
            }
            Body::Refused { scope, count } => {
                self.scope = Some(scope.word().into());
                self.count = Some(*count);
            }
            Body::Appeal { decision } => self.decision = Some((*decision).into()),
            Body::Deletion => {}
            Body::Entity(fact) => self.entity_fact(fact),
            Body::Verdict(verdict) => self.verdict_event(verdict),
            Body::Activate(activate) => {
                self.control = Some(activate.control.into());
                self.what = Some(activate.what.word().into());
                self.name = Some(activate.name.into());
                self.version = Some(activate.version.into());
                self.mode = activate.mode.map(|mode| mode.word().into());
                self.share = activate.share;
                self.sha256 = text(activate.sha256);
            }
            Body::Proposal(proposal) => self.proposal(proposal),
        }
    }

    fn session(&mut self, session: &Session<'a>) {
        self.device = text(session.device);
        self.ip_prefix = text(session.ip_prefix);
        self.asn = session.asn;
        self.number_range = text(session.number_range);
        self.client = text(session.client);
        self.country = country(session.country);
        self.ip_country = country(session.ip_country);
        self.tier = session.tier.map(|tier| tier.word().into());
        self.attested = session.attested;
    }

    fn message(&mut self, message: &Message<'a>) {
        self.chat = Some(message.chat.word().into());
        self.peer = text(message.peer);
        self.group = text(message.group);
        self.group_size = message.group_size;
        self.first_contact = message.first_contact;
        self.in_contacts = message.in_contacts;
        self.forwarded = message.forwarded;
        self.typed = message.typed;
        self.size = message.size.map(u32::from);
    }

    fn feedback(&mut self, feedback: &Feedback<'a>) {
        self.peer = Some(feedback.peer.into());
        self.contact = feedback.contact.map(|contact| contact.word().into());
        self.peer_age_h = feedback.peer_age_h;
        self.peer_device = text(feedback.peer_device);
        self.peer_prefix = text(feedback.peer_prefix);
        self.peer_range = text(feedback.peer_range);
    }

    fn group_add(&mut self, add: &GroupAdd<'a>) {
        self.peer = text(add.peer);
        self.group = text(add.group);
        self.group_size = add.group_size;
        self.count = Some(add.count);
        self.known = add.known;
    }

    fn entity_fact(&mut self, fact: &EntityFact<'a>) {
        self.entity = Some(fact.entity.into());
        self.accounts_24h = Some(fact.accounts_24h);
        self.size = Some(fact.size);
        self.registered_24h = Some(fact.registered_24h);
        self.restricted_24h = Some(fact.restricted_24h);
        if !fact.co_accounts.is_empty() {
            self.co_accounts = Some(fact.co_accounts.iter().map(|account| Text::from(*account)).collect());
        }
        self.origin = fact.origin;
    }

    fn proposal(&mut self, proposal: &Proposal<'a>) {
        self.name = Some(proposal.rule.into());
        self.decision = Some(proposal.decision.into());
        self.feature = text(proposal.feature);
        self.value = proposal.value;
        self.origin = Some(proposal.origin);
    }

    fn verdict_event(&mut self, verdict: &VerdictEvent<'a>) {
        self.verdict = Some(verdict.verdict.word().into());
        self.actor = Some(verdict.actor.into());
        self.decision = text(verdict.decision);
        self.scope = verdict.scope.map(|scope| scope.word().into());
        self.limit = verdict.limit;
        self.expires = verdict.expires;
        self.undoes = text(verdict.undoes);
    }
}
