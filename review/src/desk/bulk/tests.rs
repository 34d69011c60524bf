//! Acts on many, sentence by sentence: on cases, on a campaign's members, on what a version did.
//!
//! Separate to keep the acts readable.

mod halted;

use schema::Standing;

use super::*;
use crate::desk::Habits;
use crate::desk::acts::Wanted;
use crate::desk::case::State;
use crate::desk::queue::{self, Filter};
use crate::desk::scene::{START, World, appeal, decision, review};

const BAN: Proposal<'static> = Proposal { act: "ban", label: "abusive", policy: "bulk", reason: "one farm" };

#[test]
fn many_cases_are_decided_at_once_only_with_another_approver_and_all_of_it_can_be_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let habits =
        Habits { seconds_per_10_000: 0, bans_per_10_000: 0, audits_per_10_000: 0, ..Habits::default() };
    let (world, desk) = World::desk(folder.path(), habits);
    for n in 0..30 {
        world.arrive(decision(&format!("d{n}"), &format!("a{n}"), "review", ""));
    }
    world.arrive(appeal("e", "appealed", "d"));
    let id = desk.propose_bulk("x", &Filter::default(), &BAN).expect("fine");
    let bulk = || desk.store.read(|db| load(db, &id)).expect("readable").expect("there");
    assert_eq!((bulk().total(), bulk().needs_another(20)), (30, true), "the appeal is not among them");
    let sampled = desk.store.read(|db| sample(db, &id)).expect("readable");
    assert_eq!(sampled.len(), 10);
    for who in [("x", true), ("y", false)] {
        let refused = desk.approve_bulk(&id, who);
        assert!(matches!(refused, Err(Error::Refused("bulk.another"))), "{who:?} {refused:?}");
    }
    desk.run_bulk(&id).expect("nothing is approved");
    assert_eq!(bulk().counts, [30, 0, 0, 0]);
    // One is taken by somebody else meanwhile.
    let of = |at: usize| sampled[at].case.clone().expect("it is one of the cases").id;
    let held = desk.store.read(|db| Case::load(db, &of(0))).expect("readable").expect("there");
    desk.claim(&held, "z", "1").expect("written");
    desk.approve_bulk(&id, ("y", true)).expect("a lead who did not propose it");
    desk.run_bulk(&id).expect("works");
    assert_eq!((bulk().counts, &*bulk().state), ([0, 29, 1, 0], "done"));
    let why = desk.store.read(|db| passed_over(db, &id)).expect("readable");
    assert_eq!(why, [("refused.held".to_owned(), 1)]);
    let decided = desk.store.read(|db| Case::load(db, &of(1))).expect("readable").expect("there");
    assert_eq!((decided.state, &*decided.outcome), (State::Decided, "ban"));
    // An appeal is for neither of the two who answer for it.
    world.arrive(appeal("e2", &decided.account, "d"));
    let appealed =
        desk.store.read(|db| Case::open_of(db, &decided.account)).expect("readable").expect("open");
    assert!(appealed.excludes("x") && appealed.excludes("y") && !appealed.excludes("z"), "{appealed:?}");
    desk.act(&appealed, "z", (&lift(), "1")).expect("another may");
    desk.turn_bulk(&id, ("x", false), true).expect("its owner may");
    desk.run_bulk(&id).expect("works");
    assert_eq!((bulk().counts, &*bulk().state), ([0, 0, 2, 28], "undone"));
    let why = desk.store.read(|db| passed_over(db, &id)).expect("readable");
    assert_eq!(why, [("refused.held".to_owned(), 1), ("refused.later_verdict".to_owned(), 1)]);
    let again = desk.store.read(|db| Case::load(db, &of(2))).expect("readable").expect("there");
    assert_eq!(again.state, State::Open);
    // What was taken back is nobody's any more.
    world.arrive(appeal("e3", &again.account, "d"));
    let appealed = desk.store.read(|db| Case::open_of(db, &again.account)).expect("readable").expect("open");
    assert!(!appealed.excludes("y"), "{appealed:?}");
}

fn lift() -> Wanted {
    Wanted {
        act: schema::Act::Verdict,
        verdict: Some(Verdict::Lift),
        scope: None,
        limit: None,
        expires: None,
        policy: "no_violation".to_owned(),
        reason: "seen".to_owned(),
        label: None,
        batch: None,
    }
}

