//! What may be done, by whom, and what taking back writes.

mod again;

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::desk::Habits;
use crate::desk::scene::{World, appeal, decision};

struct Scene {
    world: Arc<World>,
    desk: Arc<Desk>,
    _folder: TempDir,
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    let habits =
        Habits { audits_per_10_000: 0, seconds_per_10_000: 0, bans_per_10_000: 0, ..Habits::default() };
    let (world, desk) = World::desk(folder.path(), habits);
    Scene { world, desk, _folder: folder }
}

impl Scene {
    fn open(&self, account: &str) -> Case {
        self.desk.store.read(|db| Case::open_of(db, account)).expect("readable").expect("an open case")
    }

    fn case(&self, id: &str) -> Case {
        self.desk.store.read(|db| Case::load(db, id)).expect("readable").expect("there is such a case")
    }

    #[track_caller]
    fn refused(&self, case: &Case, actor: &str, wanted: &Wanted) -> &'static str {
        match self.desk.act(case, actor, (wanted, "o")) {
            Err(Error::Refused(why)) => why,
            other => panic!("not refused: {other:?}"),
        }
    }
}

fn verdict(verdict: Verdict) -> Wanted {
    Wanted {
        verdict: Some(verdict),
        policy: "bulk".to_owned(),
        reason: "seen".to_owned(),
        ..plain(Act::Verdict)
    }
}

fn plain(act: Act) -> Wanted {
    Wanted {
        act,
        verdict: None,
        scope: None,
        limit: None,
        expires: None,
        policy: String::new(),
        reason: String::new(),
        label: None,
        batch: None,
    }
}

fn label() -> Wanted {
    let (policy, reason) = ("no_violation".to_owned(), reason("nothing", " "));
    Wanted { label: Some(Label::Benign), policy, reason, ..plain(Act::Label) }
}

#[test]
fn every_act_needs_a_reason_and_all_but_passing_over_a_clause() {
    let scene = scene();
    scene.world.arrive(decision("d1", "a", "review", ""));
    let case = scene.open("a");
    let acts =
        [label(), plain(Act::Note), plain(Act::Escalate), verdict(Verdict::Lift), verdict(Verdict::Exempt)];
    for whole in acts.map(|one| Wanted { policy: "bulk".to_owned(), reason: "seen".to_owned(), ..one }) {
        let without = [
            (Wanted { reason: "  ".to_owned(), ..whole.clone() }, "refused.no_reason"),
            (Wanted { policy: String::new(), ..whole.clone() }, "refused.no_policy"),
            (Wanted { policy: "unheard_of".to_owned(), ..whole.clone() }, "refused.no_policy"),
        ];
        for (wanted, why) in without {
            assert_eq!(scene.refused(&case, "x", &wanted), why, "{wanted:?}");
        }
    }
    assert_eq!(scene.refused(&case, "x", &plain(Act::Skip)), "refused.no_reason");
    let skip = Wanted { reason: reason("not_mine", ""), ..plain(Act::Skip) };
    scene.desk.act(&case, "x", (&skip, "o")).expect("a key is enough");
    assert_eq!([reason("thin", "so far"), reason("x", "y")], ["thin: so far", "y"]);
}

