//! Humans outrank automation: verdicts, exemptions, appeals, deletion.
//!
//! Separate by theme.

use schema::{Action, Limit, Source, Verdict, VerdictEvent};

use super::*;

fn word(verdict: Verdict) -> VerdictEvent<'static> {
    VerdictEvent {
        verdict,
        actor: "h_1",
        decision: None,
        scope: None,
        limit: None,
        expires: None,
        undoes: None,
    }
}

/// An account with two kinds of evidence against it, banned by rule `r`.
fn banned() -> Trial {
    let mut trial = Trial::new(&rule("r", "new_chats_1h >= 3 && feedback_24h >= 0.4", "action = \"ban\""));
    trial.event("a", None, Body::Block(feedback("p")));
    assert_eq!(trial.strangers("a", None, 3), ["enforce ban all r"]);
    trial
}

#[test]
fn a_lift_ends_a_ban_and_only_newer_evidence_counts() {
    let mut trial = banned();
    assert_eq!(trial.verdict("a", word(Verdict::Lift)), ["enforce lift all -"]);
    assert_eq!((trial.last().source, trial.last().reasons.len()), (Source::Reviewer, 0));
    assert!(trial.output.standings.last().expect("it changed").restrictions.is_empty());
    assert_eq!(trial.strangers("a", None, 5), Vec::<String>::new(), "the same hour and the same block");
    trial.after(23 * HOUR);
    assert_eq!(trial.strangers("a", None, 5), Vec::<String>::new(), "a day that began before the lift");
    trial.after(2 * HOUR).event("a", None, Body::Block(feedback("q")));
    assert_eq!(trial.strangers("a", None, 5), ["enforce ban all r"], "new chats and a new block");
}

#[test]
fn an_exemption_lasts_until_its_end() {
    let mut trial = Trial::new(&rule("r", "new_chats_1m >= 3", "action = \"challenge\""));
    let exempt = VerdictEvent { expires: Some(T0 + 2 * DAY), ..word(Verdict::Exempt) };
    trial.verdict("a", exempt);
    assert_eq!(trial.strangers("a", None, 3), ["shadow challenge all r"]);
    assert_eq!(
        trial.after(2 * DAY).strangers("a", None, 3),
        ["enforce challenge all r"],
        "all of it is newer"
    );
}

#[test]
fn a_confirmed_ban_has_no_end() {
    let mut trial = banned();
    let id = trial.last().id;
    assert_eq!(
        trial.verdict("a", VerdictEvent { decision: Some(&id), ..word(Verdict::Confirm) }),
        ["enforce ban all -"]
    );
    let confirmed = trial.last();
    assert_eq!(
        (confirmed.expires, confirmed.supersedes, confirmed.source),
        (None, Some(id), Source::Reviewer)
    );
    assert_eq!(trial.after(90 * DAY).in_force("a"), Some(Action::Ban));
    assert_eq!(trial.strangers("a", None, 5), Vec::<String>::new(), "automation does not renew it");
}

#[test]
fn a_change_replaces_what_was_judged() {
    let mut trial = banned();
    let id = trial.last().id;
    let limit = Some(Limit { max: 1, per_s: 60 });
    let change = VerdictEvent {
        decision: Some(&id),
        scope: Some(Scope::NewChats),
        limit,
        expires: Some(T0 + 3 * DAY),
        ..word(Verdict::Change)
    };
    assert_eq!(trial.verdict("a", change), ["enforce rate_limit new_chats -"]);
    let view = trial.engine.restriction("a", Scope::NewChats, trial.now).expect("in force");
    assert_eq!((view.action, view.limit, view.expires), (Action::RateLimit, limit, Some(T0 + 3 * DAY)));
    assert!(trial.engine.restriction("a", Scope::GroupAdds, trial.now).is_none());
}

#[test]
fn a_humans_ban_covers_every_scope_until_it_ends_or_is_lifted() {
    let mut trial = Trial::new("");
    assert_eq!(trial.verdict("a", word(Verdict::Ban)), ["enforce ban all -"]);
    for scope in Scope::ALL {
        assert!(trial.engine.restriction("a", *scope, trial.now + 400 * DAY).is_some(), "{scope}");
    }
    trial.verdict("a", word(Verdict::Lift));
    assert_eq!(trial.in_force("a"), None);
}

