//! One event onto one account.
//!
//! Separate from the store, which finds the account: here is what each kind of event means to the state. Invariants: a late
//! event counts in its own buckets and moves neither clock nor rhythm; what an event left unknown changes nothing.

use schema::{Body, Contact, EntityFact, EntityKind, Event, Feedback, Message, Session, Tier};

use crate::catalog::Cause;
use crate::catalog::counters::{self, Counter};
use crate::entity::{device_hash, fingerprint16, range_hash};
use crate::network::network_code;
use crate::signal::Signal;
use crate::store::arena::Arena;
use crate::store::decay::Small;
use crate::store::head::{Head, add_slow};
use crate::store::identity::Entities;
use crate::store::log::Entry;
use crate::store::response::{Opened, Slow, Voice};
use crate::store::side::Side;
use crate::store::windows::TOLD_FIRST;
use crate::store::{Touches, account_hash, companions, facts, identity, peers, response, windows};
use crate::vector::{FeatureSet, changed_by};

/// Longest gap that rhythm counts, seconds.
const GAP_MAX_S: f32 = 3_600.0;
/// Shortest idle time that ends a burst, hours.
const DORMANCY_MIN_H: f32 = 6.0;
/// Acts over which rhythm is weighted.
const RHYTHM_ACTS: f32 = 16.0;

/// What an event did.
pub(crate) struct Done {
    pub touched: FeatureSet,
    pub late: bool,
    pub relations: Touches,
}

/// The account and its blocks while one event is applied.
struct At<'s> {
    head: &'s mut Head,
    arena: &'s mut Arena,
    second: u32,
    late: bool,
    causes: u64,
    touches: Touches,
    signal: Signal,
}

/// Applies an event to its account.
pub(crate) fn apply(head: &mut Head, arena: &mut Arena, event: &Event<'_>) -> Done {
    let second = (event.ts / 1_000) as u32;
    let late = second < head.newest_s;
    advance(head, arena, second);
    let mut at =
        At { head, arena, second, late, causes: 0, touches: Touches::default(), signal: Signal::default() };
    at.age(event);
    if event.body.is_act() {
        at.act(event);
    }
    match &event.body {
        Body::Registration(session) => at.session(session, true),
        Body::Session(session) => at.session(session, false),
        Body::Message(message) => at.message(message),
        Body::Reply { peer } => at.reply(peer),
        Body::Undelivered { .. } => {
            at.signal.undelivered = true;
            at.slow(Slow::Undelivered);
        }
        Body::Block(feedback) => at.feedback(feedback, false),
        Body::Unblock { peer } => at.unblock(peer),
        Body::Report { feedback, .. } => at.feedback(feedback, true),
        Body::GroupCreate { group, .. } => {
            at.signal.group_create = true;
            at.signal.amount = group.map_or(0, |group| peers::fingerprint(account_hash(group)));
        }
        Body::GroupAdd(add) => {
            at.signal.group_add = true;
            at.amounts(add.count, add.known);
        }
        Body::GroupLeave { .. } => at.signal.group_leave = true,
        Body::Lookup { count, hits } => {
            at.signal.lookup = true;
            at.amounts(*count, *hits);
        }
        Body::Refused { count, .. } => {
            at.signal.refused = true;
            at.amounts(*count, None);
        }
        Body::Entity(fact) => at.fact(fact),
        Body::ChallengeResult { .. }
        | Body::Appeal { .. }
        | Body::Deletion
        | Body::Verdict(_)
        | Body::Activate(_)
        | Body::Proposal(_) => {}
    }
    at.finish()
}

/// Notes an enforced restriction.
pub(crate) fn strike(head: &mut Head, arena: &mut Arena, second: u32) -> FeatureSet {
    advance(head, arena, second);
    let mut side = Side::read(arena, head.side);
    let at_s = [second, head.newest_s];
    response::count(arena, &mut side.response, Slow::Strikes, 1.0, at_s);
    side.write(arena, &mut head.side);
    changed_by(Cause::STRIKE)
}

/// Moves the account's clock, unless the second is not later.
fn advance(head: &mut Head, arena: &mut Arena, second: u32) {
    if second <= head.newest_s {
        return;
    }
    windows::advance(head, arena, second);
    head.decay(second);
    if !head.side.is_none() {
        let side = Side::read(arena, head.side);
        response::decay(arena, side.response, head.newest_s, second);
    }
    identity::decay(arena, head.identity, head.newest_s, second);
    head.newest_s = second;
}

