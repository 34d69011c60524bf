//! A `weir run` or `weir archive` process of a test's own.
//!
//! Separate from one-off runs of the binary, which end by themselves. Invariant: it is killed when the test forgets it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::client::{Topics, offsets};
use super::server::signal;
use crate::{clock, weir};

const WAIT: Duration = Duration::from_secs(240);

/// A worker.
pub struct Worker {
    child: Child,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Worker {
    /// Starts a worker on a test's topics. `more`: further arguments; without `--checkpoints` it saves nothing, with `--config` that
    /// file leads to the brokers.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(topics: &Topics, more: &[&str]) -> Self {
        // Outputs wait for less than a killed member is waited for.
        let mut own = vec!["--set", "message.timeout.ms=5000"];
        own.extend(["--no-checkpoints"].iter().filter(|_| !more.contains(&"--checkpoints")));
        let more = [&own, more].concat();
        Self::role("run", topics, &topics.prefix, (&more, &[]))
    }

    /// Starts a `weir archive` on a test's topics, into a database named as they are, in the ClickHouse at `url`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn archive(topics: &Topics, url: &str, more: &[&str]) -> Self {
        let own = ["--clickhouse", url, "--database", &topics.prefix];
        Self::role("archive", topics, &archive_group(topics), (&[&own, more].concat(), &[]))
    }

    /// The same into a ClickHouse over TLS, whose certificate is signed by one of the file `root`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn archive_trusting(topics: &Topics, url: &str, root: &Path) -> Self {
        let own = ["--clickhouse", url, "--database", &topics.prefix];
        Self::role("archive", topics, &archive_group(topics), (&own, &[("SSL_CERT_FILE", root)]))
    }

    /// Starts a `weir review` on a test's topics, whose file lies in `data` and whose history, if any, in the ClickHouse at `url`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn review(topics: &Topics, (data, url): (&Path, Option<&str>), more: &[&str]) -> Self {
        let data = data.display().to_string();
        let archive = archive_group(topics);
        let mut own = vec!["--data", &data, "--listen", "127.0.0.1:0", "--database", &topics.prefix];
        own.extend(["--run-group", &topics.prefix, "--archive-group", &archive]);
        own.extend(url.iter().flat_map(|url| ["--clickhouse", *url]));
        Self::role("review", topics, "", (&[&own, more].concat(), &[]))
    }

    fn role(
        name: &str,
        topics: &Topics,
        group: &str,
        (more, environment): (&[&str], &[(&str, &Path)]),
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        let file = File::create(&log).expect("a temporary folder can be written");
        let brokers = ["--brokers", &topics.brokers];
        let brokers = if more.contains(&"--config") { &[][..] } else { &brokers };
        let own = ["--group", group];
        let is_given = group.is_empty() || more.contains(&"--group"); // The desk is a member of none.
        let group = if is_given { &[][..] } else { &own };
        let child = Command::new(weir::binary())
            .args([name, "--prefix", &topics.prefix])
            .args(group)
            .args(brokers)
            // A killed member is given up soon.
            .args(["--set", "session.timeout.ms=6000", "--set", "heartbeat.interval.ms=500"])
            .args(more)
            .envs(environment.iter().copied())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the binary was just built");
        Self { child, log, _folder: folder }
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it ever held, bytes.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn memory_peak_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel tells it");
        let kib = line.trim().trim_end_matches("kB").trim_end();
        kib.parse::<u64>().expect("a number") * 1_024
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Freezes it.
    pub fn freeze(&self) {
        signal(self.child.id(), "STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        signal(self.child.id(), "CONT");
    }

    /// Asks it to end, and waits; gives its exit code and how long that took.
    ///
    /// # Panics
    /// If it does not end.
    pub fn end(&mut self) -> (i32, Duration) {
        let started = clock::now();
        signal(self.child.id(), "TERM");
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return (status.code().unwrap_or(-1), started.elapsed());
            }
            assert!(started.elapsed() < WAIT, "it does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_none()
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the group has committed everything that lies in the events' topic.
    ///
    /// # Panics
    /// With its log, if that takes too long or it ended.
    pub fn wait_until_finished(&mut self, topics: &Topics) {
        let started = clock::now();
        while !is_finished(topics) {
            assert!(self.runs(), "the worker ended:\n{}", self.log());
            assert!(started.elapsed() < WAIT, "the worker does not get on:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until everything that lies in the events' and relations' topics is committed, and nothing more comes.
    ///
    /// # Panics
    /// As [`Worker::wait_until_finished`].
    pub fn wait_until_quiet(&mut self, topics: &Topics) {
        let started = clock::now();
        let mut before = Vec::new();
        loop {
            let ends = ["events", "relations"].map(|word| offsets(&topics.brokers, &topics.name(word)));
            if before == ends && is_committed(topics, "events") && is_committed(topics, "relations") {
                return;
            }
            before = ends.to_vec();
            assert!(self.runs(), "the worker ended:\n{}", self.log());
            assert!(started.elapsed() < WAIT, "the worker does not come to rest:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(1_500));
        }
    }

    /// Waits until an archive has committed everything that lies in its topics.
    ///
    /// # Panics
    /// As [`Worker::wait_until_finished`].
    pub fn wait_until_archived(&mut self, topics: &Topics) {
        let started = clock::now();
        let group = archive_group(topics);
        let words = ["events", "decisions", "rows", "reviews", "rejects"];
        while !words.iter().all(|word| is_committed_by(topics, &group, word)) {
            assert!(self.runs(), "the archive ended:\n{}", self.log());
            assert!(started.elapsed() < WAIT, "the archive does not get on:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Where it shows its metrics, if it was started with `--metrics`.
    ///
    /// # Panics
    /// As [`Worker::wait_until_it_says`].
    #[must_use]
    pub fn shows_at(&self) -> String {
        self.told("metrics are served", "address")
    }

    /// A field of the first line that has a text, waited for.
    ///
    /// # Panics
    /// As [`Worker::wait_until_it_says`].
    #[must_use]
    pub fn told(&self, text: &str, field: &str) -> String {
        self.wait_until_it_says(text);
        let log = self.log();
        let line = log.lines().find(|line| line.contains(text)).expect("it was just there");
        let record: serde_json::Value = serde_json::from_str(line).expect("a log of JSON lines");
        record[field].as_str().expect("it tells it").to_owned()
    }

    /// Waits until it has logged a text.
    ///
    /// # Panics
    /// As [`Worker::wait_until_finished`].
    pub fn wait_until_it_says(&self, text: &str) {
        let started = clock::now();
        while !self.log().contains(text) {
            assert!(started.elapsed() < WAIT, "it does not say {text:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Whether the group has committed everything that lies in the events' topic.
#[must_use]
pub fn is_finished(topics: &Topics) -> bool {
    is_committed(topics, "events")
}

fn is_committed(topics: &Topics, word: &str) -> bool {
    is_committed_by(topics, &topics.prefix, word)
}

fn is_committed_by(topics: &Topics, group: &str, word: &str) -> bool {
    let ends = offsets(&topics.brokers, &topics.name(word));
    let committed = super::client::committed_by(topics, group, word);
    ends.iter().zip(&committed).all(|((low, high), committed)| low == high || committed == high)
}

/// The group of a test's archives.
fn archive_group(topics: &Topics) -> String {
    format!("{}archive", topics.prefix)
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
