//! What a worker is made of.
//!
//! Separate, so that the main loop, the partitions and the control writer read the same. Invariant: no key is ever printed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ingest::BudgetLimits;
use ingest::kafka::{Admission, Assignment, SESSION_TIMEOUT_MS};
use schema::Topic;
use scorer::{EngineConfig, Facts};
use sinks::checkpoint::Checkpoints;
use sinks::kafka::ProducerOptions;
use tokio::runtime::Handle;

use super::loads::Loads;
use crate::commands::signing_key::Keys;
use crate::error::Error;
use crate::telemetry::{Metrics, Pulses};

/// What may wait for acknowledgements in one partition before its reading pauses.
pub const UNDER_WAY: BudgetLimits = BudgetLimits { events_max: 20_000, bytes_max: 16 * 1024 * 1024 };

/// How often whoever waits for the store is asked whether the answer is still wanted.
const WANTED_EVERY: Duration = Duration::from_millis(50);

/// How long an output may wait: librdkafka's two names of one property.
const MESSAGE_TIMEOUT: [&str; 2] = ["message.timeout.ms", "delivery.timeout.ms"];
/// How long the group waits for a silent member.
const SESSION_TIMEOUT: [&str; 1] = ["session.timeout.ms"];

/// Where and how often the state of partitions is saved.
pub struct Saving {
    /// The store.
    pub checkpoints: Checkpoints,
    /// Time from one checkpoint's begin to the next's.
    pub every: Duration,
    /// Where the store is spoken to.
    pub store: Handle,
}

impl Saving {
    /// Asks the store something from a thread that may wait; `None`: the answer is not wanted any more.
    pub fn ask<T>(&self, question: impl Future<Output = T>, is_wanted: impl Fn() -> bool) -> Option<T> {
        let unwanted = async {
            while is_wanted() {
                tokio::time::sleep(WANTED_EVERY).await;
            }
        };
        self.store.block_on(async {
            tokio::select! {
                biased;
                answer = question => Some(answer),
                () = unwanted => None,
            }
        })
    }
}

/// A worker's settings.
pub struct Plan {
    /// Brokers, `host:port`, comma-separated.
    pub brokers: String,
    /// What topic names begin with.
    pub prefix: String,
    /// The consumer group.
    pub group: String,
    /// librdkafka's properties.
    pub settings: Vec<(String, String)>,
    /// The keys of weir's own events.
    pub key: Option<Keys>,
    /// Where activations find their versions.
    pub loads: Option<Loads>,
    /// Where state is saved; `None`: nowhere, a restart forgets what accounts did.
    pub saving: Option<Saving>,
    /// What every partition's engine is made of.
    pub engine: EngineConfig,
    /// Where partitions count.
    pub metrics: Arc<Metrics>,
    /// Whether the role's threads live.
    pub pulses: Arc<Pulses>,
    /// Where metrics are served; `None`: nowhere.
    pub listen: Option<SocketAddr>,
}

impl Plan {
    /// The whole name of a topic.
    pub fn topic(&self, topic: Topic) -> String {
        topic.name(&self.prefix)
    }

    /// The topics that the group reads. Without a key nobody would believe facts, activations and verdicts.
    pub fn topics(&self) -> Vec<String> {
        let signed = [Topic::Relations, Topic::Control, Topic::Reviews];
        let more = signed.iter().filter(|_| self.key.is_some());
        [Topic::Events].iter().chain(more).map(|topic| self.topic(*topic)).collect()
    }

    /// Where facts about shared things come from: over the log, from all partitions; without a key from each one's own.
    pub fn facts(&self) -> Facts {
        if self.key.is_some() { Facts::FromLog } else { Facts::FedBack }
    }

    /// What a partition's producer is made of.
    pub fn producer(&self) -> ProducerOptions {
        ProducerOptions {
            brokers: self.brokers.clone(),
            prefix: self.prefix.clone(),
            settings: self.producer_settings(),
            signer: self.key.as_ref().map(Keys::signer),
        }
    }

    fn producer_settings(&self) -> Vec<(String, String)> {
        let timeout = ("message.timeout.ms".to_owned(), self.message_timeout().as_millis().to_string());
        let mut settings = self.settings_of(Client::Producer);
        settings.retain(|(key, _)| !MESSAGE_TIMEOUT.contains(&key.as_str()));
        settings.push(timeout);
        settings
    }

    /// What the member of the group is made of.
    pub fn consumer_settings(&self) -> Vec<(String, String)> {
        self.settings_of(Client::Consumer)
    }

    /// The rules of a partition.
    pub fn admission(&self, of: &Assignment, partitions: u32) -> Admission {
        Admission { partition: of.partition, partitions, keys: self.key.as_ref().map(Keys::verifier) }
    }

