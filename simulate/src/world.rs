//! The simulated world in motion: takes the next task, lets an account act, tells the gateway.
//!
//! Separate from the acts themselves (`acts.rs`) and from restrictions (`hold.rs`). Invariants: events leave in order
//! of `ts`; the only state that lasts is the city's.

use schema::{Body, Event, Feedback, ReportReason, Session};

use crate::acts::Reception;
use crate::city::{ANSWERED, City, LOW_FIRST, pair};
use crate::clock::DAY_MS;
use crate::draw::{Draw, HOUR, mix, stream, trait_of};
use crate::gateway::Gateway;
use crate::names::{Name, Sort, name};
use crate::network::{self, CLIENTS, COUNTRIES, Net};
use crate::persona::{Label, Persona};
use crate::personas::person;
use crate::queue::{OUTSIDE, Task, Who};

/// The city at a moment, and its gateway.
pub(crate) struct World<'g> {
    pub(crate) city: &'g mut City,
    pub(crate) gateway: &'g mut dyn Gateway,
    pub(crate) now: u64,
}

impl World<'_> {
    /// Does everything on the agenda until the end of the run.
    pub(crate) fn run(&mut self) {
        while let Some((at, who, task)) = self.city.queue.pop() {
            if at >= self.city.end {
                break;
            }
            self.now = at;
            let gone = self.city.agents[who as usize].gone;
            if !gone || matches!(task, Task::Register | Task::Refused) {
                self.perform(who, task);
            }
        }
    }

    fn perform(&mut self, who: Who, task: Task) {
        match task {
            Task::Day => self.day(who),
            Task::Register => self.register(who),
            Task::Talk => person::talk(self, who),
            Task::Meet => person::meet(self, who),
            Task::GroupTalk => person::group_talk(self, who),
            Task::Errand(errand) => person::errand(self, who, errand),
            Task::Turn { peer, left, mine, old } => self.turn(who, (peer, old), left, mine),
            Task::Block { peer } => self.block(who, peer),
            Task::Unblock { peer } => self.emit(who, Body::Unblock { peer: self.name(peer).as_str() }),
            Task::Report { peer, reason } => self.report(who, peer, reason, None),
            Task::Leave { peer, group } => self.leave(who, peer, group),
            Task::Undelivered { peer } => {
                self.emit(who, Body::Undelivered { peer: Some(self.name(peer).as_str()) });
            }
            Task::Wake { step } => self.with_mind(who, |mind, world| mind.wake(world, who, step)),
            Task::Challenge => self.answer_challenge(who),
            Task::Appeal => self.appeal(who),
            Task::Refused => self.tell_refused(who),
            Task::Delete => {
                self.emit(who, Body::Deletion);
                self.city.agents[who as usize].gone = true;
            }
        }
    }

    /// Lends the account's mind and the world to `act`.
    fn with_mind(&mut self, who: Who, act: impl FnOnce(&mut dyn crate::agent::Mind, &mut Self)) {
        if let Some(mut mind) = self.city.agents[who as usize].mind.take() {
            act(mind.as_mut(), self);
            self.city.agents[who as usize].mind = Some(mind);
        }
    }

    fn day(&mut self, who: Who) {
        let day = crate::clock::day_start(self.now, self.zone(who));
        self.later(day + DAY_MS - self.now, who, Task::Day);
        // Whoever was refused yesterday tries again today.
        let hold = &mut self.city.agents[who as usize].hold;
        (hold.in_a_row, hold.banned) = (0, false);
        if self.city.agents[who as usize].habit.talk > 0.0 {
            person::day(self, who, day);
        }
        self.with_mind(who, |mind, world| mind.day(world, who, day));
    }

    /// Comes onto the network, and plans the rest of the day.
    fn register(&mut self, who: Who) {
        let agent = &mut self.city.agents[who as usize];
        agent.gone = false;
        agent.seen = self.now as i64;
        if agent.persona.label() == Label::Abusive {
            // Whoever registers in order to abuse abuses from the registration on.
            agent.onset = Some(self.now);
        }
        self.identify(who, true);
        self.day(who);
    }

    /// The account's offset from UTC, minutes.
    pub(crate) fn zone(&self, who: Who) -> i32 {
        COUNTRIES[usize::from(self.city.agents[who as usize].home.place)].zone_min
    }

    /// Puts a task on the agenda in `delay_ms`.
    pub(crate) fn later(&mut self, delay_ms: u64, who: Who, task: Task) {
        self.at(self.now + delay_ms, who, task);
    }

    /// Puts a task on the agenda at a time, if that is not past.
    pub(crate) fn at(&mut self, at: u64, who: Who, task: Task) {
        if at >= self.now && at < self.city.end {
            self.city.queue.push(at, who, task);
        }
    }

    /// The account's own generator.
    pub(crate) fn rng(&mut self, who: Who) -> &mut rand_chacha::ChaCha8Rng {
        &mut self.city.agents[who as usize].rng
    }

    /// The pseudonym of an account, simulated or outside.
    pub(crate) fn name(&self, who: Who) -> Name {
        name(self.city.config.seed, Sort::Account, u64::from(who))
    }

    /// Starts the account's abuse now, if it has not started.
    pub(crate) fn onset(&mut self, who: Who) {
        self.city.agents[who as usize].onset.get_or_insert(self.now);
    }

    /// Tells the gateway.
    pub(crate) fn emit(&mut self, who: Who, body: Body<'_>) {
        self.city.events += 1;
        let seed = self.city.config.seed;
        let id = name(seed, Sort::Event, self.city.events);
        let account = self.name(who);
        let agent = &self.city.agents[who as usize];
        let idle = (self.now as i64 - agent.seen).max(0) as f64 / HOUR;
        let mut event = Event {
            id: id.as_str(),
            ts: self.now,
            at: None,
            account: account.as_str(),
            age_h: Some(round(((self.now as i64 - agent.born).max(0)) as f64 / HOUR)),
            idle_h: (body.is_act() && idle > 1.0).then(|| round(idle)),
            body,
        };
        if event.body.is_act() {
            self.city.agents[who as usize].seen = self.now as i64;
        }
        self.city.config.without.strip(&mut event);
        self.gateway.offer(&event);
    }

    /// Shows the account's identity, at registration or when it connects.
    pub(crate) fn identify(&mut self, who: Who, registers: bool) {
        let seed = self.city.config.seed;
        let agent = &mut self.city.agents[who as usize];
        let home = agent.home;
        let net = if agent.rng.chance(0.3) { home.mobile } else { home.net };
        let device = name(seed, Sort::Device, home.device);
        let prefix = name(seed, Sort::Prefix, net.prefix);
        let range = name(seed, Sort::Range, home.range);
        let session = Session {
            device: Some(device.as_str()),
            ip_prefix: Some(prefix.as_str()),
            asn: Some(net.asn),
            number_range: Some(range.as_str()),
            client: Some(CLIENTS[usize::from(home.client)]),
            country: Some(COUNTRIES[usize::from(home.country)].code),
            ip_country: Some(COUNTRIES[usize::from(home.place)].code),
            tier: home.tier,
            attested: home.attested,
        };
        let body = if registers { Body::Registration(session) } else { Body::Session(session) };
        self.emit(who, body);
    }

    /// Connects, if the account was away for hours.
    pub(crate) fn connect(&mut self, who: Who) {
        if self.now as i64 - self.city.agents[who as usize].seen > (5.0 * HOUR) as i64 {
            self.identify(who, false);
        }
    }

    fn block(&mut self, who: Who, peer: Who) {
        self.feedback(who, (peer, None), None);
        if self.rng(who).chance(0.04) {
            let delay = self.rng(who).lognormal(20.0 * HOUR, 1.0) as u64;
            self.later(delay, who, Task::Unblock { peer });
        }
    }

    /// A report against the account; `crowd` is the device, network and range of an author of a crowd.
    pub(crate) fn report(&mut self, who: Who, peer: Who, reason: ReportReason, crowd: Option<Origin>) {
        self.feedback(who, (peer, crowd), Some(reason));
    }

    /// A block, or a report if there is a reason: who its author is and who of the two wrote first.
    fn feedback(&mut self, who: Who, author: (Who, Option<Origin>), reason: Option<ReportReason>) {
        let seed = self.city.config.seed;
        let (peer, crowd) = author;
        let origin = crowd.unwrap_or_else(|| self.origin(peer));
        let (peer_name, device) = (self.name(peer), name(seed, Sort::Device, origin.device));
        let prefix = name(seed, Sort::Prefix, origin.net.prefix);
        let range = name(seed, Sort::Range, origin.range);
        let feedback = Feedback {
            peer: peer_name.as_str(),
            contact: Some(self.contact(who, peer)),
            peer_age_h: Some(round(origin.age_h)),
            peer_device: Some(device.as_str()),
            peer_prefix: Some(prefix.as_str()),
            peer_range: Some(range.as_str()),
        };
        let body = match reason {
            Some(reason) => Body::Report { feedback, reason },
            None => Body::Block(feedback),
        };
        self.emit(who, body);
    }

    /// Who wrote first between the account and an author.
    fn contact(&self, who: Who, peer: Who) -> schema::Contact {
        match self.city.ties.get(&pair(who, peer)) {
            Some(tie) if (tie & LOW_FIRST != 0) == (who < peer) => schema::Contact::Account,
            Some(_) => schema::Contact::Author,
            None if self.city.graph.contacts(who).contains(&peer) => {
                let account = trait_of(self.city.config.seed, pair(who, peer)) < 0.5;
                if account { schema::Contact::Account } else { schema::Contact::Author }
            }
            None => schema::Contact::None,
        }
    }

    /// Age and coarse origin of somebody.
    fn origin(&self, peer: Who) -> Origin {
        if peer < OUTSIDE {
            let agent = &self.city.agents[peer as usize];
            let age_h = (self.now as i64 - agent.born).max(0) as f64 / HOUR;
            return Origin { age_h, device: agent.home.device, net: agent.home.net, range: agent.home.range };
        }
        let mut rng = stream(self.city.config.seed ^ 0x0a17, u64::from(peer));
        let country = network::any_country(&mut rng);
        let home = network::person(&mut rng, country, mix(u64::from(peer)) >> 24, 3_000);
        let age_h = rng.lognormal(14_000.0, 1.2).clamp(1.0, 130_000.0);
        Origin { age_h, device: home.device, net: home.net, range: home.range }
    }

    /// Marks that `from` wrote to `to`; tells of the answer if it is one.
    pub(crate) fn heard(&mut self, from: Who, to: Who) {
        if to >= OUTSIDE || self.city.agents[to as usize].gone {
            return;
        }
        if let Some(tie) = self.city.ties.get_mut(&pair(from, to))
            && *tie & ANSWERED == 0
            && (*tie & LOW_FIRST != 0) == (to < from)
        {
            *tie |= ANSWERED;
            let peer = self.name(from);
            self.emit(to, Body::Reply { peer: peer.as_str() });
        }
    }

    /// Whether the account abuses by now.
    pub(crate) fn abuses(&self, who: Who) -> bool {
        let agent = &self.city.agents[who as usize];
        agent.persona.label() == Label::Abusive
            && (agent.persona != Persona::AccountTakeover || agent.onset.is_some())
    }

    /// How an ordinary stranger's message is met.
    pub(crate) fn ordinary(&self, who: Who) -> Reception {
        Reception { answer: self.city.agents[who as usize].habit.welcome, ..Reception::PERSON }
    }
}

/// Age and coarse origin of the author of a block or report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) age_h: f64,
    pub(crate) device: u64,
    pub(crate) net: Net,
    pub(crate) range: u64,
}

/// Hours to three places: what a gateway would publish.
fn round(hours: f64) -> f32 {
    ((hours * 1_000.0).round() / 1_000.0) as f32
}