#[test]
fn all_that_a_filter_shows_is_acted_on_however_much_it_is_and_what_is_left_out_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (world, desk) = World::desk(folder.path(), Habits::default());
    world.arrive(appeal("e", "appealed", "d"));
    {
        let mut writer = desk.store.writer();
        let transaction = writer.transaction().expect("begins");
        for n in 0..5_500 {
            let case = Case::new(format!("k{n:05}"), &format!("a{n}"), crate::desk::cause::Cause::Opened, 1);
            case.store(&transaction).expect("stored");
        }
        transaction.commit().expect("stored");
    }
    let counted =
        desk.store.read(|db| queue::counted(db, (&Filter::default(), desk.now()))).expect("readable");
    assert_eq!(counted, (5_501, 5_500));
    let label = Proposal { act: "label", ..BAN };
    let id = desk.propose_bulk("x", &Filter::default(), &label).expect("fine");
    let bulk = desk.store.read(|db| load(db, &id)).expect("readable").expect("there");
    assert_eq!((bulk.total(), bulk.shown), (5_500, 5_501));
    let foreseen =
        |why: &[(&'static str, u64)]| Foreseen { asked: 5_000, is_sample: true, why: why.to_vec() };
    assert_eq!(desk.foreseen(&bulk).expect("told"), foreseen(&[]), "so many are asked, and it is said");
    let sampled = desk.store.read(|db| sample(db, &id)).expect("readable");
    desk.claim(sampled[0].case.as_ref().expect("a case"), "z", "1").expect("written");
    assert_eq!(desk.foreseen(&bulk).expect("told"), foreseen(&[("refused.held", 1)]));
}

#[test]
fn a_preview_makes_the_checks_that_each_will_have_to_pass() {
    let folder = tempfile::tempdir().expect("a folder");
    let (world, desk) = World::desk(folder.path(), Habits { audits_per_10_000: 0, ..Habits::default() });
    let mut standings = Vec::new();
    for n in 0..37 {
        let (id, account) = (format!("d{n}"), format!("a{n}"));
        world.arrive(decision(&id, &account, "review", ""));
        if n < 7 {
            standings.push(in_force(&account, &id, "all", ""));
        }
    }
    *world.standings.lock().expect("nobody panics with it") = standings;
    let confirm = Proposal { act: "confirm", label: "", ..BAN };
    let id = desk.propose_bulk("x", &Filter::default(), &confirm).expect("fine");
    let bulk = || desk.store.read(|db| load(db, &id)).expect("readable").expect("there");
    let foreseen = desk.foreseen(&bulk()).expect("told");
    assert_eq!(foreseen, Foreseen { asked: 37, is_sample: false, why: vec![("refused.not_in_force", 30)] });
    desk.approve_bulk(&id, ("y", true)).expect("a lead who did not propose it");
    desk.run_bulk(&id).expect("works");
    assert_eq!(bulk().counts, [0, 7, 30, 0], "as it was foreseen");
    // What a version did is asked about, too, and more than one act is about is told.
    let whole = Made { source: "rule".to_owned(), rule: "*".to_owned(), version: "p".to_owned() };
    {
        let writer = desk.store.writer();
        let sql = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100001)
            INSERT INTO restricted SELECT 'v' || n, 'all', 'e' || n, 'warn', 'rule', 'busy', 'r', 'p', n, NULL, '' FROM n";
        writer.execute(sql, []).expect("written");
    }
    let id = desk.propose_undoing("x", &whole, ("no_violation", "a bad release")).expect("fine");
    let bulk = desk.store.read(|db| load(db, &id)).expect("readable").expect("there");
    assert_eq!((bulk.total(), bulk.shown), (100_000, 100_001));
    let foreseen = desk.foreseen(&bulk).expect("told");
    assert_eq!((foreseen.why, foreseen.is_sample), (vec![("bulk.ended", 5_000)], true));
}

#[test]
fn what_is_stopped_goes_no_further_and_what_is_incomplete_is_not_proposed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (world, desk) = World::desk(folder.path(), Habits::default());
    world.arrive(decision("d", "a", "review", ""));
    let refused = |what: Proposal<'_>| match desk.propose_bulk("x", &Filter::default(), &what) {
        Err(Error::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(Proposal { reason: "", ..BAN }), "refused.no_reason");
    assert_eq!(refused(Proposal { policy: "", ..BAN }), "refused.no_policy");
    assert_eq!(refused(Proposal { act: "skip", ..BAN }), "refused.no_act");
    let id = desk.propose_bulk("x", &Filter::default(), &BAN).expect("fine");
    desk.turn_bulk(&id, ("x", false), false).expect("its owner stops it");
    desk.run_bulk(&id).expect("nothing happens");
    let bulk = desk.store.read(|db| load(db, &id)).expect("readable").expect("there");
    assert_eq!((&*bulk.state, bulk.counts), ("cancelled", [1, 0, 0, 0]));
    desk.approve_bulk(&id, ("x", false)).expect("few need no other, and it goes on");
    desk.run_bulk(&id).expect("works");
    let bulk = desk.store.read(|db| load(db, &id)).expect("readable").expect("there");
    assert_eq!((&*bulk.state, bulk.counts), ("done", [0, 1, 0, 0]));
}

