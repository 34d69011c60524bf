//! The journal: durable answers, order, resumed readers, retention, and what a failed commit leaves behind.

use std::sync::atomic::{AtomicU64, Ordering};

use schema::limits::CONTROLS_MAX;

use super::*;

static TIME: AtomicU64 = AtomicU64::new(1_762_128_000_000);

fn open(folder: &Path) -> Journal {
    let clock: Clock = Arc::new(|| TIME.fetch_add(1, Ordering::Relaxed));
    let options = Options { clock, ticks: || 0, observer: Box::new(|_| {}) };
    Journal::open(&folder.join("journal.db"), options).unwrap()
}

fn batch(records: &[(Topic, &str)]) -> Batch {
    let mut batch = Batch::default();
    for (topic, body) in records {
        batch.push(*topic, b"a1", body.as_bytes());
    }
    batch
}

fn commit(journal: &Journal, records: &[(Topic, &str)]) -> Committed {
    journal.appender().commit_blocking(Commit { batch: batch(records), ..Commit::default() }).unwrap()
}

fn read(journal: &Journal, topic: Option<Topic>, after: u64) -> Vec<(u64, u64, String)> {
    let mut chunk = Chunk::default();
    journal.reader().unwrap().read(topic, after, 1_000, &mut chunk).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    chunk.records().map(|record| (record.position, record.at, text(record.body))).collect()
}

#[test]
fn positions_rise_without_gaps_also_over_a_restart_and_time_never_falls() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    assert_eq!(commit(&journal, &[(Topic::Events, "e1"), (Topic::Events, "e2")]).last, 2);
    let at = commit(&journal, &[(Topic::Decisions, "d1")]).at;
    journal.close();
    let journal = open(folder.path());
    assert_eq!(journal.head().borrow().position, 3);
    assert_eq!(journal.head().borrow().decisions, 3);
    let next = commit(&journal, &[(Topic::Events, "e3")]);
    assert_eq!((next.first, next.last), (4, 4));
    assert!(next.at >= at);
    let bodies: Vec<String> = read(&journal, None, 0).into_iter().map(|record| record.2).collect();
    assert_eq!(bodies, ["e1", "e2", "d1", "e3"]);
    journal.close();
}

#[test]
fn a_clock_that_goes_back_does_not_take_the_log_with_it() {
    static FALLING: AtomicU64 = AtomicU64::new(1_762_128_000_000);
    let folder = tempfile::tempdir().unwrap();
    let clock: Clock = Arc::new(|| FALLING.fetch_sub(1_000, Ordering::Relaxed));
    let options = Options { clock, ticks: || 0, observer: Box::new(|_| {}) };
    let journal = Journal::open(&folder.path().join("journal.db"), options).unwrap();
    for _ in 0..4 {
        commit(&journal, &[(Topic::Events, "e")]);
    }
    let times: Vec<u64> = read(&journal, None, 0).into_iter().map(|record| record.1).collect();
    assert!(times.is_sorted(), "{times:?}");
    journal.close();
}

#[test]
fn a_topic_is_read_by_itself_from_any_position() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    commit(&journal, &[(Topic::Events, "e1"), (Topic::Decisions, "d1"), (Topic::Rejects, "r1")]);
    commit(&journal, &[(Topic::Decisions, "d2"), (Topic::Events, "e2")]);
    let places = |topic, after| -> Vec<u64> {
        read(&journal, Some(topic), after).into_iter().map(|record| record.0).collect()
    };
    assert_eq!(places(Topic::Events, 0), [1, 5]);
    assert_eq!(places(Topic::Decisions, 0), [2, 4]);
    assert_eq!(places(Topic::Decisions, 2), [4]);
    assert_eq!(places(Topic::Rejects, 3), Vec::<u64>::new());
    journal.close();
}

#[test]
fn standings_follow_their_seq_and_go_when_nothing_is_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let stand = |seq, body: Option<&str>| {
        let body = body.map(|body| body.as_bytes().to_vec());
        let standings = vec![StandingChange { account: "a1".to_owned(), seq, body }];
        journal.appender().commit_blocking(Commit { standings, ..Commit::default() }).unwrap();
        journal.reader().unwrap().standing("a1").unwrap()
    };
    assert_eq!(stand(5, Some("five")), Some(b"five".to_vec()));
    assert_eq!(stand(4, Some("four")), Some(b"five".to_vec()));
    assert_eq!(stand(4, None), Some(b"five".to_vec()));
    assert_eq!(stand(6, None), None);
    journal.close();
}

