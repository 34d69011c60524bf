//! What speaks for acting: one proposal for each rule that fired, the score band reached, and a blocklist entry.
//!
//! Separate from deciding, which weighs them. Invariants: a victim's rule proposes a challenge and a `messages` limit and
//! nothing else; a blocklist entry proposes no more than its kind allows, and nothing that would outlast it.

use schema::limits::RESTRICTION_MS_MIN;
use schema::{Action, Limit, Mode, Scope};

use super::{Engine, Occasion, Output};
use crate::hash::share_of;
use crate::policy::Outcome;

/// What a proposal rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// A rule, by index.
    Rule(usize),
    /// A score band, by index.
    Band(usize),
    /// A score band that a shadow reached: its place among the models, and the band, by index.
    Shadow(usize, usize),
    /// The blocklist entry known of the account.
    Entry,
}

/// Something that might be done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proposal {
    pub basis: Basis,
    pub action: Action,
    pub scope: Scope,
    pub limit: Limit,
    pub term_ms: u64,
    /// Never later than this, ms since the Unix epoch.
    pub ends: u64,
    /// Gateways are to act on it; else it is shadow.
    pub enforce: bool,
    /// Past strikes move it up.
    pub ladder: bool,
    /// It also opens a case.
    pub review: bool,
    /// Known young and unmistakable.
    pub sure: bool,
    pub victim: bool,
    /// It would have been a ban, but for this.
    pub held: Option<Held>,
    /// It would be enforced, but the account is held out.
    pub holdout: bool,
}

/// Why a ban became a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// For want of a second kind of evidence.
    Evidence,
    /// By the budget's brake.
    Budget,
    /// The account is a victim.
    Victim,
}

impl Engine {
    /// Fills `proposals`.
    pub(super) fn propose(&mut self, occasion: &Occasion<'_>) {
        self.proposals.clear();
        let account = occasion.event.account;
        for index in 0..self.fired.len() {
            let rule_index = usize::from(self.fired[index]);
            let rule = &self.policy.rules[rule_index];
            let enforce = is_enforced(&rule.outcome, &rule.name, account);
            let mut proposal = proposal(Basis::Rule(rule_index), &rule.outcome, enforce);
            (proposal.sure, proposal.victim) = (rule.sure_case, rule.victim);
            self.proposals.push(proposal);
            if rule.victim {
                let (action, scope, review) = (Action::RateLimit, Scope::Messages, false);
                self.proposals.push(Proposal { action, scope, review, ..proposal });
            }
        }
        if let Some(index) = self.policy.bands.iter().position(|b| occasion.score >= b.score) {
            let band = &self.policy.bands[index];
            let enforce = is_enforced(&band.outcome, &band.name, account);
            self.proposals.push(proposal(Basis::Band(index), &band.outcome, enforce));
        }
        if occasion.blocklisted {
            self.propose_entry(occasion);
        }
    }

    /// Records what shadows would have done at an event at which models ran.
    #[inline]
    pub(super) fn watch(&mut self, occasion: &Occasion<'_>, output: &mut Output) {
        let mut next = self.models.next_shadow(0);
        while let Some(place) = next {
            self.stats.model_runs += 1;
            let score = self.models.other(place).model.probability(&self.vector.0);
            if let Some(band) = self.policy.bands.iter().position(|band| score >= band.score) {
                let proposal = proposal(Basis::Shadow(place, band), &self.policy.bands[band].outcome, false);
                self.shadow(&Occasion { score, ..*occasion }, &proposal, output);
            }
            next = self.models.next_shadow(place + 1);
        }
    }

    fn propose_entry(&mut self, occasion: &Occasion<'_>) {
        let rules = &self.policy.blocklist;
        let Some(hit) = self.lists.known(occasion.event.account, occasion.at) else { return };
        let Some(action) = rules.action(&hit.view()) else { return };
        let ends = hit.expires.unwrap_or(u64::MAX);
        // No automatic restriction is shorter than an hour, and none outlasts its entry.
        if ends < occasion.at.saturating_add(RESTRICTION_MS_MIN) {
            return;
        }
        self.proposals.push(Proposal {
            basis: Basis::Entry,
            action,
            scope: Scope::All,
            limit: self.policy.ladder.limit,
            term_ms: rules.term_ms,
            ends,
            enforce: true,
            ladder: false,
            review: false,
            sure: false,
            victim: false,
            held: None,
            holdout: false,
        });
    }
}

/// Whether an outcome is enforced for this account: its mode, and its share by hash of the account.
pub(super) fn is_enforced(outcome: &Outcome, name: &str, account: &str) -> bool {
    outcome.mode == Mode::Enforce && (outcome.share >= 1.0 || share_of(name, account) < outcome.share)
}

fn proposal(basis: Basis, outcome: &Outcome, enforce: bool) -> Proposal {
    Proposal {
        basis,
        action: outcome.action,
        scope: outcome.scope,
        limit: outcome.limit,
        term_ms: outcome.term_ms,
        ends: u64::MAX,
        enforce,
        ladder: outcome.ladder,
        review: outcome.review,
        sure: false,
        victim: false,
        held: None,
        holdout: false,
    }
}
