//! Several models at once: shadows, shares and promotion; and what a champion learns online.
//!
//! Separate by theme. Models that live beside each other put the same accounts into the same band, and differ by version.

use std::collections::{BTreeMap, BTreeSet};

use models::forest::Forest;
use models::tree::{Node, Split};
use models::{Body as ModelBody, Card, Catalog, Model, TrainedOn, Tree, Weights};
use schema::limits::LIVE_MODELS_MAX;
use schema::{Activate, ControlKind, Mode};

use super::model::model;
use super::*;

/// Nobody is held out, so that everybody is decided about.
const BAND: &str = "[holdout]\nshare = 0.0\n[[band]]\nname = \"high\"\nscore = 0.5\naction = \"challenge\"\n";

fn begin() -> Trial {
    Trial::with(EngineConfig {
        policy: policy(BAND),
        model: Some(model(TrainedOn::Simulation, 1)),
        ..small()
    })
}

/// The version that decisions name for the model of so many labels.
fn version(labels: u64) -> String {
    model(TrainedOn::Simulation, labels).version().to_owned()
}

impl Trial {
    /// Puts the model of so many labels in force in a role; why not, if it was refused.
    fn model(
        &mut self,
        name: &str,
        labels: u64,
        (mode, share): (Option<Mode>, Option<f32>),
    ) -> Option<RejectReason> {
        self.sent += 1;
        let (id, version) = (format!("c_{}", self.sent), labels.to_string());
        let activate = Activate {
            control: &id,
            what: ControlKind::Model,
            name,
            version: &version,
            mode,
            share,
            sha256: None,
        };
        let event = Event {
            id: &id,
            ts: self.now,
            at: Some(self.now),
            account: "!control",
            age_h: None,
            idle_h: None,
            body: Body::Activate(activate),
        };
        if let Some(Needed { name, version, .. }) = self.engine.needs(&event) {
            let content = Content::Model(Box::new(model(TrainedOn::Simulation, labels)));
            self.engine.provide(Artifact { name, version, content, sha256: None });
        }
        match self.engine.process(&event, self.sent, &mut self.output) {
            Outcome::Rejected(refusal) => Some(refusal.reason),
            _ => None,
        }
    }

    /// Who decided about so many accounts that write to 8 strangers each: version by account.
    fn deciders(&mut self, accounts: usize) -> BTreeMap<String, String> {
        let before = self.output.decisions.len();
        for account in 0..accounts {
            self.strangers(&format!("a_{account}"), None, 8);
        }
        let decided = self.output.decisions[before..].iter().filter(|d| d.mode == Mode::Enforce);
        decided.map(|d| (d.account.clone(), d.versions.model.clone())).collect()
    }

    fn roles(&self) -> Vec<(String, Role)> {
        self.engine.active().into_iter().map(|active| (active.what.name, active.role)).collect()
    }
}

const SHADOW: (Option<Mode>, Option<f32>) = (Some(Mode::Shadow), None);
const ALL: (Option<Mode>, Option<f32>) = (None, None);

fn share(share: f32) -> (Option<Mode>, Option<f32>) {
    (None, Some(share))
}

#[test]
fn a_shadow_is_recorded_beside_the_champion_and_decides_nothing() {
    let mut trial = begin();
    assert_eq!(trial.model("next", 2, SHADOW), None);
    let decided = trial.strangers("a", None, 3);
    assert_eq!(decided, ["enforce challenge all high", "shadow challenge all next/high"]);
    let shadow = trial.last();
    assert_eq!((shadow.versions.model.as_str(), shadow.score.is_some()), (version(2).as_str(), true));
    assert!(shadow.reasons[0].contribution.is_some(), "{shadow:?}");
    assert_eq!(trial.output.standings.last().map(|s| s.restrictions.len()), Some(1));
    assert_eq!(trial.engine.stats().model_runs, 6, "3 acts, each by both");
    // It goes, and is heard no more.
    assert_eq!(trial.model("next", 2, share(0.0)), None);
    assert_eq!(trial.roles(), []);
    assert_eq!(trial.strangers("b", None, 3), ["enforce challenge all high"]);
}

