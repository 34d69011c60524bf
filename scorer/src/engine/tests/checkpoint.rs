//! Checkpoints of an engine: whatever happens while they are written, what comes back decides as if nothing had happened.
//!
//! Separate by theme. The schedule decides which records come, when a checkpoint begins, how much of it is written between two
//! records, and whether it comes to nothing.

use features::checkpoint::frames;
use proptest::prelude::*;
use schema::{Activate, ControlKind, GroupAdd, Proposal, Verdict, VerdictEvent};

use super::*;
use crate::Error;
use crate::blocklist::{Blocklist, parse_entries};

/// One step of a schedule.
#[derive(Debug, Clone)]
enum Step {
    /// A record: account, kind, other, ms since the one before.
    Record(u8, u8, u8, u64),
    /// A checkpoint begins.
    Begin(bool),
    /// Some of it is written.
    Write(usize),
    /// It comes to nothing.
    Abandon,
}

fn step() -> impl Strategy<Value = Step> {
    let gap = prop_oneof![8 => 0..MINUTE, 3 => MINUTE..3 * HOUR, 1 => 3 * HOUR..3 * DAY];
    prop_oneof![
        30 => (0..16_u8, 0..41_u8, 0..16_u8, gap).prop_map(|(account, kind, other, gap)| Step::Record(account, kind, other, gap)),
        2 => any::<bool>().prop_map(Step::Begin),
        8 => (1..200_000_usize).prop_map(Step::Write),
        1 => Just(Step::Abandon),
    ]
}

/// A policy under which most things happen within a few records.
fn lively(version: u8) -> Policy {
    let limit = 2 + version % 3;
    policy(&[
        "[budget]\nbans_per_hour = 2\n[audit]\ncases_per_day = 3\nscores = [0.5]".to_owned(),
        rule("few", &format!("new_chats_24h >= {limit}"), "action = \"challenge\"\nfor = \"2h\""),
        rule("many", "new_chats_24h >= 6", "action = \"rate_limit\"\nscope = \"new_chats\"\nlimit = { max = 3, per_s = 3600 }\nfor = \"4h\""),
        rule("worse", "new_chats_24h >= 7 && feedback_24h >= 0.5", "action = \"ban\"\nfor = \"1d\""),
        rule("silent", "messages_24h >= 4", "action = \"ban\"\nmode = \"shadow\"\nfor = \"1d\""),
        rule("shared", "device_accounts_24h >= 2", "action = \"challenge\"\nentity = \"device\"\nfor = \"1d\""),
    ].join("\n"))
}

fn list(version: u8) -> Blocklist {
    let text = format!(
        "kind,value,source,expires,note,human\naccount,a{},s,,,true\ndevice,d{},s,,,false\n",
        version % 16,
        version % 4
    );
    Blocklist::build("n", parse_entries("f", &text).expect("valid entries")).expect("small").list
}

fn config(facts: Facts) -> EngineConfig {
    EngineConfig {
        policy: lively(0),
        model: Some(model::sender_of_many()),
        blocklists: vec![list(0)],
        store: features::StoreLimits { accounts_max: 10 },
        relations: features::RelationLimits { entities_max: 5, contacts_max: 16 },
        standings_max: 14,
        rows: Some(0.3),
        facts,
        ..EngineConfig::default()
    }
}

fn artifact(needed: Needed) -> Artifact {
    let Needed { kind, name, version } = needed;
    let number = version.bytes().last().unwrap_or(0);
    let content = match kind {
        ControlKind::Policy => Content::Policy(Box::new(lively(number))),
        ControlKind::Exempt => Content::Exempt(ExemptList::parse("e", "a3\n").expect("one account")),
        _ => Content::Blocklist(Box::new(list(number))),
    };
    Artifact { name, version, content, sha256: None }
}

/// What one record led to.
type Told = (Outcome, Output);

/// The newest decision in force for each account, to be answered.
fn decision_of(engine: &Engine, account: &str) -> String {
    let standing = engine.standing.get(account);
    standing
        .and_then(|s| s.in_force().first())
        .map_or("d_none".to_owned(), |r| r.restriction.decision.clone())
}

