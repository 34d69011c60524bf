//! What is sent again, late or by two at once, and what is taken back after somebody else decided.
//!
//! Separate to keep the acts readable.

use std::sync::Barrier;
use std::sync::atomic::Ordering;

use super::*;
use crate::audit::Asked;
use crate::desk::scene::{Confirms, report};

/// Words of the audit chain, in order.
fn chain(scene: &Scene) -> Vec<String> {
    let found = scene.desk.audited(&Asked::default(), 100).expect("readable");
    found.into_iter().rev().map(|one| format!("{} {}", one.entry.actor, one.entry.what)).collect()
}

#[track_caller]
fn not_undone(scene: &Scene, case: &Case, (who, by_lead): (&str, bool), act: &str) -> &'static str {
    match scene.desk.undo(case, who, (act, by_lead, &scene.desk.once())) {
        Err(Error::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn taking_an_act_back_lifts_no_later_verdict() {
    let scene = scene();
    scene.world.arrive(decision("d1", "a", "review", ""));
    let first = scene.open("a");
    let day = Wanted { expires: Some(scene.desk.now() + 86_400_000), ..verdict(Verdict::Ban) };
    let early = scene.desk.act(&first, "x", (&day, "1")).expect("fine");
    scene.world.arrive(report("e1", "a", "p", r#","contact":"account","reason":"child_safety""#));
    let second = scene.open("a");
    let late = scene.desk.act(&second, "y", (&verdict(Verdict::Ban), "2")).expect("fine");
    for who in [("x", false), ("z", true), ("y", true)] {
        assert_eq!(not_undone(&scene, &first, who, &early[0]), "refused.later_verdict", "{who:?}");
    }
    // In their order both can be taken back, and what restores the first is no verdict that stands in the way.
    scene.desk.undo(&second, "y", (&late[0], false, "3")).expect("the last one");
    let undone = scene.desk.undo(&first, "x", (&early[0], false, "4")).expect("then the first");
    assert_eq!(undone[1].verdict, Some(Verdict::Lift));
}

#[test]
fn what_an_appeal_led_to_is_not_taken_back_by_whoever_it_was_against() {
    let scene = scene();
    scene.world.arrive(decision("d1", "a", "review", ""));
    scene.desk.act(&scene.open("a"), "x", (&verdict(Verdict::Ban), "1")).expect("fine");
    scene.world.arrive(appeal("e1", "a", "d1"));
    let appealed = scene.open("a");
    let lift = scene.desk.act(&appealed, "y", (&verdict(Verdict::Lift), "2")).expect("another may");
    let appealed = scene.case(&appealed.id);
    assert_eq!(not_undone(&scene, &appealed, ("x", true), &lift[0]), "refused.own_decision");
    scene.desk.undo(&appealed, "z", (&lift[0], true, "3")).expect("another lead may");
}

#[test]
fn an_act_is_in_the_audit_chain_whatever_the_log_says_and_the_same_form_finds_it_there() {
    let scene = scene();
    scene.world.arrive(decision("d1", "a", "review", ""));
    let case = scene.open("a");
    scene.desk.claim(&case, "x", "0").expect("written");
    let ban = (&verdict(Verdict::Ban), "1");
    for (confirms, state) in [(Confirms::Nothing, State::Open), (Confirms::Late, State::Decided)] {
        scene.world.confirms.store(confirms as u8, Ordering::Relaxed);
        let told = scene.desk.act(&case, "x", ban);
        assert!(matches!(told, Err(Error::Untaken(_))), "{told:?}");
        assert_eq!(scene.case(&case.id).state, state);
    }
    let both = ["x act_ban", "x act_ban_unconfirmed"];
    assert_eq!(chain(&scene), [both, both].concat());
    scene.world.confirms.store(Confirms::All as u8, Ordering::Relaxed);
    let ids = scene.desk.act(&case, "x", ban).expect("the same form: it lies in the log");
    scene.desk.undo(&scene.case(&case.id), "x", (&ids[0], false, "2")).expect("fine");
    assert_eq!(chain(&scene)[4..], ["x act_undo"]);
}

#[test]
fn another_act_of_an_old_form_is_an_act_and_of_two_at_once_one_is_told_that_it_came_late() {
    let scene = scene();
    scene.world.arrive(decision("d1", "a", "review", ""));
    let case = scene.open("a");
    let ids = scene.desk.act(&case, "x", (&verdict(Verdict::Ban), "1")).expect("fine");
    scene.desk.undo(&scene.case(&case.id), "x", (&ids[0], false, "2")).expect("fine");
    scene.desk.act(&case, "x", (&verdict(Verdict::Exempt), "1")).expect("it is done");
    assert_eq!(scene.case(&case.id).outcome, "exempt", "and not only said to be");
    for n in 0..10 {
        scene.world.arrive(decision(&format!("e{n}"), &format!("b{n}"), "review", ""));
        let case = scene.open(&format!("b{n}"));
        scene.desk.claim(&case, "x", "0").expect("written");
        let start = Barrier::new(2);
        let told = std::thread::scope(|scope| {
            let send = |what| {
                start.wait();
                scene.desk.act(&case, "x", (&verdict(what), "1"))
            };
            let lift = scope.spawn(move || send(Verdict::Lift));
            let ban = send(Verdict::Ban);
            [lift.join().expect("it ends"), ban]
        });
        let [lift, ban] = told.map(|told| match told {
            Ok(_) => "done",
            Err(Error::Refused(why)) => why,
            Err(error) => panic!("{error}"),
        });
        let counts = if lift == "done" { (ban, "lift") } else { (lift, "ban") };
        assert_eq!(counts, ("refused.closed", &*scene.case(&case.id).outcome));
    }
}
