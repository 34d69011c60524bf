//! One suite, both stores: what is written is read, what is written twice is told once, what must go is gone.

use std::collections::{BTreeMap, BTreeSet};

use harness::clock::now_ms;
use schema::history::{Archived, Group, Kept, Point, Series};
use schema::{Decision, EntityKind, History, Review, Row, Span};
use sinks::Retention;

use super::store::{ClickHouse, Sqlite, Store, against_both};
use super::traffic::{Traffic, told};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;
const EVER: Span = Span { from: 0, to: u64::MAX };
const MANY: usize = 1_000;

fn write(store: &mut dyn Store, traffic: &Traffic) {
    traffic.lend(|records| store.write(records));
}

/// Everything that was written is told, newest first, and nothing else.
fn check_told(store: &dyn Store, traffic: &Traffic) {
    let (name, history) = (store.name(), store.history());
    let mut events: BTreeMap<String, Vec<Archived>> = BTreeMap::new();
    for (partition, offset, at, line) in &traffic.events {
        let raw = schema::json::decode(line.as_bytes()).expect("an event");
        let account = raw.account.as_deref().expect("an event has one").to_owned();
        let archived = Archived { partition: *partition, offset: *offset, at: *at, event: told(line) };
        events.entry(account).or_default().push(archived);
    }
    for (account, mut events) in events {
        events.sort_by_key(|event| std::cmp::Reverse((event.at, event.partition, event.offset)));
        assert_eq!(history.events(&account, EVER, MANY), Ok(events), "{name}: events of {account}");
    }
    let accounts: BTreeSet<&String> = traffic.decisions.iter().map(|decision| &decision.account).collect();
    for account in accounts {
        let mut decisions: Vec<Decision> =
            traffic.decisions.iter().filter(|decision| decision.account == *account).cloned().collect();
        decisions.sort_by(|a, b| b.seq.cmp(&a.seq).then(a.id.cmp(&b.id)));
        assert_eq!(history.decisions(account, EVER, MANY), Ok(decisions), "{name}: decisions of {account}");
    }
    let newest_first = |rows: &[Row]| rows.iter().rev().cloned().collect::<Vec<Row>>();
    assert_eq!(history.rows("a_1", EVER, MANY), Ok(newest_first(&traffic.rows)), "{name}");
    let reviews: Vec<Review> = traffic.reviews.iter().rev().cloned().collect();
    assert_eq!(history.reviews("a_1", EVER, MANY), Ok(reviews), "{name}");
    let mut rejects = traffic.rejects.clone();
    rejects.reverse();
    assert_eq!(history.rejects(None, EVER, MANY), Ok(rejects.clone()), "{name}");
    for reject in &rejects {
        let told = history.rejects(Some(reject.reason), EVER, MANY);
        assert_eq!(told, Ok(vec![reject.clone()]), "{name}: {}", reject.reason);
    }
}

#[test]
fn every_golden_record_is_read_back_as_it_was_written() {
    against_both(|store| {
        let traffic = Traffic::golden(now_ms());
        assert!(traffic.events.len() > 15 && traffic.rows.len() > 1 && traffic.reviews.len() > 1);
        write(store, &traffic);
        check_told(store, &traffic);
    });
}

#[test]
fn batches_written_again_change_nothing() {
    let series = |store: &dyn Store| -> Vec<Vec<Point>> {
        let ask = |series: &Series| store.history().series(*series, EVER, DAY_MS).expect("an answer");
        Series::ALL.iter().map(ask).collect()
    };
    against_both(|store| {
        let traffic = Traffic::golden(now_ms());
        write(store, &traffic);
        let once = series(store);
        write(store, &traffic);
        // The same records again, cut into other batches.
        traffic.lend(|records| records.chunks(7).for_each(|batch| store.write(batch)));
        check_told(store, &traffic);
        assert_eq!(series(store), once, "{}", store.name());
    });
}

