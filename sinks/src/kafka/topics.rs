//! The topics: making them, and holding what is there against what must be.
//!
//! Separate from writing. Invariants: nothing that exists is changed or removed; a finding names the topic, what is wrong
//! and what to do.

use std::ops::RangeInclusive;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use schema::Topic;

use super::reach::{reach, settings_error};
use crate::error::Error;

/// How long the broker may take, s.
const ANSWER_S: u64 = 30;
const DAY_MS: u64 = 86_400_000;
/// A compacted topic is compacted at least this often, ms: a cold gateway reads little more than what is in force.
const COMPACTION_LAG_MS_MAX: u64 = 60 * 60 * 1000;
/// What an installation may make of it.
const COMPACTION_LAG_MS: RangeInclusive<i64> = 1..=DAY_MS.cast_signed();
/// How long records may be kept that are not kept for good: longer than the oldest checkpoint is old and roles may be away, and no
/// longer than the design allows for what accounts did.
const RETENTION_MS: RangeInclusive<i64> = DAY_MS.cast_signed()..=30 * DAY_MS.cast_signed();
/// In Kafka's words: without a bound.
const FOR_GOOD: &str = "-1";

/// What is wanted of the topics.
#[derive(Debug, Clone)]
pub struct TopicPlan {
    /// What their names begin with.
    pub prefix: String,
    /// Partitions of every topic but `control`, which has one.
    pub partitions: u32,
    /// Copies of each.
    pub replication: u32,
    /// How long events, relations and rows are kept, days. Must be longer than the oldest checkpoint is old.
    pub retention_days: u32,
}

/// A client that may make topics.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
}

impl TopicPlan {
    fn partitions_of(&self, topic: Topic) -> u32 {
        if topic == Topic::Control { 1 } else { self.partitions }
    }

    /// The settings that a topic must have.
    #[must_use]
    pub fn settings_of(&self, topic: Topic) -> Vec<(&'static str, String)> {
        let mut settings = vec![("message.timestamp.type", "LogAppendTime".to_owned())];
        let days = u64::from(self.retention_days) * DAY_MS;
        match topic {
            Topic::Standing | Topic::Control => {
                settings.push(("cleanup.policy", "compact".to_owned()));
                settings.push(("max.compaction.lag.ms", COMPACTION_LAG_MS_MAX.to_string()));
            }
            Topic::Reviews
            | Topic::Events
            | Topic::Relations
            | Topic::Rows
            | Topic::Decisions
            | Topic::Rejects => {
                // The audit of reviewers is kept for good.
                let kept = if topic == Topic::Reviews { FOR_GOOD.to_owned() } else { days.to_string() };
                settings.push(("cleanup.policy", "delete".to_owned()));
                settings.push(("retention.ms", kept));
                // By size records would go however young they are.
                settings.push(("retention.bytes", FOR_GOOD.to_owned()));
            }
        }
        if self.replication >= 3 {
            settings.push(("min.insync.replicas", "2".to_owned()));
        }
        settings
    }
}

impl Admin {
    /// Opens a client, after the brokers answered. `settings`: librdkafka's properties.
    ///
    /// # Errors
    /// If a setting is wrong, or the brokers cannot be reached with them.
    pub fn open(brokers: &str, settings: &[(String, String)]) -> Result<Self, Error> {
        reach(brokers, settings)?;
        let mut config = ClientConfig::new();
        config.set("client.id", "weir").set("bootstrap.servers", brokers);
        for (key, value) in settings {
            config.set(key, value);
        }
        Ok(Self { client: config.create().map_err(settings_error)? })
    }

    /// Makes the topics that are not there; gives their names.
    ///
    /// # Errors
    /// If the broker refuses or does not answer.
    pub async fn create(&self, plan: &TopicPlan) -> Result<Vec<String>, Error> {
        let wanted: Vec<(String, Topic)> =
            Topic::ALL.iter().map(|topic| (topic.name(&plan.prefix), *topic)).collect();
        let settings: Vec<_> = wanted.iter().map(|(_, topic)| plan.settings_of(*topic)).collect();
        let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let topics: Vec<NewTopic<'_>> = wanted
            .iter()
            .zip(&settings)
            .map(|((name, topic), settings)| {
                let replication = TopicReplication::Fixed(count(plan.replication));
                let new = NewTopic::new(name, count(plan.partitions_of(*topic)), replication);
                settings.iter().fold(new, |new, (key, value)| new.set(key, value))
            })
            .collect();
        let answers = self.client.create_topics(&topics, &options()).await;
        let mut made = Vec::new();
        for answer in answers.map_err(|error| Error::Broker(format!("cannot create topics: {error}")))? {
            match answer {
                Ok(name) => made.push(name),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => return Err(Error::Broker(format!("cannot create {name}: {code}"))),
            }
        }
        self.wait_until_known(wanted.iter().map(|(name, _)| name.as_str())).await?;
        Ok(made)
    }

