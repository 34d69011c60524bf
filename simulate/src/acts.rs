//! Acts: writing, answering, groups and look-ups, as accounts of every persona do them.
//!
//! Separate from personas, because innocents and attackers share them: what differs is how often, to whom, and how it
//! is received. Invariants: a refused act does not happen; the first message between two is told as such once.

use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use schema::{Action, Body, Chat, GroupAdd, Message, ReportReason, Scope};

use crate::city::{IN_CONTACTS, LOW_FIRST, pair};
use crate::draw::{Draw, HOUR, MINUTE, trait_of};
use crate::names::{Sort, name};
use crate::queue::{OUTSIDE, Task, Who};
use crate::world::World;

/// What a message looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Note {
    /// The two wrote to each other before the run.
    pub(crate) old: bool,
    /// The recipient has the sender in the address book.
    pub(crate) in_contacts: bool,
    pub(crate) typed: bool,
    pub(crate) forwarded: bool,
    /// Size bucket.
    pub(crate) size: u8,
}

/// What became of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It happened; whether it was the first between the two.
    Done { first: bool },
    /// The gateway refused it.
    Refused(Action),
    /// One of the two is no longer there.
    Nobody,
}

impl Sent {
    /// Whether it happened.
    pub(crate) fn done(self) -> bool {
        matches!(self, Sent::Done { .. })
    }
}

/// How a message to somebody new is met: probabilities and times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reception {
    pub(crate) undelivered: f64,
    pub(crate) answer: f64,
    pub(crate) block: f64,
    pub(crate) report: f64,
    pub(crate) reason: ReportReason,
    /// Median time to the answer, ms.
    pub(crate) answer_ms: f64,
    /// Median time to the report, ms.
    pub(crate) report_ms: f64,
    /// Mean number of further messages if it is answered.
    pub(crate) chat: f64,
}

impl Reception {
    /// Of an ordinary person.
    pub(crate) const PERSON: Reception = Reception {
        undelivered: 0.006,
        answer: 0.34,
        block: 0.002,
        report: 0.0004,
        reason: ReportReason::Other,
        answer_ms: 9.0 * MINUTE,
        report_ms: 6.0 * HOUR,
        chat: 3.0,
    };
}

/// The size bucket of a human message: short texts, longer ones, and now and then a picture.
pub(crate) fn human_size(rng: &mut ChaCha8Rng) -> u8 {
    if rng.chance(0.14) { rng.whole(12, 15) as u8 } else { (5.8 + rng.normal() * 1.2).clamp(3.0, 10.0) as u8 }
}

