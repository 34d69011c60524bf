//! What people say: verdicts of reviewers, and an account's deletion.
//!
//! Separate from automation, which they outrank. Invariants: after a lift, a change or an exemption, automation counts
//! only newer evidence on that scope for a time; only a human's ban may be without an end; a shared thing is never banned; a
//! verdict that the log takes long after it was spoken, as when a log of reviews is read again, changes nothing that is younger than
//! itself; a deletion leaves nothing but scope and expiry of what is in force.

use std::cmp::Reverse;

use schema::{Action, Decision, Event, Limit, Mode, Scope, Source, Verdict, VerdictEvent, decision_id};

use super::shared::within_bounds;
use super::wording::{plain, restriction_of};
use super::{Engine, Output};
use crate::standing::{HumanWord, InForce, Wanted};

/// How long after it was spoken the log may take a verdict for both to be one moment, ms: clocks differ, and people take seconds.
const SPOKEN_WITHIN_MS: u64 = 60_000;

/// When a verdict was spoken that the log took at `at`, ms since the Unix epoch.
fn spoken(event: &Event<'_>, at: u64) -> u64 {
    if event.ts.saturating_add(SPOKEN_WITHIN_MS) < at { event.ts } else { at }
}

impl Engine {
    /// Carries a reviewer's verdict out.
    pub(super) fn verdict(
        &mut self,
        event: &Event<'_>,
        verdict: &VerdictEvent<'_>,
        at: u64,
        output: &mut Output,
    ) {
        let spoken = spoken(event, at);
        match verdict.verdict {
            Verdict::Confirm => self.confirm(event, verdict, at, output),
            Verdict::Lift => {
                let Some(scope) = self.lifted_scope(event.account, verdict, at) else {
                    self.stats.answers_passed_over += 1;
                    return;
                };
                self.note_word(event.account, scope, None, spoken);
                let judged = |r: &InForce| verdict.decision.is_some_and(|judged| r.answers_to(judged));
                let goes = |r: &InForce| {
                    (scope == Scope::All || r.restriction.scope == scope) && (r.issued <= spoken || judged(r))
                };
                self.lift(event, at, goes, (Source::Reviewer, output));
            }
            Verdict::Exempt => {
                let scope = verdict.scope.unwrap_or(Scope::All);
                let term = spoken.saturating_add(self.policy.quiet_after_verdict_ms);
                let until = verdict.expires.unwrap_or(term);
                self.note_word(event.account, scope, Some(until), spoken);
                let goes = |r: &InForce| {
                    !r.by_human
                        && (scope == Scope::All || r.restriction.scope == scope)
                        && (r.issued <= spoken || until > at)
                };
                self.lift(event, at, goes, (Source::Reviewer, output));
            }
            Verdict::Change => self.change(event, verdict, at, output),
            Verdict::Ban => {
                let later =
                    self.standing.get(event.account).and_then(|s| s.word_on(Scope::All, Action::Ban, at));
                if later.is_some_and(|word| word.at > spoken) {
                    self.stats.answers_passed_over += 1; // A human has said something else since.
                    return;
                }
                let wanted =
                    Wanted { action: Action::Ban, scope: Scope::All, limit: None, expires: verdict.expires };
                self.put_human(event, &wanted, ("human_ban", at), output);
            }
        }
    }

    /// What a lift is about: its own scope, else that of the decision it judges (`None` if that is not in force), else all.
    fn lifted_scope(&mut self, account: &str, verdict: &VerdictEvent<'_>, at: u64) -> Option<Scope> {
        if let Some(scope) = verdict.scope {
            return Some(scope);
        }
        let Some(judged) = verdict.decision else { return Some(Scope::All) };
        let found = self.standing.get_mut(account)?.by_decision(judged)?;
        found.is_live(at).then_some(found.restriction.scope)
    }

