//! What is kept of one account while events stream by.
//!
//! Separate from the builder, so that what one event does to one account can be tested. Invariants: decisions come
//! before events; restrictions are kept only for accounts that have any.

use schema::{Action, Body, Decision, Event, Limit, Scope};

/// Days of a user-day: UTC.
pub(super) const DAY_MS: u64 = 86_400_000;
/// The longest time that is judged, in days.
pub(super) const DAYS_MAX: u64 = 128;
/// No time.
pub(super) const NEVER: u64 = u64::MAX;

/// A restriction that was enforced.
#[derive(Debug, Clone)]
pub(super) struct Spell {
    pub action: Action,
    scope: Scope,
    pub from: u64,
    pub until: u64,
    limit: Option<Limit>,
    /// Acts let through since `window`, under a rate limit.
    used: u32,
    window: u64,
}

impl Spell {
    fn of(decision: &Decision) -> Self {
        Self {
            action: decision.action,
            scope: decision.scope,
            from: decision.issued,
            until: decision.expires.unwrap_or(NEVER),
            limit: decision.limit,
            used: 0,
            window: decision.issued,
        }
    }

    /// Whether a gateway would have refused an act of these scopes at this time.
    fn refuses(&mut self, scopes: &[Scope], at: u64) -> bool {
        let covered = self.action == Action::Ban || scopes.contains(&self.scope);
        // The act that caused the decision came before it.
        if !covered || at <= self.from || at >= self.until {
            return false;
        }
        let Some(limit) = self.limit.filter(|_| self.action == Action::RateLimit) else { return true };
        let window_ms = u64::from(limit.per_s) * 1000;
        if at - self.window >= window_ms {
            self.window = at;
            self.used = 0;
        }
        self.used += 1;
        self.used > limit.max
    }
}

/// One account.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub abusive: bool,
    pub persona: u32,
    /// Events and decisions before it do not count.
    pub onset: u64,
    /// When it was first restricted, limited, banned.
    pub first: [u64; 3],
    pub spells: Vec<Spell>,
    /// Restricted before its onset.
    pub early: bool,
    pub felt: bool,
    pub registered: bool,
    /// A report came before the first ban.
    pub reported: bool,
    /// Acts since onset, refused ones and those after a ban included.
    pub acts: u32,
    /// Acts before the first restriction, whether before or after onset.
    pub acts_before: u32,
    /// First-contact messages since onset and before the first restriction.
    pub contacts: u32,
    /// Distinct recipients since onset and before the first ban.
    pub recipients: u32,
    /// Days with an act, since onset and before the first ban.
    pub days: u128,
    /// The highest score given, since onset; negative if none.
    pub score: f32,
}

impl Account {
    pub fn new(abusive: bool, persona: u32, onset: u64) -> Self {
        Self {
            abusive,
            persona,
            onset,
            first: [NEVER; 3],
            spells: Vec::new(),
            early: false,
            felt: false,
            registered: false,
            reported: false,
            acts: 0,
            acts_before: 0,
            contacts: 0,
            recipients: 0,
            days: 0,
            score: -1.0,
        }
    }

    /// Takes an enforced decision.
    pub fn decide(&mut self, decision: &Decision) {
        if decision.action == Action::Lift {
            let covered = |spell: &&mut Spell| decision.scope == Scope::All || spell.scope == decision.scope;
            for spell in self.spells.iter_mut().filter(covered) {
                spell.until = spell.until.min(decision.issued);
            }
        }
        if !decision.action.restricts() {
            return;
        }
        if self.abusive && decision.issued < self.onset {
            self.early = true;
            return;
        }
        let levels = match decision.action {
            Action::Ban => 3,
            Action::RateLimit => 2,
            _ => 1,
        };
        // Of one scope the newer takes the older's place; a ban that of all.
        for spell in &mut self.spells {
            if spell.scope == decision.scope || decision.action == Action::Ban {
                spell.until = spell.until.min(decision.issued);
            }
        }
        for first in &mut self.first[..levels] {
            *first = (*first).min(decision.issued);
        }
        self.spells.push(Spell::of(decision));
    }

    /// Takes an event about the account, `fresh` if its recipient is new, on `day` of the judged time.
    pub fn see(&mut self, event: &Event<'_>, at: u64, fresh: bool, day: u64) {
        let since_onset = at >= self.onset;
        match &event.body {
            Body::Registration(_) => self.registered = true,
            Body::Report { .. } => self.reported |= at <= self.first[2],
            Body::Refused { count, .. } => {
                self.felt = true;
                if since_onset {
                    self.acts = self.acts.saturating_add(*count);
                }
            }
            Body::ChallengeResult { passed: true, .. } => {
                let challenges = self.spells.iter_mut().filter(|spell| spell.action == Action::Challenge);
                challenges
                    .filter(|spell| spell.from <= at)
                    .for_each(|spell| spell.until = spell.until.min(at));
            }
            Body::Message(_) | Body::GroupCreate { .. } | Body::GroupAdd(_) | Body::Lookup { .. } => {
                self.act(&event.body, at, (since_onset, fresh), day);
            }
            _ => {}
        }
    }

    fn act(&mut self, body: &Body<'_>, at: u64, (since_onset, fresh): (bool, bool), day: u64) {
        self.acts_before += u32::from(at <= self.first[0]);
        let first_contact = matches!(body, Body::Message(m) if m.first_contact.unwrap_or(fresh));
        let scopes: &[Scope] = match body {
            Body::GroupAdd(_) => &[Scope::All, Scope::GroupAdds],
            Body::GroupCreate { .. } => &[Scope::All, Scope::GroupCreates],
            Body::Lookup { .. } => &[Scope::All, Scope::Lookups],
            _ if first_contact => &[Scope::All, Scope::Messages, Scope::NewChats],
            _ => &[Scope::All, Scope::Messages],
        };
        for spell in &mut self.spells {
            self.felt |= spell.refuses(scopes, at);
        }
        if !since_onset {
            return;
        }
        self.acts = self.acts.saturating_add(1);
        if at > self.first[2] {
            return;
        }
        self.days |= 1 << day.min(DAYS_MAX - 1);
        self.recipients += u32::from(fresh);
        self.contacts += u32::from(first_contact && at <= self.first[0]);
    }

    /// Days with an act, and those of them on which a restriction of the level (0 any, 1 limited, 2 banned) was in force.
    pub fn day_counts(&self, level: usize, epoch: u64) -> (u64, u64) {
        let weakest = [Action::Challenge, Action::RateLimit, Action::Ban][level];
        let restricted = |day: &u64| {
            let (start, end) = (epoch + day * DAY_MS, epoch + (day + 1) * DAY_MS);
            self.spells.iter().any(|spell| spell.action >= weakest && spell.from < end && spell.until > start)
        };
        let days = || (0..DAYS_MAX).filter(|day| self.days & (1 << day) != 0);
        let hit = if self.spells.is_empty() { 0 } else { days().filter(restricted).count() };
        (u64::from(self.days.count_ones()), hit as u64)
    }
}