#[test]
fn a_reader_goes_on_where_it_was_and_never_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let tell = |position| {
        let read_to = Some(("engine", position));
        journal.appender().commit_blocking(Commit { read_to, ..Commit::default() }).unwrap();
    };
    assert_eq!(journal.reader().unwrap().position("engine").unwrap(), 0);
    tell(7);
    tell(3);
    journal.close();
    let journal = open(folder.path());
    assert_eq!(journal.reader().unwrap().position("engine").unwrap(), 7);
    journal.close();
}

#[test]
fn retention_takes_a_prefix_and_never_what_a_restart_needs() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for _ in 0..10 {
        commit(&journal, &[(Topic::Events, "e")]);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let prune = |before_at, bytes_max, up_to| {
        runtime.block_on(journal.appender().prune(Prune { before_at, bytes_max, up_to })).unwrap()
    };
    let times: Vec<u64> = read(&journal, None, 0).into_iter().map(|record| record.1).collect();
    assert_eq!(prune(times[4], u64::MAX, 2), 2, "a checkpoint at 2 holds it back");
    assert_eq!(prune(times[4], u64::MAX, 10), 2, "only what is older goes");
    assert_eq!(journal.head().borrow().pruned, 4);
    assert_eq!(prune(0, 0, 10), 6, "over its size all may go");
    assert_eq!(commit(&journal, &[(Topic::Events, "next")]).first, 11, "positions are never given twice");
    journal.close();
    let journal = open(folder.path());
    assert_eq!((journal.head().borrow().pruned, journal.head().borrow().position), (10, 11));
    journal.close();
}

#[test]
fn the_latest_controls_outlive_their_records_and_older_ones_go() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let mut batch = Batch::default();
    for number in 0..CONTROLS_MAX + 3 {
        batch.push(Topic::Control, format!("c{number}").as_bytes(), format!("control {number}").as_bytes());
    }
    batch.push(Topic::Control, b"c5", b"an id that came before");
    journal.appender().commit_blocking(Commit { batch, ..Commit::default() }).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let prune = Prune { before_at: u64::MAX, bytes_max: 0, up_to: 500 };
    assert!(runtime.block_on(journal.appender().prune(prune)).unwrap() > 0);
    journal.close();
    let journal = open(folder.path());
    let controls = journal.reader().unwrap().controls().unwrap();
    assert_eq!(controls.len(), CONTROLS_MAX);
    assert_eq!(controls.first().unwrap(), b"control 3");
    assert_eq!(*controls.last().unwrap(), format!("control {}", CONTROLS_MAX + 2).into_bytes());
    journal.close();
}

#[test]
fn a_watched_position_is_registered_before_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let (watcher, _decided) = tokio::sync::oneshot::channel();
    let commit =
        Commit { batch: batch(&[(Topic::Events, "e")]), watcher: Some(watcher), ..Commit::default() };
    let position = journal.appender().commit_blocking(commit).unwrap().last;
    assert!(journal.watched().take(position - 1).is_empty());
    assert_eq!(journal.watched().take(position).into_keys().collect::<Vec<_>>(), [position]);
    journal.close();
}

#[test]
fn after_the_close_nothing_is_taken_and_the_commit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let appender = journal.appender();
    journal.close();
    let failed = appender.commit_blocking(Commit::default()).unwrap_err();
    assert_eq!(failed.1, Unwritten::Closed);
}

#[test]
fn another_database_is_no_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
    let options = Options { clock: Arc::new(|| 0), ticks: || 0, observer: Box::new(|_| {}) };
    let error = Journal::open(&path, options).err().expect("it is refused").to_string();
    assert!(error.contains("no journal of format 1"), "{error}");
}

#[test]
fn many_at_once_are_all_written_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let appender = journal.appender();
            std::thread::spawn(move || {
                for number in 0..50 {
                    let mut batch = Batch::default();
                    batch.push(Topic::Events, b"a", format!("{thread}/{number}").as_bytes());
                    appender.commit_blocking(Commit { batch, ..Commit::default() }).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let mut bodies: Vec<String> = read(&journal, None, 0).into_iter().map(|record| record.2).collect();
    assert_eq!(bodies.len(), 400);
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 400);
    journal.close();
}

#[test]
fn a_large_append_does_not_keep_its_size_on_the_disk_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let large = "x".repeat(1 << 20);
    let records: Vec<(Topic, &str)> = (0..90).map(|_| (Topic::Events, large.as_str())).collect();
    commit(&journal, &records);
    let beside = || std::fs::metadata(folder.path().join("journal.db-wal")).unwrap().len();
    let before = beside();
    // Folded into the file with the commit above; the next ones begin it anew.
    for _ in 0..3 {
        commit(&journal, &[(Topic::Events, "e")]);
    }
    assert!(before > 90 << 20 && beside() <= 64 << 20, "{before} then {}", beside());
    journal.close();
}
