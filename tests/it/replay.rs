//! What an engine that nobody interrupts decides about a partition's log.
//!
//! Separate from the workers, with whose topics it is compared: here is no broker, no crash and no checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use harness::kafka::{Fetched, Topics, consume};
use harness::workspace;
use models::Model;
use schema::{Decision, ENFORCEMENT_KEY, Event, Relation, Standing};
use scorer::{Artifact, Content, Engine, EngineConfig, Facts, Needed, Output, Policy, RelationStage};

/// What followed, by account or key of a shared thing, in order.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    /// Decisions.
    pub decisions: BTreeMap<String, Vec<Decision>>,
    /// The last standing, if anything is in force.
    pub standing: BTreeMap<String, Standing>,
    /// Proposals to restrict shared things, as they must lie in the events' topic.
    pub proposals: BTreeSet<String>,
}

impl Told {
    fn standing(&mut self, standing: Standing) {
        if standing.restrictions.is_empty() {
            self.standing.remove(&standing.account);
        } else {
            self.standing.insert(standing.account.clone(), standing);
        }
    }
}

/// Replays everything that lies in the events' topic. `policies`: text of what activations put in force, by version.
pub fn replay(topics: &Topics, policies: &BTreeMap<String, String>) -> Told {
    let log = consume(&topics.brokers, &topics.name("events"));
    let mut told = Told::default();
    for partition in 0..topics.partitions {
        let records = log.iter().filter(|record| record.partition == partition);
        let place = (partition.unsigned_abs(), topics.partitions.unsigned_abs());
        replay_partition(place, records, policies, &mut told);
    }
    told
}

fn replay_partition<'r>(
    (partition, partitions): (u32, u32),
    records: impl Iterator<Item = &'r Fetched>,
    policies: &BTreeMap<String, String>,
    told: &mut Told,
) {
    let model = std::fs::read(workspace::file("models/default/model.json")).expect("it is in the repository");
    let config = EngineConfig {
        policy: Policy::default_policy().expect("it is checked by its own tests"),
        model: Some(Model::from_bytes(&model).expect("it is checked by its own tests")),
        facts: Facts::FromLog,
        partition,
        partitions,
        ..EngineConfig::default()
    };
    let (mut engine, mut output) = (Engine::new(config), Output::default());
    for record in records {
        let mut raw = schema::json::decode(record.value.as_deref().expect("a value")).expect("JSON");
        // As a worker does: the broker's time, where the topic keeps it.
        raw.at = Some(record.at.unsigned_abs()).filter(|at| *at > 0).or(raw.at);
        let event = raw.event().expect("an event").expect("a known kind");
        if let Some(needed) = engine.needs(&event) {
            engine.provide(artifact(&needed, policies));
        }
        engine.process(&event, record.offset.unsigned_abs(), &mut output);
        for decision in output.decisions.drain(..) {
            told.decisions.entry(decision.account.clone()).or_default().push(decision);
        }
        let standings = output.standings.drain(..);
        standings.filter(|standing| standing.account != ENFORCEMENT_KEY).for_each(|s| told.standing(s));
        told.proposals.extend(output.proposals.iter().map(|proposal| line_of(&proposal.event())));
        output.clear();
    }
}

/// An event as it lies in the log.
fn line_of(event: &Event<'_>) -> String {
    let mut line = Vec::new();
    schema::json::encode(event, &mut line);
    String::from_utf8(line).expect("JSON").trim_end().to_owned()
}

fn artifact(needed: &Needed, policies: &BTreeMap<String, String>) -> Artifact {
    let Needed { name, version, .. } = needed.clone();
    let policy = Policy::parse("policy", &policies[&version]).expect("the worker took it");
    Artifact { name, version, content: Content::Policy(Box::new(policy)), sha256: None }
}

