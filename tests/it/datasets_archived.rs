//! `weir dataset export` out of an archive, held against a replay of the same events.
//!
//! Separate from `datasets`, which needs no server. Invariant that is tested here: three ways to the same rows, bit for bit, whoever labelled them: a
//! reviewer's label, a verdict, one after an appeal, or several credible reports; and what was deleted is in none of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use harness::clock::now_ms;
use harness::weir::{read, run, write};
use schema::{Decision, Event, RawEvent, Review, Row};
use sinks::archive::Record;

use crate::archive::store::{Store, against_both};

fn done(folder: &Path, arguments: &[&str]) -> String {
    let run = run(folder, arguments);
    assert_eq!(run.code, 0, "{arguments:?}: {}", run.stderr);
    run.stderr
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// When simulated time begins, ms since the Unix epoch.
const SIMULATED: u64 = 1_762_128_000_000;
const DAY_MS: u64 = 86_400_000;

/// When it begins here: ten days ago, at midnight.
fn begins() -> u64 {
    static BEGINS: OnceLock<u64> = OnceLock::new();
    *BEGINS.get_or_init(|| now_ms() / DAY_MS * DAY_MS - 10 * DAY_MS)
}

/// A town whose last event is a deletion, decided about, and labels by reviewers of every seventh account.
fn town(folder: &Path) {
    let simulate = "simulate --accounts 400 --hours 48 --base-rate 0.1 --seed 11 --exempt x.txt --out e.ndjson --truth t.ndjson";
    done(folder, &words(simulate));
    let truth = read(folder, "t.ndjson");
    // Simulated time is long ago, and ClickHouse lets old rows go.
    let mut events = String::new();
    for line in read(folder, "e.ndjson").lines() {
        let mut event: serde_json::Value = serde_json::from_str(line).expect("an event");
        event["ts"] = (event["ts"].as_u64().expect("a time") - SIMULATED + begins()).into();
        events += &format!("{event}\n");
    }
    let last: serde_json::Value =
        serde_json::from_str(events.lines().last().expect("there are events")).expect("an event");
    let (ts, account) = (last["ts"].as_u64().expect("a time"), last["account"].as_str().expect("an account"));
    events += &format!("{{\"id\":\"gone\",\"ts\":{ts},\"kind\":\"deletion\",\"account\":\"{account}\"}}\n");
    let (reviews, said) = said(&truth, ts);
    let _ = write(folder, "r.ndjson", reviews.as_bytes());
    let _ = write(folder, "e.ndjson", in_order(&(said + &events)).as_bytes());
    let score =
        "score e.ndjson --trust-internal --exempt x.txt --out d.ndjson --features f.ndjson --sample 0.05";
    done(folder, &words(score));
}

/// What was said of every seventh account by a label, of others by a verdict (after an appeal or not) or by three credible reports: the reviews,
/// and the events that go with them.
fn said(truth: &str, last: u64) -> (String, String) {
    let (mut reviews, mut events) = (String::new(), String::new());
    for (number, line) in truth.lines().enumerate() {
        let truth: serde_json::Value = serde_json::from_str(line).expect("a truth");
        let (account, at) = (&truth["account"], begins() + DAY_MS + 60_000 * number as u64);
        let mut review = |at: u64, act: &str, what: &str| {
            let line = format!(
                "{{\"id\":\"r_{number}\",\"case\":\"c\",\"account\":{account},\"at\":{at},\"actor\":\"r\",\"act\":\"{act}\",\"{act}\":{what}}}\n"
            );
            reviews += &line;
            serde_json::from_str::<Review>(&line).expect("a review")
        };
        match number % 7 {
            0 => drop(review(last - 1_000 * number as u64, "label", &truth["label"].to_string())),
            kind @ (1 | 2) => {
                let verdict = review(at, "verdict", if truth["label"] == "abusive" { "\"ban\"" } else { "\"lift\"" });
                let id = verdict.event_id();
                let event = verdict.verdict_event(&id).expect("a verdict becomes an event");
                let mut line = Vec::new();
                schema::json::encode(&event, &mut line);
                events += std::str::from_utf8(&line).expect("JSON is text");
                if kind == 2 {
                    let appealed = at - 3_600_000;
                    events += &format!("{{\"id\":\"p_{number}\",\"ts\":{appealed},\"kind\":\"appeal\",\"account\":{account},\"decision\":\"d_1\"}}\n");
                }
            }
            3 => (0..3).for_each(|peer| {
                let ts = at + 1_000 * peer;
                events += &format!(
                    "{{\"id\":\"s_{number}_{peer}\",\"ts\":{ts},\"kind\":\"report\",\"account\":{account},\"peer\":\"p{peer}\",\"contact\":\"account\",\"reason\":\"spam\",\"peer_age_h\":9000}}\n"
                );
            }),
            _ => {}
        }
    }
    (reviews, events)
}

/// Events in the order of their time, those of one instant as they came; the last one stays the last.
fn in_order(events: &str) -> String {
    let ts = |line: &&str| -> u64 {
        serde_json::from_str::<serde_json::Value>(line).expect("an event")["ts"].as_u64().expect("a time")
    };
    let mut lines: Vec<&str> = events.lines().collect();
    lines.sort_by_key(ts);
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn records<T: serde::de::DeserializeOwned>(folder: &Path, name: &str) -> Vec<T> {
    read(folder, name).lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

fn place<'a>((offset, event): (usize, &'a Event<'a>)) -> Record<'a> {
    Record::Event { partition: 0, offset: offset as u64, at: event.ts, event }
}

/// Everything of the town, as an archive would have taken it.
fn keep(folder: &Path, store: &mut dyn Store) {
    let text = read(folder, "e.ndjson");
    let raws: Vec<RawEvent<'_>> =
        text.lines().map(|line| schema::json::decode(line.as_bytes()).expect("an event")).collect();
    let events: Vec<Event<'_>> =
        raws.iter().map(|raw| raw.event().expect("an event").expect("a kind that is known")).collect();
    let (decisions, rows): (Vec<Decision>, Vec<Row>) =
        (records(folder, "d.ndjson"), records(folder, "f.ndjson"));
    let reviews: Vec<Review> = records(folder, "r.ndjson");
    // In a log of several partitions a fact has a place of its own; a file gives it that of the record which caused it.
    let mut rows = rows;
    for place in 1..rows.len() {
        if rows[place].offset <= rows[place - 1].offset {
            rows[place].offset = rows[place - 1].offset + 1;
        }
    }
    let (events, last) = events.split_at(events.len() - 1);
    let mut all: Vec<Record<'_>> = events.iter().enumerate().map(place).collect();
    all.extend(decisions.iter().map(Record::Decision));
    all.extend(rows.iter().map(Record::Row));
    all.extend(reviews.iter().map(Record::Review));
    all.extend(last.iter().map(|event| place((events.len(), event))));
    for batch in all.chunks(5_000) {
        store.write(batch);
    }
}

/// The lines of a table, but for the column that tells the place in the log.
fn without_offset(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let mut fields: Vec<&str> = line.split(',').collect();
        assert!(fields[4] == "offset" || fields[4].bytes().all(|byte| byte.is_ascii_digit()), "{line}");
        fields[4] = "";
        fields.join(",")
    };
    text.lines().map(line).collect()
}

#[test]
fn an_archive_gives_the_rows_of_a_replay_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    town(folder);
    let deleted =
        read(folder, "e.ndjson").lines().filter(|line| line.contains("\"kind\":\"deletion\"")).count();
    let ways = [("free", ""), ("all", " --with-restricted --with-unlabelled")];
    let mut wanted = BTreeMap::new();
    for (way, also) in ways {
        let line = format!(
            "dataset export e.ndjson --trust-internal --exempt x.txt --reviews r.ndjson --out replayed_{way}{also}"
        );
        done(folder, &words(&line));
        let rows = without_offset(&read(folder, &format!("replayed_{way}/rows.csv")));
        assert!(rows.len() > 100, "{way}: {} rows", rows.len());
        for voice in ["review", "verdict", "appeal", "reports"] {
            let is_there = rows.iter().any(|row| row.split(',').nth(8) == Some(voice));
            assert!(is_there, "{way}: no label by {voice}: the test proves less");
        }
        wanted.insert(way, rows);
    }
    assert!(wanted["all"].len() > wanted["free"].len());
    against_both(|store| {
        keep(folder, store);
        let options = store.options();
        for (way, also) in ways {
            let out = format!("{}_{way}", store.name());
            let line = format!("dataset export --out {out}{also}");
            let mut arguments = words(&line);
            arguments.extend(options.iter().map(String::as_str));
            let told = done(folder, &arguments);
            assert!(told.contains(&format!("all of {deleted} deleted accounts")), "{told}");
            let rows = without_offset(&read(folder, &format!("{out}/rows.csv")));
            for (found, wanted) in rows.iter().zip(&wanted[way]) {
                assert_eq!(found, wanted, "{out}");
            }
            assert_eq!(rows.len(), wanted[way].len(), "{out}");
            assert!(folder.join(&out).join("rows.parquet").exists());
        }
        // A day alone: fewer rows, each of them one of all.
        let (from, to) = (begins(), begins() + DAY_MS);
        let line = format!("dataset export --from {from} --to {to} --out {}_day", store.name());
        let mut arguments = words(&line);
        arguments.extend(options.iter().map(String::as_str));
        done(folder, &arguments);
        let rows = without_offset(&read(folder, &format!("{}_day/rows.csv", store.name())));
        assert!(rows.len() > 10 && rows.len() < wanted["free"].len(), "{}", rows.len());
        assert!(rows.iter().all(|row| wanted["free"].contains(row)));
    });
}
