//! The dashboard's doors in a real browser, and its audit chain by the command: on the real binary.
//!
//! Separate from the queue and the case, which have tests of their own. Invariant: a server never outlives its test.

use harness::up::Up;
use harness::{browser, weir};
use rusqlite::Connection;

#[test]
fn people_come_in_by_links_sign_in_and_out_and_every_page_of_the_shell_is_accessible() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let up = Up::start(&data, &[]);
    let link = browser::first_link(&up);
    let told = browser::run("doors.mjs", &[&link]);
    assert!(told.lines().count() >= 15, "{told}");
    assert!(!up.said().contains("river holds"), "no password is logged");
    assert_eq!(up.stop().0, 0);

    let db = data.join("review.db").display().to_string();
    let heads = data.join("audit-heads").display().to_string();
    let history = data.join("history.db").display().to_string();
    let verify = || {
        let arguments = ["audit", "verify", "--db", &db, "--heads", &heads, "--history", &history];
        weir::run(folder.path(), &arguments)
    };
    let whole = verify();
    assert!(whole.code == 0 && whole.stdout.contains("all whole"), "{} {}", whole.stdout, whole.stderr);
    let alone = weir::run(folder.path(), &["audit", "verify", "--db", &db, "--history", &history]);
    assert!(!alone.stdout.contains(" 0 published heads"), "{}", alone.stdout);
    let file = Connection::open(&db).expect("the desk has ended");
    file.execute_batch("DROP TRIGGER audit_is_not_changed; UPDATE audit SET actor = 'u_0' WHERE n = 3")
        .expect("somebody changes it");
    let changed = verify();
    assert!(
        changed.code == 1 && changed.stdout.contains("entry 3 was changed"),
        "{} {}",
        changed.stdout,
        changed.stderr
    );
    file.execute_batch(
        "DROP TRIGGER audit_is_not_cut; DELETE FROM audit WHERE n >= 3; UPDATE sqlite_sequence SET seq = 2",
    )
    .expect("cuts it");
    let cut = verify();
    assert!(
        cut.code == 1 && cut.stdout.contains("the first entry that is missing is 3"),
        "{} {}",
        cut.stdout,
        cut.stderr
    );
    let missing = weir::run(folder.path(), &["audit", "verify", "--db", "nowhere.db"]);
    assert_eq!(missing.code, 2, "{}", missing.stderr);
}

/// Posts what a young account on a device does that writes to strangers in bulk, until something is decided.
fn blast(up: &Up) {
    let event = |number: u32, more: &str| {
        let (ts, id) = (harness::clock::now_ms(), format!("e{number}"));
        format!(r#"{{"id":"{id}","ts":{ts},"account":"a_9f3c2d71e0b4",{more}}}"#)
    };
    let mut lines = vec![event(0, r#""kind":"registration","device":"dev-17","country":"IN""#)];
    for number in 1..60 {
        let peer = format!(
            r#""kind":"message","age_h":0.1,"chat":"direct","peer":"p{number}","first_contact":true,"in_contacts":false,"typed":false"#
        );
        lines.push(event(number, &peer));
    }
    let body = lines.join("\n");
    let headers = "Content-Type: application/x-ndjson\r\n";
    let answer = up.client().call("POST", "/v1/events", headers, body.as_bytes()).expect("it answers");
    assert_eq!(answer.status, 200);
    for _ in 0..200 {
        let metrics = up.client().call("GET", "/metrics", "", b"").expect("it answers");
        let text = String::from_utf8_lossy(&metrics.body).into_owned();
        if ["weir_lag_records 0\n", "weir_history_lag_records 0\n"].iter().all(|line| text.contains(line)) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("the engine never caught up");
}

/// A model that is the built-in one but for its calibration, and two versions of a list.
fn shelve(registry: &std::path::Path) {
    let folder = |name: &str| {
        let folder = registry.join(name);
        std::fs::create_dir_all(&folder).expect("writable");
        folder
    };
    let bytes = std::fs::read(harness::workspace::file("models/default/model.json")).expect("it is there");
    let built_in = models::Model::from_bytes(&bytes).expect("of this build");
    let card = models::Card { name: "candidate".to_owned(), ..built_in.card().clone() };
    let body = built_in.body().clone().calibrated(1.1, 0.05).expect("finite");
    let model = models::Model::new(card, body, &models::Catalog::of_this_build()).expect("it fits");
    std::fs::write(folder("model/candidate").join("1.json"), model.to_bytes()).expect("writable");
    let lists = [
        ("1", "device,d1,feed,false\ndevice,d2,feed,false\naccount,a1,people,true\n"),
        (
            "2",
            "device,d2,feed,false\nnumber_range,+4915,feed,false\naccount,a1,people,true\naccount,a2,people,true\n",
        ),
    ];
    for (version, lines) in lists {
        let list = folder("blocklist/rented");
        let source = format!("kind,value,source,human\n{lines}");
        let source = weir::write(&list, &format!("{version}.csv"), source.as_bytes());
        let out = list.join(format!("{version}.blocklist")).display().to_string();
        let arguments = ["blocklist", "build", "--name", "rented", &source, "--out", &out];
        let built = weir::run(&list, &arguments);
        assert_eq!(built.code, 0, "{}", built.stderr);
        std::fs::remove_file(source).expect("it is there");
    }
}

#[test]
fn figures_searches_statements_and_versions_are_seen_followed_and_accessible() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let strict = data.join("registry/policy/strict");
    std::fs::create_dir_all(&strict).expect("writable");
    let policy = std::fs::read_to_string(harness::workspace::file("scorer/policies/default.toml"))
        .expect("it is there");
    let changed = policy.replacen("messages_1m >= 60", "messages_1m >= 80", 1);
    assert_ne!(policy, changed);
    std::fs::write(strict.join("2.toml"), changed).expect("writable");
    shelve(&data.join("registry"));
    let up = Up::start(&data, &[]);
    blast(&up);
    let told = browser::run("figures.mjs", &[&browser::first_link(&up), "a_9f3c2d71e0b4", "dev-17"]);
    assert!(told.lines().count() >= 20, "{told}");
    assert_eq!(up.stop().0, 0);
}

#[test]
fn elsewhere_than_on_loopback_there_is_no_dashboard_without_tls_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let status = |environment: &[(&str, &str)], headers: &str| {
        let up = Up::start(&folder.path().join("data"), environment);
        let port = up.address.rsplit(':').next().expect("a port");
        let mut client = harness::http::Client::connect(&format!("127.0.0.1:{port}")).expect("it listens");
        client.call("GET", "/review/sign-in", headers, b"").expect("it answers").status
    };
    assert_eq!(status(&[], ""), 200);
    assert_eq!(status(&[], "Host: weir.example\r\n"), 403, "another name for this machine");
    let keys = ("WEIR_KEYS_READ", "0123456789abcdef");
    let everywhere = ("WEIR_HTTP_LISTEN", "0.0.0.0:0");
    assert_eq!(status(&[keys, everywhere], ""), 404);
    assert_eq!(status(&[keys, everywhere, ("WEIR_REVIEW_ORIGIN", "https://weir.example")], ""), 200);
    assert_eq!(status(&[("WEIR_REVIEW_ENABLED", "false")], ""), 404);
}
