//! One account's entry: what is in force, what humans said, and what must not be said twice.
//!
//! Separate from the table, which only finds and bounds entries. Invariant: every list in it has a limit.

mod stored;

use schema::limits::RESTRICTIONS_MAX;
use schema::{Action, Restriction, Scope, Standing};

/// Most shadow restrictions remembered for one account; past it the oldest is forgotten and may be told again.
const SHADOWS_MAX: usize = 32;

/// A restriction in force and what the wire does not say of it.
#[derive(Debug, Clone)]
pub struct InForce {
    /// As the wire says it.
    pub restriction: Restriction,
    /// When it was issued, ms since the Unix epoch.
    pub issued: u64,
    /// A human made or confirmed it.
    pub by_human: bool,
    /// The account is a victim: passing a challenge lifts it.
    pub victim: bool,
    /// The decision it replaced; an answer to that one counts for this one.
    pub previous: Option<String>,
}

impl InForce {
    /// Whether it still holds.
    #[must_use]
    pub fn is_live(&self, at_ms: u64) -> bool {
        self.restriction.expires.is_none_or(|end| end > at_ms)
    }

    /// Whether a challenge result or verdict on `decision` speaks of it.
    #[must_use]
    pub fn answers_to(&self, decision: &str) -> bool {
        self.restriction.decision == decision || self.previous.as_deref() == Some(decision)
    }
}

/// What a rule in shadow mode would have in force.
#[derive(Debug, Clone)]
pub(super) struct Shadow {
    pub rule: u64,
    pub action: Action,
    pub scope: Scope,
    pub issued: u64,
    pub expires: u64,
    pub decision: String,
}

/// A human's word on a scope: automation counts only newer evidence for a time.
#[derive(Debug, Clone, Copy)]
pub struct HumanWord {
    /// The scope; `all` speaks for every one.
    pub scope: Scope,
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// No automatic restriction at all until then (an exemption), ms since the Unix epoch; `None`: evidence may count.
    pub exempt_until: Option<u64>,
    /// When it is forgotten, ms since the Unix epoch.
    pub ends: u64,
}

impl HumanWord {
    /// Whether it is an exemption that still runs.
    #[must_use]
    pub fn is_exemption(&self, at_ms: u64) -> bool {
        self.exempt_until.is_some_and(|until| until > at_ms)
    }
}

/// One account's entry.
#[derive(Debug, Clone, Default)]
pub struct AccountStanding {
    /// The last `seq` given out; 0: none.
    pub(super) seq: u64,
    pub(super) in_force: Vec<InForce>,
    pub(super) shadows: Vec<Shadow>,
    words: Vec<HumanWord>,
    /// When the present episode of restrictions began, ms since the Unix epoch; 0: never.
    pub(crate) episode_ms: u64,
    /// When a challenge was passed last, ms since the Unix epoch; 0: never.
    pub(crate) passed_ms: u64,
    /// When automation opened a case last, ms since the Unix epoch; 0: never.
    pub(crate) review_ms: u64,
    /// When an urgent case was opened last, ms since the Unix epoch; 0: never.
    pub(crate) urgent_ms: u64,
    /// Decisions in force that were appealed against; at most one a restriction.
    appealed: Vec<String>,
    /// The entry is kept at least until then, ms since the Unix epoch.
    pub(crate) keep_ms: u64,
    /// The end of a restriction that is still to be told, ms since the Unix epoch; 0: none.
    pub(super) end_ms: u64,
}

impl AccountStanding {
    /// The next `seq`: rises strictly, and is the log's time where that is higher.
    pub fn next_seq(&mut self, at_ms: u64) -> u64 {
        self.seq = (self.seq + 1).max(at_ms);
        self.seq
    }

    /// What the wire says, in the place of what is here; whether it was newer.
    pub(super) fn adopt(&mut self, standing: &Standing) -> bool {
        if self.seq >= standing.seq {
            return false;
        }
        let in_force = |restriction: &Restriction| InForce {
            restriction: Restriction { human: false, ..restriction.clone() },
            issued: standing.as_of,
            by_human: restriction.human,
            victim: false,
            previous: None,
        };
        self.seq = standing.seq;
        self.in_force = standing.restrictions.iter().take(RESTRICTIONS_MAX).map(in_force).collect();
        self.in_force.sort_by_key(|r| (r.restriction.scope, !r.by_human));
        self.episode_ms = if self.in_force.is_empty() { 0 } else { standing.as_of };
        true
    }

    /// What is in force.
    #[must_use]
    pub fn in_force(&self) -> &[InForce] {
        &self.in_force
    }

    /// The restriction that a decision stands behind.
    pub fn by_decision(&mut self, decision: &str) -> Option<&mut InForce> {
        self.in_force.iter_mut().find(|r| r.answers_to(decision))
    }

    /// Notes an appeal against a decision; whether it is the first against the restriction in force.
    pub fn note_appeal(&mut self, decision: &str) -> bool {
        let Some(own) = self.by_decision(decision).map(|r| r.restriction.decision.clone()) else {
            return false;
        };
        self.appealed.retain(|told| self.in_force.iter().any(|r| r.restriction.decision == *told));
        if self.appealed.contains(&own) {
            return false;
        }
        self.appealed.push(own);
        true
    }

