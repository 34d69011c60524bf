//! Humans outrank automation where the two meet in unusual ways.
//!
//! Separate by theme.

use schema::{Action, Limit, Mode, Verdict, VerdictEvent};

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

/// An account that a reviewer keeps challenged, and the decision to be answered.
fn challenged_by_a_human() -> (Trial, String) {
    let mut trial =
        Trial::new(&rule("r", "new_chats_1m >= 2", "action = \"challenge\"\nscope = \"new_chats\""));
    trial.strangers("a", None, 2);
    let id = trial.last().id;
    let change = VerdictEvent { decision: Some(&id), expires: Some(T0 + 3 * DAY), ..word(Verdict::Change) };
    assert_eq!(trial.verdict("a", change), ["enforce challenge new_chats -"]);
    let id = trial.last().id;
    (trial, id)
}

fn fail(trial: &mut Trial, decision: &str) -> Vec<String> {
    trial.event("a", None, Body::ChallengeResult { decision, passed: false })
}

#[test]
fn a_lift_of_a_humans_and_automations_restriction_of_a_scope_is_one_decision() {
    let (mut trial, id) = challenged_by_a_human();
    assert_eq!(fail(&mut trial, &id), ["enforce rate_limit new_chats challenge_failed"]);
    let limit = trial.last().id;
    assert_eq!(trial.verdict("a", word(Verdict::Lift)), ["enforce lift new_chats -"]);
    assert_eq!(trial.last().supersedes, Some(limit), "the stronger");
    assert_eq!(trial.in_force("a"), None);
}

#[test]
fn an_exempt_account_that_fails_a_humans_challenge_is_not_restricted_by_automation() {
    let (mut trial, id) = challenged_by_a_human();
    trial.verdict("a", VerdictEvent { expires: Some(T0 + 2 * DAY), ..word(Verdict::Exempt) });
    assert_eq!(fail(&mut trial, &id), ["shadow rate_limit new_chats challenge_failed"]);
    assert_eq!(trial.in_force("a"), Some(Action::Challenge), "the human's stays");
}

#[test]
fn a_running_exemption_outlasts_a_later_lift() {
    let mut trial = Trial::new(&rule("r", "new_chats_1m >= 3", "action = \"challenge\""));
    trial.verdict("a", VerdictEvent { expires: Some(T0 + 60 * DAY), ..word(Verdict::Exempt) });
    trial.verdict("a", word(Verdict::Ban));
    assert_eq!(trial.after(HOUR).verdict("a", word(Verdict::Lift)), ["enforce lift all -"]);
    assert_eq!(trial.after(30 * DAY).strangers("a", None, 3), ["shadow challenge all r"]);
}

#[test]
fn an_exemption_of_one_scope_holds_against_a_ban_by_the_ladder() {
    let more = "action = \"rate_limit\"\nscope = \"new_chats\"\nladder = true\nfor = \"1h\"";
    let text = "[ladder]\nepisode = \"1h\"\n".to_owned() + &rule("r", "new_chats_1m >= 3", more);
    let mut trial = Trial::new(&(text + &rule("b", "feedback_24h >= 0.4", "action = \"review\"")));
    let exempt =
        VerdictEvent { scope: Some(Scope::GroupAdds), expires: Some(T0 + 60 * DAY), ..word(Verdict::Exempt) };
    trial.verdict("a", exempt);
    assert_eq!(trial.strangers("a", None, 3), ["enforce rate_limit new_chats r"]);
    trial.after(30 * HOUR).event("a", None, Body::Block(feedback("p")));
    let decided = trial.strangers("a", None, 3);
    assert!(decided.contains(&"enforce rate_limit new_chats r".to_owned()), "{decided:?}");
    assert!(trial.engine.restriction("a", Scope::GroupAdds, trial.now).is_none());
}

#[test]
fn a_change_to_an_end_in_the_past_lifts_and_is_told() {
    let mut trial = Trial::new(&rule("r", "new_chats_1m >= 2", "action = \"challenge\""));
    trial.strangers("a", None, 2);
    let id = trial.last().id;
    let seq = trial.output.standings.last().expect("told").seq;
    let change = VerdictEvent {
        decision: Some(&id),
        limit: Some(Limit { max: 1, per_s: 60 }),
        expires: Some(trial.now - 1),
        ..word(Verdict::Change)
    };
    assert_eq!(trial.verdict("a", change), ["enforce lift all -"]);
    let told = trial.output.standings.last().expect("told");
    assert!(told.restrictions.is_empty() && told.seq > seq, "{told:?}");
}

#[test]
fn what_a_human_lifted_from_a_device_stays_lifted_for_a_time() {
    let more = "action = \"challenge\"\nentity = \"device\"";
    let mut trial = Trial::new(&rule("farm", "device_accounts_24h >= 3", more));
    let on = |trial: &Trial| trial.engine.restriction("device:box", Scope::Registration, trial.now).is_some();
    let come = |trial: &mut Trial, from: u32, to: u32| {
        for n in from..to {
            let session = Session { device: Some("box"), ..Session::default() };
            trial.after(MINUTE).event(&format!("a{n}"), Some(0.0), Body::Registration(session));
        }
    };
    come(&mut trial, 0, 4);
    assert!(on(&trial));
    assert_eq!(trial.verdict("device:box", word(Verdict::Lift)), ["enforce lift registration -"]);
    come(&mut trial, 4, 12);
    assert!(!on(&trial), "a family's tablet, say");
    let mode = |d: &schema::Decision| d.account.starts_with('a') && d.mode == Mode::Enforce;
    assert!(trial.output.decisions.iter().filter(|d| mode(d)).count() > 4, "accounts are still challenged");
}
