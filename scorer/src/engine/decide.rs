//! The slow path: from proposals to decisions, within the rules that protect people.
//!
//! Separate from the line, because it runs for one record in thousands. Order: exempt, a human's word, the ladder, the
//! evidence that a ban needs, budgets; then the strongest first, and only what changes the standing. Invariants: no
//! automatic ban without a sure case, a human's blocklist entry or two kinds of evidence; a victim is never banned.

use std::cmp::Reverse;

use features::FeatureVector;
use features::catalog::computed::{AGE_S, DEVICE_AGE_S, DEVICES_30D, DORMANCY_H, STRIKES_30D};
use schema::{Action, HOLDOUT, Mode, Scope};

use super::propose::{Basis, Held, Proposal, is_enforced};
use super::{Engine, Occasion, Output};
use crate::blocklist::EntryKind;
use crate::hash::{share_of, text_hash};
use crate::policy::{Kinds, kinds_of, newer_than};
use crate::standing::{Change, HumanWord, InForce, Wanted};

/// From this age on an account has a holder who can lose it, s.
const OLD_S: f32 = 30.0 * 86_400.0;
/// After this time on a device it is taken for the holder's, s.
const SETTLED_S: f32 = 7.0 * 86_400.0;
/// An account that was idle for so long was perhaps left, h.
const IDLE_H: f32 = 72.0;

impl Engine {
    /// Decides about everything that fired at this event.
    #[cold]
    pub(super) fn decide(&mut self, occasion: &Occasion<'_>, output: &mut Output) {
        self.propose(occasion);
        let mut proposals = std::mem::take(&mut self.proposals);
        let free = self.is_free(occasion.event.account);
        let is_victim = proposals.iter().any(|p| p.victim && p.enforce);
        proposals.retain_mut(|proposal| {
            proposal.enforce &= !free;
            let is_left = self.weigh(occasion, proposal, is_victim);
            proposal.holdout = is_left && self.is_held_out(occasion, proposal);
            proposal.enforce &= !proposal.holdout;
            is_left
        });
        proposals.sort_by_key(|p| Reverse(p.action));
        let mut changed = false;
        for proposal in &proposals {
            changed |= self.carry_out(occasion, proposal, output);
        }
        if changed {
            self.tell_standing(occasion.event.account, occasion.at, output);
        }
        self.proposals = proposals;
    }

    /// Whether nothing automatic is enforced against the account: it is exempt, or the kill switch is on.
    pub(super) fn is_free(&self, account: &str) -> bool {
        self.exempt.contains(account) || self.is_killed()
    }

    /// Settles what a proposal comes to; whether anything is left of it.
    fn weigh(&mut self, occasion: &Occasion<'_>, proposal: &mut Proposal, is_victim: bool) -> bool {
        if !proposal.enforce {
            return true;
        }
        let at = occasion.at;
        let standing = self.standing.get(occasion.event.account);
        let word = standing.and_then(|s| s.word_on(proposal.scope, proposal.action, at));
        if let Some(word) = word {
            if word.is_exemption(at) {
                proposal.enforce = false;
                return true;
            }
            if !self.holds_anew(occasion, proposal.basis, word) {
                return false;
            }
        } else if proposal.ladder {
            self.climb(occasion, proposal);
        }
        if proposal.action > Action::Challenge && self.rests_on_neighbours(occasion, proposal.basis) {
            (proposal.action, proposal.term_ms) = (Action::Challenge, self.policy.ladder.challenge_ms);
        }
        let standing = self.standing.get(occasion.event.account);
        let passed_ms = standing.map_or(0, |s| s.passed_ms);
        let passed = passed_ms > 0 && at < passed_ms.saturating_add(self.policy.challenge_passed_ms);
        if proposal.action <= Action::Challenge && proposal.action != Action::Review && passed {
            return false;
        }
        if proposal.action == Action::Ban
            && standing.is_none_or(|s| s.change(&wanted(proposal, at), at).is_some())
        {
            let taken_over = proposal.basis != Basis::Entry && self.may_be_taken_over();
            let victim = is_victim || taken_over || standing.is_some_and(|s| s.is_victim(at));
            let word = standing.and_then(|s| s.word_on(Scope::All, Action::Ban, at));
            self.gate_ban(occasion, proposal, victim, word);
        }
        true
    }

