//! The words of a decision: id, reasons, counterfactual, versions. Made only once it is decided.
//!
//! Separate from deciding, so that texts cost nothing where nothing is decided. Invariants: at most 8 reasons and, but for
//! a lift, at least one; the id is a function of account, event, action, scope, mode and rule.

use std::borrow::Cow;

use features::CATALOG;
use models::Model;
use schema::limits::{ENDS_TOLD_MAX, REASONS_MAX};
use schema::{
    Action, Counterfactual, Decision, HOLDOUT, MODEL_SCORE, Mode, Reason, Restriction, Scope, Source,
    decision_id,
};

use super::propose::{Basis, Proposal};
use super::{Engine, Occasion, Output};
use crate::policy::ENTRY_REASON;
use crate::standing::Wanted;

impl Engine {
    /// The name of what a proposal rests on.
    pub(super) fn name_of(&self, basis: Basis) -> Cow<'_, str> {
        match basis {
            Basis::Rule(index) => Cow::from(&self.policy.rules[index].name),
            Basis::Band(index) => Cow::from(&self.policy.bands[index].name),
            // A shadow's own, so that what it would do is counted beside the others.
            Basis::Shadow(place, index) => {
                Cow::from(format!("{}/{}", self.models.other(place).name, self.policy.bands[index].name))
            }
            Basis::Entry => Cow::from("blocklist"),
        }
    }

    /// The model that a basis speaks of: a shadow, else that of the account.
    fn model_of(&self, basis: Basis, account: &str) -> Option<&Model> {
        match basis {
            Basis::Shadow(place, _) => Some(&self.models.other(place).model),
            _ => self.models.of(account),
        }
    }

    pub(super) fn id_of(
        &self,
        occasion: &Occasion<'_>,
        action: Action,
        scope: Scope,
        by: (Mode, Basis),
    ) -> String {
        decision_id(occasion.event.account, occasion.event.id, (action, scope, by.0), &self.name_of(by.1))
    }

    /// A decision in full. `place`: its `seq` and what it supersedes.
    pub(super) fn word_decision(
        &mut self,
        occasion: &Occasion<'_>,
        proposal: &Proposal,
        (wanted, mode): (&Wanted, Mode),
        place: (u64, Option<String>),
    ) -> Decision {
        let basis = proposal.basis;
        let (source, rule) = match basis {
            Basis::Rule(_) => (Source::Rule, self.name_of(basis).into_owned()),
            Basis::Band(_) | Basis::Shadow(..) => (Source::Model, self.name_of(basis).into_owned()),
            Basis::Entry => (Source::Blocklist, self.list_of(occasion)),
        };
        let model = self.model_of(basis, occasion.event.account);
        let score = model.map(|model| match occasion.score {
            score if score.is_nan() => model.probability(&self.vector.0),
            score => score,
        });
        let mut versions = self.versions.clone();
        versions.model = model.map_or(String::new(), |model| model.version().to_owned());
        Decision {
            id: self.id_of(occasion, wanted.action, wanted.scope, (mode, basis)),
            account: occasion.event.account.to_owned(),
            seq: place.0,
            action: wanted.action,
            scope: wanted.scope,
            limit: wanted.limit,
            issued: occasion.at,
            expires: wanted.expires.filter(|_| wanted.action != Action::Review),
            event: occasion.event.id.to_owned(),
            score,
            reasons: self.all_reasons(occasion, proposal),
            counterfactual: self.counterfactual(basis, occasion.event.account),
            source,
            rule: Some(rule),
            mode,
            supersedes: place.1,
            companions: Vec::new(),
            versions,
        }
    }

    /// What the standing says of an automatic decision.
    pub(super) fn restriction_of(&self, decision: &Decision, proposal: &Proposal) -> Restriction {
        let outcome = match proposal.basis {
            Basis::Rule(index) => Some(&self.policy.rules[index].outcome),
            Basis::Band(index) | Basis::Shadow(_, index) => Some(&self.policy.bands[index].outcome),
            Basis::Entry => None,
        };
        let message = match outcome {
            // A rule's own message speaks of its own action; the ladder's steps have the action's.
            Some(outcome) if outcome.action == decision.action => outcome.message.clone(),
            Some(_) => decision.action.word().to_owned(),
            None => self.policy.blocklist.message.clone(),
        };
        restriction_of(decision, message)
    }

    /// Puts a decision out.
    pub(super) fn emit(&mut self, decision: Decision, output: &mut Output) {
        debug_assert!(
            decision.action == Action::Lift || !decision.reasons.is_empty(),
            "a decision has a reason"
        );
        self.stats.count(&decision);
        output.decisions.push(decision);
    }

    /// Puts the account's whole standing out.
    pub(super) fn tell_standing(&mut self, account: &str, at: u64, output: &mut Output) {
        output.standings.extend(self.standing.standing(account, at));
        self.standing.await_end(account, at);
    }

    /// Tells the standing of accounts of which a restriction has ended, a bounded number at a time.
    #[cold]
    pub(super) fn tell_ends(&mut self, at: u64, output: &mut Output) {
        for _ in 0..ENDS_TOLD_MAX {
            let Some(account) = self.standing.take_ended(at) else { return };
            if let Some(standing) = self.standing.get_mut(&account) {
                standing.next_seq(at);
            }
            self.stats.ends_told += 1;
            self.tell_standing(&account, at, output);
        }
    }

    fn list_of(&mut self, occasion: &Occasion<'_>) -> String {
        self.lists.known(occasion.event.account, occasion.at).map_or(String::new(), |hit| hit.list.clone())
    }

    /// Why, and behind it that it rests on the model's score, and that the account is held out, where it is so.
    fn all_reasons(&mut self, occasion: &Occasion<'_>, proposal: &Proposal) -> Vec<Reason> {
        let mut reasons = self.reasons(occasion, proposal.basis);
        let mut more = Vec::new();
        if let Basis::Rule(index) = proposal.basis
            && self.policy.rules[index].rests_on_score(&occasion.facts(&self.vector))
        {
            more.push(Reason { value: Some(occasion.score), ..plain(MODEL_SCORE) });
        }
        if proposal.holdout {
            more.push(Reason { value: Some(self.policy.holdout as f32), ..plain(HOLDOUT) });
        }
        reasons.truncate(REASONS_MAX - more.len());
        reasons.extend(more);
        reasons
    }

    fn reasons(&mut self, occasion: &Occasion<'_>, basis: Basis) -> Vec<Reason> {
        match basis {
            Basis::Rule(index) => self.policy.rules[index].reasons(&occasion.facts(&self.vector)),
            Basis::Band(index) | Basis::Shadow(_, index) => {
                self.model_reasons(self.model_of(basis, occasion.event.account), index)
            }
            Basis::Entry => {
                let hit = self.lists.known(occasion.event.account, occasion.at);
                let code = hit.map_or("blocklist".to_owned(), |h| format!("{ENTRY_REASON}{}", h.kind.word()));
                vec![plain(&code)]
            }
        }
    }

    fn model_reasons(&self, model: Option<&Model>, band: usize) -> Vec<Reason> {
        let code = &self.policy.bands[band].outcome.reason;
        let contributions = model.map_or(Vec::new(), |m| m.explain(&self.vector.0, REASONS_MAX));
        let mut reasons: Vec<Reason> = contributions
            .into_iter()
            .filter(|c| c.contribution > 0.0)
            .map(|c| Reason {
                code: code.clone(),
                feature: Some(CATALOG[c.feature].name.to_owned()),
                value: Some(c.value).filter(|v| !v.is_nan()),
                contribution: Some(c.contribution),
            })
            .collect();
        if reasons.is_empty() {
            reasons.push(plain(code));
        }
        reasons
    }

    /// Of a rule, its first threshold; of the model, the strongest feature whose fall alone would have sufficed.
    fn counterfactual(&self, basis: Basis, account: &str) -> Option<Counterfactual> {
        match basis {
            Basis::Rule(index) => self.policy.rules[index].counterfactual(),
            Basis::Band(index) | Basis::Shadow(_, index) => {
                let model = self.model_of(basis, account)?;
                model.explain(&self.vector.0, 3).into_iter().find_map(|c| {
                    let below = model.below(&self.vector.0, c.feature, self.policy.bands[index].score)?;
                    Some(Counterfactual { feature: CATALOG[c.feature].name.to_owned(), below })
                })
            }
            Basis::Entry => None,
        }
    }
}

/// A reason that is only a code.
pub(super) fn plain(code: &str) -> Reason {
    Reason { code: code.to_owned(), feature: None, value: None, contribution: None }
}

/// What the standing says of a decision.
pub(super) fn restriction_of(decision: &Decision, message: String) -> Restriction {
    Restriction {
        scope: decision.scope,
        action: decision.action,
        limit: decision.limit,
        expires: decision.expires,
        decision: decision.id.clone(),
        reason: decision.reasons.first().map_or(String::new(), |r| r.code.clone()),
        message,
        human: false,
    }
}
