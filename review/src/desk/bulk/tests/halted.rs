//! Acts on many that cannot go on for a while, or whose process ends.
//!
//! Separate to keep the others readable.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::desk::scene::Confirms;

fn bulk(desk: &Desk, id: &str) -> Bulk {
    desk.store.read(|db| load(db, id)).expect("readable").expect("there")
}

/// It stops before the next, and says why.
fn halt(world: &World, desk: &Desk, id: &str, confirms: Confirms) {
    world.confirms.store(confirms as u8, Ordering::Relaxed);
    let halted = desk.run_bulk(id);
    assert!(matches!(halted, Err(Error::Untaken(_))), "{halted:?}");
    assert_eq!(bulk(desk, id).halted, "bulk.log_down");
}

/// As after a start: what was under way goes on by itself.
fn go_on(world: &World, desk: &Arc<Desk>, id: &str, end: &str) {
    world.confirms.store(Confirms::All as u8, Ordering::Relaxed);
    desk.go_on().expect("readable");
    for _ in 0..600 {
        if bulk(desk, id).state == end {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!((&*bulk(desk, id).state, &*bulk(desk, id).halted), (end, ""));
}

#[test]
fn what_the_log_has_is_done_though_nobody_heard_of_it_and_is_taken_back_with_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let habits =
        Habits { seconds_per_10_000: 0, bans_per_10_000: 0, audits_per_10_000: 0, ..Habits::default() };
    let (world, desk) = World::desk(folder.path(), habits);
    for n in 0..5 {
        world.arrive(decision(&format!("d{n}"), &format!("a{n}"), "review", ""));
        let case =
            desk.store.read(|db| Case::open_of(db, &format!("a{n}"))).expect("readable").expect("open");
        desk.claim(&case, "x", "1").expect("theirs");
    }
    let id = desk.propose_bulk("x", &Filter::default(), &BAN).expect("fine");
    desk.approve_bulk(&id, ("x", false)).expect("few need no other");
    for confirms in [Confirms::Nothing, Confirms::Late, Confirms::Late] {
        halt(&world, &desk, &id, confirms);
    }
    go_on(&world, &desk, &id, "done");
    assert_eq!(bulk(&desk, &id).counts, [0, 5, 0, 0], "none was passed over");
    desk.turn_bulk(&id, ("x", false), true).expect("its owner may");
    for confirms in [Confirms::Nothing, Confirms::Late, Confirms::Late] {
        halt(&world, &desk, &id, confirms);
    }
    go_on(&world, &desk, &id, "undone");
    assert_eq!(bulk(&desk, &id).counts, [0, 0, 0, 5], "none stays in force");
    for n in 0..5 {
        let account = format!("a{n}");
        assert_eq!(verdicts(&desk, &account).len(), 2, "a ban, and once a lift that takes it back");
    }
    let chain = desk.audited(&audit::Asked::default(), 10).expect("readable");
    let words: Vec<&str> = chain.iter().rev().map(|one| &*one.entry.what).collect();
    assert_eq!(words, ["bulk_approve", "bulk_undo"]);
}

#[test]
fn what_a_version_did_is_lifted_though_the_process_ended_before_it_heard_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (world, desk) = World::desk(folder.path(), Habits::default());
    for n in 0..3 {
        world.arrive(decision(&format!("d{n}"), &format!("a{n}"), "rate_limit", LIMIT));
    }
    let standings = (0..3).map(|n| in_force(&format!("a{n}"), &format!("d{n}"), "all", "")).collect();
    *world.standings.lock().expect("nobody panics with it") = standings;
    let made = Made { source: "rule".to_owned(), rule: "*".to_owned(), version: "p".to_owned() };
    let id = desk.propose_undoing("x", &made, ("no_violation", "a bad release")).expect("fine");
    desk.approve_bulk(&id, ("x", false)).expect("few need no other");
    halt(&world, &desk, &id, Confirms::Nothing);
    // The log had it all the same, and nothing is in force any more, but the desk has not read so far.
    world.standings.lock().expect("nobody panics with it").clear();
    go_on(&world, &desk, &id, "done");
    assert_eq!(bulk(&desk, &id).counts, [0, 3, 0, 0]);
    desk.turn_bulk(&id, ("x", false), true).expect("its owner may");
    halt(&world, &desk, &id, Confirms::Late);
    go_on(&world, &desk, &id, "undone");
    assert_eq!(bulk(&desk, &id).counts, [0, 0, 0, 3]);
    assert_eq!(verdicts(&desk, "a1"), ["lift restored", "change restored"]);
}