    /// Whether a proposal is only recorded, so that it becomes known what the account goes on to do: a challenge or limit that would not
    /// be, had the model not run. Decided by the hash of the account and the version of the model as it was trained.
    fn is_held_out(&self, occasion: &Occasion<'_>, proposal: &Proposal) -> bool {
        let restricts = matches!(proposal.action, Action::Challenge | Action::RateLimit);
        if !proposal.enforce || !restricts || proposal.victim || self.policy.holdout <= 0.0 {
            return false;
        }
        let rests_on_score = match proposal.basis {
            Basis::Rule(index) => self.policy.rules[index].rests_on_score(&occasion.facts(&self.vector)),
            Basis::Band(_) => true,
            Basis::Shadow(..) | Basis::Entry => false,
        };
        let account = occasion.event.account;
        let trained = if rests_on_score { self.models.trained_of(account) } else { None };
        trained
            .is_some_and(|version| share_of(&format!("{HOLDOUT}:{version}"), account) < self.policy.holdout)
    }

    /// Whether a rule holds only by what others on the account's network or number range did, or by an entry about those: that
    /// goes no further than a challenge.
    fn rests_on_neighbours(&mut self, occasion: &Occasion<'_>, basis: Basis) -> bool {
        let Basis::Rule(index) = basis else { return false };
        let hit = self.lists.known(occasion.event.account, occasion.at).map(|hit| hit.kind);
        let is_network =
            || matches!(hit, Some(EntryKind::IpPrefix | EntryKind::Asn | EntryKind::NumberRange));
        self.policy.rules[index].rests_on_neighbours(&occasion.facts(&self.vector), is_network)
    }

    /// Whether the account is old and lately on another device than before (or was idle for days before its present device was
    /// first seen, so that the one before may only be unknown): what it does may not be its holder's doing, whatever the
    /// policy's rules make of it.
    fn may_be_taken_over(&self) -> bool {
        let at_least = |feature, value| self.vector.get(feature).is_some_and(|v| v >= value);
        let moved = at_least(DEVICES_30D, 2.0) || at_least(DORMANCY_H, IDLE_H);
        at_least(AGE_S, OLD_S) && moved && !at_least(DEVICE_AGE_S, SETTLED_S)
    }

    /// Whether what a proposal rests on still holds if only evidence newer than a human's word counts.
    fn holds_anew(&self, occasion: &Occasion<'_>, basis: Basis, word: HumanWord) -> bool {
        let vector = newer_than(&self.vector, occasion.at.saturating_sub(word.at));
        // A blocklist entry was there when the human looked.
        let anew = Occasion { score: self.score_anew(occasion, &vector), blocklisted: false, ..*occasion };
        match basis {
            Basis::Rule(index) => self.policy.rules[index].holds(&anew.facts(&vector)),
            Basis::Band(index) => anew.score >= self.policy.bands[index].score,
            Basis::Shadow(..) | Basis::Entry => false,
        }
    }

    /// The score of a masked vector, if the model ran at this event.
    fn score_anew(&self, occasion: &Occasion<'_>, vector: &FeatureVector) -> f32 {
        match self.models.of(occasion.event.account) {
            Some(model) if !occasion.score.is_nan() => model.probability(&vector.0),
            _ => f32::NAN,
        }
    }

    /// Moves a proposal up the ladder: a step for each strike of the past, and one if a warning was not heeded. Not to a ban,
    /// which covers every scope, while one of them is exempt.
    fn climb(&self, occasion: &Occasion<'_>, proposal: &mut Proposal) {
        let at = occasion.at;
        let standing = self.standing.get(occasion.event.account);
        let in_episode = standing.is_some_and(|s| self.is_same_episode(s.episode_ms, at));
        let strikes = self.vector.get(STRIKES_30D).unwrap_or(0.0);
        let past = strikes - if in_episode { 1.0 } else { 0.0 };
        let mut steps = libm::floorf((past + 0.5) / self.policy.ladder.strikes_per_step).max(0.0) as u32;
        let unheeded = standing.is_some_and(|s| {
            s.in_force().iter().any(|r| {
                r.restriction.action == Action::Warn
                    && r.restriction.scope == proposal.scope
                    && r.is_live(at)
                    && at >= r.issued + r.restriction.expires.unwrap_or(u64::MAX).saturating_sub(r.issued) / 2
            })
        });
        if unheeded && proposal.action == Action::Warn {
            steps = steps.max(1);
        }
        let exemption = standing.and_then(|s| s.word_on(Scope::All, Action::Ban, at));
        let spared = exemption.is_some_and(|word| word.is_exemption(at));
        let ladder = &self.policy.ladder;
        for _ in 0..steps.min(3) {
            (proposal.action, proposal.term_ms) = match proposal.action {
                Action::Warn => (Action::Challenge, ladder.challenge_ms),
                Action::Challenge => (Action::RateLimit, ladder.rate_limit_ms),
                Action::RateLimit if !spared => (Action::Ban, ladder.ban_ms),
                _ => return,
            };
        }
    }

