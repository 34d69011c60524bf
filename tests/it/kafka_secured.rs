//! weir and a Kafka that speaks TLS and asks for a password: who has both works, who has not hears why, and nobody reads the password.
//!
//! Separate from what a worker does, which is the same behind an open listener.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use harness::clock;
use harness::kafka::{Secured, Sent, Topics, Worker, consume, produce};
use harness::weir::{Run, run, write};

use crate::kafka::{KEY, sure_case};
use crate::staff::Staff;

const USER: &str = "weir";
const PASSWORD: &str = "s3cr3t-of-the-tests";

fn secured() -> &'static Secured {
    static SECURED: OnceLock<Secured> = OnceLock::new();
    SECURED.get_or_init(|| Secured::start(USER, PASSWORD))
}

/// A configuration that leads to the secured listener.
fn config(folder: &Path, password: &str, ca_file: &Path) -> String {
    let password_file = write(folder, "kafka.password", format!("{password}\n").as_bytes());
    let text = format!(
        "format = 1\n[kafka]\nbrokers = \"{}\"\nsecurity_protocol = \"sasl_ssl\"\nsasl_username = \"{USER}\"\n\
         sasl_password_file = \"{password_file}\"\nca_file = \"{}\"\n",
        secured().address,
        ca_file.display()
    );
    write(folder, "weir.toml", text.as_bytes())
}

fn without_password(run: &Run) {
    assert!(!run.stdout.contains(PASSWORD) && !run.stderr.contains(PASSWORD), "{run:?}");
}

#[test]
fn over_tls_with_scram_every_role_works_and_no_log_has_the_password() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = config(folder.path(), PASSWORD, &secured().ca_file);
    let key = write(folder.path(), "signing.key", KEY);
    let to = ["--config", config.as_str(), "--prefix", "secured."];
    let weir = |words: &[&str]| {
        let run = run(folder.path(), words);
        assert_eq!(run.code, 0, "{words:?}: {}", run.stderr);
        without_password(&run);
        run
    };
    weir(&[&["topics", "create"], &to[..], &["--partitions", "2"]].concat());
    weir(&["check-config", "--config", &config]);

    let brokers = secured().cluster.brokers().to_owned();
    let topics = Topics { brokers, prefix: "secured.".to_owned(), partitions: 2 };
    let events: Vec<Sent> = sure_case("a_9").iter().map(|line| Sent::keyed("a_9", line.as_str())).collect();
    produce(&topics.brokers, &topics.name("events"), &events);
    let mut worker = Worker::start(&topics, &["--config", &config, "--signing-key", &key]);
    worker.wait_until_finished(&topics);
    weir(&[&["control"], &to[..], &["kill", "on"]].concat());
    worker.wait_until_it_says("a version was activated");
    let data = folder.path().join("desk");
    let mut desk = Worker::review(&topics, (&data, None), &["--config", &config, "--signing-key", &key]);
    desk.wait_until_it_says("the desk has caught up with the topics");
    let address = desk.told("the review desk is up", "address");
    let mut staff = Staff::by_link(&address, &desk.told("whoever opens this link", "link"), "Ada");
    // What lies in the topics is there, and what she did goes to them, too.
    assert!(
        staff.get("/review/").contains("data-row") && staff.get("/review/control").contains("is suspended")
    );
    let off = [("switch", "off"), ("typed", "enforcement"), ("reason", "a drill")];
    assert_eq!(staff.post("/review/control/kill", &off), "/review/control");
    assert_eq!(desk.end().0, 0, "{}", desk.log());
    assert!(!desk.log().contains(PASSWORD), "{}", desk.log());
    assert_eq!(worker.end().0, 0, "{}", worker.log());
    assert!(!worker.log().contains(PASSWORD), "{}", worker.log());
    let banned =
        consume(&topics.brokers, &topics.name("decisions")).iter().any(|one| one.text().contains("\"ban\""));
    assert!(banned, "the worker did not decide:\n{}", worker.log());
}

/// Every command is refused within seconds, and says so.
#[track_caller]
fn refused(folder: &Path, config: &str, says: &[&str]) {
    let topics = ["topics", "check", "--config", config];
    let worker = ["run", "--no-checkpoints", "--config", config];
    let control = ["control", "--config", config, "kill", "off"];
    for words in [&topics[..], &worker, &control] {
        let started = clock::now();
        let run = run(folder, words);
        assert!(started.elapsed() < Duration::from_secs(15), "it took {:?}", started.elapsed());
        assert_eq!(run.code, 2, "{words:?}: {}", run.stderr);
        without_password(&run);
        for part in says {
            assert!(run.stderr.contains(part), "{words:?} does not say {part:?}: {}", run.stderr);
        }
    }
}

#[test]
fn a_wrong_password_is_told_and_not_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let wrong = format!("{PASSWORD}-no-more");
    let config = config(folder.path(), &wrong, &secured().ca_file);
    refused(folder.path(), &config, &["the brokers do not let us in", "uthentication", "check the user"]);
}

#[test]
fn brokers_that_somebody_else_vouches_for_are_not_trusted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = config(folder.path(), PASSWORD, &secured().wrong_ca_file);
    refused(folder.path(), &config, &["the brokers do not let us in", "certificate", "kafka.ca_file"]);
}