    /// Whether a victim's restriction is in force.
    #[must_use]
    pub fn is_victim(&self, at_ms: u64) -> bool {
        self.in_force.iter().any(|r| r.victim && r.is_live(at_ms))
    }

    /// Puts a restriction in force. A human's takes the place of all of its scope but what automation did after it was spoken;
    /// automation's only of its own, so that a human's is back when it ends. A ban also replaces all that automation did until then.
    pub fn put(&mut self, new: InForce) {
        let (scope, ban) = (new.restriction.scope, new.restriction.action == Action::Ban);
        let (issued, by_human) = (new.issued, new.by_human);
        self.in_force.retain(|r| {
            let is_younger = by_human && !r.by_human && r.issued > issued;
            let gives_way = r.restriction.scope == scope && (by_human || !r.by_human);
            r.is_live(issued) && (is_younger || !gives_way && (!ban || r.by_human))
        });
        if self.in_force.len() >= RESTRICTIONS_MAX {
            self.in_force.remove(0); // Cannot happen: there are fewer scopes and authors than the limit.
        }
        self.in_force.push(new);
        self.in_force.sort_by_key(|r| (r.restriction.scope, !r.by_human));
    }

    /// Makes automation's restriction behind a decision a human's; it takes the place of the human's own of its scope.
    pub fn confirm(&mut self, decision: &str) {
        let Some(place) = self.in_force.iter().position(|r| r.answers_to(decision)) else { return };
        let mut confirmed = self.in_force.remove(place);
        let scope = confirmed.restriction.scope;
        self.in_force.retain(|r| r.restriction.scope != scope || !r.by_human);
        confirmed.by_human = true;
        self.in_force.push(confirmed);
        self.in_force.sort_by_key(|r| (r.restriction.scope, !r.by_human));
    }

    /// Takes out what `goes` says; whether anything live went.
    pub fn take(&mut self, at_ms: u64, goes: impl Fn(&InForce) -> bool) -> bool {
        let before = self.in_force.iter().filter(|r| r.is_live(at_ms)).count();
        self.in_force.retain(|r| r.is_live(at_ms) && !goes(r));
        self.in_force.len() < before
    }

    /// Notes a human's word; the newest on a scope stays, and an exemption that still runs with it.
    pub fn note(&mut self, mut word: HumanWord) {
        if self.words.iter().any(|w| w.scope == word.scope && w.at > word.at) {
            return;
        }
        let runs = |w: &&HumanWord| w.scope == word.scope && w.is_exemption(word.at);
        if let Some(exemption) = self.words.iter().find(runs).filter(|_| word.exempt_until.is_none()) {
            (word.exempt_until, word.ends) = (exemption.exempt_until, word.ends.max(exemption.ends));
        }
        self.words.retain(|w| w.scope != word.scope && w.ends > word.at);
        self.words.push(word); // At most one a scope.
    }

    /// The word that speaks for an automatic restriction of `scope`: an exemption that still runs, else the newest. A ban covers every scope, so any word does.
    #[must_use]
    pub fn word_on(&self, scope: Scope, action: Action, at_ms: u64) -> Option<HumanWord> {
        let speaks = |w: &&HumanWord| {
            w.ends > at_ms
                && (w.scope == scope || w.scope == Scope::All || scope == Scope::All || action == Action::Ban)
        };
        self.words
            .iter()
            .filter(speaks)
            .copied()
            .max_by_key(|w| (w.exempt_until.filter(|until| *until > at_ms), w.at))
    }

    /// Notes what a rule in shadow mode would have put in force.
    pub(super) fn put_shadow(&mut self, new: Shadow) {
        let issued = new.issued;
        self.shadows.retain(|s| s.expires > issued && !(s.rule == new.rule && s.scope == new.scope));
        if self.shadows.len() >= SHADOWS_MAX {
            self.shadows.remove(0);
        }
        self.shadows.push(new);
    }

    /// Keeps only pseudonym, scope and expiry of what is in force, as a deletion demands; whether anything is.
    pub fn strip(&mut self, at_ms: u64) -> bool {
        self.in_force.retain(|r| r.is_live(at_ms));
        for r in &mut self.in_force {
            r.restriction.reason.clear();
            r.restriction.message.clear();
            r.restriction.decision.clear();
            r.previous = None;
        }
        let (seq, end_ms) = (self.seq, self.end_ms);
        *self = Self { seq, end_ms, in_force: std::mem::take(&mut self.in_force), ..Self::default() };
        !self.in_force.is_empty()
    }

    /// Whether anything in it can still change a decision.
    pub(super) fn matters(&self, at_ms: u64) -> bool {
        self.seq >= at_ms
            || self.keep_ms > at_ms
            || self.end_ms > 0
            || self.in_force.iter().any(|r| r.is_live(at_ms))
            || self.shadows.iter().any(|s| s.expires > at_ms)
            || self.words.iter().any(|w| w.ends > at_ms)
    }
}
