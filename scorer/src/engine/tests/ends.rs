//! What ends is told, and what a human put below automation's is back.
//!
//! Separate by theme.

use schema::{Action, Limit, Standing, Verdict, VerdictEvent};

use super::*;

/// What the standing of an account says: `scope action human`, by scope and author.
fn says(standing: &Standing) -> Vec<String> {
    let word = |r: &schema::Restriction| {
        format!("{} {}{}", r.scope, r.action, if r.human { " by a human" } else { "" })
    };
    standing.restrictions.iter().map(word).collect()
}

impl Trial {
    fn told(&self) -> Vec<(String, Vec<String>)> {
        self.output.standings.iter().map(|s| (s.account.clone(), says(s))).collect()
    }
}

const SHORT: &str = "[[rule]]\nname = \"short\"\nwhen = 'new_chats_1m >= 2'\naction = \"rate_limit\"\n\
                     scope = \"new_chats\"\nfor = \"2h\"";

fn human_limit(decision: Option<&str>) -> VerdictEvent<'_> {
    VerdictEvent {
        verdict: Verdict::Change,
        actor: "h",
        decision,
        scope: Some(Scope::NewChats),
        limit: Some(Limit { max: 50, per_s: 3600 }),
        expires: Some(T0 + 10 * DAY),
        undoes: None,
    }
}

#[test]
fn a_restriction_that_ends_is_told_with_the_first_record_after_it() {
    let mut trial = Trial::new(SHORT);
    trial.strangers("a", None, 2);
    let seq = trial.output.standings.last().expect("told").seq;
    trial.output.clear();
    trial.after(2 * HOUR - 1).event("b", None, Body::Reply { peer: "p" });
    assert_eq!(trial.told(), []);
    trial.after(1).event("b", None, Body::Reply { peer: "q" });
    assert_eq!(trial.told(), [("a".to_owned(), vec![])]);
    let told = trial.output.standings[0].clone();
    assert!(told.seq > seq && told.as_of == trial.now);
    trial.after(DAY).event("b", None, Body::Reply { peer: "r" });
    assert_eq!(trial.told().len(), 1, "once");
    assert_eq!(trial.engine.stats().ends_told, 1);
}

#[test]
fn what_was_lifted_renewed_or_deleted_is_not_told_as_ended() {
    let mut trial = Trial::new(SHORT);
    trial.strangers("a", None, 2);
    trial.after(HOUR + MINUTE).strangers("a", None, 2);
    let lift =
        VerdictEvent { verdict: Verdict::Lift, scope: None, limit: None, expires: None, ..human_limit(None) };
    trial.strangers("b", None, 2);
    trial.verdict("b", lift);
    trial.output.clear();
    trial.after(HOUR).event("x", None, Body::Reply { peer: "p" });
    assert_eq!(trial.told(), [], "renewed, and lifted");
    trial.event("a", None, Body::Deletion);
    trial.output.clear();
    trial.after(2 * HOUR).event("x", None, Body::Reply { peer: "q" });
    assert_eq!(trial.told(), [("a".to_owned(), vec![])], "what a deletion left ends, too");
}

#[test]
fn many_ends_are_told_a_bounded_number_at_a_time_in_order() {
    let most = schema::limits::ENDS_TOLD_MAX;
    let mut trial = Trial::new(SHORT);
    for n in 0..most + 10 {
        trial.strangers(&format!("a{n:04}"), None, 2);
    }
    trial.output.clear();
    trial.after(3 * HOUR).event("x", None, Body::Reply { peer: "p" });
    assert_eq!(trial.output.standings.len(), most);
    trial.event("x", None, Body::Reply { peer: "q" });
    let told: Vec<String> = trial.told().into_iter().map(|(account, _)| account).collect();
    assert_eq!(told, (0..most + 10).map(|n| format!("a{n:04}")).collect::<Vec<_>>());
}

#[test]
fn a_humans_restriction_is_back_when_automations_stronger_one_ends() {
    let ban = rule("ban", "new_chats_1h >= 3 && feedback_24h >= 0.4", "action = \"ban\"\nfor = \"2h\"");
    let mut trial = Trial::new(&ban);
    trial.verdict("a", human_limit(None));
    // Only evidence newer than the human's word counts.
    trial.after(25 * HOUR).event("a", None, Body::Block(feedback("p")));
    assert_eq!(trial.strangers("a", None, 3), ["enforce ban all ban"]);
    let both = vec!["all ban".to_owned(), "new_chats rate_limit by a human".to_owned()];
    assert_eq!(says(trial.output.standings.last().expect("told")), both, "the wire carries both");
    assert_eq!(trial.in_force("a"), Some(Action::Ban));
    trial.after(2 * HOUR).event("x", None, Body::Reply { peer: "p" });
    assert_eq!(says(trial.output.standings.last().expect("told")), ["new_chats rate_limit by a human"]);
    assert_eq!(trial.in_force("a"), Some(Action::RateLimit));
}

#[test]
fn confirming_makes_a_restriction_a_humans_and_tells_it() {
    let mut trial = Trial::new(SHORT);
    trial.strangers("a", None, 2);
    let id = trial.last().id;
    let confirm = VerdictEvent {
        verdict: Verdict::Confirm,
        scope: None,
        limit: None,
        expires: None,
        ..human_limit(Some(&id))
    };
    trial.output.clear();
    trial.verdict("a", confirm.clone());
    assert_eq!(trial.told(), [("a".to_owned(), vec!["new_chats rate_limit by a human".to_owned()])]);
    trial.verdict("a", confirm);
    assert_eq!(trial.told().len(), 1, "a second time changes nothing");
}