/// What is in force for an account, as the engine would tell it.
fn in_force(account: &str, decision: &str, scope: &str, more: &str) -> Standing {
    let text = format!(
        r#"{{"account":"{account}","seq":1,"as_of":1,"restrictions":[{{"scope":"{scope}","action":"rate_limit",
        "limit":{{"max":5,"per_s":3600}},"expires":{},"decision":"{decision}","reason":"bulk","message":"m"}}{more}]}}"#,
        START + 86_400_000
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What was written about an account, as verdict and case.
fn verdicts(desk: &Desk, account: &str) -> Vec<String> {
    let sql = "SELECT body ->> 'verdict' || ' ' || case_id FROM said WHERE account = ?1 AND act = 'verdict' ORDER BY position";
    let read = |db: &Connection| {
        let mut query = db.prepare(sql)?;
        let rows = query.query_map([account], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<Vec<String>>>()?)
    };
    desk.store.read(read).expect("readable")
}

const LIMIT: &str = r#","limit":{"max":5,"per_s":3600}"#;

#[test]
fn what_a_version_did_is_lifted_in_one_act_and_nothing_else_goes_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (world, desk) = World::desk(folder.path(), Habits::default());
    let mut standings = Vec::new();
    for n in 0..250 {
        let (id, account) = (format!("d{n}"), format!("a{n}"));
        world.arrive(decision(&id, &account, "rate_limit", LIMIT));
        standings.push(in_force(&account, &id, "all", ""));
    }
    world.arrive(decision("old", "b", "rate_limit", LIMIT));
    // One has ended since, one is under a human's word, too.
    standings.push(Standing { restrictions: Vec::new(), ..in_force("b", "old", "all", "") });
    let human = r#",{"scope":"messages","action":"ban","expires":null,"decision":"h","reason":"r","message":"m","human":true}"#;
    standings[7] = in_force("a7", "d7", "all", human);
    *world.standings.lock().expect("nobody panics with it") = standings;
    let found = desk.store.read(|db| made(db, desk.now(), 9)).expect("readable");
    let texts: Vec<(String, u64)> = found.iter().map(|(made, count)| (made.text(), *count)).collect();
    assert_eq!(texts, [("rule/*/p".to_owned(), 251), ("rule/busy/p".to_owned(), 251)]);
    assert_eq!(Made::parse("rule/busy/p"), Some(found[1].0.clone()));
    let id = desk.propose_undoing("x", &found[1].0, ("no_violation", "a bad release")).expect("fine");
    let bulk = || desk.store.read(|db| load(db, &id)).expect("readable").expect("there");
    assert_eq!((bulk().total(), bulk().needs_another(20)), (251, true));
    assert_eq!(desk.store.read(|db| by_action(db, &id)).expect("readable"), [("rate_limit".to_owned(), 251)]);
    desk.approve_bulk(&id, ("y", true)).expect("a lead who did not propose it");
    desk.run_bulk(&id).expect("works");
    assert_eq!((bulk().counts, &*bulk().state), ([0, 249, 2, 0], "done"));
    let why = desk.store.read(|db| passed_over(db, &id)).expect("readable");
    assert_eq!(why, [("bulk.ended".to_owned(), 1), ("bulk.not_alone".to_owned(), 1)]);
    assert_eq!(verdicts(&desk, "a3"), ["lift restored"]);
    assert_eq!(verdicts(&desk, "a7"), [""; 0]);
    // A human decided about one since: what the version did does not come back over that.
    world.arrive(review("h", ("k", "a9"), ("z", "verdict"), r#","verdict":"exempt""#));
    desk.turn_bulk(&id, ("x", false), true).expect("its owner may");
    desk.run_bulk(&id).expect("works");
    assert_eq!((bulk().counts, &*bulk().state), ([0, 0, 3, 248], "undone"));
    assert_eq!(verdicts(&desk, "a3"), ["lift restored", "change restored"]);
    assert_eq!(verdicts(&desk, "a9"), ["lift restored", "exempt k"]);
}

#[test]
fn what_rules_over_its_score_did_is_the_models_doing_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (world, desk) = World::desk(folder.path(), Habits::default());
    let mut standings = Vec::new();
    for n in 0..6 {
        let (id, account) = (format!("d{n}"), format!("a{n}"));
        let schema::desk::Arrived::Decision(mut decided) = decision(&id, &account, "rate_limit", LIMIT)
        else {
            panic!("it is one")
        };
        match n {
            0 => decided.source = schema::Source::Model,
            1..4 => decided.reasons.push(schema::Reason {
                code: schema::MODEL_SCORE.to_owned(),
                feature: None,
                value: Some(0.99),
                contribution: None,
            }),
            _ => {}
        }
        world.arrive(schema::desk::Arrived::Decision(decided));
        standings.push(in_force(&account, &id, "all", ""));
    }
    *world.standings.lock().expect("nobody panics with it") = standings;
    let found = desk.store.read(|db| made(db, desk.now(), 9)).expect("readable");
    let texts: Vec<(String, u64)> = found.iter().map(|(made, count)| (made.text(), *count)).collect();
    let wanted =
        [("rule/*/p", 5), ("rule/busy/p", 5), ("model/*/m", 4)].map(|(text, count)| (text.to_owned(), count));
    assert_eq!(texts, wanted);
    let id = desk.propose_undoing("x", &found[2].0, ("no_violation", "a bad model")).expect("fine");
    desk.approve_bulk(&id, ("x", false)).expect("few need no other");
    desk.run_bulk(&id).expect("works");
    let bulk = desk.store.read(|db| load(db, &id)).expect("readable").expect("there");
    assert_eq!(bulk.counts, [0, 4, 0, 0]);
    assert_eq!(
        (verdicts(&desk, "a2"), verdicts(&desk, "a4")),
        (vec!["lift restored".to_owned()], Vec::new())
    );
}