#[test]
fn a_verdict_needs_a_reason_a_clause_and_something_to_act_on() {
    let scene = scene();
    scene.world.arrive(decision("d1", "a", "review", ""));
    let case = scene.open("a");
    let ban = verdict(Verdict::Ban);
    assert_eq!(
        scene.refused(&case, "x", &Wanted { reason: " ".to_owned(), ..ban.clone() }),
        "refused.no_reason"
    );
    assert_eq!(
        scene.refused(&case, "x", &Wanted { policy: String::new(), ..ban.clone() }),
        "refused.no_policy"
    );
    assert_eq!(scene.refused(&case, "x", &Wanted { expires: Some(5), ..ban.clone() }), "refused.past");
    assert_eq!(scene.refused(&case, "x", &verdict(Verdict::Confirm)), "refused.not_in_force");
    assert_eq!(scene.refused(&case, "x", &verdict(Verdict::Change)), "refused.nothing_to_change");
    assert_eq!(scene.refused(&case, "x", &plain(Act::Escalate)), "refused.no_reason");
    assert_eq!(scene.refused(&case, "x", &plain(Act::Label)), "refused.no_label");
    assert_eq!(scene.case(&case.id).state, State::Open, "nothing of it was done");
    let ids =
        scene.desk.act(&case, "x", (&Wanted { label: Some(Label::Abusive), ..ban }, "o")).expect("fine");
    assert_eq!(ids.len(), 2, "the verdict and its label");
    assert_eq!(scene.case(&case.id).outcome, "ban");
    assert_eq!(scene.refused(&scene.case(&case.id), "x", &verdict(Verdict::Lift)), "refused.closed");
}

#[test]
fn nobody_acts_on_what_another_holds_nor_on_an_appeal_against_themselves() {
    let scene = scene();
    scene.world.arrive(decision("d1", "a", "ban", ""));
    let case = scene.open("a");
    assert_eq!(scene.desk.claim(&case, "y", "1").expect("written"), Claimed::Yes);
    assert_eq!(scene.desk.claim(&case, "x", "2").expect("written"), Claimed::No("y".to_owned()));
    assert_eq!(scene.refused(&scene.case(&case.id), "x", &verdict(Verdict::Lift)), "refused.held");
    // Also if what is on the screen is older than the other's claim.
    assert_eq!(scene.refused(&case, "x", &verdict(Verdict::Lift)), "refused.held");
    scene.desk.act(&scene.case(&case.id), "y", (&verdict(Verdict::Ban), "3")).expect("fine");
    scene.world.arrive(appeal("e1", "a", "d1"));
    let appealed = scene.open("a");
    assert_eq!(scene.refused(&appealed, "y", &verdict(Verdict::Lift)), "refused.own_decision");
    scene.desk.act(&appealed, "x", (&verdict(Verdict::Lift), "4")).expect("another may");
}

#[test]
fn the_same_act_sent_twice_is_one_and_taking_back_restores_what_was() {
    let scene = scene();
    scene.world.arrive(decision("d1", "a", "review", ""));
    let limit = Limit { max: 5, per_s: 3_600 };
    let restriction = Restriction {
        scope: Scope::NewChats,
        action: Action::RateLimit,
        limit: Some(limit),
        expires: Some(scene.desk.now() + 1_000),
        decision: "d0".to_owned(),
        reason: "bulk".to_owned(),
        message: "m".to_owned(),
        human: false,
    };
    let standing = Standing { account: "a".to_owned(), seq: 1, as_of: 1, restrictions: vec![restriction] };
    scene.world.standings.lock().expect("free").push(standing);
    let case = scene.open("a");
    let ids = scene.desk.act(&case, "x", (&verdict(Verdict::Lift), "o")).expect("fine");
    let repeated = scene.desk.act(&case, "x", (&verdict(Verdict::Lift), "o")).expect("the same form again");
    assert_eq!(repeated, ids);
    let other = scene.desk.undo(&case, "y", (&ids[0], false, "p"));
    assert!(matches!(other, Err(Error::Refused("refused.not_yours"))), "{other:?}");
    let undone = scene.desk.undo(&case, "x", (&ids[0], false, "p")).expect("fine");
    let acts: Vec<(Act, Option<Verdict>)> = undone.iter().map(|one| (one.act, one.verdict)).collect();
    assert_eq!(acts, [(Act::Undo, None), (Act::Verdict, Some(Verdict::Change))]);
    assert_eq!((undone[1].limit, undone[1].scope), (Some(limit), Some(Scope::NewChats)));
    let again = scene.case(&case.id);
    assert_eq!((again.state, &*again.claimed_by), (State::Open, "x"));
    let second = scene.desk.undo(&case, "x", (&ids[0], true, "q"));
    assert!(matches!(second, Err(Error::Refused("refused.nothing_to_undo"))), "{second:?}");
    assert_eq!(
        scene.refused(&again, "x", &verdict(Verdict::Lift)),
        "refused.form_old",
        "it would do nothing"
    );
}

