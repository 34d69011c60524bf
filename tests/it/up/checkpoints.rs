//! Checkpoints of `weir up`: a start reads the rest; what is damaged, foreign or gone is told; other versions begin at a position.

use std::path::{Path, PathBuf};

use harness::up::Up;
use harness::weir;
use rusqlite::Connection;

use super::{NDJSON, records, standings, town, uninterrupted, wait_until_decided};

pub const OFTEN: (&str, &str) = ("WEIR_DATA_CHECKPOINT_EVERY_MS", "30");
pub const RESTORED: &str = "restored from a checkpoint";

fn post(up: &Up, events: &[String]) {
    let mut client = up.client();
    for batch in events.chunks(500) {
        let answer = client.call("POST", "/v1/events", NDJSON, batch.join("\n").as_bytes());
        assert_eq!(answer.expect("it answers").status, 200);
    }
}

pub fn posted(data: &Path, environment: &[(&str, &str)], events: &[String]) {
    let up = Up::start(data, environment);
    post(&up, events);
    wait_until_decided(&up);
    assert_eq!(up.stop().0, 0);
}

/// Records that a server has taken since it started, once it has read everything.
fn taken(up: &Up) -> u64 {
    wait_until_decided(up);
    let metrics = up.client().call("GET", "/metrics", "", b"").expect("it answers");
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    let counts = text.lines().filter(|line| line.starts_with("weir_records_total{"));
    counts.map(|line| line.rsplit(' ').next().expect("a value").parse::<u64>().expect("a number")).sum()
}

/// All manifests, oldest first.
fn manifests(data: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![data.join("checkpoints")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("manifest.json") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn decisions(data: &Path) -> Vec<String> {
    records(data, 1).into_iter().map(|record| record.2).collect()
}

#[test]
fn a_start_reads_what_followed_the_checkpoint_and_without_one_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let events = town(folder.path());
    posted(&data, &[], &events);
    let up = Up::start(&data, &[]);
    assert_eq!(taken(&up), 0, "{}", up.said());
    assert!(up.said().contains(RESTORED), "{}", up.said());
    assert_eq!(up.stop().0, 0);
    std::fs::remove_dir_all(data.join("checkpoints")).expect("there are checkpoints");
    let up = Up::start(&data, &[]);
    assert_eq!(taken(&up), events.len() as u64);
    assert!(up.said().contains("the journal is read from its beginning"), "{}", up.said());
    assert_eq!(up.stop().0, 0);
    let (decided, last) = uninterrupted(folder.path(), &data);
    assert_eq!((decisions(&data), standings(&data)), (decided, last));
}

#[test]
fn a_damaged_checkpoint_is_refused_and_the_one_before_it_decides_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let events = town(folder.path());
    let (first, rest) = events.split_at(events.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    posted(&data, &[], first);
    posted(&data, &[], second);
    let newest = manifests(&data).pop().expect("one at every stop");
    let part = newest.with_file_name("00000.part");
    let part = if part.exists() { part } else { any_part(&newest) };
    let mut bytes = std::fs::read(&part).expect("a part");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&part, bytes).expect("writable");
    let up = Up::start(&data, &[]);
    post(&up, third);
    wait_until_decided(&up);
    let said = up.said();
    assert!(said.contains("a checkpoint was refused; the one before it is tried"), "{said}");
    assert!(said.contains(RESTORED), "{said}");
    assert_eq!(up.stop().0, 0);
    let (decided, last) = uninterrupted(folder.path(), &data);
    assert!(decided.len() > 20, "only {} decisions", decided.len());
    assert_eq!((decisions(&data), standings(&data)), (decided, last));
}

fn any_part(manifest: &Path) -> PathBuf {
    let folder = manifest.parent().expect("it lies in a folder");
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.into_iter().find(|path| path.extension().is_some_and(|end| end == "part")).expect("a part")
}

#[test]
fn without_a_checkpoint_and_the_journals_beginning_nothing_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    posted(&data, &[], &town(folder.path())[..400]);
    let db = Connection::open(data.join("journal.db")).expect("the journal is there");
    db.execute_batch("DELETE FROM log WHERE pos <= 10; UPDATE reader SET pos = 10 WHERE name = '!pruned'")
        .expect("writable");
    drop(db);
    let up = Up::start(&data, &[]);
    assert_eq!(taken(&up), 0, "the checkpoint is all that is needed");
    assert_eq!(up.stop().0, 0);
    std::fs::remove_dir_all(data.join("checkpoints")).expect("there are checkpoints");
    let (code, said) = Up::refused(&data, &[]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("no checkpoint can be used") && said.contains("first 10 records are gone"),
        "{said}"
    );
}

#[test]
fn the_checkpoint_of_another_journal_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, other) = (folder.path().join("data"), folder.path().join("other"));
    let events = town(folder.path());
    posted(&other, &[], &events[..300]);
    posted(&data, &[], &events[..600]);
    std::fs::remove_dir_all(data.join("checkpoints")).expect("there are checkpoints");
    std::fs::rename(other.join("checkpoints"), data.join("checkpoints")).expect("the same file system");
    let up = Up::start(&data, &[]);
    assert_eq!(taken(&up), 600, "{}", up.said());
    assert!(up.said().contains("it is of another journal"), "{}", up.said());
    assert_eq!(up.stop().0, 0);
}

#[test]
fn another_policy_decides_from_the_position_that_was_told_on_though_it_was_killed_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let events = town(folder.path());
    let (first, second) = events.split_at(events.len() / 2);
    let up = Up::start(&data, &[OFTEN]);
    post(&up, first);
    wait_until_decided(&up);
    up.kill();
    let (by_the_first, standing) = uninterrupted(folder.path(), &data);
    assert_eq!((decisions(&data), standings(&data)), (by_the_first.clone(), standing));
    let run = weir::run(folder.path(), &["check-config", "--print-default"]);
    let policy = weir::write(folder.path(), "own.toml", format!("{}\n# mine\n", run.stdout).as_bytes());
    let own = [("WEIR_ENGINE_POLICY", policy.as_str()), OFTEN];
    let up = Up::start(&data, &own);
    post(&up, second);
    wait_until_decided(&up);
    assert!(up.said().contains("they decide from this position on"), "{}", up.said());
    up.kill();
    let up = Up::start(&data, &own);
    wait_until_decided(&up);
    assert!(!up.said().contains("they decide from this position on"), "{}", up.said());
    assert_eq!(up.stop().0, 0);
    let all = decisions(&data);
    assert_eq!(all[..by_the_first.len()], by_the_first);
    let policy_of = |text: &String| {
        serde_json::from_str::<serde_json::Value>(text).expect("JSON")["versions"]["policy"].to_string()
    };
    let (before, after) = all.split_at(by_the_first.len());
    assert!(after.len() > 10, "only {} decisions", after.len());
    let now = policy_of(&after[0]);
    assert!(after.iter().all(|decision| policy_of(decision) == now));
    assert!(before.iter().all(|decision| policy_of(decision) != now));
    // The two policies say the same, so that but for the version one run over the whole log decides the same.
    let (whole, last) = uninterrupted(folder.path(), &data);
    let was = policy_of(&before[0]);
    let same: Vec<String> = all.iter().map(|text| text.replace(&now, &was)).collect();
    assert_eq!(same, whole);
    assert_eq!(standings(&data), last);
}