    /// Takes out what `goes` says and tells of each; whether anything went.
    pub(super) fn lift(
        &mut self,
        event: &Event<'_>,
        at: u64,
        goes: impl Fn(&InForce) -> bool,
        (source, output): (Source, &mut Output),
    ) -> bool {
        let Some(standing) = self.standing.get_mut(event.account) else { return false };
        let mut lifted: Vec<(Scope, Action, String)> = standing
            .in_force()
            .iter()
            .filter(|r| r.is_live(at) && goes(r))
            .map(|r| (r.restriction.scope, r.restriction.action, r.restriction.decision.clone()))
            .collect();
        // A human's and automation's of one scope are lifted by one decision, which names the stronger.
        lifted.sort_by_key(|(scope, action, _)| (*scope, Reverse(*action)));
        lifted.dedup_by_key(|(scope, ..)| *scope);
        standing.take(at, goes);
        for (scope, _, decision) in &lifted {
            let Some(seq) = self.standing.get_mut(event.account).map(|s| s.next_seq(at)) else { continue };
            let lift = Wanted { action: Action::Lift, scope: *scope, limit: None, expires: None };
            let supersedes = Some(decision.clone()).filter(|d| !d.is_empty());
            let decision = self.plain_decision(event, &lift, (source, ""), (seq, at, supersedes));
            self.emit(decision, output);
        }
        if !lifted.is_empty() {
            self.tell_standing(event.account, at, output);
        }
        !lifted.is_empty()
    }

    /// A decision that rests on words and not on features. `place`: `seq`, `at` and what it supersedes.
    pub(super) fn plain_decision(
        &self,
        event: &Event<'_>,
        wanted: &Wanted,
        (source, code): (Source, &str),
        place: (u64, u64, Option<String>),
    ) -> Decision {
        let rule = if source == Source::Rule { code } else { "" };
        let lifts = wanted.action == Action::Lift;
        Decision {
            id: decision_id(event.account, event.id, (wanted.action, wanted.scope, Mode::Enforce), rule),
            account: event.account.to_owned(),
            seq: place.0,
            action: wanted.action,
            scope: wanted.scope,
            limit: wanted.limit,
            issued: place.1,
            expires: wanted.expires,
            event: event.id.to_owned(),
            score: None,
            reasons: if lifts { Vec::new() } else { vec![plain(code)] },
            counterfactual: None,
            source,
            rule: Some(rule.to_owned()).filter(|r| !r.is_empty()),
            mode: Mode::Enforce,
            supersedes: place.2,
            companions: Vec::new(),
            versions: self.versions.clone(),
        }
    }

    /// The account is gone: what is in force stays, as pseudonym, scope and expiry.
    pub(super) fn delete(&mut self, event: &Event<'_>, at: u64, output: &mut Output) {
        let account = event.account;
        if let Some(slot) = self.store.slot_of(account) {
            self.entities.forget(&self.store, slot, event);
        }
        self.store.forget(account);
        self.lists.forget(account);
        self.audits.forget(account);
        let Some(standing) = self.standing.get_mut(account) else { return };
        if standing.strip(at) {
            standing.next_seq(at);
            self.tell_standing(account, at, output);
        }
    }

    fn confirm(&mut self, event: &Event<'_>, verdict: &VerdictEvent<'_>, at: u64, output: &mut Output) {
        // Without a decision nothing is judged: what a deletion left behind has none either.
        let judged = verdict.decision.filter(|judged| !judged.is_empty());
        let found = judged.and_then(|judged| self.standing.get_mut(event.account)?.by_decision(judged));
        let Some(found) = found.filter(|r| r.is_live(at)) else {
            self.stats.answers_passed_over += 1;
            return;
        };
        let (action, expires, known) = (found.restriction.action, found.restriction.expires, found.by_human);
        let ends = verdict.expires;
        if action == Action::Ban && expires != ends {
            // A confirmed ban lasts until the human's own end, or until it is lifted.
            let wanted = Wanted { action: Action::Ban, scope: Scope::All, limit: None, expires: ends };
            self.put_human(event, &wanted, ("human_confirmed", at), output);
            return;
        }
        if let Some(standing) = self.standing.get_mut(event.account).filter(|_| !known) {
            standing.confirm(judged.unwrap_or_default());
            standing.next_seq(at);
            self.tell_standing(event.account, at, output);
        }
        if action.restricts()
            && let Some(slot) = self.store.slot_of(event.account)
        {
            self.entities.restricted(&self.store, slot, event);
        }
    }

