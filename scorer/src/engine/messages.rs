//! What accounts and their peers say beyond features: answers to challenges, appeals, urgent reports.
//!
//! Separate, because these act by themselves, whatever the rules say. Invariants: a passed challenge lifts the challenge,
//! and of a victim everything; a failed one goes a step up, but a victim's goes to a human; an urgent report opens a case
//! and restricts nobody.

use schema::{Action, Body, Decision, Mode, ReportReason, Scope, Source, decision_id};

use super::wording::restriction_of;
use super::{Engine, Occasion, Output};
use crate::hash::text_hash;
use crate::standing::{InForce, Wanted};

/// How long urgent reports about one account are one case, ms.
const URGENT_MS: u64 = 24 * 3_600_000;
/// Why an account goes a step up that failed its challenge.
const FAILED: &str = "challenge_failed";

impl Engine {
    /// Acts on what the event says, if it says something.
    #[inline]
    pub(super) fn answer(&mut self, occasion: &Occasion<'_>, output: &mut Output) {
        match &occasion.event.body {
            Body::ChallengeResult { decision, passed } => {
                self.challenge_result(occasion, decision, *passed, output)
            }
            Body::Appeal { decision } => self.appeal(occasion, decision, output),
            Body::Report { reason: ReportReason::Threat, .. } => {
                self.urgent(occasion, "report_threat", output)
            }
            Body::Report { reason: ReportReason::ChildSafety, .. } => {
                self.urgent(occasion, "report_child_safety", output);
            }
            _ => {}
        }
    }

    fn challenge_result(
        &mut self,
        occasion: &Occasion<'_>,
        decision: &str,
        passed: bool,
        output: &mut Output,
    ) {
        let (account, at) = (occasion.event.account, occasion.at);
        let keep = at.saturating_add(self.policy.challenge_passed_ms);
        let found = self.standing.get_mut(account).and_then(|s| {
            let found = s.by_decision(decision)?;
            let what = (found.restriction.scope, found.victim, found.restriction.decision.clone());
            (found.restriction.action == Action::Challenge && found.is_live(at)).then_some((what, s))
        });
        let Some(((scope, victim, own), standing)) = found else {
            self.stats.answers_passed_over += 1;
            return;
        };
        if passed {
            standing.passed_ms = at;
            standing.keep_ms = standing.keep_ms.max(keep);
            let goes = |r: &InForce| r.restriction.decision == own || victim && r.victim;
            self.lift(occasion.event, at, goes, (Source::Appeal, output));
        } else if victim {
            // Whoever took the account failed; its owner may still pass. A human looks.
            self.open_plain_case(occasion, (Source::Rule, FAILED), output);
        } else {
            self.fail(occasion, scope, output);
        }
    }

    /// One step up from a failed challenge.
    fn fail(&mut self, occasion: &Occasion<'_>, scope: Scope, output: &mut Output) {
        let (account, at) = (occasion.event.account, occasion.at);
        let ladder = &self.policy.ladder;
        let (limit, expires) = (Some(ladder.limit), Some(at.saturating_add(ladder.rate_limit_ms)));
        let wanted = Wanted { action: Action::RateLimit, scope, limit, expires };
        let word = self.standing.get(account).and_then(|s| s.word_on(scope, wanted.action, at));
        if self.is_free(account) || word.is_some_and(|word| word.is_exemption(at)) {
            return self.fail_in_shadow(occasion, &wanted, output);
        }
        let Some(standing) = self.standing.get_mut(account) else { return };
        let Some(change) = standing.change(&wanted, at) else { return };
        let seq = standing.next_seq(at);
        let by = (Source::Rule, FAILED);
        let decision = self.plain_decision(occasion.event, &wanted, by, (seq, at, change.supersedes));
        let restriction = restriction_of(&decision, Action::RateLimit.word().to_owned());
        let previous = decision.supersedes.clone();
        self.emit(decision, output);
        if let Some(standing) = self.standing.get_mut(account) {
            standing.put(InForce { restriction, issued: at, by_human: false, victim: false, previous });
        }
        self.strike(occasion);
        self.tell_standing(account, at, output);
    }

    /// What the step up would be, if anything were enforced against the account.
    fn fail_in_shadow(&mut self, occasion: &Occasion<'_>, wanted: &Wanted, output: &mut Output) {
        let (event, at) = (occasion.event, occasion.at);
        let what = (wanted.action, wanted.scope, Mode::Shadow);
        let id = decision_id(event.account, event.id, what, FAILED);
        let Some(standing) = self.standing.get_mut(event.account) else { return };
        let Some(change) = standing.change_shadow(text_hash(FAILED), wanted, at, &id) else { return };
        let seq = standing.next_seq(at);
        let decision =
            self.plain_decision(event, wanted, (Source::Rule, FAILED), (seq, at, change.supersedes));
        self.emit(Decision { id, mode: Mode::Shadow, ..decision }, output);
    }

    /// An appeal opens one case a restriction in force.
    fn appeal(&mut self, occasion: &Occasion<'_>, decision: &str, output: &mut Output) {
        let standing = self.standing.get_mut(occasion.event.account);
        if !standing.is_some_and(|s| s.note_appeal(decision)) {
            self.stats.answers_passed_over += 1;
            return;
        }
        self.open_plain_case(occasion, (Source::Appeal, "appeal"), output);
    }

    /// An urgent report opens a case, one a day and account.
    fn urgent(&mut self, occasion: &Occasion<'_>, code: &str, output: &mut Output) {
        let at = occasion.at;
        if let Some(standing) = self.standing.entry(occasion.event.account, at) {
            if standing.urgent_ms > 0 && at < standing.urgent_ms.saturating_add(URGENT_MS) {
                return;
            }
            standing.urgent_ms = at;
            standing.keep_ms = standing.keep_ms.max(at.saturating_add(URGENT_MS));
        }
        self.open_plain_case(occasion, (Source::Rule, code), output);
    }

    /// A case that rests on words. With a full standing table it is told all the same, with the log's time as `seq`.
    fn open_plain_case(&mut self, occasion: &Occasion<'_>, by: (Source, &str), output: &mut Output) {
        let at = occasion.at;
        let seq = self.standing.entry(occasion.event.account, at).map_or(at, |s| s.next_seq(at));
        let wanted = Wanted { action: Action::Review, scope: Scope::All, limit: None, expires: None };
        let decision = self.plain_decision(occasion.event, &wanted, by, (seq, at, None));
        self.emit(decision, output);
    }
}