#[test]
fn two_who_ask_at_once_are_offered_two_cases_and_a_lost_race_goes_on() {
    let scene = scene();
    scene.world.arrive(decision("d1", "a", "review", r#","score":0.5"#));
    scene.world.arrive(decision("d2", "b", "review", r#","score":0.6"#));
    let seeker = |actor| scene.desk.seeker(actor, false);
    let everything = Filter::default();
    let offered =
        |actor| scene.desk.offer(&seeker(actor), &everything, &[]).expect("readable").map(|c| c.account);
    assert_eq!((offered("x").as_deref(), offered("y").as_deref()), (Some("a"), Some("b")));
    assert_eq!(offered("x").as_deref(), Some("a"), "the same again");
    let a = scene.open("a");
    assert_eq!(scene.desk.claim(&a, "z", "1").expect("written"), Claimed::Yes);
    let got = scene.desk.take_next(&seeker("x"), (&everything, Some(&a.id)), "2").expect("fine");
    assert_eq!(got.map(|case| case.account), None, "b is offered to y");
    scene.world.pass(OFFER_MS + 1);
    let got = scene.desk.take_next(&seeker("x"), (&everything, Some(&a.id)), "3").expect("fine");
    assert_eq!(got.expect("b").account, "b");
}

#[test]
fn a_blind_case_is_labelled_and_not_decided() {
    let folder = tempfile::tempdir().expect("a folder");
    let habits = Habits { audits_per_10_000: 10_000, ..Habits::default() };
    let (world, desk) = World::desk(folder.path(), habits);
    world.arrive(decision("d1", "a", "challenge", r#","score":0.5"#));
    let scene = Scene { world, desk, _folder: folder };
    let case = scene.open("a");
    assert_eq!(scene.refused(&case, "x", &verdict(Verdict::Ban)), "refused.blind");
    let is_blind = || {
        let read = |db: &rusqlite::Connection| {
            Ok(db.query_row("SELECT blind FROM labels", [], |row| row.get::<_, bool>(0))?)
        };
        scene.desk.store.read(read).expect("readable")
    };
    let ids = scene.desk.act(&case, "x", (&label(), "o")).expect("fine");
    assert!(is_blind());
    // Taken back after the rest was shown, it is blind no more.
    scene.desk.note_shown("x", &case.id, &[("a", &["timeline", "score"])]).expect("noted");
    scene.desk.undo(&scene.case(&case.id), "x", (&ids[0], false, "p")).expect("fine");
    scene.desk.act(&scene.case(&case.id), "x", (&label(), "q")).expect("fine");
    assert!(!is_blind());
}

#[test]
fn what_is_for_leads_is_no_next_case_of_a_reviewers_whatever_the_form_says() {
    let scene = scene();
    scene.world.arrive(decision("d1", "a", "review", ""));
    let case = scene.open("a");
    scene
        .desk
        .store
        .writer()
        .execute("UPDATE cases SET cause = ?1", [Cause::Dispute as i64])
        .expect("written");
    let everything = Filter::default();
    let got = |is_lead: bool, once: &str| {
        let seeker = scene.desk.seeker("x", is_lead);
        scene.desk.take_next(&seeker, (&everything, Some(&case.id)), once).expect("fine").map(|case| case.id)
    };
    scene.desk.store.writer().execute("UPDATE cases SET escalated = 1", []).expect("written");
    assert_eq!(got(false, "1"), None);
    assert_eq!(scene.case(&case.id).claimed_by, "");
    assert_eq!(got(true, "2"), Some(case.id.clone()));
}
