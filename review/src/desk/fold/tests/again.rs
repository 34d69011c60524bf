//! What is judged again, blind: where two disagree, and bans.
//!
//! Separate to keep the fold's tests readable.

use super::*;
use crate::desk::queue::{self, Filter};

#[test]
fn where_two_disagree_a_third_who_is_neither_of_them_judges_blind() {
    let habits = Habits { seconds_per_10_000: 10_000, ..PLAIN };
    let scene = scene(habits, &[decision("d1", "a", "review", ""), decision("d2", "b", "review", "")]);
    for (account, said) in [("a", "benign"), ("b", "abusive")] {
        let first = scene.id(account);
        let ban = r#","verdict":"ban""#;
        scene.world.arrive(review(&format!("r1{account}"), (&first, account), ("x", "verdict"), ban));
        let (second, label) = (scene.id(account), format!(r#","label":"{said}""#));
        scene.world.arrive(review(&format!("r2{account}"), (&second, account), ("y", "label"), &label));
    }
    assert_eq!(scene.open("b"), None, "they agree");
    let third = scene.open("a").expect("they do not");
    assert_eq!((third.cause, third.cause.is_blind(), third.escalated), (Cause::Dispute, true, true));
    assert_eq!(["x", "y", "z"].map(|actor| third.excludes(actor)), [true, true, false]);
    assert_eq!(&*third.rule, "busy");
    let next = |actor: &str, is_lead: bool| {
        let seeker = scene.desk.seeker(actor, is_lead);
        let found = scene.desk.store.read(|db| queue::next(db, &seeker, &Filter::default(), &[]));
        found.expect("readable").map(|case| case.account)
    };
    assert_eq!([next("z", false), next("x", true), next("y", true)], [None, None, None]);
    assert_eq!(next("z", true).as_deref(), Some("a"));
    let listed = |filter: &Filter| {
        let found = scene.desk.store.read(|db| queue::page(db, (filter, scene.desk.now()), None, 9));
        found.expect("readable").len()
    };
    let disputes = Filter { cause: Some(Cause::Dispute), ..Filter::default() };
    assert_eq!((listed(&Filter::default()), listed(&disputes)), (0, 1));
    for actor in ["x", "y"] {
        scene.world.arrive(review(&format!("r3{actor}"), (&third.id, "a"), (actor, "claim"), ""));
    }
    assert_eq!(scene.case(&third.id).claimed_by, "");
    scene.world.arrive(review("r4", (&third.id, "a"), ("z", "label"), r#","label":"benign""#));
    assert_eq!(scene.open("a"), None);
    let found = scene.desk.store.read(crate::desk::quality::quality).expect("readable");
    let disputed = |actor: &str| {
        let found = found.disputed.iter().find(|(one, _)| one == actor).map(|(_, one)| *one);
        found.map(|one| (one.judged, one.overturned))
    };
    assert_eq!((disputed("x"), disputed("y")), (Some((1, 1)), Some((1, 0))), "x stood alone");
    assert_eq!(found.disagreements[0].third, Some(schema::Label::Benign));
}

#[test]
fn bans_are_judged_blind_whether_somebody_decided_or_nobody_came_to_them() {
    let habits = Habits { bans_per_10_000: 10_000, cases_per_day: 0, ..PLAIN };
    let arrivals =
        [decision("d1", "a", "ban", ""), decision("d2", "b", "ban", ""), decision("d3", "c", "review", "")];
    let scene = scene(habits, &arrivals);
    let confirm = r#","verdict":"confirm","decision":"d1""#;
    scene.world.arrive(review("r1", (&scene.id("a"), "a"), ("x", "verdict"), confirm));
    let cause = |account: &str| scene.open(account).map(|case| (case.cause, case.decision));
    assert_eq!(cause("a"), Some((Cause::Second, "d1".to_owned())), "by another than x");
    scene.world.arrive(review("r2", (&scene.id("c"), "c"), ("x", "verdict"), r#","verdict":"ban""#));
    assert_eq!(cause("c").map(|(cause, _)| cause), Some(Cause::Second), "a human's ban, too");
    scene.world.pass(DAY_MS);
    scene.world.arrive(report("e", "z", "p", ""));
    assert_eq!(cause("b"), Some((Cause::Audit, "d2".to_owned())), "nobody had come to it");
    scene.world.arrive(review("r3", (&scene.id("a"), "a"), ("y", "label"), r#","label":"benign""#));
    scene.world.arrive(review("r4", (&scene.id("b"), "b"), ("y", "label"), r#","label":"abusive""#));
    let found = scene.desk.store.read(crate::desk::quality::quality).expect("readable");
    let by_rule = |audits: &[(String, crate::desk::quality::Overturned)]| audits[0].1;
    let audited = by_rule(&found.audits[0]);
    assert_eq!((audited.judged, audited.overturned), (2, 1), "automation's bans, judged blind");
}

#[test]
fn a_disagreement_waits_until_nothing_else_is_open_and_is_raised_then() {
    let habits = Habits { seconds_per_10_000: 10_000, ..PLAIN };
    let scene = scene(habits, &[decision("d1", "a", "review", ""), decision("d2", "b", "review", "")]);
    let said = |id: &str, account: &str, (actor, act): (&str, &str), more: &str| {
        let id = format!("{id}{account}");
        scene.world.arrive(review(&id, (&scene.id(account), account), (actor, act), more));
    };
    for account in ["a", "b"] {
        said("r1", account, ("x", "verdict"), r#","verdict":"ban""#);
        // Somebody else has the second review before them while y's label comes in.
        said("r2", account, ("w", "claim"), "");
        said("r3", account, ("y", "label"), r#","label":"benign""#);
        assert_eq!(scene.open(account).map(|case| case.cause), Some(Cause::Second), "w still has it");
    }
    said("r4", "a", ("w", "label"), r#","label":"abusive""#);
    let third = scene.open("a").expect("x and y disagree");
    assert_eq!((third.cause, third.escalated), (Cause::Dispute, true));
    assert_eq!(["x", "y", "w", "z"].map(|actor| third.excludes(actor)), [true, true, true, false]);
    // Something graver comes between, and is itself judged again.
    scene.world.arrive(report("e", "b", "p", r#","reason":"threat""#));
    assert_eq!(scene.open("b").map(|case| case.cause), Some(Cause::Urgent));
    said("r5", "b", ("w", "verdict"), r#","verdict":"ban""#);
    assert_eq!(scene.open("b").map(|case| case.cause), Some(Cause::Second), "it goes on waiting");
    said("r6", "b", ("z", "label"), r#","label":"benign""#);
    let third = scene.open("b").expect("x and y still disagree");
    assert_eq!((third.cause, third.excludes("x"), third.excludes("y")), (Cause::Dispute, true, true));
    said("r7", "b", ("q", "label"), r#","label":"benign""#);
    assert_eq!(scene.open("b"), None, "once");
}