#[test]
fn a_challenger_decides_about_its_share_and_always_about_the_same_accounts() {
    let mut trial = begin();
    assert_eq!(trial.model("next", 2, share(0.3)), None);
    let first = trial.deciders(300);
    let by_next: BTreeSet<&String> =
        first.iter().filter(|(_, model)| **model == version(2)).map(|(account, _)| account).collect();
    assert!(first.len() == 300 && (60..120).contains(&by_next.len()), "{} of {}", by_next.len(), first.len());
    trial.after(40 * DAY);
    assert!(trial.deciders(300) == first, "an account changed its model");
}

#[test]
fn a_promoted_challenger_is_the_champion_of_all() {
    let mut trial = begin();
    trial.model("next", 2, share(0.5));
    assert_eq!(trial.roles(), [("next".to_owned(), Role::Share(500_000))]);
    assert_eq!(trial.model("next", 2, ALL), None);
    assert_eq!(trial.roles(), [("next".to_owned(), Role::All)]);
    assert!(trial.deciders(50).values().all(|model| *model == version(2)));
    // Back to another one: of champions there is one.
    trial.model("before", 1, ALL);
    assert_eq!(trial.roles(), [("before".to_owned(), Role::All)]);
    assert_eq!(trial.engine.versions().model, version(1));
}

#[test]
fn only_so_many_live_beside_the_champion_and_a_name_may_be_its_too() {
    let mut trial = begin();
    trial.model("m0", 2, ALL);
    for other in 0..LIVE_MODELS_MAX {
        assert_eq!(trial.model(&format!("m{other}"), 10 + other as u64, SHADOW), None);
    }
    assert_eq!(trial.model("one-more", 9, SHADOW), Some(RejectReason::OutOfRange));
    // The place of a namesake, and that of one that goes, are free.
    assert_eq!(trial.model("m0", 20, share(0.1)), None);
    assert_eq!(trial.model("m1", 11, share(0.0)), None);
    assert_eq!(trial.model("one-more", 9, SHADOW), None);
    assert_eq!(trial.engine.versions().model, version(2));
    assert_eq!(trial.roles().len(), 1 + LIVE_MODELS_MAX);
}

#[test]
fn a_checkpoint_keeps_who_does_what() {
    let mut trial = begin();
    trial.model("shade", 2, SHADOW);
    trial.model("next", 3, share(0.4));
    let mut bytes = Vec::new();
    trial.engine.begin_checkpoint(true);
    while !trial.engine.write_checkpoint(1 << 20, &mut bytes) {}
    let config =
        EngineConfig { policy: policy(BAND), model: Some(model(TrainedOn::Simulation, 1)), ..small() };
    let artifact = |name: &str, labels: u64| Artifact {
        name: name.to_owned(),
        version: labels.to_string(),
        content: Content::Model(Box::new(model(TrainedOn::Simulation, labels))),
        sha256: None,
    };
    let artifacts = vec![artifact("shade", 2), artifact("next", 3)];
    let engine = Engine::restore(config, &[bytes], artifacts).expect("it is whole");
    assert_eq!(engine.active(), trial.engine.active());
    let mut restored = Trial { engine, now: trial.now, sent: trial.sent, output: Output::default() };
    let before = trial.output.decisions.len();
    assert_eq!(restored.deciders(100), trial.deciders(100));
    assert_eq!(restored.output.decisions, trial.output.decisions[before..]);
}

/// A tree over two features: from 3 new chats in 24 h on it is abuse.
fn forest() -> Model {
    let split = Some(Split { column: 0, threshold: 3.0, left: 1, right: 2 });
    let leaf = |value| Node { split: None, value };
    let tree = Tree::new(vec![Node { split, value: 0.0 }, leaf(-3.0), leaf(3.0)], 1).expect("a tree");
    let body = ModelBody::Trees(Forest::new(vec![tree], 1, (1.0, 0.0)).expect("a forest"));
    let card = Card {
        name: "forest".into(),
        trained_on: TrainedOn::Simulation,
        labels: 1,
        seed: 0,
        data: String::new(),
        columns: vec!["new_chats_24h".into()],
        metrics: Vec::new(),
        reliability: Vec::new(),
    };
    Model::new(card, body, &Catalog::of_this_build()).expect("it fits the catalogue")
}

