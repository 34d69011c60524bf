//! What holds of people and their sessions, on a real store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::desk::Settings;
use crate::{audit, bare};

const PASSWORD: &str = "river holds the debris back";

struct Scene {
    _folder: tempfile::TempDir,
    path: std::path::PathBuf,
    desk: Arc<Desk>,
    clock: Arc<AtomicU64>,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::tempdir().expect("a folder");
        let (desk, clock) = bare::desk(folder.path(), Settings::default());
        Scene { path: folder.path().join("review.db"), _folder: folder, desk, clock }
    }

    fn later(&self, ms: u64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    /// The first administrator; gives the pseudonym.
    fn first(&self, name: &str) -> String {
        let link = self.desk.first_link().expect("works").expect("there is none yet");
        let token = link.rsplit('/').next().expect("a token");
        match self.desk.accept(token, (name, PASSWORD)).expect("works") {
            Accepted::Done(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn invited(&self, by: &Viewer, name: &str, role: Role) -> String {
        let invitation = Invitation { user: None, name: name.to_owned(), role };
        let now = self.desk.wall();
        let link =
            |db: &rusqlite::Connection| users::invite(db, &invitation, &by.id, (now, now + users::LINK_MS));
        let token = self.desk.noted(by, ("invite", "", name), link).expect("works");
        match self.desk.accept(&token, ("somebody else", PASSWORD)).expect("works") {
            Accepted::Done(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn sign_in(&self, name: &str, password: &str, code: &str) -> SignedIn {
        let address = "127.0.0.1".parse().expect("an address");
        self.desk.sign_in(&Attempt { name, password, code, address, agent: "test" }).expect("works")
    }

    fn token(&self, name: &str) -> String {
        match self.sign_in(name, PASSWORD, "") {
            SignedIn::Yes(token) => token,
            other => panic!("{other:?}"),
        }
    }

    fn viewer(&self, token: &str) -> Option<Viewer> {
        self.desk.viewer(token, Language::English).expect("works")
    }

    fn words(&self) -> Vec<String> {
        let entries = self.desk.audited(&audit::Asked::default(), 100).expect("works");
        entries.into_iter().rev().map(|sealed| sealed.entry.what).collect()
    }
}

#[test]
fn the_first_administrator_comes_by_a_link_that_works_once_and_ends() {
    let scene = Scene::new();
    let old = scene.desk.first_link().expect("works").expect("there is none yet");
    let link = scene.desk.first_link().expect("works").expect("there is none yet");
    let [old, token] = [&old, &link].map(|link| link.rsplit('/').next().expect("a token").to_owned());
    assert_eq!(
        scene.desk.accept(&old, ("eve", PASSWORD)).expect("works"),
        Accepted::Gone,
        "a later start ends it"
    );
    assert_eq!(scene.desk.accept(&"0".repeat(64), ("eve", PASSWORD)).expect("works"), Accepted::Gone);
    scene.later(users::FIRST_LINK_MS);
    assert_eq!(scene.desk.accept(&token, ("eve", PASSWORD)).expect("works"), Accepted::Gone, "it ended");
    scene.first("Ada");
    assert_eq!(scene.desk.first_link().expect("works"), None, "there is one now");
    assert_eq!(scene.desk.accept(&token, ("eve", PASSWORD)).expect("works"), Accepted::Gone);
    let viewer = scene.viewer(&scene.token("ada")).expect("signed in");
    assert_eq!((viewer.name.as_str(), viewer.role), ("Ada", Role::Admin));
}

#[test]
fn neither_token_nor_password_nor_secret_lies_in_the_file() {
    let scene = Scene::new();
    scene.first("Ada");
    let token = scene.token("Ada");
    drop(scene.desk.store.writer().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    let bytes = std::fs::read(&scene.path).expect("the file");
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("$argon2id$"), "the file was read");
    assert!(!holds(&token) && !holds(PASSWORD) && !holds(&secret::form_token(&token)));
}

#[test]
fn sessions_end_idle_old_signed_out_everywhere_and_with_the_password() {
    let scene = Scene::new();
    let id = scene.first("Ada");
    let idle = scene.token("Ada");
    scene.later(sessions::IDLE_MS - 1);
    assert!(scene.viewer(&idle).is_some());
    scene.later(sessions::IDLE_MS - 1);
    assert!(scene.viewer(&idle).is_some(), "use was written down");
    scene.later(sessions::IDLE_MS);
    assert!(scene.viewer(&idle).is_none(), "idle");
    let old = scene.token("Ada");
    for _ in 0..(sessions::LIFE_MS / (sessions::IDLE_MS / 2)) - 1 {
        scene.later(sessions::IDLE_MS / 2);
        assert!(scene.viewer(&old).is_some());
    }
    scene.later(sessions::IDLE_MS / 2);
    assert!(scene.viewer(&old).is_none(), "old");
    let (one, other) = (scene.token("Ada"), scene.token("Ada"));
    assert_ne!(one, other);
    let viewer = scene.viewer(&one).expect("signed in");
    scene.desk.sign_out(&viewer, &one, false).expect("works");
    assert!(scene.viewer(&one).is_none() && scene.viewer(&other).is_some());
    let third = scene.token("Ada");
    scene.desk.sign_out(&viewer, &third, true).expect("works");
    assert!(scene.viewer(&other).is_none() && scene.viewer(&third).is_none());
    let last = scene.token("Ada");
    users::set_password(&scene.desk.store.writer(), &id, &password::hash("another river of words"))
        .expect("works");
    assert!(scene.viewer(&last).is_none(), "the password changed");
    assert_eq!(scene.sign_in("Ada", PASSWORD, ""), SignedIn::No);
    let kept: Vec<String> = (0..sessions::SESSIONS_MAX + 3)
        .map(|_| match scene.sign_in("Ada", "another river of words", "") {
            SignedIn::Yes(token) => token,
            other => panic!("{other:?}"),
        })
        .collect();
    let alive = kept.iter().filter(|token| scene.viewer(token).is_some()).count();
    assert_eq!(alive as i64, sessions::SESSIONS_MAX, "the oldest end");
}

#[test]
fn a_wrong_name_and_a_wrong_password_are_told_alike_and_held_back_alike() {
    let scene = Scene::new();
    scene.first("Ada");
    for name in ["Ada", "nobody here"] {
        let told: Vec<SignedIn> = (0..7).map(|_| scene.sign_in(name, "wrong wrong wrong", "")).collect();
        let no = || SignedIn::No;
        assert_eq!(told, [no(), no(), no(), no(), no(), no(), SignedIn::Wait(1_000)], "{name}");
    }
    assert_eq!(scene.sign_in("Ada", PASSWORD, ""), SignedIn::Wait(1_000), "the right one waits, too");
    scene.later(1_000);
    assert!(matches!(scene.sign_in("Ada", PASSWORD, ""), SignedIn::Yes(_)));
    let failed =
        scene.desk.audited(&audit::Asked { what: "sign_in_failed".to_owned(), ..Default::default() }, 100);
    let subjects: Vec<String> =
        failed.expect("works").into_iter().map(|sealed| sealed.entry.subject).collect();
    assert_eq!(
        subjects.iter().filter(|subject| *subject == "unknown").count(),
        6,
        "a name that nobody has is not kept"
    );
}

#[test]
fn a_second_factor_is_asked_for_and_taken_once_and_recovery_codes_once_each() {
    let scene = Scene::new();
    let id = scene.first("Ada");
    let codes = totp::recovery_codes();
    let key = b"12345678901234567890";
    users::set_totp(&scene.desk.store.writer(), &id, Some((key, &codes))).expect("works");
    scene.clock.store(1_111_111_109_000, Ordering::Relaxed);
    assert_eq!(scene.sign_in("Ada", PASSWORD, ""), SignedIn::No);
    assert_eq!(
        scene.sign_in("Ada", "wrong wrong wrong", "081804"),
        SignedIn::No,
        "the code is not used up by it"
    );
    assert!(matches!(scene.sign_in("Ada", PASSWORD, "081804"), SignedIn::Yes(_)));
    assert_eq!(scene.sign_in("Ada", PASSWORD, "081804"), SignedIn::No, "a second time");
    assert!(matches!(scene.sign_in("Ada", PASSWORD, &codes[3].to_lowercase()), SignedIn::Yes(_)));
    assert_eq!(scene.sign_in("Ada", PASSWORD, &codes[3]), SignedIn::No, "used up");
    users::set_totp(&scene.desk.store.writer(), &id, None).expect("works");
    assert!(matches!(scene.sign_in("Ada", PASSWORD, ""), SignedIn::Yes(_)));
}

#[test]
fn a_change_of_a_person_ends_their_sessions_and_leaves_an_administrator() {
    let scene = Scene::new();
    let first = scene.first("Ada");
    let admin = scene.viewer(&scene.token("Ada")).expect("signed in");
    let bob = scene.invited(&admin, "Bob", Role::Reviewer);
    let token = scene.token("bob");
    let viewer = scene.viewer(&token).expect("signed in");
    assert_eq!(
        (viewer.name.as_str(), viewer.role),
        ("Bob", Role::Reviewer),
        "the link's name, whatever was sent"
    );
    assert!(viewer.may(Right::Work) && !viewer.may(Right::People) && !viewer.may(Right::Publish));
    let change =
        |id: &str, role, active| users::change(&scene.desk.store.writer(), id, role, active).expect("works");
    assert!(change(&bob, Role::Auditor, true));
    assert!(scene.viewer(&token).is_none(), "the session ended");
    assert!(
        !change(&first, Role::Lead, true) && !change(&first, Role::Admin, false),
        "the last administrator"
    );
    assert!(change(&bob, Role::Admin, true));
    let now = scene.desk.wall();
    let link = |user: Option<&str>, by: &str| {
        let invitation =
            Invitation { user: user.map(str::to_owned), name: "Eve".to_owned(), role: Role::Admin };
        let db = scene.desk.store.writer();
        users::invite(&db, &invitation, by, (now, now + 60_000)).expect("works")
    };
    let lives =
        |token: &str| users::invitation(&scene.desk.store.writer(), token, now).expect("works").is_some();
    let (by_first, by_bob, for_first) = (link(None, &first), link(None, &bob), link(Some(&first), &bob));
    assert!(change(&first, Role::Lead, true));
    assert_eq!([&by_first, &by_bob, &for_first].map(|token| lives(token)), [false, true, true]);
    assert!(change(&first, Role::Lead, false));
    assert_eq!([&by_bob, &for_first].map(|token| lives(token)), [true, false]);
    assert_eq!(scene.sign_in("Ada", PASSWORD, ""), SignedIn::No, "shut out");
    assert_eq!(
        scene.words(),
        ["first_link", "link_used", "sign_in", "invite", "link_used", "sign_in", "sign_in_failed"]
    );
    assert_eq!(audit::verify(&scene.path, &[]).expect("reads").fault, None);
}

#[test]
fn every_right_is_somebodys_and_only_an_administrator_has_all() {
    use Right::{Audit, Investigate, Lead, People, Publish, See, Work};
    for right in [See, Investigate, Work, Lead, Publish, Audit, People] {
        let who: Vec<Role> = Role::ALL.into_iter().filter(|role| role.rights().contains(&right)).collect();
        assert!(who.contains(&Role::Admin), "{right:?}");
        assert!(right == People || who.len() >= 2, "{right:?}: {who:?}");
    }
    let has = |role: Role, right| role.rights().contains(&right);
    assert!(!has(Role::Reviewer, Publish) && !has(Role::Publisher, Work) && !has(Role::Auditor, Work));
    assert!(Role::Nobody.rights().is_empty());
    assert_eq!(Role::from_word("nobody"), None, "cannot be given");
}
