//! `weir archive` from a real Kafka into a real ClickHouse: rows a second, and bytes a row as they lie there.
//!
//!   cargo build --release -p weir
//!   WEIR=target/release/weir cargo bench -p tests --bench archive -- [EVENTS] [PARTITIONS] [SHARE]
//!
//! 1000000 events, 4 partitions and feature rows of this share of quiet events (0.02) unless told.
//!
//! Separate from the tests, because it shows speed and size and no behaviour. Invariants: everything lies in the topics before the
//! archive starts; every row is counted by ClickHouse itself; sizes are those after all merges.

use std::time::Duration;

use harness::clickhouse::ClickHouse;
use harness::clock::now;
use harness::figures::{Processors, load_of_the_machine};
use harness::kafka::{Cluster, Topics, Worker};
use harness::load::Load;
use harness::weir;

/// How often ClickHouse is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The tables that records become rows of.
const TABLES: [&str; 3] = ["events", "decisions", "rows"];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let word = |place: usize, usual: &str| words.get(place).cloned().unwrap_or(usual.to_owned());
    let events: u64 = word(0, "1000000").parse().expect("events: a number");
    let partitions: i32 = word(1, "4").parse().expect("partitions: a number");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let load = Load::make(folder.path(), events, Vec::new());
    let cluster = Cluster::start(1);
    let topics = Topics::create(cluster.brokers(), partitions, &[]);
    load.fill(&topics);
    decide(&topics, &load, &word(2, "0.02"));
    let written: u64 = TABLES.iter().map(|table| records(&topics, table)).sum();
    println!("{events} events, {partitions} partitions, {written} records in all; {}", load_of_the_machine());

    let server = ClickHouse::start("bench");
    let mut archive = Worker::archive(&topics, &server.url(), &[]);
    archive.wait_until_it_says("partitions were given");
    let processes = [archive.pid(), server.pid(), cluster.members[0].pid()];
    let (started, processors) = (now(), Processors::read(&processes));
    while TABLES.iter().map(|table| rows(&server, &topics, table)).sum::<u64>() < written {
        std::thread::sleep(LOOK_EVERY);
    }
    let seconds = started.elapsed().as_secs_f64();
    let [own, clickhouse, broker] = processors.since().map(|time| time.as_secs_f64() / written as f64 * 1e6);
    println!(
        "{:.0} rows/s, {seconds:.1} s; processor time a row: archive {own:.2} µs, ClickHouse {clickhouse:.2} µs, broker {broker:.2} µs; \
         the archive held {} MiB at most; {}",
        written as f64 / seconds,
        archive.memory_peak_bytes() >> 20,
        load_of_the_machine()
    );
    archive.end();
    TABLES.iter().for_each(|table| size(&server, &topics, table));
}

/// Decides about everything, so that there are decisions and rows.
fn decide(topics: &Topics, load: &Load, share: &str) {
    let key = weir::write(&load.folder, "signing.key", b"a key of the benches, no secret at all");
    let mut worker = Worker::start(topics, &["--signing-key", &key, "--rows", share]);
    worker.wait_until_finished(topics);
    worker.end();
}

/// Records of a topic.
fn records(topics: &Topics, word: &str) -> u64 {
    let ends = harness::kafka::offsets(&topics.brokers, &topics.name(word));
    ends.iter().map(|(low, high)| (high - low).unsigned_abs()).sum()
}

/// Rows of a table, once it is there.
fn rows(server: &ClickHouse, topics: &Topics, table: &str) -> u64 {
    let sql = format!(
        "SELECT sum(rows) FROM system.parts WHERE active AND database = '{}' AND table = '{table}'",
        topics.prefix
    );
    server.ask(&sql).parse().expect("a number")
}

/// Prints what a row takes, and its four largest columns.
fn size(server: &ClickHouse, topics: &Topics, table: &str) {
    let merged = server.ask(&format!("OPTIMIZE TABLE `{}`.{table} FINAL", topics.prefix));
    assert_eq!(merged, "");
    let of = format!("WHERE active AND database = '{}' AND table = '{table}'", topics.prefix);
    let whole = format!(
        "SELECT sum(rows), round(sum(bytes_on_disk) / sum(rows), 1) FROM system.parts {of} FORMAT TSV"
    );
    let columns = format!(
        "SELECT arrayStringConcat(groupArray(concat(column, ' ', toString(bytes))), ', ') FROM (SELECT column, \
         round(sum(column_data_compressed_bytes) / sum(rows), 1) AS bytes FROM system.parts_columns {of} GROUP BY column ORDER BY bytes DESC \
         LIMIT 4)"
    );
    let told = server.ask(&whole);
    let (count, bytes) = told.split_once('\t').expect("two columns");
    println!("{table}: {count} rows of {bytes} bytes; {}", server.ask(&columns));
}