    /// A broker knows of a topic a little after the controller made it.
    async fn wait_until_known(&self, names: impl Iterator<Item = &str>) -> Result<(), Error> {
        let step = Duration::from_millis(100);
        let mut waited = Duration::ZERO;
        for name in names {
            while self.partitions(name)? == 0 {
                if waited >= Duration::from_secs(ANSWER_S) {
                    return Err(Error::Broker(format!("{name} was created and does not appear")));
                }
                tokio::time::sleep(step).await;
                waited += step;
            }
        }
        Ok(())
    }

    /// Partitions of a topic; 0: there is no such topic.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub fn partitions(&self, topic: &str) -> Result<u32, Error> {
        let answer = self.client.inner().fetch_metadata(Some(topic), Duration::from_secs(ANSWER_S));
        let answer = answer.map_err(|error| Error::Broker(format!("cannot ask for {topic}: {error}")))?;
        let found = answer.topics().iter().find(|found| found.name() == topic);
        Ok(found.map_or(0, |found| u32::try_from(found.partitions().len()).unwrap_or(u32::MAX)))
    }

    /// Everything that is not as `plan` wants it. Without `partitions` in it (0), those of events count.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub async fn check(&self, plan: &TopicPlan) -> Result<Vec<String>, Error> {
        let mut plan = plan.clone();
        if plan.partitions == 0 {
            plan.partitions = self.partitions(&Topic::Events.name(&plan.prefix))?;
        }
        let mut findings = Vec::new();
        for topic in Topic::ALL {
            let name = topic.name(&plan.prefix);
            let (found, wanted) = (self.partitions(&name)?, plan.partitions_of(*topic));
            if found == 0 {
                findings.push(format!("{name}: there is no such topic; `weir topics create` makes it"));
                continue;
            }
            if found != wanted && *topic != Topic::Rejects {
                findings.push(format!("{name}: {found} partitions, must be {wanted}: {}", parted(*topic)));
            }
            self.check_settings(&plan, *topic, &name, &mut findings).await?;
        }
        Ok(findings)
    }

    async fn check_settings(
        &self,
        plan: &TopicPlan,
        topic: Topic,
        name: &str,
        findings: &mut Vec<String>,
    ) -> Result<(), Error> {
        let fail = |error: String| Error::Broker(format!("cannot ask how {name} is set: {error}"));
        let answers = self.client.describe_configs([&ResourceSpecifier::Topic(name)], &options()).await;
        let answers = answers.map_err(|error| fail(error.to_string()))?;
        let Some(answer) = answers.into_iter().next() else { return Err(fail("no answer".to_owned())) };
        let resource = answer.map_err(|code| fail(code.to_string()))?;
        for (key, wanted) in plan.settings_of(topic) {
            let found = resource.get(key).and_then(|entry| entry.value.clone()).unwrap_or_default();
            if let Err(must) = fits(topic, key, (&found, &wanted)) {
                findings.push(format!("{name}: {key} is `{found}`, must be {must}"));
            }
        }
        Ok(())
    }
}

/// What happens if a topic has another number of partitions than events.
fn parted(topic: Topic) -> &'static str {
    match topic {
        Topic::Control => "what is wanted has one order",
        Topic::Relations => {
            "what is known of shared things would part. Stop the workers, delete it, make it anew with \
             `weir topics create`; what is shared is counted anew"
        }
        _ => "an account's records would part",
    }
}

/// Whether a setting may be what it is; if not, what it must be. How long a topic is kept and how often it is compacted is the
/// installation's own business, within bounds.
fn fits(topic: Topic, key: &str, (found, wanted): (&str, &str)) -> Result<(), String> {
    let within = |range: RangeInclusive<i64>, why: &str| {
        let fits = found.parse().is_ok_and(|ms: i64| range.contains(&ms));
        let must = || format!("between {} and {}: {why}", range.start(), range.end());
        if fits { Ok(()) } else { Err(must()) }
    };
    match key {
        "retention.ms" if topic != Topic::Reviews => within(
            RETENTION_MS,
            "a restart reads what followed its checkpoint, and roles may be away for a while",
        ),
        "max.compaction.lag.ms" => {
            within(COMPACTION_LAG_MS, "a gateway that starts reads all of it, older standings included")
        }
        "min.insync.replicas" => Ok(()),
        _ if found == wanted => Ok(()),
        _ => Err(format!("`{wanted}`")),
    }
}

fn options() -> AdminOptions {
    let wait = Some(Duration::from_secs(ANSWER_S));
    AdminOptions::new().request_timeout(wait).operation_timeout(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_created_is_as_it_must_be() {
        for days in [1, 7, 30] {
            let plan =
                TopicPlan { prefix: String::new(), partitions: 3, replication: 3, retention_days: days };
            for topic in Topic::ALL {
                for (key, value) in plan.settings_of(*topic) {
                    assert_eq!(fits(*topic, key, (&value, &value)), Ok(()), "{topic}: {key} = {value}");
                }
            }
        }
    }
}