    pub(super) fn is_same_episode(&self, episode_ms: u64, at: u64) -> bool {
        episode_ms > 0 && at < episode_ms.saturating_add(self.policy.ladder.episode_ms)
    }

    /// Lets a ban pass, or turns it into a rate limit and a case.
    fn gate_ban(
        &mut self,
        occasion: &Occasion<'_>,
        proposal: &mut Proposal,
        victim: bool,
        word: Option<HumanWord>,
    ) {
        let entry = proposal.basis == Basis::Entry;
        if !victim && (proposal.sure || entry) {
            proposal.scope = Scope::All;
            return;
        }
        let supported = entry || self.evidence(occasion, word).count() >= 2;
        let name = text_hash(&self.name_of(proposal.basis));
        let most = self.policy.bans_per_hour.div_ceil(self.partitions);
        let within = self.budget.has_room(name, occasion.at, most);
        if supported && within && !victim {
            proposal.scope = Scope::All;
            return;
        }
        proposal.held = Some(match (victim, supported) {
            (true, _) => Held::Victim,
            (false, false) => Held::Evidence,
            (false, true) => Held::Budget,
        });
        proposal.action = Action::RateLimit;
        proposal.term_ms = self.policy.ladder.rate_limit_ms;
        proposal.review = true;
        if proposal.scope == Scope::All {
            proposal.scope = Scope::Messages;
        }
    }

    /// The kinds of evidence that speak against the account now: of every enforced rule that holds, of the model if it
    /// may count, of the blocklist.
    fn evidence(&self, occasion: &Occasion<'_>, word: Option<HumanWord>) -> Kinds {
        let account = occasion.event.account;
        let vector: FeatureVector = match word {
            Some(word) => newer_than(&self.vector, occasion.at.saturating_sub(word.at)),
            None => self.vector,
        };
        // What rests on the score of a model that may not count is no evidence either.
        let model = self.models.of(account).filter(|m| m.may_support_a_ban());
        let score = if model.is_some() { self.score_anew(occasion, &vector) } else { f32::NAN };
        let blocklisted = occasion.blocklisted && word.is_none();
        let occasion = &Occasion { score, blocklisted, ..*occasion };
        let facts = occasion.facts(&vector);
        let mut kinds = if blocklisted { Kinds::BLOCKLIST } else { Kinds::NONE };
        for rule in
            self.policy.rules.iter().filter(|r| !r.victim && is_enforced(&r.outcome, &r.name, account))
        {
            if rule.holds(&facts) {
                kinds = kinds.with(rule.evidence(&facts));
            }
        }
        if let Some(model) = model {
            let reached = model.probability(&vector.0) >= self.policy.lowest_band;
            let leading = model.explain(&vector.0, 1).into_iter().filter(|c| c.contribution > 0.0 && reached);
            kinds = kinds.with(kinds_of(leading.map(|c| c.feature)));
        }
        kinds
    }

    /// Does what a proposal came to; whether the standing changed.
    fn carry_out(&mut self, occasion: &Occasion<'_>, proposal: &Proposal, output: &mut Output) -> bool {
        let changed = match (proposal.action, proposal.enforce) {
            (Action::Lift, _) => false,
            (_, false) => {
                self.shadow(occasion, proposal, output);
                false
            }
            (Action::Review, true) => false,
            (_, true) => self.restrict(occasion, proposal, output),
        };
        if changed {
            self.propose_shared(occasion, proposal.basis, output);
        }
        if proposal.review && proposal.enforce {
            self.open_case(occasion, proposal, output);
        }
        changed
    }