    /// What the engine of a partition of so many is made of.
    pub fn engine_of(&self, (partition, partitions): (u32, u32)) -> EngineConfig {
        EngineConfig { partition, partitions, facts: self.facts(), ..self.engine.clone() }
    }

    /// How long an output may wait for its acknowledgement: less than the group waits for a silent member, since whoever takes the
    /// partition over says the standing again only once.
    pub fn message_timeout(&self) -> Duration {
        let given = self.milliseconds(&MESSAGE_TIMEOUT).flatten();
        Duration::from_millis(given.unwrap_or_else(|| self.session_ms() * 2 / 3))
    }

    /// Whether timeouts fit each other.
    ///
    /// # Errors
    /// If an output may wait for as long as the group does for a member, or longer.
    pub fn check(&self) -> Result<(), Error> {
        for names in [&MESSAGE_TIMEOUT[..], &SESSION_TIMEOUT] {
            if self.milliseconds(names).is_some_and(|given| given.is_none_or(|ms| ms == 0)) {
                return Err(Error::Usage(format!("{}: a number of milliseconds above 0", names[0])));
            }
        }
        let (message_ms, session_ms) = (self.message_timeout().as_millis(), u128::from(self.session_ms()));
        if message_ms < session_ms {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "message.timeout.ms = {message_ms} is not below session.timeout.ms = {session_ms}: a worker that was given up could have the \
             last word. Leave message.timeout.ms out (it is two thirds of the other), or set it lower"
        )))
    }

    fn session_ms(&self) -> u64 {
        self.milliseconds(&SESSION_TIMEOUT).flatten().unwrap_or(SESSION_TIMEOUT_MS)
    }

    /// A property of librdkafka that is a time, by its names; `Some(None)`: it is given and is none.
    fn milliseconds(&self, names: &[&str]) -> Option<Option<u64>> {
        let given = self.settings.iter().rfind(|(key, _)| names.contains(&key.as_str()));
        given.map(|(_, value)| value.trim().parse().ok())
    }

    /// librdkafka warns of properties that only the other side reads.
    fn settings_of(&self, client: Client) -> Vec<(String, String)> {
        let other: &[&str] = match client {
            Client::Producer => &["session.timeout.ms", "fetch.", "max.poll.", "queued."],
            Client::Consumer => &[
                "message.timeout.ms",
                "delivery.timeout.ms",
                "linger.ms",
                "compression.",
                "queue.buffering.",
            ],
        };
        let reads = |(key, _): &&(String, String)| !other.iter().any(|start| key.starts_with(start));
        self.settings.iter().filter(reads).cloned().collect()
    }
}

#[derive(Clone, Copy)]
enum Client {
    Consumer,
    Producer,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Shows;

    /// What is said of these settings, and the timeout of outputs, ms.
    fn check(settings: &[(&str, &str)]) -> Result<u128, String> {
        let plan = Plan {
            brokers: String::new(),
            prefix: String::new(),
            group: String::new(),
            settings: settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            key: None,
            loads: None,
            saving: None,
            engine: EngineConfig::default(),
            metrics: Arc::new(Metrics::new(Shows::Run)),
            pulses: Arc::default(),
            listen: None,
        };
        plan.check().map_err(|error| error.to_string())?;
        let told = plan.producer().settings;
        let told: Vec<_> = told.iter().filter(|(key, _)| MESSAGE_TIMEOUT.contains(&key.as_str())).collect();
        let ms = plan.message_timeout().as_millis();
        assert_eq!(told, [&("message.timeout.ms".to_owned(), ms.to_string())]);
        Ok(ms)
    }

    #[test]
    fn outputs_wait_for_less_than_the_group_does_for_a_member() {
        assert_eq!(check(&[]), Ok(30_000));
        assert_eq!(check(&[("session.timeout.ms", "10000")]), Ok(6_666));
        assert_eq!(check(&[("session.timeout.ms", "10000"), ("delivery.timeout.ms", "5000")]), Ok(5_000));
        let refused = |settings: &[(&str, &str)], what: &str| {
            let says = check(settings).expect_err("refused");
            assert!(says.contains(what), "{says}");
        };
        refused(&[("message.timeout.ms", "45000")], "45000 is not below session.timeout.ms = 45000");
        refused(&[("session.timeout.ms", "6000"), ("message.timeout.ms", "7000")], "or set it lower");
        refused(&[("message.timeout.ms", "soon")], "message.timeout.ms: a number");
        refused(&[("message.timeout.ms", "0")], "above 0");
        refused(&[("session.timeout.ms", "")], "session.timeout.ms: a number");
    }
}