    fn change(&mut self, event: &Event<'_>, verdict: &VerdictEvent<'_>, at: u64, output: &mut Output) {
        let old = verdict.decision.and_then(|judged| {
            let found = self.standing.get_mut(event.account)?.by_decision(judged)?;
            Some(found.restriction.clone()).filter(|_| found.is_live(at))
        });
        let action = match (&verdict.limit, &old) {
            (Some(_), _) => Action::RateLimit,
            (None, Some(old)) => old.action,
            (None, None) => {
                self.stats.answers_passed_over += 1;
                return;
            }
        };
        let limit: Option<Limit> = verdict.limit.or(old.as_ref().and_then(|o| o.limit));
        let scope = verdict.scope.or(old.as_ref().map(|o| o.scope)).unwrap_or(Scope::All);
        let scope = if action == Action::Ban { Scope::All } else { scope };
        let kept = old.as_ref().and_then(|o| o.expires);
        // Only a ban may be without an end.
        let term = || Some(spoken(event, at).saturating_add(self.policy.ladder.rate_limit_ms));
        let expires = verdict.expires.or(kept).or_else(|| if action == Action::Ban { None } else { term() });
        let replaced = old.as_ref().map(|o| o.decision.clone()).unwrap_or_default();
        if expires.is_some_and(|end| end <= at) {
            // It has ended before it began, so that nothing is left of what it replaces.
            let goes = |r: &InForce| old.is_some() && r.restriction.decision == replaced;
            if !self.lift(event, at, goes, (Source::Reviewer, output)) {
                self.stats.answers_passed_over += 1;
            }
            return;
        }
        if let Some(old) = &old {
            if let Some(standing) = self.standing.get_mut(event.account) {
                standing.take(at, |r| r.restriction.decision == replaced);
            }
            self.note_word(event.account, old.scope, None, spoken(event, at));
        }
        self.note_word(event.account, scope, None, spoken(event, at));
        self.put_human(event, &Wanted { action, scope, limit, expires }, ("human_change", at), output);
    }

    /// Puts a human's restriction in force, whatever automation had there.
    fn put_human(
        &mut self,
        event: &Event<'_>,
        wanted: &Wanted,
        (code, at): (&str, u64),
        output: &mut Output,
    ) {
        if wanted.expires.is_some_and(|end| end <= at) {
            self.stats.answers_passed_over += 1; // It has ended before it began.
            return;
        }
        let wanted = &within_bounds(event.account, wanted, at);
        let Some(standing) = self.standing.entry(event.account, at) else { return };
        let seq = standing.next_seq(at);
        let replaced = standing.in_force().iter().filter(|r| r.is_live(at));
        let supersedes = replaced
            .filter(|r| r.restriction.scope == wanted.scope || wanted.action == Action::Ban)
            .max_by_key(|r| r.restriction.action)
            .map(|r| r.restriction.decision.clone())
            .filter(|d| !d.is_empty());
        let issued = spoken(event, at);
        if wanted.action == Action::Ban {
            standing.take(at, |r| r.by_human || r.issued <= issued);
        }
        let decision = self.plain_decision(event, wanted, (Source::Reviewer, code), (seq, at, supersedes));
        let restriction = restriction_of(&decision, wanted.action.word().to_owned());
        let previous = decision.supersedes.clone();
        self.emit(decision, output);
        if let Some(standing) = self.standing.get_mut(event.account) {
            standing.put(InForce { restriction, issued, by_human: true, victim: false, previous });
        }
        self.tell_standing(event.account, at, output);
        if let Some(slot) = self.store.slot_of(event.account).filter(|_| wanted.action.restricts()) {
            self.entities.restricted(&self.store, slot, event);
        }
    }

    /// Notes that a human spoke about a scope at `at`.
    fn note_word(&mut self, account: &str, scope: Scope, exempt_until: Option<u64>, at: u64) {
        let ends = exempt_until.unwrap_or(at).max(at).saturating_add(self.policy.quiet_after_verdict_ms);
        if let Some(standing) = self.standing.entry(account, at) {
            standing.note(HumanWord { scope, at, exempt_until, ends });
        }
    }
}
