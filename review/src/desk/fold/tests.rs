//! What records do to cases, sentence by sentence; and any split, repeat or restart against one go.

mod again;

use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::types::Value;
use schema::desk::Arrived;
use tempfile::TempDir;

use super::*;
use crate::desk::case::State;
use crate::desk::scene::{START, World, appeal, decision, report, review};
use crate::desk::{Desk, Habits};

struct Scene {
    world: Arc<World>,
    desk: Arc<Desk>,
    _folder: TempDir,
}

/// No samples: what opens is what the test says.
const PLAIN: Habits = Habits {
    pace: 1.0,
    cases_per_day: 500,
    budgets: BTreeMap::new(),
    audits_per_10_000: 0,
    seconds_per_10_000: 0,
    bans_per_10_000: 0,
    slots_a_lot: 10,
    bulk_alone_max: 20,
    slots_a_golden: 0,
};

fn scene(habits: Habits, arrivals: &[Arrived]) -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    let (world, desk) = World::desk(folder.path(), habits.clone());
    arrivals.iter().for_each(|arrived| world.arrive(arrived.clone()));
    Scene { world, desk, _folder: folder }
}

impl Scene {
    fn open(&self, account: &str) -> Option<Case> {
        self.desk.store.read(|db| Case::open_of(db, account)).expect("readable")
    }

    fn case(&self, id: &str) -> Case {
        self.desk.store.read(|db| Case::load(db, id)).expect("readable").expect("there is such a case")
    }

    fn id(&self, account: &str) -> String {
        self.open(account).expect("an open case").id
    }
}

fn by_human(arrived: Arrived) -> Arrived {
    let Arrived::Decision(decision) = arrived else { panic!("it is one") };
    Arrived::Decision(schema::Decision { source: schema::Source::Reviewer, ..decision })
}

