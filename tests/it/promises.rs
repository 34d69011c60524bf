//! What the default policy promises to people, put through the built binary with hand-written traffic.
//!
//! Separate from the simulator: no promise may rest on how our own personas are drawn.

use std::fmt::Write;
use std::path::Path;

use harness::weir::{read, run, write};
use schema::{Action, Decision, Mode, Scope};

const START: u64 = 1_732_453_200_000;
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;

/// Events as lines, numbered.
#[derive(Default)]
struct Traffic {
    lines: String,
    number: u32,
}

impl Traffic {
    /// One event about `account`; `rest` are its other members.
    fn add(&mut self, ts: u64, account: &str, rest: &str) {
        self.number += 1;
        let id = self.number;
        writeln!(self.lines, r#"{{"id":"e_{id}","ts":{ts},"account":"{account}",{rest}}}"#)
            .expect("text grows");
    }

    /// Enforced decisions against `account`.
    fn decisions(&self, account: &str, more: &[&str]) -> Vec<Decision> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        self.decisions_in(folder.path(), account, more)
    }

    fn decisions_in(&self, folder: &Path, account: &str, more: &[&str]) -> Vec<Decision> {
        let events = write(folder, "events.ndjson", self.lines.as_bytes());
        let arguments = ["score", &events, "--out", "d.ndjson", "--strict", "--trust-internal"];
        let run = run(folder, &[&arguments, more].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let decision = |line: &str| serde_json::from_str::<Decision>(line).expect("a decision");
        let all = read(folder, "d.ndjson").lines().map(decision).collect::<Vec<_>>();
        all.into_iter().filter(|one| one.account == account && one.mode == Mode::Enforce).collect()
    }
}

fn actions(decisions: &[Decision]) -> Vec<Action> {
    decisions.iter().map(|decision| decision.action).collect()
}

/// Registered, and five minutes later 100 messages to strangers in 15 seconds.
fn sure_case(account: &str) -> Traffic {
    let mut traffic = Traffic::default();
    traffic.add(START, account, r#""kind":"registration","age_h":0"#);
    for i in 0..100 {
        let ts = START + 300 * SECOND + i * 150;
        let rest = format!(
            r#""kind":"message","chat":"direct","peer":"p_{i}","first_contact":true,"in_contacts":false,"age_h":0.083"#
        );
        traffic.add(ts, account, &rest);
    }
    traffic
}

#[test]
fn a_hundred_messages_five_minutes_after_registration_are_a_ban_at_once() {
    let decisions = sure_case("a_1").decisions("a_1", &[]);
    let ban = decisions.iter().find(|decision| decision.action == Action::Ban).expect("a ban");
    assert_eq!(ban.scope, Scope::All);
    assert!(ban.issued <= START + 316 * SECOND, "it came late: {ban:?}");
    assert!(ban.expires.is_some(), "no human confirmed it: {ban:?}");
    assert!(!ban.reasons.is_empty());
}

#[test]
fn the_same_burst_of_unknown_age_is_no_ban() {
    let mut traffic = sure_case("a_1");
    traffic.lines = traffic.lines.replace(r#","age_h":0.083"#, "").replace(r#","age_h":0"#, "");
    traffic.lines = traffic.lines.lines().skip(1).fold(String::new(), |lines, line| lines + line + "\n");
    let decisions = traffic.decisions("a_1", &[]);
    assert!(!actions(&decisions).contains(&Action::Ban), "{decisions:?}");
}

#[test]
fn an_exempt_account_is_left_alone_and_only_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let exempt = write(folder.path(), "exempt.txt", b"a_1\n");
    let decisions = sure_case("a_1").decisions_in(folder.path(), "a_1", &["--exempt", &exempt]);
    assert!(decisions.iter().all(|decision| !decision.action.restricts()), "{decisions:?}");
    let decisions = sure_case("a_2").decisions_in(folder.path(), "a_2", &["--exempt", &exempt]);
    assert!(actions(&decisions).contains(&Action::Ban), "{decisions:?}");
}

/// An old account with friends, then 300 false reports within an hour.
fn brigade(report: impl Fn(u64) -> String, answered: bool) -> Traffic {
    let mut traffic = Traffic::default();
    for i in 0..40 {
        let ts = START + i * HOUR / 4;
        let known = format!(
            r#""kind":"message","chat":"direct","peer":"f_{}","first_contact":false,"in_contacts":true,"typed":true,"age_h":20000"#,
            i % 8
        );
        traffic.add(ts, "a_1", &known);
    }
    for i in 0..300 {
        let ts = START + 11 * HOUR + i * 12 * SECOND;
        if answered {
            let answer = format!(
                r#""kind":"message","chat":"direct","peer":"p_{i}","first_contact":false,"in_contacts":false,"typed":true,"age_h":20011"#
            );
            traffic.add(ts - 6 * SECOND, "a_1", &answer);
        }
        traffic.add(ts, "a_1", &format!(r#""kind":"report","peer":"p_{i}","age_h":20011,{}"#, report(i)));
    }
    traffic
}

/// Nobody may be banned or limited by it.
#[track_caller]
fn check_brigade(traffic: &Traffic) {
    let decisions = traffic.decisions("a_1", &[]);
    let limited =
        decisions.iter().find(|decision| matches!(decision.action, Action::Ban | Action::RateLimit));
    assert!(limited.is_none(), "{limited:?}");
}

#[test]
fn three_hundred_reports_from_strangers_limit_nobody() {
    check_brigade(&brigade(|_| r#""reason":"spam","contact":"none","peer_age_h":2"#.to_owned(), false));
}

#[test]
fn three_hundred_reports_that_say_little_limit_nobody() {
    check_brigade(&brigade(|_| r#""reason":"spam""#.to_owned(), false));
    check_brigade(&brigade(|_| r#""reason":"other","peer_age_h":9000"#.to_owned(), false));
}

#[test]
fn three_hundred_reports_from_authors_whom_it_had_answered_limit_nobody() {
    check_brigade(&brigade(|_| r#""reason":"scam","contact":"author","peer_age_h":2"#.to_owned(), true));
    check_brigade(&brigade(|_| r#""reason":"scam","contact":"author","peer_age_h":5000"#.to_owned(), true));
}

#[test]
fn three_hundred_reports_from_baiters_who_claim_to_have_been_written_to_limit_nobody() {
    let alike = |_| {
        r#""reason":"spam","contact":"account","peer_age_h":1,"peer_device":"d_x","peer_prefix":"p_x","peer_range":"n_x""#
            .to_owned()
    };
    check_brigade(&brigade(alike, true));
}

#[test]
fn a_threat_opens_a_case_and_restricts_nobody() {
    let mut traffic = Traffic::default();
    traffic.add(
        START,
        "a_1",
        r#""kind":"report","peer":"p_1","reason":"threat","contact":"account","age_h":20000"#,
    );
    let decisions = traffic.decisions("a_1", &[]);
    assert_eq!(actions(&decisions), [Action::Review], "{decisions:?}");
}

/// Three more messages to strangers, a second apart from `ts` on.
fn three_strangers(traffic: &mut Traffic, ts: u64) {
    for i in 0..3 {
        let rest = format!(
            r#""kind":"message","chat":"direct","peer":"q_{i}","first_contact":true,"in_contacts":false,"age_h":0.088"#
        );
        traffic.add(ts + i * SECOND, "a_1", &rest);
    }
}

#[test]
fn a_reviewers_lift_outranks_what_was_known_before() {
    let burst = sure_case("a_1");
    let lift_ts = START + 316 * SECOND;
    let decisions = burst.decisions("a_1", &[]);
    let ban = decisions.iter().find(|decision| decision.action == Action::Ban).expect("a ban");
    let place: usize = ban.event[2..].parse().expect("events are numbered");

    // One event short of the ban, and nobody's word: the strangers bring it.
    let before = burst.lines.lines().take(place - 1).fold(String::new(), |lines, line| lines + line + "\n");
    let mut unjudged = Traffic { lines: before, number: burst.number };
    three_strangers(&mut unjudged, lift_ts + SECOND);
    let decisions = unjudged.decisions("a_1", &[]);
    let last = decisions.last().expect("a decision");
    assert_eq!(last.action, Action::Ban);
    assert!(last.issued > lift_ts, "it did not come from the strangers: {last:?}");

    // The whole burst, then a lift: the same strangers bring nothing.
    let mut lifted = burst;
    lifted.add(lift_ts, "a_1", r#""kind":"verdict","verdict":"lift","actor":"r_1""#);
    three_strangers(&mut lifted, lift_ts + SECOND);
    let decisions = lifted.decisions("a_1", &[]);
    let lift = decisions.iter().position(|decision| decision.action == Action::Lift).expect("a lift");
    let after = &decisions[lift + 1..];
    assert!(after.iter().all(|decision| !decision.action.restricts()), "{after:?}");
}

#[test]
fn a_deleted_account_starts_from_nothing() {
    let mut traffic = Traffic::default();
    for i in 0..30 {
        let rest = format!(
            r#""kind":"message","chat":"direct","peer":"p_{i}","first_contact":true,"in_contacts":false,"age_h":9000"#
        );
        traffic.add(START + i * SECOND, "a_1", &rest);
    }
    traffic.add(START + 60 * SECOND, "a_1", r#""kind":"deletion""#);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = {
        let events = write(folder.path(), "events.ndjson", traffic.lines.as_bytes());
        run(folder.path(), &["score", &events, "--out", "d.ndjson"])
    };
    assert_eq!(run.code, 0, "{}", run.stderr);
    let accounts = run.stderr.lines().find(|line| line.starts_with("accounts")).expect("a count");
    assert_eq!(accounts.split_whitespace().nth(1), Some("0"), "its features stayed: {accounts}");
}