#[test]
fn an_appeal_opens_one_case_a_decision() {
    let mut trial = banned();
    let id = trial.last().id;
    let appeal = |trial: &mut Trial, decision: &str| trial.event("a", None, Body::Appeal { decision });
    assert_eq!(appeal(&mut trial, &id), ["enforce review all -"]);
    assert_eq!(trial.last().source, Source::Appeal);
    assert_eq!(appeal(&mut trial, &id), Vec::<String>::new());
    assert_eq!(appeal(&mut trial, "d_unknown"), Vec::<String>::new());
}

#[test]
fn appeals_against_two_restrictions_in_turn_open_one_case_each() {
    let on = |scope: &str| format!("action = \"challenge\"\nscope = \"{scope}\"");
    let rules = ["new_chats", "lookups"].map(|scope| rule(scope, "new_chats_1h >= 3", &on(scope)));
    let mut trial = Trial::new(&rules.concat());
    assert_eq!(trial.strangers("a", None, 3).len(), 2);
    let ids: Vec<String> = trial.output.decisions.iter().map(|d| d.id.clone()).collect();
    let appeals = [&ids[0], &ids[1], &ids[0], &ids[1]];
    let cases = appeals.map(|id| trial.event("a", None, Body::Appeal { decision: id }).len());
    assert_eq!(cases, [1, 1, 0, 0]);
}

#[test]
fn a_deletion_leaves_pseudonym_scope_and_expiry() {
    let mut trial = banned();
    let expires = trial.last().expires;
    trial.event("a", None, Body::Deletion);
    let standing = trial.output.standings.last().expect("told again").clone();
    let kept = &standing.restrictions[0];
    assert_eq!((kept.scope, kept.expires), (Scope::All, expires));
    assert!(kept.reason.is_empty() && kept.message.is_empty() && kept.decision.is_empty());
    assert_eq!(trial.in_force("a"), Some(Action::Ban), "it stays until it ends");
    assert_eq!(trial.engine.stats().accounts, 0);
}

#[test]
fn what_is_not_in_force_is_passed_over_and_counted() {
    let mut trial = Trial::new("");
    let none: Vec<String> = Vec::new();
    assert_eq!(trial.event("a", None, Body::ChallengeResult { decision: "d", passed: true }), none);
    assert_eq!(trial.verdict("a", VerdictEvent { decision: Some("d"), ..word(Verdict::Confirm) }), none);
    assert_eq!(trial.verdict("a", word(Verdict::Change)), none);
    let past = VerdictEvent { expires: Some(T0 - 1), ..word(Verdict::Ban) };
    assert_eq!(trial.verdict("a", past), none);
    assert_eq!(trial.engine.stats().answers_passed_over, 4);
}

#[test]
fn a_word_about_a_decision_that_is_not_in_force_is_passed_over() {
    let mut trial = banned();
    trial.verdict("a", VerdictEvent { decision: Some("d_other"), ..word(Verdict::Lift) });
    assert_eq!(trial.in_force("a"), Some(Action::Ban), "it was about something else");
    trial.event("a", None, Body::Deletion);
    assert_eq!(trial.verdict("a", word(Verdict::Confirm)), Vec::<String>::new(), "it judges nothing");
    assert_eq!(trial.after(31 * DAY).in_force("a"), None, "the ban kept its end");
}

#[test]
fn an_ended_exemption_gives_way_to_a_newer_lift() {
    let mut trial =
        Trial::new(&rule("r", "new_chats_1h >= 3", "action = \"challenge\"\nscope = \"new_chats\""));
    trial.verdict("a", VerdictEvent { expires: Some(T0 + HOUR), ..word(Verdict::Exempt) });
    trial.after(HOUR + MINUTE).strangers("a", None, 3);
    assert_eq!(trial.in_force("a"), Some(Action::Challenge));
    trial.verdict("a", VerdictEvent { scope: Some(Scope::NewChats), ..word(Verdict::Lift) });
    assert_eq!(
        trial.after(MINUTE).strangers("a", None, 1),
        Vec::<String>::new(),
        "three of the four are older"
    );
}

