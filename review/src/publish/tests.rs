//! What it takes to put something in force, on a real store; the log only remembers what it was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use schema::event::ControlKind;

use super::*;
use crate::bare::{self, Shelf};
use crate::desk::Settings;
use crate::people::Role;
use crate::strings::Language;

fn viewer(id: &str) -> Viewer {
    let t = Language::English.strings();
    Viewer {
        lacks_factor: false,
        id: id.to_owned(),
        name: id.to_owned(),
        role: Role::Publisher,
        csrf: String::new(),
        theme: String::new(),
        t,
    }
}

fn policy(version: &str) -> Shelved {
    Shelved { kind: ControlKind::Policy, name: "strict".to_owned(), version: version.to_owned() }
}

fn scene(folder: &std::path::Path) -> (Arc<Desk>, Arc<Shelf>) {
    let (desk, shelf, _) = scene_with_a_clock(folder);
    (desk, shelf)
}

fn scene_with_a_clock(folder: &std::path::Path) -> (Arc<Desk>, Arc<Shelf>, Arc<AtomicU64>) {
    let shelf = Arc::new(Shelf::with(vec![policy("1"), policy("2")]));
    let (desk, clock) = bare::desk_with(folder, Settings::default(), Arc::clone(&shelf));
    (desk, shelf, clock)
}

#[track_caller]
fn refused(done: Result<(), Error>, key: &str) {
    match done {
        Err(Error::Refused(found)) => assert_eq!(found, key),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_proposes_does_not_put_in_force_and_going_back_needs_one_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (desk, shelf, clock) = scene_with_a_clock(folder.path());
    let later = || clock.fetch_add(1_000, Ordering::Relaxed);
    let (ada, ben) = (viewer("u_ada"), viewer("u_ben"));
    refused(desk.propose(&ada, &policy("1"), (" ", false)).map(drop), "control.note_missing");
    refused(desk.propose(&ada, &policy("3"), ("better", false)).map(drop), "control.not_there");
    let first = desk.propose(&ada, &policy("1"), ("better", false)).expect("it lies there");
    refused(desk.activate(&ada, &first, "1"), "control.own");
    refused(desk.activate(&ben, &first, "strict"), "control.typed_wrong");
    assert_eq!(shelf.wanted(), Vec::<String>::new());
    desk.activate(&ben, &first, "1").expect("another person");
    later();
    let second = desk.propose(&ben, &policy("2"), ("better still", false)).expect("it lies there");
    desk.activate(&ada, &second, "2").expect("another person");
    later();
    desk.activate(&ada, &first, "1").expect("it was in force before");
    refused(desk.activate(&ben, &second, "2"), "control.own");
    let third = desk.propose(&ada, &policy("2"), ("again", false)).expect("it lies there");
    desk.withdraw(&ben, &third).expect("it is open");
    refused(desk.activate(&ben, &third, "2"), "control.gone");
    refused(desk.withdraw(&ben, &third), "control.gone");
    assert_eq!(
        shelf.wanted(),
        ["policy strict 1 by u_ben", "policy strict 2 by u_ada", "policy strict 1 by u_ada"]
    );
    let words: Vec<String> = desk
        .audited(&audit::Asked::default(), 20)
        .expect("reads")
        .into_iter()
        .rev()
        .map(|sealed| format!("{} {}", sealed.entry.what, sealed.entry.actor))
        .collect();
    let expected = [
        "propose u_ada",
        "activate u_ben",
        "propose u_ben",
        "activate u_ada",
        "roll_back u_ada",
        "propose u_ada",
        "withdraw u_ben",
    ];
    assert_eq!(words, expected, "nothing that was refused");
}

#[test]
fn the_kill_switch_needs_its_name_and_a_reason_and_one_person() {
    let folder = tempfile::tempdir().expect("a folder");
    let (desk, shelf) = scene(folder.path());
    let ada = viewer("u_ada");
    refused(desk.kill(&ada, true, ("on", "it bans everybody")), "control.typed_wrong");
    refused(desk.kill(&ada, true, ("enforcement", "")), "control.note_missing");
    desk.kill(&ada, true, ("enforcement", "it bans everybody")).expect("taken");
    desk.kill(&ada, false, ("enforcement", "mended")).expect("taken");
    assert_eq!(shelf.wanted(), ["kill enforcement on by u_ada", "kill enforcement off by u_ada"]);
    shelf.refuse();
    refused(desk.kill(&ada, true, ("enforcement", "again")), "control.log_down");
}

#[test]
fn a_pseudonym_is_shown_whole_for_a_reason_that_is_kept_beside_its_fingerprint() {
    let folder = tempfile::tempdir().expect("a folder");
    let (desk, _) = scene(folder.path());
    let (ada, account) = (viewer("u_ada"), "a_9f3c2d71e0b4aa55");
    refused(desk.reveal(&ada, account, "why"), "reveal.reason_missing");
    desk.reveal(&ada, account, "police request 17").expect("a reason");
    let asked = audit::Asked { subject: account.to_owned(), ..audit::Asked::default() };
    let found = desk.audited(&asked, 20).expect("reads");
    assert_eq!(found.len(), 1, "found by the whole pseudonym");
    let entry = &found[0].entry;
    assert!(
        entry.subject.starts_with("a_9f3c2d71…#") && !entry.subject.contains(account),
        "{}",
        entry.subject
    );
    assert_eq!((&*entry.what, &*entry.detail), ("reveal_account", "police request 17"));
}