#[test]
fn cases_come_from_policy_bans_appeals_urgent_reports_and_people_and_from_nothing_else() {
    let arrivals = [
        decision("d1", "a1", "review", ""),
        decision("d2", "a2", "ban", ""),
        appeal("e3", "a3", "d9"),
        report("e4", "a4", "p", r#","reason":"threat""#),
        report("e5", "a5", "p", r#","reason":"child_safety""#),
        review("r6", ("k_own", "a6"), ("x", "open"), ""),
        report("e7", "a7", "p", r#","reason":"spam""#),
        decision("d8", "a8", "rate_limit", r#","limit":{"max":5,"per_s":60}"#),
        by_human(decision("d9", "a9", "ban", "")),
        decision("d10", "device:d", "challenge", ""),
    ];
    let scene = scene(PLAIN, &arrivals);
    let causes = (1..=10).map(|n| scene.open(&format!("a{n}")).map(|case| case.cause));
    use Cause::{Appeal, Ban, Opened, Review, Urgent};
    let wanted = [Some(Review), Some(Ban), Some(Appeal), Some(Urgent), Some(Urgent), Some(Opened)];
    assert_eq!(causes.collect::<Vec<_>>()[..6], wanted);
    assert!((7..=10).all(|n| scene.open(&format!("a{n}")).is_none()));
    assert_eq!(scene.id("a6"), "k_own");
    // A shadow decision changes nothing for anybody.
    let Arrived::Decision(ban) = decision("d11", "a11", "ban", "") else { panic!("it is one") };
    scene.world.arrive(Arrived::Decision(schema::Decision { mode: schema::Mode::Shadow, ..ban }));
    assert_eq!(scene.open("a11"), None);
}

#[test]
fn an_account_has_one_open_case_raised_by_whatever_is_stronger() {
    let scene = scene(PLAIN, &[decision("d1", "a", "review", ""), decision("d2", "a", "ban", "")]);
    let case = scene.open("a").expect("open");
    assert_eq!((case.cause, &*case.decision), (Cause::Ban, "d2"));
    scene.world.arrive(decision("d3", "a", "review", ""));
    scene.world.arrive(report("e1", "a", "p", r#","reason":"threat""#));
    let raised = scene.open("a").expect("open");
    assert_eq!((&raised.id, raised.cause, &*raised.decision), (&case.id, Cause::Urgent, "d2"));
    assert!(raised.due_at < case.due_at, "an urgent clock is shorter");
}

#[test]
fn who_claims_first_has_it_until_the_claim_ends_and_a_sign_of_life_renews_it() {
    let scene = scene(PLAIN, &[decision("d1", "a", "review", "")]);
    let id = scene.id("a");
    let claim = |number: u32, actor: &str| {
        scene.world.arrive(review(&format!("r{number}"), (&id, "a"), (actor, "claim"), ""));
        scene.case(&id).holder(scene.world.now.load(std::sync::atomic::Ordering::Relaxed)).map(str::to_owned)
    };
    assert_eq!(claim(1, "x").as_deref(), Some("x"));
    assert_eq!(claim(2, "y").as_deref(), Some("x"));
    scene.world.pass(CLAIM_MS - 1);
    assert_eq!(claim(3, "x").as_deref(), Some("x"), "renewed");
    scene.world.pass(CLAIM_MS - 1);
    assert_eq!(claim(4, "y").as_deref(), Some("x"));
    scene.world.pass(1);
    assert_eq!(claim(5, "y").as_deref(), Some("y"), "the claim had ended");
    scene.world.arrive(review("r6", (&id, "a"), ("x", "release"), ""));
    assert_eq!(scene.case(&id).claimed_by, "y", "nobody gives back what another holds");
    scene.world.arrive(review("r7", (&id, "a"), ("y", "release"), ""));
    assert_eq!(claim(8, "x").as_deref(), Some("x"));
}

#[test]
fn a_verdict_closes_a_label_closes_what_nobody_else_holds_and_undo_opens_again() {
    let arrivals = [decision("d1", "a", "ban", ""), decision("d2", "b", "review", "")];
    let scene = scene(PLAIN, &arrivals);
    let (a, b) = (scene.id("a"), scene.id("b"));
    scene.world.arrive(review("r1", (&a, "a"), ("x", "verdict"), r#","verdict":"lift""#));
    assert_eq!((scene.case(&a).state, &*scene.case(&a).outcome), (State::Decided, "lift"));
    scene.world.arrive(review("r2", (&b, "b"), ("x", "claim"), ""));
    scene.world.arrive(review("r3", (&b, "b"), ("y", "label"), r#","label":"benign""#));
    assert_eq!(scene.case(&b).state, State::Open, "x is at it");
    scene.world.arrive(review("r4", (&b, "b"), ("x", "label"), r#","label":"abusive""#));
    assert_eq!(scene.case(&b).state, State::Decided);
    scene.world.arrive(review("r5", (&a, "a"), ("x", "undo"), r#","undoes":"r1""#));
    let again = scene.case(&a);
    assert_eq!((again.state, &*again.claimed_by, &*again.outcome), (State::Open, "x", ""));
    // What was taken back cannot be taken back again.
    scene.world.arrive(review("r6", (&a, "a"), ("x", "verdict"), r#","verdict":"ban""#));
    scene.world.arrive(review("r7", (&a, "a"), ("x", "undo"), r#","undoes":"r1""#));
    assert_eq!(scene.case(&a).state, State::Decided);
}

#[test]
fn an_appeal_never_goes_to_whoever_decided() {
    let scene = scene(PLAIN, &[decision("d1", "a", "ban", "")]);
    let first = scene.id("a");
    let confirm = r#","verdict":"confirm","decision":"d1""#;
    scene.world.arrive(review("r1", (&first, "a"), ("x", "verdict"), confirm));
    scene.world.arrive(appeal("e1", "a", "d1"));
    let case = scene.open("a").expect("open");
    assert_eq!((case.cause, &*case.excluded, &*case.rule), (Cause::Appeal, "x", "busy"));
    scene.world.arrive(review("r2", (&case.id, "a"), ("x", "claim"), ""));
    assert_eq!(scene.case(&case.id).claimed_by, "");
    scene.world.arrive(review("r3", (&case.id, "a"), ("y", "claim"), ""));
    assert_eq!(scene.case(&case.id).claimed_by, "y");
}

#[test]
fn an_appeal_goes_to_none_of_those_who_decided_also_where_something_graver_is_open() {
    let scene = scene(PLAIN, &[decision("d1", "a", "ban", "")]);
    let first = scene.id("a");
    scene.world.arrive(review("r1", (&first, "a"), ("x", "verdict"), r#","verdict":"ban""#));
    scene.world.arrive(review("r2", (&first, "a"), ("y", "verdict"), r#","verdict":"confirm""#));
    scene.world.arrive(report("e1", "a", "p", r#","reason":"child_safety""#));
    let urgent = scene.open("a").expect("open");
    scene.world.arrive(review("r3", (&urgent.id, "a"), ("x", "claim"), ""));
    assert_eq!((urgent.cause, scene.case(&urgent.id).claimed_by.as_str()), (Cause::Urgent, "x"));
    scene.world.arrive(appeal("e2", "a", "d1"));
    let case = scene.case(&urgent.id);
    assert_eq!((case.cause, &*case.claimed_by), (Cause::Urgent, ""), "it stays urgent, and is given back");
    assert!(case.excludes("x") && case.excludes("y") && !case.excludes("z"), "{}", case.excluded);
}

#[test]
fn what_nobody_came_to_within_the_budget_closes_as_unreviewed_the_least_important_first() {
    let habits = Habits { cases_per_day: 2, ..PLAIN };
    let scores = [0.99, 0.5, 0.95, 0.6];
    let mut arrivals: Vec<Arrived> = (0..4)
        .map(|n| {
            decision(&format!("d{n}"), &format!("a{n}"), "review", &format!(r#","score":{}"#, scores[n]))
        })
        .collect();
    arrivals.push(appeal("e", "b", "d"));
    let scene = scene(habits, &arrivals);
    scene.world.pass(DAY_MS);
    scene.world.arrive(report("e2", "z", "p", ""));
    let open: Vec<bool> = (0..4).map(|n| scene.open(&format!("a{n}")).is_some()).collect();
    assert_eq!(open, [false, true, false, true], "the certain ones went");
    assert!(scene.open("b").is_some(), "what a person asked for never does");
    let labels: i64 = scene
        .desk
        .store
        .read(|db| Ok(db.query_row("SELECT count(*) FROM labels", [], |row| row.get(0))?))
        .expect("readable");
    assert_eq!(labels, 0);
}

#[test]
fn a_sampled_verdict_is_judged_again_blind_by_another_and_an_undo_takes_that_back() {
    let habits = Habits { seconds_per_10_000: 10_000, ..PLAIN };
    let scene = scene(habits, &[decision("d1", "a", "review", "")]);
    let first = scene.id("a");
    scene.world.arrive(review("r1", (&first, "a"), ("x", "label"), r#","label":"abusive""#));
    scene.world.arrive(review("r2", (&first, "a"), ("x", "verdict"), r#","verdict":"ban""#));
    let second = scene.open("a").expect("open");
    assert_eq!((second.cause, &*second.excluded, &*second.of_case), (Cause::Second, "x", &*first));
    scene.world.arrive(review("r3", (&first, "a"), ("x", "undo"), r#","undoes":"r2""#));
    assert_eq!(scene.id("a"), first, "the first is open again, the second gone");
    scene.world.arrive(review("r4", (&first, "a"), ("x", "verdict"), r#","verdict":"lift""#));
    let second = scene.open("a").expect("sampled again");
    scene.world.arrive(review("r5", (&second.id, "a"), ("y", "label"), r#","label":"abusive""#));
    assert_eq!(scene.open("a"), None, "no third review of a second one");
}

#[test]
fn an_account_that_was_drawn_at_random_is_judged_blind() {
    let drawn = |id: &str, account: &str| {
        let Arrived::Decision(mut decision) = decision(id, account, "review", r#","score":0.02"#) else {
            panic!("it is one")
        };
        schema::AUDIT.clone_into(&mut decision.reasons[0].code);
        decision.reasons[0].value = Some(0.01);
        Arrived::Decision(decision)
    };
    let arrivals = [drawn("d1", "a1"), decision("d2", "a2", "review", ""), drawn("d3", "a2")];
    let scene = scene(PLAIN, &arrivals);
    let cause = |account| scene.open(account).map(|case| (case.cause, case.cause.is_blind()));
    assert_eq!(cause("a1"), Some((Cause::Audit, true)));
    assert_eq!(cause("a2"), Some((Cause::Review, false)), "it has a case");
}

#[test]
fn a_sample_of_decisions_is_audited_and_what_is_audited_is_blind() {
    let habits = Habits { audits_per_10_000: 5_000, ..PLAIN };
    let arrivals: Vec<Arrived> = (0..200)
        .map(|n| decision(&format!("d{n}"), &format!("a{n}"), "challenge", r#","score":0.5"#))
        .collect();
    let scene = scene(habits, &arrivals);
    let opened: Vec<Case> = (0..200).filter_map(|n| scene.open(&format!("a{n}"))).collect();
    assert!((60..140).contains(&opened.len()), "{}", opened.len());
    assert!(opened.iter().all(|case| case.cause == Cause::Audit && case.cause.is_blind()));
}

#[test]
fn a_deletion_leaves_nothing() {
    let arrivals = [
        decision("d1", "a", "ban", ""),
        report("e1", "a", "p", r#","reason":"scam""#),
        review("r1", ("k", "a"), ("x", "note"), r#","reason":"seen""#),
        Arrived::Event(format!(r#"{{"id":"e2","ts":{START},"kind":"deletion","account":"a"}}"#)),
    ];
    let scene = scene(PLAIN, &arrivals);
    let tables = dump(&scene.desk);
    let text = format!("{tables:?}");
    assert!(!text.contains("Text(\"a\")"), "{text}");
}

#[test]
fn a_crowd_without_credit_is_no_harm_and_a_believed_reporter_is() {
    let scene = scene(PLAIN, &[decision("d1", "a", "review", ""), decision("d2", "b", "review", "")]);
    for n in 0..40 {
        let more = r#","reason":"scam","contact":"none","peer_age_h":2.0,"peer_device":"farm""#;
        scene.world.arrive(report(&format!("e{n}"), "a", &format!("p{n}"), more));
    }
    let more = r#","reason":"scam","contact":"account","peer_age_h":9000.0"#;
    scene.world.arrive(report("e", "b", "p", more));
    let (a, b) = (scene.open("a").expect("open"), scene.open("b").expect("open"));
    assert!(a.heard < 0.01 && a.reported.is_none(), "{a:?}");
    assert!(b.heard > 0.99 && b.harm() > a.harm());
}

/// Every table of the fold, whole.
fn dump(desk: &Desk) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for table in [
        "cases",
        "causes",
        "skips",
        "said",
        "labels",
        "decided",
        "reported",
        "tally",
        "before",
        "campaigns",
        "campaign_members",
        "campaign_links",
        "restricted",
        "golden",
        "golden_answers",
        "disagreements",
    ] {
        let read = |db: &Connection| {
            let mut query = db.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2"))?;
            let columns = query.column_count();
            let rows = query.query_map([], |row| (0..columns).map(|at| row.get(at)).collect())?;
            Ok(rows.collect::<rusqlite::Result<Vec<Vec<Value>>>>()?)
        };
        all.extend(desk.store.read(read).expect("readable"));
    }
    all
}

/// Anything that may arrive, about few accounts, by few people.
fn arrival() -> impl Strategy<Value = (Arrived, u64)> {
    let what = (0..15_u8, 0..3_u8, 0..3_u8, 0..40_u16, 0..4_000_000_u64);
    what.prop_map(|(kind, account, actor, id, pause)| {
        let (account, actor) = (format!("a{account}"), format!("x{actor}"));
        let case = case_id(&account, Cause::Review, &format!("d0{account}"));
        let said =
            |act: &str, more: &str| review(&format!("r{id}{act}"), (&case, &account), (&actor, act), more);
        let arrived = match kind {
            0 => decision(&format!("d{}{account}", id % 2), &account, "review", r#","score":0.7"#),
            1 => decision(&format!("b{id}"), &account, "ban", r#","score":0.9"#),
            2 => decision(&format!("l{id}"), &account, "rate_limit", r#","limit":{"max":1,"per_s":1}"#),
            3 => report(&format!("e{id}"), &account, &format!("p{}", id % 5), r#","reason":"threat""#),
            4 => report(&format!("f{id}"), &account, &format!("p{}", id % 5), r#","reason":"spam""#),
            5 => appeal(&format!("g{id}"), &account, &format!("b{id}")),
            13 => {
                let named = format!(r#","companions":["a{}","c{}"]"#, id % 3, id % 7);
                decision(&format!("c{id}{account}"), &account, "review", &named)
            }
            6 | 7 => said("claim", ""),
            8 => said("verdict", r#","verdict":"lift""#),
            9 => said("label", r#","label":"abusive""#),
            10 => said("undo", &format!(r#","undoes":"r{}verdict""#, id % 10)),
            11 => said("skip", ""),
            12 => said("escalate", ""),
            _ if id == 0 => Arrived::Event(format!(
                r#"{{"id":"z","ts":{START},"kind":"deletion","account":"{account}"}}"#
            )),
            _ => said("release", ""),
        };
        (arrived, pause)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_split_repeat_or_restart_gives_the_same_tables(
        arrivals in prop::collection::vec(arrival(), 1..120),
        cuts in prop::collection::vec((1..9_usize, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let habits = Habits { cases_per_day: 1, audits_per_10_000: 5_000, seconds_per_10_000: 5_000, bans_per_10_000: 5_000, slots_a_golden: 2, ..PLAIN };
        let mut at = START;
        let entries: Vec<Entry> = arrivals.iter().enumerate().map(|(place, (arrived, pause))| {
            at += pause;
            Entry { position: place as u64 + 1, at, arrived: arrived.clone() }
        }).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let (_world, desk) = World::desk(folder.path(), habits.clone());
        desk.take("journal", &entries, entries.len() as u64).expect("folded");
        let wanted = dump(&desk);

        let folder = tempfile::tempdir().expect("a folder");
        let (mut world, mut desk) = World::desk(folder.path(), habits.clone());
        let (mut done, mut turn) = (0, 0);
        while done < entries.len() {
            let (step, repeats, restarts) = cuts[turn % cuts.len()];
            turn += 1;
            let end = (done + step).min(entries.len());
            // A batch that was read before comes again, as after a kill between commit and acknowledgement.
            let from = if repeats { done.saturating_sub(3) } else { done };
            desk.take("journal", &entries[from..end], end as u64).expect("folded");
            done = end;
            if restarts {
                drop((desk, world));
                (world, desk) = World::desk(folder.path(), habits.clone());
            }
        }
        prop_assert_eq!(dump(&desk), wanted);
        drop(world);
    }
}