/// As a worker does whose checkpoints were lost: it decides again, and knows of a later `seq`.
#[test]
fn a_decision_that_comes_again_under_another_seq_is_one() {
    against_both(|store| {
        let mut traffic = Traffic::golden(now_ms());
        write(store, &traffic);
        traffic.decisions.iter_mut().for_each(|decision| decision.seq += 1_000);
        write(store, &traffic);
        let ids = |decisions: &[Decision]| decisions.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
        let accounts: BTreeSet<&str> = traffic.decisions.iter().map(|one| &*one.account).collect();
        for account in accounts {
            let told = store.history().decisions(account, EVER, MANY).expect("an answer");
            let own = traffic.decisions.iter().filter(|one| one.account == account).cloned();
            let (mut told, mut own) = (ids(&told), ids(&own.collect::<Vec<_>>()));
            told.sort();
            own.sort();
            assert_eq!(told, own, "{}: {account}", store.name());
        }
    });
}

#[test]
fn a_span_and_a_limit_bound_the_answer() {
    against_both(|store| {
        let traffic = Traffic::stream(now_ms(), 500);
        write(store, &traffic);
        let history = store.history();
        let all = history.events("a_1", EVER, MANY).expect("an answer");
        assert!(all.len() > 3, "{}", all.len());
        let (newest, oldest) = (&all[0], &all[all.len() - 1]);
        let span = Span { from: oldest.at, to: newest.at };
        assert_eq!(history.events("a_1", span, MANY).as_deref(), Ok(&all[1..]), "{}", store.name());
        assert_eq!(history.events("a_1", EVER, 2).as_deref(), Ok(&all[..2]), "{}", store.name());
        assert_eq!(history.events("nobody", EVER, MANY), Ok(vec![]), "{}", store.name());
    });
}

#[test]
fn both_tell_the_same_counts() {
    let now = now_ms();
    let traffic = Traffic::stream(now, 3_000);
    let (mut sqlite, mut clickhouse) = (Sqlite::new(), ClickHouse::new());
    for store in [&mut sqlite as &mut dyn Store, &mut clickhouse] {
        // Every batch twice, the second time with its neighbour.
        traffic.lend(|records| records.chunks(250).for_each(|batch| store.write(batch)));
        traffic.lend(|records| records.chunks(500).for_each(|batch| store.write(batch)));
    }
    let (one, other) = (sqlite.history(), clickhouse.history());
    for series in Series::ALL {
        for step in [MINUTE_MS, 60 * MINUTE_MS, DAY_MS] {
            let told = one.series(*series, EVER, step).expect("an answer");
            assert_eq!(told, other.series(*series, EVER, step).expect("an answer"), "{series} by {step}");
            let span = Span { from: now - 7_200_000, to: now - 3_600_000 };
            assert_eq!(
                one.series(*series, span, step),
                other.series(*series, span, step),
                "{series} by {step}"
            );
            let sum: u64 = told.iter().map(|point| point.count).sum();
            let enforced = |decision: &&Decision| decision.mode == schema::Mode::Enforce;
            let expected = match series {
                Series::Events => traffic.events.len(),
                Series::Rejects => traffic.rejects.len(),
                Series::Shadows => {
                    traffic.decisions.len() - traffic.decisions.iter().filter(enforced).count()
                }
                _ => traffic.decisions.iter().filter(enforced).count(),
            };
            assert_eq!(sum, expected as u64, "{series} by {step}");
        }
    }
    for group in Group::ALL {
        let told = one.top(*group, EVER, 5).expect("an answer");
        let has_any = !matches!(group, Group::Prefix | Group::NumberRange | Group::Client);
        assert_eq!(!told.is_empty(), has_any, "{group}");
        assert_eq!(Ok(told), other.top(*group, EVER, 5), "{group}");
    }
    for (group, kind) in [
        (Group::Device, EntityKind::Device),
        (Group::Prefix, EntityKind::Prefix),
        (Group::Asn, EntityKind::Asn),
        (Group::NumberRange, EntityKind::NumberRange),
    ] {
        for top in one.top(group, EVER, 3).expect("an answer") {
            let told = one.seen_on(kind, &top.key, EVER, 10).expect("an answer");
            assert!(!told.is_empty(), "{kind} {}", top.key);
            assert_eq!(Ok(told), other.seen_on(kind, &top.key, EVER, 10), "{kind} {}", top.key);
        }
        assert_eq!(one.seen_on(kind, "nobody was here", EVER, 10), Ok(Vec::new()));
    }
    for decision in one.decisions("a_1", EVER, 3).expect("an answer") {
        assert_eq!(one.decision(&decision.id), Ok(Some(decision.clone())));
        assert_eq!(other.decision(&decision.id), Ok(Some(decision)));
    }
    assert_eq!((one.decision("d_none"), other.decision("d_none")), (Ok(None), Ok(None)));
    let detected = one.detections(EVER, DAY_MS).expect("an answer");
    assert!(detected.iter().any(|day| day.unreported > 0) && detected.iter().any(|day| day.accounts > 5));
    assert!(detected.iter().any(|day| day.at_registration > 0), "{detected:?}");
    assert_eq!(Ok(detected), other.detections(EVER, DAY_MS));
    assert_eq!(one.scores(EVER), other.scores(EVER));
    check_shadows(one, other);
    assert_eq!(one.heard("a_1", EVER, MANY), other.heard("a_1", EVER, MANY));
    assert_eq!(one.freshness(), other.freshness());
}

