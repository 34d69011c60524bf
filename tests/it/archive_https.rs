//! `weir archive` and a ClickHouse behind TLS.
//!
//! Separate from what the role does to its records: here only the connection is of interest. Invariant: nothing is written over a
//! connection whose certificate is not trusted.

use harness::clickhouse;
use harness::clock::now_ms;
use harness::kafka::{Sent, Topics, Worker, produce, shared};
use harness::tls::Proxy;
use harness::weir::run;

#[test]
fn over_https_it_writes_what_it_reads_and_trusts_no_unknown_certificate() {
    let server = clickhouse::shared();
    let port = server.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let proxy = Proxy::start(port);
    let topics = Topics::create(shared(), 2, &[]);
    let events: Vec<Sent> = (0..200)
        .map(|n| {
            let line = format!(r#"{{"id":"e{n}","ts":{},"kind":"session","account":"a{n}"}}"#, now_ms());
            Sent::keyed(&format!("a{n}"), line)
        })
        .collect();
    produce(&topics.brokers, &topics.name("events"), &events);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = proxy.url();
    let broker = ["--brokers", &topics.brokers, "--prefix", &topics.prefix];
    let to = ["--clickhouse", &url, "--database", &topics.prefix];
    let refused = run(folder.path(), &[&["archive"], &broker[..], &to].concat());
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("certificate"), "{}", refused.stderr);
    let databases = format!("SELECT count() FROM system.databases WHERE name = '{}'", topics.prefix);
    assert_eq!(server.ask(&databases), "0");

    let mut archive = Worker::archive_trusting(&topics, &url, &proxy.root());
    archive.wait_until_archived(&topics);
    assert_eq!(server.ask(&format!("SELECT count() FROM `{}`.events", topics.prefix)), "200");
}
