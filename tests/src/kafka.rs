//! Apache Kafka for the tests: the real server out of its Maven jars, started and stopped here, on free loopback ports.
//!
//! Separate from the tests that use it. Invariants: one broker is shared by the whole test binary, and every test has topics
//! of its own; a broker ends when the test process ends, whatever ends it; if one does not start, the panic shows the end of
//! its log.

mod altered;
mod client;
mod secured;
mod server;
mod worker;

pub use client::{
    Feeder, Fetched, Sent, Topics, committed, committed_by, consume, offsets, produce, produce_all,
};
pub use secured::Secured;
pub use server::Broker;
pub use worker::{Worker, is_finished};

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::workspace;

/// The server's version, as in `tests/servers/pom.xml`.
pub const VERSION: &str = "4.3.1";

/// The broker that all tests share, as `host:port`.
#[must_use]
pub fn shared() -> &'static str {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::start(1)).brokers()
}

/// Brokers of one test's own, to be killed and frozen.
pub struct Cluster {
    /// The brokers, by number from 0.
    pub members: Vec<Broker>,
    addresses: String,
    _folder: tempfile::TempDir,
}

impl Cluster {
    /// Starts `size` brokers and waits until all answer.
    ///
    /// # Panics
    /// If Java or Maven is missing, or a broker does not start.
    #[must_use]
    pub fn start(size: usize) -> Self {
        Self::with_settings(size, &[])
    }

    /// The same with settings of the server's own.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    #[must_use]
    pub fn with_settings(size: usize, settings: &[(&str, &str)]) -> Self {
        Self::formatted(size, settings, &[])
    }

    /// The same, with further arguments of the tool that formats the storage.
    fn formatted(size: usize, settings: &[(&str, &str)], format: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("weir-kafka-").tempdir().expect("a temporary folder");
        let plans = server::plan(folder.path(), size, settings, format);
        let mut members: Vec<Broker> = plans.into_iter().map(Broker::start).collect();
        for broker in &mut members {
            broker.wait_until_it_answers();
        }
        let addresses = members.iter().map(Broker::address).collect::<Vec<_>>().join(",");
        Self { members, addresses, _folder: folder }
    }

    /// `host:port` of all, comma-separated.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.addresses
    }
}

/// The folder of the server's jars; fetches them the first time.
///
/// # Panics
/// If they are missing and Maven cannot fetch them.
#[must_use]
pub fn jars() -> &'static Path {
    static JARS: OnceLock<PathBuf> = OnceLock::new();
    JARS.get_or_init(|| {
        let folder = workspace::file(&format!("target/servers/kafka-{VERSION}"));
        if folder.join(format!("kafka_2.13-{VERSION}.jar")).exists() {
            return folder;
        }
        let fetched = Command::new("mvn")
            .args(["-q", "-B", "-f"])
            .arg(workspace::file("tests/servers/pom.xml"))
            .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
            .arg(format!("-DoutputDirectory={}", folder.display()))
            .output()
            .unwrap_or_else(|error| panic!("Maven fetches Apache Kafka for the tests: `mvn`: {error}"));
        assert!(
            fetched.status.success(),
            "Maven did not fetch Apache Kafka:\n{}{}",
            String::from_utf8_lossy(&fetched.stdout),
            String::from_utf8_lossy(&fetched.stderr)
        );
        folder
    })
}

/// A command that runs Java with the server's jars.
#[must_use]
pub fn java() -> Command {
    let mut command = Command::new("java");
    command.arg("-cp").arg(format!("{}/*", jars().display()));
    command
}