fn body<'a>(kind: u8, other: &'a str, decision: &'a str, version: &'a str, offset: u64) -> Body<'a> {
    let verdict = |verdict| {
        let (decision, scope, limit, expires, undoes) = (Some(decision), None, None, None, None);
        Body::Verdict(VerdictEvent { verdict, decision, scope, limit, expires, actor: "r", undoes })
    };
    let control = |what, name, version| {
        let (mode, share, sha256) = (None, None, None);
        Body::Activate(Activate { control: version, what, name, version, mode, share, sha256 })
    };
    // Some are heard again.
    let origin = schema::Origin { partition: (offset % 2) as u32, offset: offset / 4 * 3 % 50, n: 0 };
    match kind {
        0..=13 => stranger(other),
        14..=16 => session(["d0", "d1", "d2", "d3"][other.len() * 7 % 4]),
        17 | 18 => Body::Registration(Session { device: Some("d1"), asn: Some(7), ..Session::default() }),
        19 | 20 => report(other, ReportReason::Spam),
        21 => report(other, ReportReason::Threat),
        22 | 23 => Body::Block(feedback(other)),
        24 => Body::Unblock { peer: other },
        25 => Body::Deletion,
        26 | 27 => Body::ChallengeResult { decision, passed: other.len() == 2 },
        28 => Body::Appeal { decision },
        29 => verdict(Verdict::Lift),
        30 => verdict(Verdict::Confirm),
        31 => verdict(Verdict::Exempt),
        32 => verdict(Verdict::Ban),
        33 => control(ControlKind::Policy, "p", version),
        34 => control(ControlKind::Blocklist, "n", version),
        35 => control(ControlKind::Exempt, "e", version),
        36 => Body::Activate(Activate {
            control: version,
            what: ControlKind::Kill,
            name: "enforcement",
            version: if version.ends_with('1') { "on" } else { "off" },
            mode: None,
            share: None,
            sha256: None,
        }),
        37 => Body::GroupAdd(GroupAdd {
            peer: None,
            group: Some(other),
            group_size: None,
            count: 9,
            known: Some(1),
        }),
        38 => Body::Entity(schema::EntityFact {
            entity: "device:d2",
            kind: schema::EntityKind::Device,
            accounts_24h: 3,
            size: 4,
            registered_24h: 1,
            restricted_24h: 0,
            co_accounts: vec![other],
            origin: Some(origin),
        }),
        39 => Body::Proposal(Proposal { rule: "shared", decision, feature: None, value: None, origin }),
        _ => Body::Reply { peer: other },
    }
}

fn process(engine: &mut Engine, step: &Step, at: u64, offset: u64) -> Option<Told> {
    let Step::Record(account, kind, other, _) = step else { return None };
    let account = if *kind == 39 { format!("device:d{}", account % 4) } else { format!("a{account}") };
    let peer = format!("a{other}");
    let (decision, version) = (decision_of(engine, &account), format!("v{}", other % 4));
    // Some ids come again.
    let id = format!("e{}", if offset.is_multiple_of(9) { offset.saturating_sub(40) } else { offset });
    let body = body(*kind, &peer, &decision, &version, offset);
    let event = Event {
        id: &id,
        ts: at - u64::from(*other),
        at: Some(at),
        account: &account,
        age_h: Some(f32::from(*other) * 50.0),
        idle_h: None,
        body,
    };
    if let Some(needed) = engine.needs(&event) {
        engine.provide(artifact(needed));
    }
    let mut output = Output::default();
    let outcome = engine.process(&event, offset, &mut output);
    Some((outcome, output))
}

/// A schedule that was run to its end.
struct Run {
    told: Vec<Option<Told>>,
    times: Vec<u64>,
    /// Chunks since the newest whole full checkpoint, and the step at which the newest whole checkpoint began.
    chunks: Vec<Vec<u8>>,
    began: usize,
    engine: Engine,
}

