//! The model: bands, reasons with contributions, and what a model trained on simulation may not do.
//!
//! Separate by theme. The model here is one weight on `new_chats_24h`: abuse is more probable than not from 3 on.

use models::logistic::{Logistic, Term};
use models::{Body as ModelBody, Card, Catalog, Model, TrainedOn};
use schema::limits::MODEL_LABELS_MIN;
use schema::{Action, Source, Verdict, VerdictEvent};

use super::*;

pub(super) fn model(trained_on: TrainedOn, labels: u64) -> Model {
    let card = Card {
        name: "one-weight".into(),
        trained_on,
        labels,
        seed: 0,
        data: String::new(),
        columns: vec!["new_chats_24h".into()],
        metrics: Vec::new(),
        reliability: Vec::new(),
    };
    // ln(1 + 3) is a little above the mean of the only weight.
    let body = Logistic { bias: -0.3, terms: vec![Term { mean: 1.3, deviation: 0.1, weight: 1.0 }] };
    Model::new(card, ModelBody::Logistic(body), &Catalog::of_this_build()).expect("it fits the catalogue")
}

/// The model of these tests, as it is shipped.
pub(super) fn sender_of_many() -> Model {
    model(TrainedOn::Simulation, MODEL_LABELS_MIN)
}

fn band(action: &str) -> String {
    format!("[[band]]\nname = \"high\"\nscore = 0.5\naction = \"{action}\"\n")
}

/// What a block and 8 strangers lead to; the model runs at the 1st, 2nd, 3rd, 5th and 8th act.
fn check(trained_on: TrainedOn, rules: &str, expected: &[&str]) -> Trial {
    let model = Some(model(trained_on, MODEL_LABELS_MIN));
    let mut trial = Trial::with(EngineConfig { policy: policy(rules), model, ..small() });
    let mut decided = trial.event("a", None, Body::Block(feedback("p")));
    decided.extend(trial.strangers("a", None, 8));
    assert_eq!(decided, expected);
    trial
}

#[test]
fn a_band_decides_with_exact_contributions_and_a_counterfactual() {
    let trial = check(TrainedOn::Simulation, &band("challenge"), &["enforce challenge all high"]);
    let d = trial.last();
    let reason = &d.reasons[0];
    assert_eq!(
        (d.source, reason.feature.as_deref(), reason.value),
        (Source::Model, Some("new_chats_24h"), Some(3.0))
    );
    assert!(reason.contribution.is_some_and(|c| (c - 0.863).abs() < 0.01), "{reason:?}");
    assert!(d.score.is_some_and(|s| s > 0.5));
    let below = d.counterfactual.expect("there is one").below;
    assert!((2.0..3.0).contains(&below), "{below}");
    assert_eq!(trial.engine.stats().model_runs, 6, "5 acts and a block");
}

const OTHER: &str = "[[rule]]\nname = \"blocked\"\nwhen = 'feedback_24h >= 0.4'\naction = \"review\"\n";

#[test]
fn a_model_trained_on_simulation_is_no_evidence_for_a_ban() {
    let expected = ["enforce review all blocked", "enforce rate_limit messages high"];
    check(TrainedOn::Simulation, &(band("ban") + OTHER), &expected);
}

#[test]
fn a_model_trained_on_labels_is_evidence_of_its_leading_reasons_kind() {
    check(TrainedOn::Labels, &(band("ban") + OTHER), &["enforce review all blocked", "enforce ban all high"]);
    let same_kind = OTHER.replace("feedback_24h >= 0.4", "messages_24h >= 3");
    let trial = check(
        TrainedOn::Labels,
        &(band("ban") + &same_kind),
        &["enforce rate_limit messages high", "enforce review messages high"],
    );
    assert_eq!(trial.engine.stats().bans_without_evidence, 1, "the later ones change nothing");
}

#[test]
fn a_model_trained_on_too_few_labels_is_no_evidence_for_a_ban() {
    let decided = |labels| {
        let model = Some(model(TrainedOn::Labels, labels));
        let mut trial =
            Trial::with(EngineConfig { policy: policy(&(band("ban") + OTHER)), model, ..small() });
        trial.event("a", None, Body::Block(feedback("p")));
        trial.strangers("a", None, 3)
    };
    assert_eq!(decided(MODEL_LABELS_MIN), ["enforce ban all high"]);
    assert_eq!(decided(MODEL_LABELS_MIN - 1), ["enforce rate_limit messages high"]);
}

#[test]
fn a_rule_on_the_score_runs_whenever_the_model_did() {
    let text = rule("s", "score >= 0.5", "action = \"challenge\"");
    check(TrainedOn::Simulation, &text, &["enforce challenge all s"]);
    let text = rule("s", "score >= 0.5 && new_chats_24h >= 3", "action = \"ban\"") + OTHER;
    let expected = ["enforce review all blocked", "enforce rate_limit messages s"];
    check(TrainedOn::Simulation, &text, &expected);
}

#[test]
fn after_a_lift_the_score_too_counts_only_newer_evidence() {
    let mut trial = check(TrainedOn::Labels, &band("challenge"), &["enforce challenge all high"]);
    let lift = VerdictEvent {
        verdict: Verdict::Lift,
        actor: "h",
        decision: None,
        scope: None,
        limit: None,
        expires: None,
        undoes: None,
    };
    trial.verdict("a", lift);
    assert_eq!(trial.strangers("a", None, 16), Vec::<String>::new());
    assert_eq!(trial.in_force("a"), None);
    assert_eq!(trial.after(25 * HOUR).strangers("a", None, 16), ["enforce challenge all high"]);
    assert_eq!(trial.in_force("a"), Some(Action::Challenge));
}
