//! What the roles on Kafka show: their numbers, held against what lies in the topics, and whether they are ready.
//!
//! Separate from what they do. Invariant: what a number must be is computed from the topics and the store, never from a log.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::clickhouse::ClickHouse;
use harness::clock::now;
use harness::http::Client;
use harness::kafka::{Fetched, Sent, Topics, Worker, consume, produce, shared};
use schema::{Decision, Reject};

use crate::kafka::events_of_now;

const WAIT: Duration = Duration::from_secs(60);

/// What a role shows: name with labels, and value.
pub struct Shown(BTreeMap<String, f64>);

impl Shown {
    /// What it shows now.
    pub fn ask(address: &str) -> Self {
        let text = body(address, "/metrics", 200);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let pair = |line: &str| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        };
        Self(lines.map(pair).collect())
    }

    /// The sum over all labels that contain `label`; nothing, if there are none.
    pub fn sum(&self, name: &str, label: &str) -> Option<f64> {
        let is_asked = |key: &str| {
            let (found, labels) = key.split_once('{').unwrap_or((key, ""));
            found == name && labels.contains(label)
        };
        let found: Vec<f64> =
            self.0.iter().filter(|(key, _)| is_asked(key)).map(|(_, value)| *value).collect();
        (!found.is_empty()).then(|| found.iter().sum())
    }
}

fn body(address: &str, path: &str, status: u16) -> String {
    let answer = Client::connect(address).and_then(|mut client| client.call("GET", path, "", b""));
    let answer = answer.unwrap_or_else(|error| panic!("{address}{path}: {error}"));
    let text = String::from_utf8(answer.body).expect("text");
    assert_eq!(answer.status, status, "{path}: {text}");
    text
}

