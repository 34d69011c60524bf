//! `weir review` on a real Kafka and a real ClickHouse: from a report to a closed case in history, two desks, and what is away.
//!
//! Separate from the desk on a journal: what reviewers see is the same, and tested there. One scene for all, since servers are slow to
//! start. Invariant: what two desks hold is compared table by table.

use std::path::Path;
use std::time::Duration;

use harness::clickhouse::ClickHouse;
use harness::clock::{self, now_ms};
use harness::http::Client;
use harness::kafka::{Cluster, Sent, Topics, Worker, consume, produce};
use harness::weir::{run, write};
use rusqlite::Connection;
use rusqlite::types::Value;
use schema::{Action, Decision, ENFORCEMENT_KEY, Source, Standing};

use crate::kafka::{KEY, sure_case};
use crate::staff::Staff;

/// Cases for which two race, and one more that is left for later.
const RACES: usize = 8;
const WAIT: Duration = Duration::from_secs(120);

struct Scene {
    cluster: Cluster,
    topics: Topics,
    server: ClickHouse,
    folder: tempfile::TempDir,
    key: String,
}

impl Scene {
    fn new() -> Self {
        let cluster = Cluster::start(1);
        let topics = Topics::create(cluster.brokers(), 3, &[]);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = write(folder.path(), "signing.key", KEY);
        // Versions that the desks see, and the worker does not.
        let strict = folder.path().join("registry/policy/strict");
        std::fs::create_dir_all(&strict).expect("writable");
        let policy = harness::workspace::file("scorer/policies/default.toml");
        std::fs::copy(policy, strict.join("7.toml")).expect("writable");
        Self { cluster, topics, server: ClickHouse::start("desk"), folder, key }
    }

    fn desk(&self, name: &str) -> Worker {
        let (data, url) = (self.folder.path().join(name), self.server.url());
        let registry = self.folder.path().join("registry").display().to_string();
        let more = ["--signing-key", &self.key, "--registry", &registry, "--metrics", "127.0.0.1:0"];
        Worker::review(&self.topics, (&data, Some(&url)), &more)
    }

    /// Events that a rule bans, and reports that open urgent cases.
    fn seed(&self) {
        let events = self.topics.name("events");
        let burst: Vec<Sent> =
            sure_case("a_1").iter().map(|line| Sent::keyed("a_1", line.as_str())).collect();
        produce(&self.topics.brokers, &events, &burst);
        let report = |n: usize| {
            let account = format!("menace_{n}");
            let line = format!(
                r#"{{"id":"u{n}","ts":{},"kind":"report","account":"{account}","peer":"q","contact":"account","peer_age_h":9000,"reason":"threat"}}"#,
                now_ms()
            );
            Sent::keyed(&account, line)
        };
        produce(&self.topics.brokers, &events, &(0..=RACES).map(report).collect::<Vec<_>>());
    }

    /// What is in force for an account, as a gateway reads it.
    fn in_force(&self, account: &str) -> Option<Standing> {
        let records = consume(&self.topics.brokers, &self.topics.name("standing"));
        let newest = records.iter().rfind(|record| record.key.as_deref() == Some(account.as_bytes()))?;
        newest.value.as_ref().map(|_| serde_json::from_str(&newest.text()).expect("a standing"))
    }
}

fn signed_in(desk: &Worker, name: &str) -> Staff {
    let address = desk.told("the review desk is up", "address");
    Staff::by_link(&address, &desk.told("whoever opens this link", "link"), name)
}