#[test]
fn a_deleted_account_is_told_of_no_later_fact_of_its_device() {
    let mut trial = Trial::new("");
    for account in ["a0", "a1"] {
        trial.after(MINUTE).event(account, Some(0.1), session("box"));
    }
    trial.event("a1", None, Body::Deletion);
    assert_eq!(trial.engine.stats().accounts, 1);
    for n in 2..10 {
        trial.after(MINUTE).event(&format!("a{n}"), Some(0.1), session("box"));
    }
    assert_eq!(trial.engine.stats().accounts, 9, "a fact would have brought it back");
}

#[test]
fn a_gateway_that_guesses_the_id_of_a_verdict_does_not_hide_it() {
    let mut trial = Trial::new("");
    let event =
        |body| Event { id: "v_1", ts: T0, at: Some(T0), account: "a1", age_h: None, idle_h: None, body };
    let (first, ban) = (event(session("d")), event(Body::Verdict(word(Verdict::Ban))));
    assert_eq!(trial.engine.process(&first, 1, &mut trial.output), Outcome::Quiet);
    assert_eq!(trial.engine.process(&ban, 2, &mut trial.output), Outcome::Decided);
    assert_eq!(trial.engine.process(&ban, 3, &mut trial.output), Outcome::Duplicate);
}

/// A verdict that was spoken at `ts` and lies in the log now.
fn late(trial: &mut Trial, ts: u64, verdict: Verdict) -> Vec<String> {
    trial.sent += 1;
    let id = format!("late_{}", trial.sent);
    let (at, body) = (Some(trial.now), Body::Verdict(word(verdict)));
    let event = Event { id: &id, ts, at, account: "a", age_h: None, idle_h: None, body };
    let before = trial.output.decisions.len();
    trial.engine.process(&event, trial.sent, &mut trial.output);
    trial.output.decisions[before..].iter().map(words).collect()
}

#[test]
fn verdicts_that_are_read_again_change_nothing_that_is_younger_than_they() {
    // A reviewer banned and lifted an hour before automation's ban, and both verdicts come once more.
    let mut trial = banned();
    let (none, ban) = (Vec::<String>::new(), trial.last());
    let spoken = trial.now - HOUR;
    trial.after(HOUR);
    assert_eq!(late(&mut trial, spoken, Verdict::Lift), none);
    assert_eq!(late(&mut trial, spoken - MINUTE, Verdict::Ban), none, "it was lifted since");
    assert_eq!(
        late(&mut trial, spoken, Verdict::Exempt).len(),
        1,
        "an exemption that runs holds against what came since"
    );

    let mut trial = banned();
    let spoken = trial.now - HOUR;
    trial.after(HOUR);
    assert_eq!(
        late(&mut trial, spoken - MINUTE, Verdict::Ban),
        ["enforce ban all -"],
        "nothing is known of a later word"
    );
    late(&mut trial, spoken, Verdict::Lift);
    let standing = trial.output.standings.last().expect("told").clone();
    let kept: Vec<_> = standing.restrictions.iter().map(|r| (&*r.decision, r.human)).collect();
    assert_eq!(kept, [(&*ban.id, false)], "automation's younger ban is in force");
    assert_eq!(trial.in_force("a"), Some(Action::Ban));
    // One that names what it judges means that, and one of now means all.
    let named = VerdictEvent { decision: Some(&ban.id), ..word(Verdict::Lift) };
    assert_eq!(trial.verdict("a", named), ["enforce lift all -"]);
    assert_eq!(trial.in_force("a"), None);
}

#[test]
fn a_verdict_that_waited_in_a_log_is_carried_out_and_silences_automation_from_when_it_was_spoken() {
    let mut trial = banned();
    let spoken = trial.now + MINUTE;
    trial.after(HOUR);
    assert_eq!(late(&mut trial, spoken, Verdict::Lift), ["enforce lift all -"]);
    assert_eq!(trial.in_force("a"), None);
    trial.after(7 * DAY - 30 * MINUTE);
    trial.event("a", None, Body::Block(feedback("q")));
    assert_eq!(trial.strangers("a", None, 3), ["enforce ban all r"], "its time has passed");
}