#[test]
fn a_campaign_is_acted_on_as_one_and_who_has_only_its_company_is_not_banned() {
    let folder = tempfile::tempdir().expect("a folder");
    let habits =
        Habits { seconds_per_10_000: 0, bans_per_10_000: 0, audits_per_10_000: 0, ..Habits::default() };
    let (world, desk) = World::desk(folder.path(), habits);
    for n in 0..6 {
        let named = format!(r#","companions":["a{}","a{}"]"#, (n + 1) % 6, (n + 2) % 6);
        world.arrive(decision(&format!("d{n}"), &format!("a{n}"), "review", &named));
    }
    for n in 0..4 {
        world.arrive(decision(&format!("l{n}"), &format!("a{n}"), "rate_limit", LIMIT));
    }
    world.arrive(appeal("e", "a3", "l3"));
    let campaign = desk.store.read(|db| crate::desk::campaign::of(db, "a0")).expect("readable").expect("one");
    let id = desk.propose_campaign("x", &campaign, &BAN).expect("fine");
    let proposed = desk.store.read(|db| load(db, &id)).expect("readable").expect("there");
    let foreseen = [("campaign.no_evidence", 2), ("campaign.own_case", 1)];
    assert_eq!(
        desk.foreseen(&proposed).expect("told").why,
        foreseen,
        "the preview tells what it will pass over"
    );
    desk.approve_bulk(&id, ("x", false)).expect("few need no other");
    desk.run_bulk(&id).expect("works");
    let bulk = || desk.store.read(|db| load(db, &id)).expect("readable").expect("there");
    assert_eq!((bulk().counts, &*bulk().state), ([0, 3, 3, 0], "done"));
    let why = desk.store.read(|db| passed_over(db, &id)).expect("readable");
    assert_eq!(why, [("campaign.no_evidence".to_owned(), 2), ("campaign.own_case".to_owned(), 1)]);
    assert!(verdicts(&desk, "a0")[0].starts_with("ban k_"), "{:?}", verdicts(&desk, "a0"));
    assert_eq!(verdicts(&desk, "a5"), [""; 0]);
    desk.turn_bulk(&id, ("x", false), true).expect("its owner may");
    desk.run_bulk(&id).expect("works");
    assert_eq!((bulk().counts, &*bulk().state), ([0, 0, 3, 3], "undone"));
    assert_eq!(verdicts(&desk, "a0").len(), 2, "a lift took the ban back");
}