impl World<'_> {
    /// One direct message.
    pub(crate) fn send(&mut self, from: Who, to: Who, note: Note) -> Sent {
        if from >= OUTSIDE {
            self.heard(from, to);
            return Sent::Done { first: false };
        }
        let here = |who: Who| who >= OUTSIDE || !self.city.agents[who as usize].gone;
        if !here(from) || !here(to) || from == to {
            return Sent::Nobody;
        }
        let first = !note.old && !self.city.ties.contains_key(&pair(from, to));
        if let Some(action) = self.held(from, if first { Scope::NewChats } else { Scope::Messages }) {
            return Sent::Refused(action);
        }
        self.connect(from);
        if first {
            let known = if note.in_contacts { IN_CONTACTS } else { 0 };
            self.city.ties.insert(pair(from, to), known | if from < to { LOW_FIRST } else { 0 });
        }
        let peer = self.name(to);
        self.emit(
            from,
            Body::Message(Message {
                chat: Chat::Direct,
                peer: Some(peer.as_str()),
                group: None,
                group_size: None,
                first_contact: Some(first),
                in_contacts: Some(note.in_contacts),
                forwarded: Some(note.forwarded),
                typed: Some(note.typed),
                size: Some(note.size),
            }),
        );
        self.heard(from, to);
        Sent::Done { first }
    }

    /// Writes to somebody new and puts on the agenda how that is met.
    pub(crate) fn approach(&mut self, who: Who, peer: Who, note: Note, met: &Reception) -> Sent {
        let sent = self.send(who, peer, note);
        if !sent.done() {
            return sent;
        }
        let rng = &mut self.city.agents[who as usize].rng;
        if rng.chance(met.undelivered) {
            let delay = rng.between(300.0, 20_000.0) as u64;
            self.later(delay, who, Task::Undelivered { peer });
            return sent;
        }
        let answer = rng.chance(met.answer).then(|| {
            let left = if met.chat > 0.0 { rng.exponential(met.chat) as u16 } else { 0 };
            (rng.lognormal(met.answer_ms, 1.5).clamp(2_000.0, 20.0 * HOUR) as u64, left)
        });
        let block = rng.chance(met.block).then(|| rng.lognormal(25.0 * MINUTE, 1.6) as u64);
        let report = rng.chance(met.report).then(|| rng.lognormal(met.report_ms, 1.4) as u64);
        if let Some((delay, left)) = answer {
            self.later(delay, who, Task::Turn { peer, left, mine: false, old: note.old });
        }
        if let Some(delay) = block {
            self.later(delay, who, Task::Block { peer });
        }
        if let Some(delay) = report {
            self.later(delay, who, Task::Report { peer, reason: met.reason });
        }
        sent
    }

    /// The next message of a conversation that the account began.
    pub(crate) fn turn(&mut self, who: Who, with: (Who, bool), left: u16, mine: bool) {
        let (peer, old) = with;
        let (from, to) = if mine { (who, peer) } else { (peer, who) };
        let note = self.note(who, from, to, old);
        if !self.send(from, to, note).done() || left == 0 {
            return;
        }
        let agent = &mut self.city.agents[who as usize];
        let median = agent.habit.gap_ms;
        let rng = &mut agent.rng;
        let gap = if rng.chance(0.05) {
            rng.lognormal(40.0 * MINUTE, 1.1)
        } else {
            rng.lognormal(median, 1.2).clamp(900.0, 20.0 * MINUTE)
        };
        let mine = mine ^ rng.chance(0.62);
        self.later(gap as u64, who, Task::Turn { peer, left: left - 1, mine, old });
    }

    /// A human message from one to another, drawn by `who`.
    pub(crate) fn note(&mut self, who: Who, from: Who, to: Who, old: bool) -> Note {
        let seed = self.city.config.seed;
        let odds = trait_of(seed ^ u64::from(from) << 32, u64::from(to));
        let in_contacts = match self.city.ties.get(&pair(from, to)) {
            // Whoever wrote first has the other's number, often saved.
            Some(tie) if (tie & LOW_FIRST != 0) == (to < from) => odds < 0.6,
            Some(tie) => tie & IN_CONTACTS != 0,
            None => odds < if old { 0.95 } else { 0.15 },
        };
        let habit = match self.city.agents.get(from as usize) {
            Some(agent) => agent.habit,
            None => self.city.agents[who as usize].habit,
        };
        let rng = self.rng(who);
        let forwarded = rng.chance(habit.forwarded);
        let typed = !forwarded && rng.chance(habit.typed);
        Note { old, in_contacts, typed, forwarded, size: human_size(rng) }
    }

    /// One message into a group.
    pub(crate) fn send_group(&mut self, who: Who, group: (u32, u32), note: Note) -> Sent {
        if let Some(action) = self.held(who, Scope::Messages) {
            return Sent::Refused(action);
        }
        self.connect(who);
        let group_name = name(self.city.config.seed, Sort::Group, u64::from(group.0));
        self.emit(
            who,
            Body::Message(Message {
                chat: Chat::Group,
                peer: None,
                group: Some(group_name.as_str()),
                group_size: Some(group.1.max(2)),
                first_contact: None,
                in_contacts: None,
                forwarded: Some(note.forwarded),
                typed: Some(note.typed),
                size: Some(note.size),
            }),
        );
        Sent::Done { first: false }
    }

    /// Creates a group of one.
    pub(crate) fn create_group(&mut self, who: Who, group: u32) -> Sent {
        if let Some(action) = self.held(who, Scope::GroupCreates) {
            return Sent::Refused(action);
        }
        self.connect(who);
        let group_name = name(self.city.config.seed, Sort::Group, u64::from(group));
        self.emit(who, Body::GroupCreate { group: Some(group_name.as_str()), group_size: Some(1) });
        Sent::Done { first: false }
    }

    /// Adds members to a group of `size` in one act; `known` of them have the account in their contacts.
    pub(crate) fn add_members(&mut self, who: Who, group: (u32, u32), count: u32, known: u32) -> Sent {
        if let Some(action) = self.held(who, Scope::GroupAdds) {
            return Sent::Refused(action);
        }
        self.connect(who);
        let group_name = name(self.city.config.seed, Sort::Group, u64::from(group.0));
        let peer = (count == 1).then(|| self.rng(who).next_u32() | OUTSIDE).map(|peer| self.name(peer));
        self.emit(
            who,
            Body::GroupAdd(GroupAdd {
                peer: peer.as_ref().map(|peer| peer.as_str()),
                group: Some(group_name.as_str()),
                group_size: Some(group.1 + count),
                count,
                known: Some(known.min(count)),
            }),
        );
        Sent::Done { first: false }
    }

    /// Somebody whom the account added leaves.
    pub(crate) fn leave(&mut self, who: Who, peer: Who, group: u32) {
        let group_name = name(self.city.config.seed, Sort::Group, u64::from(group));
        let peer = self.name(peer);
        self.emit(who, Body::GroupLeave { peer: peer.as_str(), group: Some(group_name.as_str()) });
    }

    /// Contact discovery of new numbers.
    pub(crate) fn lookup(&mut self, who: Who, count: u32, hits: u32) -> Sent {
        if let Some(action) = self.held(who, Scope::Lookups) {
            return Sent::Refused(action);
        }
        self.connect(who);
        self.emit(who, Body::Lookup { count: count.max(1), hits: Some(hits.min(count.max(1))) });
        Sent::Done { first: false }
    }

    /// A stranger outside writes to the account first; what follows is an answer, not a first contact.
    pub(crate) fn written_to(&mut self, who: Who, peer: Who) {
        self.city.ties.entry(pair(who, peer)).or_insert(if peer < who { LOW_FIRST } else { 0 });
    }

    /// Somebody outside of the simulated accounts, whom the account has hardly ever met.
    pub(crate) fn outsider(&mut self, who: Who) -> Who {
        self.rng(who).next_u32() | OUTSIDE
    }
}