/// Shadows of the stream, beside what was done to the same accounts.
#[track_caller]
fn check_shadows(one: &dyn History, other: &dyn History) {
    let shadows = one.shadows(EVER, 10).expect("an answer");
    assert!(!shadows.is_empty());
    assert_eq!(Ok(&shadows), other.shadows(EVER, 10).as_ref());
    for shadowed in shadows {
        let beside = one.beside(&shadowed.shadow, EVER).expect("an answer");
        let would: u64 = beside.iter().filter(|row| row.shadow.is_some()).map(|row| row.accounts).sum();
        assert_eq!(would, shadowed.accounts, "{shadowed:?}");
        assert!(beside.iter().any(|row| row.shadow.is_some() && row.live.is_some() && row.country == "IN"));
        assert_eq!(Ok(beside), other.beside(&shadowed.shadow, EVER), "{shadowed:?}");
    }
    let nobody = schema::history::Shadow::Rule("nobody".to_owned());
    let beside = one.beside(&nobody, EVER).expect("an answer");
    assert!(!beside.is_empty() && beside.iter().all(|row| row.shadow.is_none() && row.live.is_some()));
    assert_eq!(Ok(beside), other.beside(&nobody, EVER));
}

#[test]
fn a_deleted_account_is_gone_also_if_something_of_it_comes_late() {
    against_both(|store| {
        let (name, now) = (store.name(), now_ms());
        let traffic = Traffic::golden(now);
        write(store, &traffic);
        let before = store.history().series(Series::Events, EVER, DAY_MS).expect("an answer");
        assert!(!store.history().rows("a_1", EVER, MANY).expect("an answer").is_empty());
        let mut named = traffic.decisions[0].clone();
        (named.id, named.account, named.issued) = ("d_named".to_owned(), "b_9".to_owned(), now);
        named.companions = ["a_1", "c_1"].map(str::to_owned).into();
        write(store, &Traffic { decisions: vec![named], ..Traffic::default() });
        assert_eq!(companions(store), ["a_1", "c_1"], "{name}");
        let line = format!(r#"{{"id":"gone","ts":{},"kind":"deletion","account":"a_1"}}"#, now + 1);
        let deletion = Traffic { events: vec![(0, 900, now + 1, line)], ..Traffic::default() };
        write(store, &deletion);
        check_gone(store, "at once");
        assert_eq!(companions(store), ["c_1"], "{name}: nor is it named by another");
        store.tend(now + 2);
        check_gone(store, "when it was carried out");
        write(store, &traffic);
        write(store, &deletion);
        check_gone(store, "when it all came again");
        store.tend(now + DAY_MS);
        check_gone(store, "later");
        // Whoever comes after has the name anew; other accounts and the counts are as they were.
        let line = format!(r#"{{"id":"new","ts":{},"kind":"session","account":"a_1"}}"#, now + 5);
        write(store, &Traffic { events: vec![(0, 901, now + 5, line)], ..Traffic::default() });
        assert_eq!(store.history().events("a_1", EVER, MANY).map(|events| events.len()), Ok(1), "{name}");
        let decisions = store.history().decisions("device:d_1", EVER, MANY).expect("an answer");
        assert_eq!(decisions.len(), 1, "{name}");
        let count = |points: &[Point]| points.iter().map(|point| point.count).sum::<u64>();
        let after = store.history().series(Series::Events, EVER, DAY_MS).expect("an answer");
        assert_eq!(count(&after), count(&before) + 2, "{name}: the deletion and the session");
    });
}

/// Whom a decision about another account names.
fn companions(store: &dyn Store) -> Vec<String> {
    let found = store.history().decision("d_named").expect("an answer").expect("it is there");
    let listed = store.history().decisions("b_9", EVER, MANY).expect("an answer");
    assert_eq!(listed[0].companions, found.companions, "{}", store.name());
    found.companions
}

#[track_caller]
fn check_gone(store: &dyn Store, when: &str) {
    let (name, history) = (store.name(), store.history());
    assert_eq!(history.events("a_1", EVER, MANY), Ok(vec![]), "{name}: {when}");
    assert_eq!(history.decisions("a_1", EVER, MANY), Ok(vec![]), "{name}: {when}");
    assert_eq!(history.rows("a_1", EVER, MANY), Ok(vec![]), "{name}: {when}");
    assert_eq!(history.reviews("a_1", EVER, MANY), Ok(vec![]), "{name}: {when}");
    let seen = history.seen_on(EntityKind::Device, "d_1", EVER, MANY).expect("an answer");
    assert!(!seen.contains(&"a_1".to_owned()), "{name}: {when}");
}

#[test]
fn deleted_rows_leave_clickhouse_and_not_only_its_answers() {
    let now = now_ms();
    let mut store = ClickHouse::new();
    write(&mut store, &Traffic::golden(now));
    let line = format!(r#"{{"id":"gone","ts":{},"kind":"deletion","account":"a_1"}}"#, now + 1);
    write(&mut store, &Traffic { events: vec![(0, 900, now + 1, line)], ..Traffic::default() });
    let left = |store: &ClickHouse| -> Vec<String> {
        let count =
            |table: &&str| store.ask(&format!("SELECT count() FROM {{db}}.{table} WHERE account = 'a_1'"));
        ["events", "decisions", "rows", "reviews", "firsts"].iter().map(count).collect()
    };
    assert!(left(&store).iter().all(|count| count != "0"), "{:?}", left(&store));
    store.tend(now + 2);
    assert_eq!(left(&store), ["0"; 5]);
}

#[test]
fn what_is_older_than_it_may_be_goes() {
    against_both(|store| {
        let (name, now) = (store.name(), now_ms());
        let days = |n: u64| now - n * DAY_MS;
        let line =
            |id: &str, at: u64| format!(r#"{{"id":"{id}","ts":{at},"kind":"session","account":"a_1"}}"#);
        let mut traffic = Traffic::golden(now);
        traffic.events =
            vec![(0, 1, days(95), line("old", days(95))), (0, 2, days(85), line("kept", days(85)))];
        traffic.rejects.truncate(2);
        (traffic.rejects[0].at, traffic.rejects[1].at) = (days(20), days(10));
        (traffic.rows[0].at, traffic.rows[1].at) = (days(95), days(85));
        (traffic.decisions[2].issued, traffic.decisions[3].issued) = (days(500), days(300));
        write(store, &traffic);
        store.tend(now);
        let history = store.history();
        let events = history.events("a_1", EVER, MANY).expect("an answer");
        assert_eq!(events.iter().map(|event| event.offset).collect::<Vec<_>>(), [2], "{name}");
        assert_eq!(history.rejects(None, EVER, MANY), Ok(vec![traffic.rejects[1].clone()]), "{name}");
        assert_eq!(history.rows("a_1", EVER, MANY), Ok(vec![traffic.rows[1].clone()]), "{name}");
        let decisions = history.decisions("a_1", EVER, MANY).expect("an answer");
        assert!(
            !decisions.contains(&traffic.decisions[2]) && decisions.contains(&traffic.decisions[3]),
            "{name}"
        );
    });
}

#[test]
fn a_crowd_that_looks_alike_is_marked() {
    against_both(|store| {
        let now = now_ms();
        let report = |n: u64, prefix: &str| {
            let line = format!(
                r#"{{"id":"r{n}","ts":{now},"kind":"report","account":"a_1","peer":"p_{n}","contact":"none","peer_age_h":2.5,"peer_prefix":"{prefix}"}}"#
            );
            (0, n, now + n, line)
        };
        let events = vec![report(1, "x"), report(2, "x"), report(3, "y"), report(4, "x")];
        write(store, &Traffic { events, ..Traffic::default() });
        let heard = store.history().heard("a_1", EVER, MANY).expect("an answer");
        let alike: Vec<(&str, u32)> = heard.iter().map(|one| (one.author.as_str(), one.alike)).collect();
        assert_eq!(alike, [("p_4", 2), ("p_3", 0), ("p_2", 2), ("p_1", 2)], "{}", store.name());
        assert_eq!(heard[0].author_age_h, Some(2.5));
        assert_eq!(heard[0].contact, Some(schema::Contact::None));
    });
}

#[test]
fn in_a_single_process_a_fact_of_a_record_has_a_row_of_its_own() {
    let mut store = Sqlite::new();
    let traffic = Traffic::golden(now_ms());
    let own = traffic.rows[0].clone();
    let fact = Row { event: "f_1".to_owned(), ..own.clone() };
    let records = [&own, &fact, &own].map(sinks::archive::Record::Row);
    store.write(&records);
    assert_eq!(store.history().rows(&own.account, EVER, MANY), Ok(vec![fact, own]));
}

#[test]
fn freshness_is_the_newest_of_each_kind() {
    against_both(|store| {
        let now = now_ms();
        let newest = |store: &dyn Store| -> Vec<Option<u64>> {
            let told = store.history().freshness().expect("an answer");
            assert!(told.iter().map(|one| one.kept).eq(Kept::ALL.iter().copied()));
            told.iter().map(|one| one.newest).collect()
        };
        assert_eq!(newest(store), [None; 5], "{}", store.name());
        let traffic = Traffic::golden(now);
        write(store, &traffic);
        let events = traffic.events.iter().map(|event| event.2).max();
        assert_eq!(newest(store)[0], events, "{}", store.name());
        assert_eq!(
            newest(store)[4],
            traffic.rejects.iter().map(|reject| reject.at).max(),
            "{}",
            store.name()
        );
    });
}

#[test]
fn a_step_that_is_no_multiple_of_a_minute_is_refused() {
    against_both(|store| {
        for step in [0, 30_000, 90_001] {
            assert!(store.history().series(Series::Events, EVER, step).is_err(), "{}: {step}", store.name());
        }
    });
}

#[test]
fn migrations_run_once_follow_the_retention_and_refuse_a_newer_database() {
    let store = ClickHouse::new();
    let versions = || store.ask("SELECT count(), max(version) FROM {db}.migrations FORMAT CSV");
    assert_eq!(versions(), "2,2");
    store.migrate(Retention { events: 7, ..Retention::default() }).expect("the same again");
    assert_eq!(versions(), "2,2");
    let engine =
        store.ask("SELECT engine_full FROM system.tables WHERE database = '{db}' AND name = 'events'");
    assert!(engine.contains("toIntervalDay(7)"), "{engine}");
    store.ask("INSERT INTO {db}.migrations (version, name) VALUES (99, 'of the future')");
    let error = store.migrate(Retention::default()).expect_err("a newer database");
    assert!(
        matches!(error, sinks::Error::Stop { .. }) && error.to_string().contains("version 99"),
        "{error}"
    );
}