impl Trial {
    /// Puts weights in force under a version; why not, if they were refused.
    fn weights(&mut self, version: &str, weights: &Weights) -> Option<RejectReason> {
        self.sent += 1;
        let id = format!("c_{}", self.sent);
        let (name, what) = ("online", ControlKind::Weights);
        let activate = Activate { control: &id, what, name, version, mode: None, share: None, sha256: None };
        let (ts, body) = (self.now, Body::Activate(activate));
        let event = Event { id: &id, ts, at: Some(ts), account: "!control", age_h: None, idle_h: None, body };
        if let Some(Needed { name, version, .. }) = self.engine.needs(&event) {
            let content = Content::Weights(Box::new(weights.clone()));
            self.engine.provide(Artifact { name, version, content, sha256: None });
        }
        match self.engine.process(&event, self.sent, &mut self.output) {
            Outcome::Rejected(refusal) => Some(refusal.reason),
            _ => None,
        }
    }
}

#[test]
fn what_was_learned_online_takes_effect_at_its_record_and_goes_with_its_model() {
    let mut trial = Trial::with(EngineConfig { policy: policy(BAND), model: Some(forest()), ..small() });
    let learned = Weights { base: forest().version().to_owned(), leaves: vec![(0, 1, 4.0), (0, 2, -4.0)] };
    assert_eq!(trial.strangers("a", None, 2), Vec::<String>::new());
    assert_eq!(trial.weights("1", &learned), None);
    assert_eq!(
        trial.strangers("b", None, 1),
        ["enforce challenge all high"],
        "the other leaf is the abusive one"
    );
    let adapted = trial.last().versions.model;
    assert_ne!(adapted, forest().version());
    assert_eq!(trial.engine.versions().model, adapted);
    let foreign = Weights { base: "another".to_owned(), leaves: Vec::new() };
    assert_eq!(trial.weights("2", &foreign), Some(RejectReason::ArtifactMissing));
    let far = Weights { leaves: vec![(0, 1, 1_000.0)], ..learned.clone() };
    assert_eq!(
        trial.weights("3", &far),
        Some(RejectReason::ArtifactMissing),
        "no learner moves a row so far"
    );
    assert_eq!(trial.engine.versions().model, adapted);
    assert_eq!(trial.weights("none", &foreign), None);
    assert_eq!(trial.strangers("c", None, 3), ["enforce challenge all high"]);
    assert_eq!((trial.last().versions.model.as_str(), trial.engine.active().len()), (forest().version(), 0));
    // Another champion has not learned that.
    assert_eq!(trial.weights("1", &learned), None);
    trial.model("linear", 7, ALL);
    assert_eq!(trial.roles(), [("linear".to_owned(), Role::All)]);
}

#[test]
fn a_checkpoint_keeps_what_was_learned_online() {
    let config = || EngineConfig { policy: policy(BAND), model: Some(forest()), ..small() };
    let mut trial = Trial::with(config());
    let learned = Weights { base: forest().version().to_owned(), leaves: vec![(0, 1, 4.0)] };
    trial.weights("1", &learned);
    let mut bytes = Vec::new();
    trial.engine.begin_checkpoint(true);
    while !trial.engine.write_checkpoint(1 << 20, &mut bytes) {}
    let content = Content::Weights(Box::new(learned));
    let artifact = Artifact { name: "online".to_owned(), version: "1".to_owned(), content, sha256: None };
    let engine = Engine::restore(config(), &[bytes], vec![artifact]).expect("it is whole");
    assert_eq!(engine.versions(), trial.engine.versions());
}
