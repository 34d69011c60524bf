//! Topics of a test that are changed after they were made.
//!
//! Separate from records, which most tests say and hear and nothing else. Invariant: the broker has changed them when a call returns.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client::{Topics, WAIT, offsets};
use crate::{clock, weir};

impl Topics {
    /// From now on a record of this topic carries no time of the broker's, so that the log's time is what the record says, and
    /// a test can let days pass. A worker refuses to start on such a topic.
    ///
    /// # Panics
    /// If the broker does not change it.
    pub fn leave_time_to_records(&self, word: &str) {
        self.set(word, &[("message.timestamp.type", "CreateTime")]);
    }

    /// Gives a topic these settings, and takes all others from it that it had of its own.
    ///
    /// # Panics
    /// If the broker does not change it.
    pub fn set(&self, word: &str, settings: &[(&str, &str)]) {
        let name = self.name(word);
        let (admin, runtime) = self.admin();
        let change = AlterConfig::new(ResourceSpecifier::Topic(&name));
        let change = settings.iter().fold(change, |change, (key, value)| change.set(key, value));
        let answers = runtime.block_on(admin.alter_configs([&change], &AdminOptions::new()));
        for answer in answers.expect("the broker answers") {
            answer.expect("the topic is ours");
        }
        let started = clock::now();
        loop {
            let resource = ResourceSpecifier::Topic(&name);
            let answers = runtime.block_on(admin.describe_configs([&resource], &AdminOptions::new()));
            let told = answers.expect("the broker answers").remove(0).expect("the topic is ours");
            let is = |(key, wanted): &(&str, &str)| {
                told.get(key).is_some_and(|entry| entry.value.as_deref() == Some(wanted))
            };
            if settings.iter().all(is) {
                return;
            }
            assert!(started.elapsed() < WAIT, "{name} keeps its settings");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Gives a topic more partitions.
    ///
    /// # Panics
    /// If the broker does not.
    pub fn grow(&self, word: &str, partitions: usize) {
        let name = self.name(word);
        let (admin, runtime) = self.admin();
        let grown = NewPartitions::new(&name, partitions);
        let answers = runtime.block_on(admin.create_partitions([&grown], &AdminOptions::new()));
        for answer in answers.expect("the broker answers") {
            answer.expect("the topic is ours");
        }
        let started = clock::now();
        while offsets(&self.brokers, &name).len() != partitions {
            assert!(started.elapsed() < WAIT, "{name} does not grow");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn admin(&self) -> (AdminClient<DefaultClientContext>, tokio::runtime::Runtime) {
        let admin = ClientConfig::new().set("bootstrap.servers", &self.brokers).create();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        (admin.expect("a client's settings"), runtime.expect("a runtime"))
    }

    /// Lets the broker forget everything that a topic holds now.
    ///
    /// # Panics
    /// If it does not.
    pub fn forget_records(&self, word: &str) {
        let name = self.name(word);
        let (admin, runtime) = self.admin();
        let mut ends = TopicPartitionList::new();
        for (partition, (_, next)) in (0..).zip(offsets(&self.brokers, &name)) {
            ends.add_partition_offset(&name, partition, Offset::Offset(next)).expect("an offset");
        }
        let gone = runtime.block_on(admin.delete_records(&ends, &AdminOptions::new()));
        let gone = gone.expect("the broker answers");
        gone.elements().iter().for_each(|of| of.error().expect("the records are gone"));
    }

    /// Deletes topics and makes them anew under the same names.
    ///
    /// # Panics
    /// If the broker does not.
    pub fn make_anew(&self, words: &[&str]) {
        let names: Vec<String> = words.iter().map(|word| self.name(word)).collect();
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .create()
            .expect("a client's settings");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let named: Vec<&str> = names.iter().map(String::as_str).collect();
        let wait = AdminOptions::new().operation_timeout(Some(WAIT));
        let gone = runtime.block_on(admin.delete_topics(&named, &wait)).expect("the broker answers");
        assert!(gone.iter().all(Result::is_ok), "{gone:?}");
        let count = self.partitions.to_string();
        let (brokers, prefix) = (self.brokers.as_str(), self.prefix.as_str());
        let arguments =
            ["topics", "create", "--brokers", brokers, "--prefix", prefix, "--partitions", count.as_str()];
        let (started, mut made) = (clock::now(), String::new());
        loop {
            // What is not quite gone yet is not made.
            let run = weir::run(std::path::Path::new("/"), &arguments);
            made.push_str(&run.stdout);
            if run.code == 0 && names.iter().all(|name| made.contains(&format!("made {name}\n"))) {
                return;
            }
            assert!(started.elapsed() < WAIT, "{}{}", run.stdout, run.stderr);
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
