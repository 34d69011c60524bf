//! An engine without a checkpoint: what the wire says is in force, is.
//!
//! Separate by theme.

use schema::{Action, ENFORCEMENT_KEY, Restriction, Scope, Standing};

use super::*;

fn standing(account: &str, seq: u64, action: Action, human: bool) -> Standing {
    let restriction = Restriction {
        scope: Scope::All,
        action,
        limit: None,
        expires: Some(T0 + HOUR),
        decision: "d_1".to_owned(),
        reason: "bulk".to_owned(),
        message: "bulk".to_owned(),
        human,
    };
    Standing { account: account.to_owned(), seq, as_of: T0, restrictions: vec![restriction] }
}

#[test]
fn what_is_adopted_is_in_force_and_its_end_is_told() {
    let mut trial = Trial::new("");
    let told = standing("a", T0 + 7, Action::Ban, true);
    assert!(trial.engine.adopt(&told));
    assert!(!trial.engine.adopt(&standing("a", T0 + 7, Action::Challenge, false)), "no newer word");
    assert_eq!(trial.engine.standing("a", T0), Some(Standing { seq: T0 + 7, ..told }));
    assert_eq!(trial.in_force("a"), Some(Action::Ban));
    trial.after(HOUR).event("b", None, Body::Reply { peer: "p" });
    let ended = trial.output.standings.last().expect("told");
    assert_eq!((ended.account.as_str(), ended.restrictions.len()), ("a", 0));
    assert!(ended.seq > T0 + 7);
}

#[test]
fn the_kill_switch_is_adopted_on_and_off() {
    let mut trial = Trial::new("");
    let on = standing(ENFORCEMENT_KEY, 1, Action::Lift, false);
    assert!(trial.engine.adopt(&on));
    assert_eq!(trial.engine.active().len(), 1);
    assert!(trial.engine.is_killed());
    assert!(trial.engine.adopt(&Standing { seq: 2, restrictions: Vec::new(), ..on }));
    assert!(!trial.engine.is_killed() && trial.engine.active().is_empty());
}