/// Looks again and again.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = clock::now();
    while !holds() {
        assert!(started.elapsed() < WAIT, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Rows of a desk's file, each as one text.
fn rows(data: &Path, sql: &str) -> Vec<String> {
    let db = Connection::open(data.join("review.db")).expect("the file is there");
    let mut query = db.prepare(sql).expect("a query");
    let columns = query.column_count();
    let text = |row: &rusqlite::Row<'_>| {
        let value = |column| match row.get(column)? {
            Value::Text(text) => Ok(text),
            other => Ok(format!("{other:?}")),
        };
        Ok((0..columns).map(value).collect::<rusqlite::Result<Vec<String>>>()?.join(" "))
    };
    query.query_map([], text).expect("rows").collect::<rusqlite::Result<_>>().expect("rows")
}

/// Everything that is a fold of the log.
const FOLDED: [&str; 4] = [
    "SELECT id, account, cause, state, opened_at, due_at, closed_at, outcome, decision, action, rule, claimed_by, claimed_until, reached
     FROM cases ORDER BY id",
    "SELECT position, id, case_id, account, actor, at, act, counts, undone FROM said WHERE account <> '!audit' ORDER BY id",
    "SELECT * FROM labels ORDER BY review",
    "SELECT id, account FROM decided ORDER BY id",
];

fn act(what: &str, once: &str) -> Vec<(&'static str, String)> {
    let mut fields =
        vec![("act", what.to_owned()), ("once", once.to_owned()), ("reason", "looked at".to_owned())];
    fields.push(("policy", "no_violation".to_owned()));
    if what == "label" {
        fields.push(("label", "benign".to_owned()));
    }
    fields
}

fn sends(staff: &mut Staff, case: &str, fields: &[(&'static str, String)]) -> u16 {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    staff.try_post(&format!("/review/case/{case}/act"), &fields)
}

#[test]
fn on_kafka_a_report_becomes_a_case_and_a_standing_two_desks_agree_and_nothing_away_loses_or_doubles_an_act()
{
    let mut scene = Scene::new();
    let worker = Worker::start(&scene.topics, &["--signing-key", &scene.key]);
    let mut archive = Worker::archive(&scene.topics, &scene.server.url(), &["--signing-key", &scene.key]);
    let (mut first, second) = (scene.desk("first"), scene.desk("second"));
    let data = |name: &str| scene.folder.path().join(name);
    first.wait_until_it_says("the review desk is up");
    let refused = scene.desk("first");
    refused.wait_until_it_says("one is active at a time");
    let (mut ada, mut bea) = (signed_in(&first, "Ada"), signed_in(&second, "Bea"));
    scene.seed();
    let open = RACES + 2;
    let is_full = |staff: &mut Staff| staff.get("/review/").matches("data-row").count() == open;
    wait_until("every case at the first desk", || is_full(&mut ada));
    wait_until("every case at the second desk", || is_full(&mut bea));

    shown(&first);
    race(&data("first"), (&mut ada, &mut bea));
    switched(&scene, (&mut ada, &mut bea));
    refused_by_the_worker(&first, &mut ada);

    lifted(&scene, &mut archive, (&mut ada, &mut bea));

    let copy = data("restored");
    std::fs::create_dir(&copy).expect("writable");
    let (from, to) =
        (data("first").join("review.db").display().to_string(), copy.join("review.db").display().to_string());
    let taken_at = now_ms();
    let backed_up = run(scene.folder.path(), &["review", "backup", "--db", &from, "--to", &to]);
    assert!(
        backed_up.code == 0 && backed_up.stdout.contains("all whole"),
        "{} {}",
        backed_up.stdout,
        backed_up.stderr
    );

    without_clickhouse(&mut scene.server, &mut ada);
    with_a_frozen_broker(&scene, &mut ada);

    // Killed, the desk goes on where it left, with everybody signed in; both hold the same.
    first.kill();
    first = scene.desk("first");
    let mut ada = ada.again_at(&first.told("the review desk is up", "address"));
    first.wait_until_it_says("the desk has caught up");
    assert!(ada.get("/review/").contains("data-row"));
    for mut desk in [first, second] {
        let (code, took) = desk.end();
        assert!(code == 0 && took < Duration::from_secs(10), "{code} {took:?}\n{}", desk.log());
    }
    audited(&scene, &data("first"));
    // A desk that was restored from the backup goes on, too: whoever was signed in then still is, what was done since is folded in.
    let restored_at = now_ms();
    let mut restored = scene.desk("restored");
    restored.wait_until_it_says("the desk has caught up");
    let mut ada = ada.again_at(&restored.told("the review desk is up", "address"));
    assert!(ada.get("/review/").contains("data-row"));
    assert_eq!(restored.end().0, 0, "{}", restored.log());
    for sql in FOLDED {
        let all = ["first", "second", "restored"].map(|name| rows(&data(name), sql));
        assert!(!all[0].is_empty(), "{sql}");
        assert_eq!(all[0], all[1], "{sql}");
        assert_eq!(all[0], all[2], "{sql}");
    }
    lost(&scene, &copy, (taken_at, restored_at));
    drop(worker);
}

/// What waits is among a desk's metrics.
fn shown(desk: &Worker) {
    let metrics = || {
        let mut client = Client::connect(&desk.shows_at()).expect("it shows metrics");
        String::from_utf8_lossy(&client.call("GET", "/metrics", "", b"").expect("it answers").body)
            .into_owned()
    };
    let open_urgent = format!("weir_review_open_cases{{cause=\"urgent\"}} {}\n", RACES + 1);
    wait_until("the gauges", || metrics().contains(&open_urgent));
    assert!(metrics().contains("weir_review_overdue_cases{cause=\"urgent\"} 0\n"));
}

/// A person lifts what the rule did: the worker takes it up, gateways hear it, the other desk and the history show it.
fn lifted(scene: &Scene, archive: &mut Worker, (ada, bea): (&mut Staff, &mut Staff)) {
    let case =
        rows(&scene.folder.path().join("first"), "SELECT id FROM cases WHERE account = 'a_1'").remove(0);
    assert!(scene.in_force("a_1").is_some_and(|standing| standing.restrictions[0].action == Action::Ban));
    assert_eq!(sends(ada, &case, &act("lift", "o1")), 303);
    wait_until("the lift in the standing", || scene.in_force("a_1").is_none());
    let decided = consume(&scene.topics.brokers, &scene.topics.name("decisions"));
    let decided =
        decided.iter().map(|record| serde_json::from_str::<Decision>(&record.text()).expect("a decision"));
    assert!(decided.filter(|one| one.account == "a_1").any(|one| one.source == Source::Reviewer));
    wait_until("the other desk knows", || bea.get(&format!("/review/case/{case}")).contains("badge good"));
    archive.wait_until_archived(&scene.topics);
    let archived = format!(
        "SELECT count() FROM `{}`.reviews FINAL WHERE account = 'a_1' AND act = 'verdict'",
        scene.topics.prefix
    );
    assert_eq!(scene.server.ask(&archived), "1");
    let page = ada.get(&format!("/review/case/{case}"));
    let path = &page[page.find("/review/account/").expect("a way to the account")..];
    let account = ada.get(path.split('"').next().unwrap_or_default());
    assert!(
        account.contains("looked at") && !account.contains("The history does not answer now"),
        "{account}"
    );
}

/// Two desks claim the same cases at once: each has one holder, and both say who.
fn race(data: &Path, (ada, bea): (&mut Staff, &mut Staff)) {
    let urgent = rows(data, "SELECT id FROM cases WHERE account LIKE 'menace_%' ORDER BY account LIMIT 8");
    assert_eq!(urgent.len(), RACES);
    let mut won = [0, 0];
    for case in urgent {
        let path = format!("/review/case/{case}/claim");
        let statuses = std::thread::scope(|scope| {
            let racing = [&mut *ada, &mut *bea].map(|staff| scope.spawn(|| staff.try_post(&path, &[])));
            racing.map(|thread| thread.join().expect("it answers"))
        });
        match statuses {
            [303, 409] => won[0] += 1,
            [409, 303] => won[1] += 1,
            other => panic!("{path}: {other:?}"),
        }
    }
    quick(ada);
    println!("measured: of {RACES} races the first desk won {}, the second {}", won[0], won[1]);
}

/// How long an act takes until it came back out of the log: notes about one case.
fn quick(staff: &mut Staff) {
    let queue = staff.get("/review/");
    let at = queue.find("/review/case/").expect("cases are open") + "/review/case/".len();
    let case = queue[at..].split(['"', '?']).next().expect("an id").to_owned();
    let mut took: Vec<u128> = (0..30)
        .map(|n| {
            let watch = clock::now();
            assert_eq!(sends(staff, &case, &act("note", &format!("q{n}"))), 303);
            watch.elapsed().as_millis()
        })
        .collect();
    took.sort_unstable();
    println!(
        "measured: an act through Kafka and back takes {} ms (p95 {} ms, most {} ms)",
        took[15], took[28], took[29]
    );
    assert!(took[15] < 500, "{took:?}");
}

/// The kill switch by a dashboard: the worker tells gateways, and the other desk shows it.
fn switched(scene: &Scene, (ada, bea): (&mut Staff, &mut Staff)) {
    let turn = |staff: &mut Staff, switch: &str| {
        let fields = [("switch", switch), ("typed", "enforcement"), ("reason", "a drill")];
        assert_eq!(staff.post("/review/control/kill", &fields), "/review/control");
    };
    turn(ada, "on");
    wait_until("gateways are told", || scene.in_force(ENFORCEMENT_KEY).is_some());
    let shows =
        |staff: &mut Staff| staff.get("/review/control").contains("Automatic enforcement is suspended");
    wait_until("the other desk shows it", || shows(bea));
    turn(ada, "off");
    wait_until("gateways are told again", || scene.in_force(ENFORCEMENT_KEY).is_none());
    wait_until("the other desk shows that, too", || !shows(bea));
}

/// A version that a worker cannot load is told to be refused, and is not among those in force.
fn refused_by_the_worker(desk: &Worker, ada: &mut Staff) {
    let path = ada.post("/review/control/propose", &[("what", "policy/strict/7"), ("note", "stricter")]);
    let link = ada.invite("Cara", "publisher");
    let mut cara = Staff::invited(&desk.told("the review desk is up", "address"), &link);
    assert_eq!(cara.try_post(&path, &[("do", "activate"), ("typed", "7")]), 409);
    let page = cara.get("/review/control");
    let in_force = page.split("<h3>").nth(1).unwrap_or_default();
    assert!(!in_force.split("</ul>").next().unwrap_or_default().contains("strict"), "{page}");
}

/// The queue, a case and an act while the history is away; the case says that it is stale.
fn without_clickhouse(server: &mut ClickHouse, staff: &mut Staff) {
    let mine = |staff: &mut Staff| {
        let queue = staff.get("/review/");
        let at = queue.find("/review/case/").expect("cases are open");
        queue[at + "/review/case/".len()..].split(['"', '?']).next().expect("an id").to_owned()
    };
    // How far the worker and the archive are behind, as brokers know it.
    wait_until("it is told how far others are", || {
        let page = staff.get("/review/overview");
        let told = |label: &str| {
            page.split_once(label).is_some_and(|(_, rest)| {
                rest.split("</dd>").next().is_some_and(|told| told.contains(" records"))
            })
        };
        told("<dt>Engine behind the log</dt>") && told("<dt>History behind the log</dt>")
    });
    server.stop();
    let case = mine(staff);
    let page = staff.get(&format!("/review/case/{case}"));
    assert!(page.contains("The history does not answer now"), "{page}");
    assert_eq!(sends(staff, &case, &act("note", "n1")), 303);
    assert!(staff.get("/review/overview").contains("does not answer"));
    server.start_again();
    wait_until("the history is back", || {
        !staff.get(&format!("/review/case/{case}")).contains("The history does not answer now")
    });
}

/// An act while the broker is frozen is refused in seconds; sent again, it is done once.
fn with_a_frozen_broker(scene: &Scene, staff: &mut Staff) {
    let folder = scene.folder.path().join("first");
    let case = rows(&folder, "SELECT id FROM cases WHERE account = 'menace_8'").remove(0);
    assert_eq!(staff.try_post(&format!("/review/case/{case}/claim"), &[]), 303);
    scene.cluster.members[0].freeze();
    let watch = clock::now();
    assert_eq!(sends(staff, &case, &act("label", "f1")), 503);
    assert!(watch.elapsed() < Duration::from_secs(15), "{:?}", watch.elapsed());
    scene.cluster.members[0].thaw();
    wait_until("the broker is back", || sends(staff, &case, &act("label", "f1")) != 503);
    let said = format!("SELECT count(*) FROM said WHERE case_id = '{case}' AND act = 'label'");
    wait_until("the label is folded", || rows(&folder, &said) == ["Integer(1)"]);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(rows(&folder, &said), ["Integer(1)"]);
}

/// Against heads of what was lost with a restore the chain is not whole, unless the times of the restore are told; by itself it is.
fn lost(scene: &Scene, data: &Path, (taken_at, restored_at): (u64, u64)) {
    let db = data.join("review.db").display().to_string();
    let Topics { brokers, prefix, .. } = &scene.topics;
    let times = format!("{taken_at}:{restored_at}");
    let verify = |more: &[&str]| {
        let verified = run(scene.folder.path(), &[&["audit", "verify", "--db", &db], more].concat());
        (verified.code, verified.stdout)
    };
    let log = ["--brokers", brokers, "--prefix", prefix];
    assert_eq!(verify(&[]).0, 0);
    let (code, said) = verify(&log);
    assert_eq!(code, 1, "{said}");
    let (code, said) = verify(&[&log[..], &["--restored", &times]].concat());
    assert!(code == 0 && said.contains("of what a restore lost"), "{said}");
}

/// The chain's heads lie in the log, where whoever writes the chain anew cannot.
fn audited(scene: &Scene, data: &Path) {
    let db = data.join("review.db").display().to_string();
    let verify = || {
        let Topics { brokers, prefix, .. } = &scene.topics;
        run(scene.folder.path(), &["audit", "verify", "--db", &db, "--brokers", brokers, "--prefix", prefix])
    };
    let whole = verify();
    assert!(
        whole.code == 0 && whole.stdout.contains("published heads fit"),
        "{} {}",
        whole.stdout,
        whole.stderr
    );
    assert!(!whole.stdout.contains(" 0 published heads"), "{}", whole.stdout);
    let file = Connection::open(&db).expect("the desk has ended");
    file.execute_batch(
        "DROP TRIGGER audit_is_not_cut; DELETE FROM audit WHERE n > 2; UPDATE sqlite_sequence SET seq = 2 WHERE name = 'audit'",
    )
    .expect("somebody cuts it, with what the file remembers of it");
    let (alone, held) = (run(scene.folder.path(), &["audit", "verify", "--db", &db]), verify());
    assert_eq!(alone.code, 0, "the file alone does not show it: {}", alone.stdout);
    assert!(
        held.code == 1 && held.stdout.contains("the first entry that is missing is 3"),
        "{}",
        held.stdout
    );
}