    pub(super) fn restrict(
        &mut self,
        occasion: &Occasion<'_>,
        proposal: &Proposal,
        output: &mut Output,
    ) -> bool {
        let (account, at) = (occasion.event.account, occasion.at);
        let wanted = wanted(proposal, at);
        let change = match self.standing.get(account) {
            Some(standing) => standing.change(&wanted, at),
            None => Some(Change::default()),
        };
        let Some(change) = change else { return false };
        let Some(seq) = self.standing.entry(account, at).map(|s| s.next_seq(at)) else { return false };
        let renewal = change.renewal;
        let decision =
            self.word_decision(occasion, proposal, (&wanted, Mode::Enforce), (seq, change.supersedes));
        let restriction = self.restriction_of(&decision, proposal);
        // What spoke for a takeover when it began is forgotten within days; the restriction remembers it.
        let victim = proposal.victim || self.may_be_taken_over();
        let previous = decision.supersedes.clone();
        self.emit(decision, output);
        if let Some(standing) = self.standing.get_mut(account) {
            standing.put(InForce { restriction, issued: at, by_human: false, victim, previous });
        }
        if proposal.action == Action::Ban && !proposal.sure && proposal.basis != Basis::Entry {
            self.budget.spend(text_hash(&self.name_of(proposal.basis)));
        }
        match proposal.held {
            Some(Held::Evidence) => self.stats.bans_without_evidence += 1,
            Some(Held::Budget) => self.budget.brake(),
            Some(Held::Victim) | None => {}
        }
        if proposal.action >= Action::RateLimit && !renewal {
            self.strike(occasion);
        }
        // A sure case that was held back restricts nobody for sure.
        if proposal.sure && proposal.held.is_none() {
            self.entities.restricted(&self.store, occasion.slot, occasion.event);
        }
        true
    }

    /// One strike an episode.
    pub(super) fn strike(&mut self, occasion: &Occasion<'_>) {
        let (account, at) = (occasion.event.account, occasion.at);
        let began = self.standing.get(account).map_or(0, |s| s.episode_ms);
        if self.is_same_episode(began, at) {
            return;
        }
        self.store.record_strike(occasion.slot, occasion.event.ts);
        if let Some(standing) = self.standing.get_mut(account) {
            standing.episode_ms = at;
            standing.keep_ms = standing.keep_ms.max(at.saturating_add(self.policy.ladder.episode_ms));
        }
    }

    pub(super) fn shadow(&mut self, occasion: &Occasion<'_>, proposal: &Proposal, output: &mut Output) {
        let (account, at) = (occasion.event.account, occasion.at);
        let mut wanted = wanted(proposal, at);
        if proposal.action == Action::Review {
            wanted.expires = Some(at.saturating_add(self.policy.review_every_ms));
        }
        let rule = text_hash(&self.name_of(proposal.basis));
        let id = self.id_of(occasion, proposal.action, proposal.scope, (Mode::Shadow, proposal.basis));
        let Some(standing) = self.standing.entry(account, at) else { return };
        let Some(change) = standing.change_shadow(rule, &wanted, at, &id) else { return };
        let seq = standing.next_seq(at);
        let decision =
            self.word_decision(occasion, proposal, (&wanted, Mode::Shadow), (seq, change.supersedes));
        self.emit(decision, output);
    }

    /// Opens a case, unless automation opened one lately.
    fn open_case(&mut self, occasion: &Occasion<'_>, proposal: &Proposal, output: &mut Output) {
        let (account, at) = (occasion.event.account, occasion.at);
        let every = self.policy.review_every_ms;
        let Some(standing) = self.standing.entry(account, at) else { return };
        if standing.review_ms > 0 && at < standing.review_ms.saturating_add(every) {
            return;
        }
        standing.review_ms = at;
        standing.keep_ms = standing.keep_ms.max(at.saturating_add(every));
        let seq = standing.next_seq(at);
        let wanted = Wanted { action: Action::Review, scope: proposal.scope, limit: None, expires: None };
        let decision = self.word_decision(occasion, proposal, (&wanted, Mode::Enforce), (seq, None));
        self.emit(decision, output);
    }
}

/// What a proposal wants to put in force.
fn wanted(proposal: &Proposal, at: u64) -> Wanted {
    Wanted {
        action: proposal.action,
        scope: if proposal.action == Action::Ban { Scope::All } else { proposal.scope },
        limit: (proposal.action == Action::RateLimit).then_some(proposal.limit),
        expires: Some(at.saturating_add(proposal.term_ms).min(proposal.ends)),
    }
}