fn run(steps: &[Step], facts: Facts) -> Run {
    let engine = Engine::new(config(facts));
    let mut run = Run { told: Vec::new(), times: Vec::new(), chunks: Vec::new(), began: 0, engine };
    let mut now = T0;
    let mut writing: Option<(usize, bool, Vec<Vec<u8>>)> = None;
    for (at, step) in steps.iter().enumerate() {
        if let Step::Record(.., gap) = step {
            now += gap;
        }
        run.times.push(now);
        run.told.push(process(&mut run.engine, step, now, at as u64));
        match step {
            Step::Begin(full) if writing.is_none() => {
                let full = run.engine.begin_checkpoint(*full || run.chunks.is_empty());
                writing = Some((at, full, Vec::new()));
            }
            Step::Write(bytes_max) => {
                let Some((began, full, mut chunks)) = writing.take() else { continue };
                let mut chunk = Vec::new();
                let done = run.engine.write_checkpoint(*bytes_max, &mut chunk);
                chunks.push(chunk);
                if !done {
                    writing = Some((began, full, chunks));
                    continue;
                }
                if full {
                    run.chunks.clear();
                }
                run.chunks.append(&mut chunks);
                run.began = began;
            }
            Step::Abandon if writing.take().is_some() => run.engine.abandon_checkpoint(),
            _ => {}
        }
    }
    run.engine.abandon_checkpoint();
    run
}

fn restore(facts: Facts, chunks: &[Vec<u8>]) -> Result<Engine, Error> {
    let mut restore = Restore::new(config(facts));
    for chunk in crate::engine::checkpoint::restore::newest_first(chunks) {
        restore.chunk(chunk)?;
    }
    restore.needs().into_iter().for_each(|needed| restore.provide(artifact(needed)));
    restore.finish()
}

/// Everything in it, one frame a record, in a fixed order.
fn content(engine: &mut Engine) -> Vec<(u8, Vec<u8>)> {
    engine.begin_checkpoint(true);
    let mut out = Vec::new();
    while !engine.write_checkpoint(1, &mut out) {}
    let mut content: Vec<_> = frames(&out)
        .map(|frame| frame.expect("we wrote it"))
        .map(|f| (f.tag as u8, f.records.to_vec()))
        .collect();
    content.sort();
    content
}