impl At<'_> {
    fn finish(self) -> Done {
        let Self { head, arena, second, late, mut causes, touches, signal } = self;
        let lanes = counters::lanes(&signal);
        if lanes != 0 {
            causes |= u64::from(lanes);
            let newest_s = head.newest_s;
            if signal.first_contact {
                add_slow(&mut head.new_chats, 1.0, second, newest_s);
            }
            if signal.reply {
                add_slow(&mut head.answered, 1.0, second, newest_s);
            }
            windows::add(head, arena, Entry { second, lanes, amount: signal.amount, part: signal.part });
        }
        Done { touched: changed_by(causes), late, relations: touches }
    }

    fn age(&mut self, event: &Event<'_>) {
        let created = match (event.age_h, &event.body) {
            (Some(age_h), _) => i64::from(self.second) - (f64::from(age_h) * 3_600.0) as i64,
            (None, Body::Registration(_)) => i64::from(self.second),
            (None, _) => return,
        };
        if !self.late || self.head.created_s == 0 {
            self.head.created_s = created.clamp(1, i64::from(u32::MAX)) as u32;
            self.causes |= Cause::AGE;
        }
    }

    fn act(&mut self, event: &Event<'_>) {
        let head = &mut *self.head;
        head.acts = head.acts.saturating_add(1);
        self.causes |= Cause::ACT;
        let before_ms = u64::from(head.act_s) * 1_000 + u64::from(head.act_ms());
        if head.act_s != 0 && event.ts < before_ms {
            return;
        }
        let gap_s = if head.act_s == 0 { f32::NAN } else { (event.ts - before_ms) as f32 / 1_000.0 };
        let idle_h = event.idle_h.unwrap_or(gap_s / 3_600.0);
        if idle_h >= DORMANCY_MIN_H {
            head.dormancy = Small::of(idle_h);
        }
        if head.act_s != 0 {
            head.gap_last = Small::of(gap_s);
            let weight = 1.0 / RHYTHM_ACTS.min((head.acts - 1).max(1) as f32);
            let mean = head.gap_mean.value();
            let off = gap_s.min(GAP_MAX_S) - mean;
            let deviation = head.gap_deviation.value();
            let variance = (1.0 - weight) * (deviation * deviation + weight * off * off);
            head.gap_mean = Small::of(mean + weight * off);
            head.gap_deviation = Small::of(variance.sqrt());
        }
        head.act_s = self.second;
        head.set_act_ms((event.ts % 1_000) as u16);
    }

    fn session(&mut self, session: &Session<'_>, registration: bool) {
        self.causes |= Cause::IDENTITY;
        let head = &mut *self.head;
        let young = head.created_s != 0 && self.second.saturating_sub(head.created_s) < 86_400;
        self.touches.registered = registration || young;
        if !self.late {
            if let Some(tier) = session.tier {
                head.flags.set_tier(match tier {
                    Tier::Person => 0,
                    Tier::Business => 1,
                    Tier::Verified => 2,
                    Tier::Bot => 3,
                });
            }
            if let Some(attested) = session.attested {
                head.flags.set_attested(attested);
            }
            if let (Some(country), Some(network)) = (session.country, session.ip_country) {
                head.flags.set_mismatch(country != network);
            }
        }
        let told = Entities {
            device: session.device.map(device_hash),
            prefix: session.ip_prefix.map(network_code),
            asn: session.asn,
            range: session.number_range.map(range_hash),
        };
        if told == Entities::default() || self.late {
            return;
        }
        let news = identity::note(self.arena, &mut head.identity, &told, self.second, registration);
        self.touches.device = news.device;
        self.touches.prefix = news.prefix;
        self.touches.asn = news.asn;
        self.touches.range = news.range;
    }

    fn message(&mut self, message: &Message<'_>) {
        self.signal.message = true;
        self.signal.direct = message.chat == schema::Chat::Direct;
        self.signal.in_contacts = message.in_contacts;
        self.signal.forwarded = message.forwarded;
        self.signal.typed = message.typed;
        self.causes |= Cause::BREADTH;
        if let Some(size) = message.size {
            self.size(size);
        }
        if !self.signal.direct {
            let group = message.group.map_or(0, |group| peers::fingerprint(account_hash(group)));
            self.signal.amount = group;
            return;
        }
        self.signal.told_first = message.first_contact == Some(true);
        let Some(peer) = message.peer else {
            self.signal.first_contact = self.signal.told_first;
            return;
        };
        let hash = account_hash(peer);
        let fingerprint = peers::fingerprint(hash);
        self.signal.amount = fingerprint;
        self.signal.first_contact = match message.first_contact {
            Some(first) => {
                self.signal.part = if first { TOLD_FIRST } else { 0 };
                first
            }
            // Whoever has the account in contacts is hardly a new chat.
            None => message.in_contacts != Some(true) && self.find_peer(fingerprint).is_none(),
        };
        self.touches.peer = self.signal.first_contact;
        self.met(hash, fingerprint, message.first_contact);
    }

    fn reply(&mut self, peer: &str) {
        self.signal.reply = true;
        let hash = account_hash(peer);
        self.signal.amount = peers::fingerprint(hash);
        self.met(hash, self.signal.amount, Some(false));
    }

    /// Remembers a peer where that is needed, and that a companion is in contact.
    fn met(&mut self, hash: u64, fingerprint: u16, told_first: Option<bool>) {
        let needed = told_first.is_none() || (told_first == Some(true) && self.head.flags.full());
        if self.head.side.is_none() && !needed {
            return;
        }
        let mut side = Side::read(self.arena, self.head.side);
        if !side.companions.is_none() {
            companions::contact(self.arena, side.companions, companions::key(hash));
        }
        if needed || side.estimates {
            side.estimates |= told_first.is_none();
            side.peers.note(self.arena, fingerprint, told_first == Some(true), side.estimates);
            side.write(self.arena, &mut self.head.side);
        }
    }

    /// Whether a peer is remembered, and if so, whether the account is known to have written first.
    fn find_peer(&self, fingerprint: u16) -> Option<bool> {
        let table = Side::read(self.arena, self.head.side).peers.find(self.arena, fingerprint);
        let log = windows::find_peer(self.head, self.arena, fingerprint);
        match (table, log) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (table, log) => table.or(log),
        }
    }

    fn size(&mut self, size: u8) {
        self.causes |= Cause::SIZE;
        let head = &mut *self.head;
        if head.sizes > 0 {
            let weight = 1.0 / RHYTHM_ACTS.min(f32::from(head.sizes));
            let share = f32::from(head.size_repeat) / 65_535.0;
            let hit = if size == head.size_last() { 1.0 } else { 0.0 };
            head.size_repeat = ((share + weight * (hit - share)) * 65_535.0 + 0.5) as u16;
        }
        head.sizes = head.sizes.saturating_add(1);
        head.set_size_last(size);
    }

    fn amounts(&mut self, count: u32, part: Option<u32>) {
        self.signal.amount = count.min(0xffff) as u16;
        self.signal.part_known = part.is_some();
        self.signal.part = part.unwrap_or(0).min(0xffff) as u16;
    }

    fn slow(&mut self, what: Slow) {
        let mut side = Side::read(self.arena, self.head.side);
        let at_s = [self.second, self.head.newest_s];
        response::count(self.arena, &mut side.response, what, 1.0, at_s);
        side.write(self.arena, &mut self.head.side);
    }

    fn feedback(&mut self, feedback: &Feedback<'_>, report: bool) {
        self.causes |= Cause::FEEDBACK;
        let hash = account_hash(feedback.peer);
        let fingerprint = peers::fingerprint(hash);
        let opened = match feedback.contact {
            Some(Contact::Account) => Opened::Account,
            Some(Contact::Author) => Opened::Author,
            Some(Contact::None) => Opened::Never,
            None if self.find_peer(fingerprint) == Some(true) => Opened::AccountByRecord,
            None => Opened::Unknown,
        };
        let voice = Voice {
            author: hash as u32,
            second: self.second,
            report,
            opened,
            age_h: feedback.peer_age_h,
            device: feedback.peer_device.map_or(0, fingerprint16),
            prefix: feedback.peer_prefix.map_or(0, fingerprint16),
            range: feedback.peer_range.map_or(0, fingerprint16),
        };
        let mut side = Side::read(self.arena, self.head.side);
        let credit = response::hear(self.arena, &mut side.response, &voice, self.head.newest_s);
        side.write(self.arena, &mut self.head.side);
        self.slow(if report { Slow::Reports } else { Slow::Blocks });
        self.signal.report = report;
        self.signal.block = !report;
        self.signal.credited = credit > 0;
        self.signal.amount = credit;
    }

    fn unblock(&mut self, peer: &str) {
        self.causes |= Cause::FEEDBACK;
        let mut side = Side::read(self.arena, self.head.side);
        let author = account_hash(peer) as u32;
        let newest_s = self.head.newest_s;
        if let Some(back) = response::take_back(self.arena, &mut side.response, author, newest_s) {
            windows::take_back(self.head, self.arena, back.second, back.credit);
            self.causes |= 1 << Counter::Blocks as u64 | 1 << Counter::Feedback as u64;
        }
    }

    fn fact(&mut self, fact: &EntityFact<'_>) {
        let mut side = Side::read(self.arena, self.head.side);
        self.causes |= Cause::FACT;
        facts::note(self.arena, &mut side.facts, fact, self.second);
        if fact.kind == EntityKind::Peer {
            companions::ensure(self.arena, &mut side.companions);
        }
        side.write(self.arena, &mut self.head.side);
        if fact.kind != EntityKind::Peer {
            return;
        }
        for other in &fact.co_accounts {
            let hash = account_hash(other);
            if hash == self.head.hash {
                continue;
            }
            let in_contact = self.find_peer(peers::fingerprint(hash)).is_some();
            let (key, accounts) = (companions::key(hash), fact.accounts_24h);
            companions::share(self.arena, &mut side.companions, key, accounts, in_contact);
        }
        side.write(self.arena, &mut self.head.side);
    }
}
