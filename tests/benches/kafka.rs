//! `weir run` on a real broker, beside a consumer that only counts the same records; then how long a decision takes at half that load.
//!
//!   cargo build --release -p weir
//!   WEIR=target/release/weir cargo bench -p tests --bench kafka -- [EVENTS] [PARTITIONS] [ROUNDS] [SECONDS] [RATE]… [KEY=VALUE]…
//!
//! 2000000 events, 2 partitions, 3 rounds and 60 s of latency unless told; latency at each rate that is told (events a second),
//! else at half of what was decided; properties of librdkafka go to the worker. With 0 rounds only latency is shown, and rates must
//! be told.
//!
//! Separate from the tests, because it shows speed and no behaviour. Invariants: both read the same records of the same broker in
//! the same run, one after the other, after a round that warms the broker: counted once as rdkafka comes, once with a worker's client settings; a worker is as in
//! production: signed facts, checkpoints, the default policy and model. Only the ratio means much on a machine that others use.

#[path = "kafka/latency.rs"]
mod latency;

use std::time::Duration;

use harness::clock::now;
use harness::figures::{Figure, Processors, load_of_the_machine, metric, middle};
use harness::kafka::{Cluster, Topics, Worker};
use harness::load::Load;
use harness::weir;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// What a worker's consumer has (`ingest/src/kafka/consumer.rs`), as far as it makes a difference to speed.
const AS_A_WORKER: [(&str, &str); 5] = [
    ("queued.max.messages.kbytes", "16384"),
    ("fetch.message.max.bytes", "4194304"),
    ("fetch.queue.backoff.ms", "20"),
    ("fetch.min.bytes", "1"),
    ("fetch.wait.max.ms", "100"),
];
/// How often a worker is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(20);

fn main() {
    // cargo itself gives `--bench`.
    let words: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let properties: Vec<String> = words.iter().filter(|word| word.contains('=')).cloned().collect();
    let number = |place: usize, usual: u64| numbers.get(place).copied().unwrap_or(usual);
    let (events, partitions, rounds, seconds) =
        (number(0, 2_000_000), number(1, 2), number(2, 3), number(3, 60));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let load = Load::make(folder.path(), events, properties);
    let cluster = Cluster::start(1);
    println!(
        "{events} events of {} bytes, {partitions} partitions, 1 broker; {}",
        load.bytes() / events,
        load_of_the_machine()
    );
    let (mut counted, mut counted_plainly, mut decided) = (Vec::new(), Vec::new(), Vec::new());
    // Round 0 counts for nothing: the broker compiles its Java then.
    for round in 0..=rounds {
        let topics = Topics::create(cluster.brokers(), partitions as i32, &[]);
        let filled = load.fill(&topics);
        let raw = count(&cluster, &topics, &load, &AS_A_WORKER);
        let plain = count(&cluster, &topics, &load, &[]);
        let own = decide(&cluster, &topics, &load);
        println!("round {round}: {:.0} events/s written; {}", filled, load_of_the_machine());
        println!("  counted: {raw}");
        println!("  counted with librdkafka's own settings: {plain}");
        println!("  decided: {own}");
        println!("  ratio {:.2}; {:.2}", own.rate() / raw.rate(), own.rate() / plain.rate());
        if round == 0 {
            continue;
        }
        counted.push(raw.rate());
        counted_plainly.push(plain.rate());
        decided.push(own.rate());
    }
    let mut rates: Vec<f64> = numbers.iter().skip(4).map(|rate| *rate as f64).collect();
    if rounds > 0 {
        let (counted, plainly, own) = (middle(counted), middle(counted_plainly), middle(decided));
        println!(
            "medians: {own:.0} events/s decided; {counted:.0} counted, ratio {:.2}; \
             {plainly:.0} counted with librdkafka's own settings, ratio {:.2}",
            own / counted,
            own / plainly
        );
        rates = if rates.is_empty() { vec![own / 2.0] } else { rates };
    }
    for rate in rates.into_iter().filter(|_| seconds > 0) {
        let topics = Topics::create(cluster.brokers(), partitions as i32, &[]);
        latency::show(&load, &topics, rate, Duration::from_secs(seconds));
    }
}

/// A consumer that does nothing but count, message by message, as rdkafka hands them out.
fn count(cluster: &Cluster, topics: &Topics, load: &Load, settings: &[(&str, &str)]) -> Figure {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &topics.brokers)
        .set("group.id", "counts")
        .set("enable.auto.commit", "false");
    for (key, value) in settings {
        config.set(*key, *value);
    }
    let consumer: BaseConsumer = config.create().expect("settings that a worker has");
    let mut list = TopicPartitionList::new();
    for partition in 0..topics.partitions {
        list.add_partition_offset(&topics.name("events"), partition, Offset::Beginning).expect("a partition");
    }
    consumer.assign(&list).expect("partitions that exist");
    let (mut records, mut bytes, mut started) = (0_u64, 0_u64, None);
    while records < load.events {
        let Some(message) = consumer.poll(Duration::from_secs(10)) else {
            panic!("only {records} records came")
        };
        let message = message.expect("the broker gives what it has");
        let _ =
            started.get_or_insert_with(|| (now(), Processors::read(&[std::process::id(), broker(cluster)])));
        records += 1;
        bytes += message.payload_len() as u64 + message.key_len() as u64;
    }
    let (started, processors) = started.expect("there were records");
    Figure { records, bytes, time: started.elapsed(), processors: processors.since() }
}

/// A worker as in production.
fn decide(cluster: &Cluster, topics: &Topics, load: &Load) -> Figure {
    let mut worker = work(topics, load);
    let address = worker.shows_at();
    let read = || metric(&address, "weir_records_total");
    let (first, started, processors) = loop {
        let first = read();
        if first > 0 {
            break (first, now(), Processors::read(&[worker.pid(), broker(cluster)]));
        }
        std::thread::sleep(LOOK_EVERY);
    };
    let last = loop {
        std::thread::sleep(LOOK_EVERY);
        let last = read();
        if last >= load.events {
            break last;
        }
    };
    let (time, processors) = (started.elapsed(), processors.since());
    println!(
        "  the worker held {} MiB at most; {} decisions, {} relations, {} facts",
        worker.memory_peak_bytes() >> 20,
        metric(&address, "weir_decisions_total"),
        metric(&address, "weir_relations_total"),
        metric(&address, "weir_facts_total"),
    );
    worker.end();
    let records = last - first;
    Figure { records, bytes: load.bytes_of_records(records), time, processors }
}

/// A worker that saves its state and believes facts; `weir run` otherwise as it is by default.
fn work(topics: &Topics, load: &Load) -> Worker {
    let key = weir::write(&load.folder, "signing.key", b"a key of the benches, no secret at all");
    let checkpoints = load.folder.join(format!("checkpoints-{}", topics.prefix)).display().to_string();
    let own = ["--metrics", "127.0.0.1:0", "--signing-key", &key, "--checkpoints", &checkpoints];
    let properties = load.properties.iter().flat_map(|property| ["--set", property.as_str()]);
    Worker::start(topics, &own.into_iter().chain(properties).collect::<Vec<_>>())
}

fn broker(cluster: &Cluster) -> u32 {
    cluster.members[0].pid()
}
