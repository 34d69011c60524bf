//! Several partitions and an in-memory log between the two stages decide as one process does.
//!
//! Separate from the engine's own tests, because it needs traffic with farms and rings. Records cross the log as bytes;
//! relations, facts and proposals are sent more than once, as after a crash.

use std::collections::BTreeMap;

use features::RelationLimits;
use schema::{Body, Decision, Event, Relation, Session};
use scorer::{Engine, EngineConfig, ExemptList, FactEvent, Facts, Output, RelationStage, relation_key};
use simulate::{Config, Simulation};

/// The partition of a key. (Any function of the key does; a broker has its own.)
fn partition_of(key: &str, partitions: usize) -> usize {
    key.bytes().fold(7_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte))) % partitions
}

/// All partitions of events and of relations, and who reads them.
struct Network {
    engines: Vec<(Engine, u64)>,
    stages: Vec<(RelationStage, u64)>,
    output: Output,
    /// Every so many-th relation and fact is sent twice.
    twice: u64,
    sent: u64,
}

impl Network {
    fn new(partitions: u32, twice: u64, exempt: &str) -> Self {
        let config = |partition| EngineConfig {
            partition,
            facts: Facts::FromLog,
            exempt: ExemptList::parse("exempt", exempt).expect("accounts"),
            ..EngineConfig::default()
        };
        Self {
            engines: (0..partitions).map(|p| (Engine::new(config(p)), 0)).collect(),
            stages: (0..partitions).map(|p| (RelationStage::new(RelationLimits::default(), p), 0)).collect(),
            output: Output::default(),
            twice,
            sent: 0,
        }
    }

    /// One event, all that follows from it over the log included.
    fn take(&mut self, event: &Event<'_>) {
        self.record(event);
        let relations = std::mem::take(&mut self.output.relations);
        let mut facts = Vec::new();
        for relation in &relations {
            for _ in 0..self.times() {
                self.relate(relation, &mut facts);
            }
        }
        for fact in &facts {
            self.record(&fact.event());
            if self.times() == 2 {
                // Its id may be long forgotten.
                self.sent += 1;
                let id = format!("again_{}", self.sent);
                self.record(&Event { id: &id, ..fact.event() });
            }
        }
        assert!(self.output.relations.is_empty(), "facts never cause relations");
        for proposal in std::mem::take(&mut self.output.proposals) {
            self.record(&proposal.event());
            if self.times() == 2 {
                self.sent += 1;
                let id = format!("again_{}", self.sent);
                self.record(&Event { id: &id, ..proposal.event() });
            }
        }
        assert!(self.output.proposals.is_empty(), "proposals cause nothing");
    }

    fn times(&mut self) -> u64 {
        self.sent += 1;
        if self.twice > 0 && self.sent.is_multiple_of(self.twice) { 2 } else { 1 }
    }

    fn record(&mut self, event: &Event<'_>) {
        let mut line = Vec::new();
        schema::json::encode(event, &mut line);
        let partitions = self.engines.len();
        let (engine, offset) = &mut self.engines[partition_of(event.account, partitions)];
        let raw = schema::json::decode(&line).expect("our own line");
        let event = raw.event().expect("in range").expect("a known kind");
        engine.process(&event, *offset, &mut self.output);
        *offset += 1;
    }

    fn relate(&mut self, relation: &Relation, facts: &mut Vec<FactEvent>) {
        let partitions = self.stages.len();
        let (stage, offset) = &mut self.stages[partition_of(&relation_key(relation), partitions)];
        stage.process(relation, *offset, facts);
        *offset += 1;
    }
}

/// What a decision comes to, whichever partition made it.
fn plain(decisions: &[Decision]) -> Vec<String> {
    let reasons = |d: &Decision| {
        d.reasons.iter().map(|r| format!("{} {:?}", r.code, r.value)).collect::<Vec<_>>().join(", ")
    };
    decisions
        .iter()
        .map(|d| {
            format!("{} {} {} {} {} {:?} {}", d.seq, d.account, d.mode, d.action, d.scope, d.rule, reasons(d))
        })
        .collect()
}

#[test]
fn four_partitions_over_a_log_decide_as_one_process_and_repeats_count_once() {
    let config = Config { accounts: 800, hours: 48.0, seed: 11, base_rate: Some(0.05), ..Config::default() };
    let mut simulation = Simulation::new(config).expect("the configuration is in range");
    let exempt = simulation.exempt().collect::<Vec<_>>().join("\n");
    let mut one = Engine::new(EngineConfig {
        exempt: ExemptList::parse("exempt", &exempt).expect("accounts"),
        ..EngineConfig::default()
    });
    let mut single = Output::default();
    let mut network = Network::new(4, 5, &exempt);
    let mut offset = 0;
    simulation.run_open(&mut |event| {
        let event = Event { at: Some(event.ts), ..event.clone() };
        one.process(&event, offset, &mut single);
        offset += 1;
        network.take(&event);
    });
    assert!(one.stats().entity_facts > 500, "{} facts", one.stats().entity_facts);
    assert!(single.decisions.len() > 30, "{} decisions", single.decisions.len());
    let (alone, together) = (plain(&single.decisions), plain(&network.output.decisions));
    let other = alone.iter().zip(&together).find(|(a, b)| a != b);
    assert!(other.is_none() && alone.len() == together.len(), "{other:?}");
    let passed: u64 = network.engines.iter().map(|(engine, _)| engine.stats().facts_passed_over).sum();
    assert!(passed > 100, "{passed} facts came twice");
    assert!(network.stages.iter().all(|(stage, _)| stage.stats().passed_over > 10));
}

#[test]
fn a_device_shared_by_accounts_of_several_partitions_is_seen_and_restricted_as_in_one_process() {
    let mut network = Network::new(4, 1, "");
    let (mut one, mut single) = (Engine::new(EngineConfig::default()), Output::default());
    let mut partitions: BTreeMap<usize, u32> = BTreeMap::new();
    let mut ids = Vec::new();
    for n in 0..12_u64 {
        let (id, account) = (format!("e{n}"), format!("a{n}"));
        *partitions.entry(partition_of(&account, 4)).or_default() += 1;
        let session = Session { device: Some("box"), ..Session::default() };
        let ts = 1_732_453_200_000 + n * 60_000;
        let body = Body::Registration(session);
        let event = Event { id: &id, ts, at: Some(ts), account: &account, age_h: None, idle_h: None, body };
        one.process(&event, n, &mut single);
        network.take(&event);
        ids.push(account);
    }
    assert!(partitions.len() > 2, "{partitions:?}");
    let counted: Vec<f32> = network
        .output
        .decisions
        .iter()
        .flat_map(|d| &d.reasons)
        .filter(|reason| reason.feature.as_deref() == Some("device_accounts_24h"))
        .filter_map(|reason| reason.value)
        .collect();
    let most = counted.iter().copied().fold(0.0, f32::max);
    assert!((4.0..=12.0).contains(&most), "more than any partition has, and none twice: {counted:?}");
    // Several partitions propose, one decides.
    let of_device = single.decisions.iter().filter(|d| d.account == "device:box").count();
    assert_eq!(of_device, 1, "{:?}", single.decisions);
    assert_eq!(plain(&network.output.decisions), plain(&single.decisions));
    let passed: u64 = network.engines.iter().map(|(engine, _)| engine.stats().facts_passed_over).sum();
    assert!(passed > 0, "nothing came twice");
}
