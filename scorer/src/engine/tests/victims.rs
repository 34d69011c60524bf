//! Challenges and victims: what passing and failing lead to, and that a victim is never banned.
//!
//! Separate by theme.

use schema::{Action, Source};

use super::*;

fn challenged(more: &str) -> (Trial, String) {
    let text = rule("r", "new_chats_1m >= 2", "action = \"challenge\"\nscope = \"new_chats\"") + more;
    let mut trial = Trial::new(&text);
    assert_eq!(trial.strangers("a", None, 2), ["enforce challenge new_chats r"]);
    let id = trial.last().id;
    (trial, id)
}

fn answer(trial: &mut Trial, decision: &str, passed: bool) -> Vec<String> {
    trial.event("a", None, Body::ChallengeResult { decision, passed })
}

#[test]
fn a_passed_challenge_is_lifted_and_not_asked_again_for_a_day() {
    let (mut trial, id) = challenged("");
    assert_eq!(answer(&mut trial, &id, true), ["enforce lift new_chats -"]);
    assert_eq!((trial.last().source, trial.in_force("a")), (Source::Appeal, None));
    assert_eq!(trial.strangers("a", None, 5), Vec::<String>::new());
    assert_eq!(trial.after(DAY).strangers("a", None, 2), ["enforce challenge new_chats r"]);
}

#[test]
fn a_failed_challenge_goes_a_step_up() {
    let (mut trial, id) = challenged("");
    assert_eq!(answer(&mut trial, &id, false), ["enforce rate_limit new_chats challenge_failed"]);
    assert_eq!(trial.last().supersedes, Some(id));
    assert_eq!(trial.in_force("a"), Some(Action::RateLimit));
}

#[test]
fn an_answer_to_the_renewed_challenge_counts() {
    let (mut trial, id) = challenged("");
    assert_eq!(trial.after(13 * HOUR).strangers("a", None, 2), ["enforce challenge new_chats r"]);
    assert_eq!(answer(&mut trial, &id, true), ["enforce lift new_chats -"]);
}

fn victim(more: &str) -> Trial {
    let text = rule(
        "takeover",
        "new_chats_1m >= 3",
        "action = \"challenge\"\nvictim = true\nlimit = { max = 20, per_s = 3600 }",
    );
    Trial::new(&(text + more))
}

#[test]
fn a_victim_is_challenged_and_slowed_down_and_passing_lifts_both() {
    let mut trial = victim("");
    assert_eq!(
        trial.strangers("a", None, 3),
        ["enforce rate_limit messages takeover", "enforce challenge all takeover"]
    );
    let id = trial.last().id;
    assert_eq!(answer(&mut trial, &id, true), ["enforce lift all -", "enforce lift messages -"]);
    assert_eq!(trial.in_force("a"), None);
}

#[test]
fn a_victim_is_never_banned_by_automation() {
    let ban = rule("ban", "new_chats_1m >= 5 && feedback_24h >= 0.4", "action = \"ban\"")
        + &rule("sure", "new_chats_1m >= 5 && age_s < 600", "action = \"ban\"\nsure_case = true");
    let mut trial = victim(&ban);
    trial.event("a", Some(0.01), Body::Block(feedback("p")));
    trial.strangers("a", Some(0.01), 20);
    assert!(trial.output.decisions.iter().all(|d| d.action != Action::Ban), "{:?}", trial.output.decisions);
    assert!(trial.in_force("a").is_some());
}

#[test]
fn a_victims_failed_challenge_goes_to_a_human_and_the_owner_may_still_pass() {
    let mut trial = victim("");
    trial.strangers("a", None, 3);
    let id = trial.last().id;
    assert_eq!(answer(&mut trial, &id, false), ["enforce review all challenge_failed"]);
    assert_eq!(answer(&mut trial, &id, true).len(), 2);
}

#[test]
fn an_old_account_on_a_new_device_is_not_banned_whatever_the_rules_say() {
    let ban = rule("ban", "new_chats_1m >= 5 && feedback_24h >= 0.4", "action = \"ban\"");
    for (device, banned) in [("same", true), ("other", false)] {
        let mut trial = Trial::new(&ban);
        trial.event("a", Some(10_000.0), session("same"));
        trial.after(HOUR).event("a", Some(10_001.0), session(device));
        trial.event("a", Some(10_001.0), Body::Block(feedback("p")));
        let decided = trial.strangers("a", Some(10_001.0), 6);
        let expected = if banned { "enforce ban all ban" } else { "enforce rate_limit messages ban" };
        assert_eq!(decided[0], expected, "{device}");
    }
}

#[test]
fn an_old_account_that_was_idle_for_days_is_not_banned_either() {
    let ban = rule("ban", "new_chats_1m >= 5 && feedback_24h >= 0.4", "action = \"ban\"");
    let mut trial = Trial::new(&ban);
    trial.event("a", Some(10_000.0), Body::Block(feedback("p")));
    let event = Event {
        id: "s",
        ts: trial.now,
        at: Some(trial.now),
        account: "a",
        age_h: Some(10_000.0),
        idle_h: Some(300.0),
        body: session("new"),
    };
    trial.engine.process(&event, 0, &mut trial.output);
    assert_eq!(trial.strangers("a", Some(10_000.0), 6)[0], "enforce rate_limit messages ban");
    let later = trial.after(10 * HOUR).strangers("a", Some(10_010.0), 6);
    assert!(
        later.iter().all(|words| !words.contains(" ban all ")),
        "the restriction remembers it: {later:?}"
    );
}