/// What lies in the topics. A decision that came again must be the same, `seq` and all; only the first counts.
pub fn written(topics: &Topics) -> (Told, usize) {
    let (mut told, mut repeats) = (Told::default(), 0);
    for record in consume(&topics.brokers, &topics.name("decisions")) {
        let decision: Decision = serde_json::from_str(&record.text()).expect("a decision");
        let known = told.decisions.entry(decision.account.clone()).or_default();
        match known.iter().find(|other| other.id == decision.id && other.seq == decision.seq) {
            Some(other) => {
                assert_eq!(*other, decision, "repeated in another way");
                repeats += 1;
            }
            None => known.push(decision),
        }
    }
    for record in consume(&topics.brokers, &topics.name("standing")) {
        match record.value {
            Some(_) => told.standing(serde_json::from_str(&record.text()).expect("a standing")),
            None => {
                let key = String::from_utf8(record.key.expect("a key")).expect("a name");
                told.standing.remove(&key);
            }
        }
    }
    told.standing.remove(ENFORCEMENT_KEY);
    told.proposals = lying(topics, "proposal").into_iter().collect();
    (told, repeats)
}

/// The events of one kind, as they lie in their topic.
pub fn lying(topics: &Topics, kind: &str) -> Vec<String> {
    let log = consume(&topics.brokers, &topics.name("events"));
    let wanted = format!("\"kind\":\"{kind}\"");
    log.iter().map(Fetched::text).filter(|text| text.contains(&wanted)).collect()
}

/// What relation stages and engines wrote into the events' topic lies there as whoever reads it needs it: of each partition that it
/// comes from, none first behind a later one.
fn check_order(topics: &Topics) {
    let mut highest = BTreeMap::new();
    let (mut heard, log) = (BTreeSet::new(), consume(&topics.brokers, &topics.name("events")));
    for record in &log {
        let event: serde_json::Value = serde_json::from_str(&record.text()).expect("JSON");
        let (kind, origin) = (event["kind"].as_str().unwrap_or_default().to_owned(), &event["origin"]);
        let number = |name: &str| origin[name].as_u64();
        let (Some(from), Some(offset), Some(n)) = (number("partition"), number("offset"), number("n")) else {
            continue;
        };
        let own = (record.partition, kind, from);
        if heard.insert((own.clone(), offset, n)) {
            let before = highest.insert(own.clone(), (offset, n));
            assert!(before.is_none_or(|before| before < (offset, n)), "{own:?}: {before:?}, then {origin}");
        }
    }
}

/// The facts that lie in the events' topic are those that stages which nobody interrupts find in the relations as they lie in
/// their topic, each relation heard once.
pub fn check_facts(topics: &Topics) {
    check_order(topics);
    let mut expected = BTreeSet::new();
    let (mut heard, mut again) = (BTreeSet::new(), 0);
    let log = consume(&topics.brokers, &topics.name("relations"));
    for partition in 0..topics.partitions {
        let mut stage = RelationStage::new(EngineConfig::default().relations, partition.unsigned_abs());
        for record in log.iter().filter(|record| record.partition == partition) {
            let relation: Relation = serde_json::from_str(&record.text()).expect("a relation");
            let origin = relation.origin;
            if !heard.insert((partition, origin.partition, origin.offset, origin.n)) {
                again += 1;
                continue;
            }
            let mut facts = Vec::new();
            assert!(
                stage.process(&relation, record.offset.unsigned_abs(), &mut facts),
                "out of order: {origin:?}"
            );
            for fact in &facts {
                expected.insert(line_of(&fact.event()));
            }
        }
    }
    let lying: BTreeSet<String> = lying(topics, "entity").into_iter().collect();
    println!("{} relations, {again} written again; {} facts", heard.len(), expected.len());
    assert!(expected.len() > 100, "only {} facts: the test shows nothing", expected.len());
    let differ: Vec<_> = expected.symmetric_difference(&lying).take(4).collect();
    assert!(differ.is_empty(), "{} facts must lie there, {} do: {differ:?}", expected.len(), lying.len());
}
