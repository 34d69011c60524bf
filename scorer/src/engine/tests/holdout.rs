//! The holdout: what of a model's restrictions is only recorded.
//!
//! Separate by theme. Half of all accounts are held out here, so that a few hundred show it.

use models::TrainedOn;
use schema::{HOLDOUT, MODEL_SCORE, Mode, RowWhy};

use super::model::model;
use super::*;

fn begin(more: &str, labels: u64) -> Trial {
    let policy = policy(&format!("[holdout]\nshare = 0.5\n{more}"));
    let model = Some(model(TrainedOn::Simulation, labels));
    Trial::with(EngineConfig { policy, model, rows: Some(0.0), ..small() })
}

/// Of 200 accounts that write to 8 strangers each, those about whom something of this mode was decided.
fn of_mode(trial: &mut Trial, mode: Mode) -> Vec<String> {
    let before = trial.output.decisions.len();
    for account in 0..200 {
        trial.strangers(&format!("a_{account}"), None, 8);
    }
    let decided = trial.output.decisions[before..].iter().filter(|d| d.mode == mode);
    decided.map(|d| d.account.clone()).collect()
}

const BAND: &str = "[[band]]\nname = \"high\"\nscore = 0.5\naction = \"challenge\"\n";

#[test]
fn a_share_of_what_a_model_restricts_is_only_recorded_and_always_of_the_same_accounts() {
    let mut trial = begin(BAND, 1);
    let held = of_mode(&mut trial, Mode::Shadow);
    assert!((70..130).contains(&held.len()), "{}", held.len());
    for decision in trial.output.decisions.iter().filter(|d| d.mode == Mode::Shadow) {
        let last = decision.reasons.last().expect("a reason");
        assert_eq!((last.code.as_str(), decision.probability(HOLDOUT)), (HOLDOUT, Some(0.5)));
        assert_ne!(decision.reasons[0].code, HOLDOUT, "the model's own reasons lead");
    }
    let said = |row: &schema::Row| row.why == RowWhy::Holdout;
    assert_eq!(trial.output.rows.iter().filter(|row| said(row)).count(), held.len());
    assert!(held.iter().all(|account| trial.in_force(account).is_none()));
    trial.after(40 * DAY);
    assert!(of_mode(&mut trial, Mode::Shadow) == held, "other accounts than before");
    // Another model, other accounts.
    assert!(of_mode(&mut begin(BAND, 2), Mode::Shadow) != held);
}

#[test]
fn only_what_rests_on_the_score_is_held_out_and_no_ban() {
    let by_rule = rule("r", "new_chats_1h >= 3", "action = \"challenge\"");
    let either = rule("e", "new_chats_1h >= 3 || score >= 0.5", "action = \"challenge\"");
    let ban = "[[band]]\nname = \"high\"\nscore = 0.5\naction = \"warn\"\n".to_owned();
    for text in [by_rule, either, ban] {
        assert_eq!(of_mode(&mut begin(&text, 1), Mode::Shadow), Vec::<String>::new(), "{text}");
    }
    // What rests on the score says so, whether it is held out or not; what would be without it does not.
    let says = |text: &str| {
        let mut trial = begin(text, 1);
        of_mode(&mut trial, Mode::Enforce);
        let told = |d: &schema::Decision| d.probability(MODEL_SCORE).is_some_and(|score| score >= 0.5);
        let decisions = &trial.output.decisions;
        assert!(!decisions.is_empty());
        (decisions.iter().all(told), decisions.iter().any(told))
    };
    let both = |action: &str| rule("b", "new_chats_1h >= 3 && score >= 0.5", action);
    assert_eq!(says(&both("action = \"rate_limit\"")), (true, true));
    assert_eq!(says(&rule("e", "new_chats_1h >= 1 || score >= 0.5", "action = \"warn\"")), (false, false));
    let both = rule("b", "new_chats_1h >= 3 && score >= 0.5", "action = \"rate_limit\"");
    assert!((70..130).contains(&of_mode(&mut begin(&both, 1), Mode::Shadow).len()));
    let victims = rule("v", "new_chats_1h >= 3 && score >= 0.5", "action = \"challenge\"\nvictim = true");
    assert_eq!(of_mode(&mut begin(&victims, 1), Mode::Shadow), Vec::<String>::new());
}
