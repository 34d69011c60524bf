//! How commands reach Apache Kafka: options, the environment and the configuration, in this order.
//!
//! Separate from the commands, which all take the same. Invariant: what leads to the brokers is read in one place, and a
//! password that comes along is never printed.

use std::net::SocketAddr;

use clap::Args;
use schema::TOPIC_PREFIX;

use crate::config::{self, Config, PREFIX};
use crate::environment;
use crate::error::Error;

/// How the brokers are reached.
#[derive(Debug, Args)]
pub struct BrokerArgs {
    /// A configuration file; its [kafka] leads to the brokers, its [metrics] says where a role shows itself.
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// Brokers, `host:port`, comma-separated; without it, those of the configuration.
    #[arg(long, value_name = "HOST:PORT,…")]
    brokers: Option<String>,
    /// What topic names begin with.
    #[arg(long, value_name = "TEXT", default_value = TOPIC_PREFIX)]
    pub prefix: String,
    /// A property of librdkafka, for example `session.timeout.ms=10000`, of which a worker's outputs then wait for two thirds at most;
    /// may be given several times; not those on which weir's promises rest, such as `partitioner` or `acks`. Everybody on this machine can read a command line: passwords belong into the configuration.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = property)]
    settings: Vec<(String, String)>,
}

/// What leads to the brokers.
pub struct Access {
    /// `host:port`, comma-separated.
    pub brokers: String,
    /// librdkafka's properties, of which a later one wins.
    pub settings: Vec<(String, String)>,
    /// The rest of the configuration.
    pub config: Config,
}

/// What only roles that go on need: who may look at them.
#[derive(Debug, Args)]
pub struct ServiceArgs {
    /// Where to show /metrics, /healthz and /readyz, for example 127.0.0.1:9484; without it, nowhere.
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
}

impl BrokerArgs {
    /// Whether anything leads to brokers, for commands that need none.
    pub fn is_given(&self) -> bool {
        self.brokers.is_some() || self.config.is_some()
    }

    /// Reads the configuration: options win over the environment, the environment over the file.
    pub fn access(&self) -> Result<Access, Error> {
        access(self.config.as_deref(), self.brokers.as_deref(), &self.settings)
    }
}

/// What leads to the brokers: `config` names a file, `settings` win over what it says.
pub fn access(
    config: Option<&str>,
    brokers: Option<&str>,
    settings: &[(String, String)],
) -> Result<Access, Error> {
    let config = config::load(config, &environment::overrides(PREFIX))?.config;
    let brokers = brokers.unwrap_or(&config.kafka.brokers).to_owned();
    if brokers.is_empty() {
        let detail =
            "where is Apache Kafka? Give --brokers HOST:PORT,… or kafka.brokers in the configuration";
        return Err(Error::Usage(detail.to_owned()));
    }
    let mut properties = config.kafka.properties()?;
    properties.extend(settings.iter().cloned());
    Ok(Access { brokers, settings: properties, config })
}

impl ServiceArgs {
    /// Where metrics are served; the option wins over the configuration.
    pub fn listen(&self, config: &Config) -> Result<Option<SocketAddr>, Error> {
        let configured = config.metrics.listen().map_err(Error::Usage)?;
        Ok(self.metrics.or(configured))
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| "a property is KEY=VALUE".to_owned())?;
    // librdkafka has two names for one property; which of them won would be chance.
    let key = if key.trim() == "sasl.mechanism" { "sasl.mechanisms" } else { key.trim() };
    if let Some(why) = config::fixed(key) {
        return Err(format!("{key} is weir's own: {why}"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_a_promise_is_no_property_to_be_set() {
        let set = |text: &str| property(text).map_err(|why| why.to_string());
        for text in
            ["partitioner=random", " acks = 0", "enable.auto.commit=true", "isolation.level=x", "group.id=g"]
        {
            let why = set(text).expect_err("refused");
            assert!(why.contains("weir's own"), "{text}: {why}");
        }
        let taken = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
        assert_eq!(set("session.timeout.ms=10000"), taken("session.timeout.ms", "10000"));
        assert_eq!(set(" sasl.mechanism =PLAIN"), taken("sasl.mechanisms", "PLAIN"));
        assert!(set("acks").is_err());
    }
}