fn facts() -> impl Strategy<Value = Facts> {
    prop_oneof![Just(Facts::FedBack), Just(Facts::FromLog)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn what_comes_back_decides_as_if_nothing_had_happened(steps in prop::collection::vec(step(), 1..500), facts in facts()) {
        let mut run = run(&steps, facts);
        if run.chunks.is_empty() {
            return Ok(());
        }
        let mut restored = restore(facts, &run.chunks).expect("nothing is damaged");
        for (at, step) in steps.iter().enumerate().skip(run.began) {
            let told = process(&mut restored, step, run.times[at], at as u64);
            prop_assert_eq!(&told, &run.told[at], "step {} of {}", at, steps.len());
        }
        prop_assert_eq!(restored.stats().decisions, run.engine.stats().decisions);
        prop_assert!(content(&mut restored) == content(&mut run.engine));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn no_bytes_make_restoring_panic(
        steps in prop::collection::vec(step(), 50..150),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut run = run(&steps, Facts::FedBack);
        run.engine.begin_checkpoint(true);
        let mut chunk = Vec::new();
        while !run.engine.write_checkpoint(100_000, &mut chunk) {}
        for (at, by) in &flips {
            let at = at.index(chunk.len());
            chunk[at] ^= by;
        }
        if let Some(cut) = cut {
            chunk.truncate(cut.index(chunk.len()));
        }
        if let Ok(mut restored) = restore(Facts::FedBack, &[chunk]) {
            for (at, step) in steps.iter().enumerate() {
                process(&mut restored, step, run.times[at] + 900 * DAY, 10_000 + at as u64);
            }
        }
    }
}

/// A full checkpoint of an engine that has seen a little.
fn small_checkpoint() -> Vec<Vec<u8>> {
    let mut engine = Engine::new(config(Facts::FedBack));
    let steps: Vec<Step> = (0..40).map(|n| Step::Record(n % 5, n, n % 7, MINUTE)).collect();
    for (at, step) in steps.iter().enumerate() {
        process(&mut engine, step, T0 + at as u64 * MINUTE, at as u64);
    }
    engine.begin_checkpoint(false);
    let mut chunks = Vec::new();
    loop {
        let mut chunk = Vec::new();
        let done = engine.write_checkpoint(50_000, &mut chunk);
        chunks.push(chunk);
        if done {
            return chunks;
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let chunks = small_checkpoint();
    let says = |config, chunks: &[Vec<u8>]| {
        Engine::restore(config, chunks, Vec::new()).expect_err("refused").to_string()
    };
    let other = EngineConfig { partition: 3, ..config(Facts::FedBack) };
    assert!(says(other, &chunks).contains("of partition 0, not of 3"));
    let relations = features::RelationLimits { entities_max: 5, contacts_max: 32 };
    assert!(
        says(EngineConfig { relations, ..config(Facts::FedBack) }, &chunks).contains("contacts_max was 16")
    );
    assert!(says(config(Facts::FromLog), &chunks).contains("in another way"));
    assert!(says(config(Facts::FedBack), &chunks[..chunks.len() - 1]).contains("no end"));
    assert!(says(config(Facts::FedBack), &[]).contains("no full layer"));
    let mut format = chunks.clone();
    format[0][5] ^= 4;
    assert!(
        says(config(Facts::FedBack), &format).contains("it has format 1; this weir reads formats 4 and 5")
    );
    // What records put in force is named, with its version.
    let missing = says(config(Facts::FedBack), &chunks);
    assert!(missing.contains("needs policy p v") && missing.contains("exempt e v"), "{missing}");
}

#[test]
fn a_stage_comes_back_and_hears_nothing_twice() {
    use crate::RelationStage;
    let limits = features::RelationLimits { entities_max: 5, contacts_max: 16 };
    let relation = |n: u64| schema::Relation {
        entity: format!("device:d{}", n % 3),
        account: format!("a{}", n % 11),
        ts: T0 + n * 1_000,
        what: schema::Touch::Registered,
        origin: schema::Origin { partition: (n % 2) as u32, offset: n, n: 0 },
    };
    let mut stage = RelationStage::new(limits, 4);
    let mut chunks = Vec::new();
    let mut facts = Vec::new();
    for n in 0..200 {
        stage.process(&relation(n), n, &mut facts);
        if n % 50 == 30 {
            stage.begin_checkpoint(false);
        }
        if n % 50 >= 30 && stage.is_writing_checkpoint() {
            let mut chunk = Vec::new();
            stage.write_checkpoint(300, &mut chunk);
            chunks.push(chunk);
        }
    }
    assert!(!stage.is_writing_checkpoint(), "twenty pieces were enough");
    let mut restored = RelationStage::restore(limits, 4, &chunks).expect("nothing is damaged");
    facts.clear();
    let mut again = Vec::new();
    for n in 100..400 {
        // The newest checkpoint began after record 180.
        let heard = restored.process(&relation(n), n, &mut again);
        assert_eq!(heard, n > 180, "{n}");
    }
    for n in 200..400 {
        stage.process(&relation(n), n, &mut facts);
    }
    assert!(again.ends_with(&facts) && !facts.is_empty());
    let stats = |stage: &RelationStage| (stage.stats().entities, stage.stats().facts);
    assert_eq!(stats(&restored), stats(&stage));
    let other = RelationStage::restore(limits, 5, &chunks).expect_err("of another partition");
    assert!(other.to_string().contains("of partition 4, not of 5"), "{other}");
}

#[test]
fn bans_of_the_hour_are_not_forgotten() {
    let mut budget = Budget::default();
    assert!(budget.has_room(7, T0, 2));
    budget.spend(7);
    budget.spend(7);
    budget.brake();
    let mut bytes = Vec::new();
    budget.put(&mut bytes);
    let mut back = Budget::take(&mut features::checkpoint::Reader::new(&bytes)).expect("whole");
    assert_eq!((back.has_room(7, T0, 2), back.has_room(7, T0, 3), back.braked()), (false, true, 1));
    assert!(back.has_room(8, T0, 2) && back.has_room(7, T0 + HOUR, 2));
}