/// Asks until the answer is as it must be.
#[track_caller]
fn wait_for(address: &str, what: &str, is_there: impl Fn(&Shown) -> bool) -> Shown {
    let started = now();
    loop {
        let shown = Shown::ask(address);
        if is_there(&shown) {
            return shown;
        }
        assert!(started.elapsed() < WAIT, "{what}: {:#?}", shown.0);
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn values<T: serde::de::DeserializeOwned>(topics: &Topics, word: &str) -> Vec<T> {
    let all = consume(&topics.brokers, &topics.name(word));
    let value = |record: &Fetched| serde_json::from_str(&record.text()).expect("a record of the topic");
    all.iter().map(value).collect()
}

#[test]
fn a_worker_shows_what_lies_in_the_topics_its_lag_and_whether_it_is_ready() {
    let topics = Topics::create(shared(), 3, &[]);
    let events: Vec<Sent> =
        events_of_now().iter().map(|(account, line)| Sent::keyed(account, line.as_str())).collect();
    produce(&topics.brokers, &topics.name("events"), &events);
    let poison =
        [Sent::keyed("a_1", "{\"id\":"), Sent::keyed("a_2", events[0].value.clone().expect("an event"))];
    produce(&topics.brokers, &topics.name("events"), &poison);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let checkpoints = folder.path().display().to_string();
    let options = ["--metrics", "127.0.0.1:0", "--checkpoints", &checkpoints, "--checkpoint-every", "0.5"];
    let mut worker = Worker::start(&topics, &options);
    worker.wait_until_finished(&topics);
    let address = worker.shows_at();
    body(&address, "/healthz", 200);
    body(&address, "/readyz", 200);
    let shown = wait_for(&address, "every partition's lag is there, and gone", |shown| {
        (0..3).all(|n| shown.sum("weir_lag_records", &format!("partition=\"{n}\"")) == Some(0.0))
    });

    let sum = |name: &str, label: &str| shown.sum(name, label).unwrap_or_else(|| panic!("{name} {label}"));
    assert_eq!(sum("weir_records_total", "") as usize, events.len() + poison.len());
    let decisions: Vec<Decision> = values(&topics, "decisions");
    assert!(decisions.len() > 20, "only {} decisions", decisions.len());
    for decision in &decisions {
        let label = format!("action=\"{}\",mode=\"{}\"", decision.action.word(), decision.mode.word());
        let same = decisions.iter().filter(|one| (one.action, one.mode) == (decision.action, decision.mode));
        assert_eq!(sum("weir_decisions_total", &label) as usize, same.count(), "{label}");
    }
    let rejects: Vec<Reject> = values(&topics, "rejects");
    assert!(rejects.len() >= poison.len(), "{rejects:?}");
    assert_eq!(sum("weir_rejects_total", "") as usize, rejects.len());
    for reason in ["malformed", "key_mismatch"] {
        let told = rejects.iter().filter(|reject| reject.reason.word() == reason).count();
        assert_eq!(sum("weir_rejects_total", reason) as usize, told, "{reason}");
        assert!(told > 0, "{reason}");
    }
    let decided: std::collections::BTreeSet<&str> = decisions.iter().map(|one| one.event.as_str()).collect();
    let waited = sum("weir_decision_latency_seconds_count", "") as usize;
    assert!((1..=decided.len()).contains(&waited), "{waited} of {}", decided.len());
    assert!(sum("weir_standings", "topic=\"") > 0.0 && sum("weir_accounts", "topic=\"") > 100.0);
    assert!(sum("weir_process_memory_bytes", "") > 1e6);
    assert_eq!((sum("weir_checkpoint_age_seconds", ""), sum("weir_budget_use_ratio", "")), (0.0, 0.0));
    assert!(shown.sum("weir_http_requests_total", "").is_none(), "it has no API");

    // More events: the same counters go on, and who left shows nothing any more.
    let more: Vec<Sent> = events.iter().take(50).cloned().collect();
    produce(&topics.brokers, &topics.name("events"), &more);
    wait_for(&address, "events that came before are counted as such", |shown| {
        shown.sum("weir_records_total", "duplicate").unwrap_or(0.0) >= 50.0
    });
    let (code, took) = worker.end();
    assert_eq!(code, 0, "{}", worker.log());
    assert!(took < Duration::from_secs(10), "it took {took:?} to end");
    assert!(Client::connect(&address).is_err(), "it is gone");
}

#[test]
fn an_archive_shows_what_it_wrote_and_that_clickhouse_is_away() {
    let topics = Topics::create(shared(), 1, &[]);
    let mut server = ClickHouse::start("metrics");
    let events: Vec<Sent> =
        events_of_now().iter().take(500).map(|(account, line)| Sent::keyed(account, line.as_str())).collect();
    produce(&topics.brokers, &topics.name("events"), &events);
    produce(&topics.brokers, &topics.name("decisions"), &[Sent::keyed("a_1", "{\"id\":")]);
    let mut archive = Worker::archive(&topics, &server.url(), &["--metrics", "127.0.0.1:0"]);
    archive.wait_until_archived(&topics);
    let address = archive.shows_at();
    body(&address, "/readyz", 200);
    let shown = wait_for(&address, "the lag of every topic is there, and gone", |shown| {
        let lag = |word: &str| shown.sum("weir_lag_records", &format!("{word}\""));
        ["events", "decisions", "rows", "reviews", "rejects"].iter().all(|word| lag(word) == Some(0.0))
    });
    assert_eq!(shown.sum("weir_archive_records_total", "kept"), Some(500.0));
    assert_eq!(shown.sum("weir_archive_records_total", "refused"), Some(1.0));
    assert_eq!(shown.sum("weir_archive_rows_total", ""), Some(501.0));
    assert_eq!(shown.sum("weir_archive_insert_failures_total", ""), Some(0.0));
    assert!(shown.sum("weir_archive_insert_seconds_count", "") >= Some(1.0));

    server.stop();
    produce(&topics.brokers, &topics.name("events"), &events[..10]);
    wait_for(&address, "failures are counted", |shown| {
        shown.sum("weir_archive_insert_failures_total", "") > Some(0.0)
    });
    assert!(body(&address, "/readyz", 503).contains("ClickHouse"));
    server.start_again();
    wait_for(&address, "it goes on", |shown| shown.sum("weir_archive_rows_total", "") == Some(511.0));
    body(&address, "/readyz", 200);
    assert_eq!(archive.end().0, 0, "{}", archive.log());
}
