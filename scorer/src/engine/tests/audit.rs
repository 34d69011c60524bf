//! Blind audits: who is drawn, and what is told of them.
//!
//! Separate by theme. The model of these tests scores accounts that write to many strangers above 0.5.

use models::TrainedOn;
use schema::{AUDIT, Action, RowWhy};

use super::model::model;
use super::*;

fn begin(more: &str) -> Trial {
    let policy = policy(&format!("[audit]\ncases_per_day = 6\nscores = [0.5]\n{more}"));
    let model = Some(model(TrainedOn::Simulation, 1));
    Trial::with(EngineConfig { policy, model, rows: Some(0.0), ..small() })
}

/// 100 accounts of which every fifth writes to many; what the first record of the next day brings.
fn next_day(trial: &mut Trial) -> Vec<schema::Decision> {
    for account in 0..100 {
        trial.strangers(&format!("a_{account}"), None, if account % 5 == 0 { 8 } else { 1 });
    }
    let before = trial.output.decisions.len();
    trial.after(DAY).strangers("another", None, 1);
    trial.output.decisions[before..].to_vec()
}

#[test]
fn accounts_without_decisions_are_drawn_and_told_with_the_first_record_of_the_next_day() {
    let mut trial = begin("");
    let told = next_day(&mut trial);
    assert_eq!(told.len(), 6, "{told:?}");
    for decision in &told {
        assert_eq!((decision.action, decision.mode), (Action::Review, schema::Mode::Enforce));
        assert_eq!((decision.reasons.len(), decision.reasons[0].code.as_str()), (1, AUDIT));
        assert!(trial.in_force(&decision.account).is_none());
        let row = trial.output.rows.iter().find(|row| row.decisions == [decision.id.clone()]).expect("a row");
        let probability = decision.probability(AUDIT).expect("one");
        assert_eq!((row.why, row.weight, row.score), (RowWhy::Audit, 1.0 / probability, decision.score));
        assert!(decision.score.is_some() && !row.values.is_empty());
    }
    // Three of the 20 that were above 0.5 that day, and three of the 80 others.
    let of_many = |one: &&schema::Decision| one.account[2..].parse::<u32>().is_ok_and(|n| n % 5 == 0);
    let above: Vec<f32> = told.iter().filter(of_many).filter_map(|one| one.probability(AUDIT)).collect();
    assert_eq!(above.len(), 3);
    let below = told.iter().find(|one| !of_many(one)).and_then(|one| one.probability(AUDIT));
    assert!(below < Some(above[0]), "{below:?} {above:?}");
    // Nobody twice, and nobody else is told of them.
    assert!(trial.after(MINUTE).strangers("another", None, 1).is_empty());
}

#[test]
fn who_was_decided_about_is_exempt_or_was_deleted_is_not_drawn() {
    let challenge =
        "[holdout]\nshare = 0.0\n[[band]]\nname = \"high\"\nscore = 0.5\naction = \"challenge\"\n";
    let mut trial = begin(challenge);
    let told = next_day(&mut trial);
    assert_eq!(told.len(), 3, "those above 0.5 are challenged: {told:?}");
    assert!(told.iter().all(|decision| decision.score < Some(0.5)));
    let mut trial = begin("");
    for account in 0..4 {
        trial.strangers(&format!("a_{account}"), None, 1);
    }
    trial.event("a_1", None, Body::Deletion);
    trial.engine.exempt = ExemptList::parse("x", "a_2\n").expect("one account");
    let mut told = trial.after(DAY).strangers("another", None, 1);
    told.sort();
    assert_eq!(told, ["enforce review all audit", "enforce review all audit"]);
    let drawn: Vec<&str> = trial.output.decisions.iter().map(|decision| decision.account.as_str()).collect();
    assert!(!drawn.contains(&"a_1") && !drawn.contains(&"a_2"), "{drawn:?}");
}

#[test]
fn a_policy_that_does_not_ask_for_it_draws_nobody() {
    let model = Some(model(TrainedOn::Simulation, 1));
    let mut trial = Trial::with(EngineConfig { policy: policy(""), model, ..small() });
    assert_eq!(next_day(&mut trial), []);
}
