//! Where it is said what is wanted: a server of `weir up`, or the brokers of `weir run`.
//!
//! Separate from the commands, of which `weir control` and `weir models` say something. Invariant: what was published was checked
//! against the contract, and its answer names it.

use std::time::Duration;

use clap::Args;
use schema::{Control, ControlKind, Mode, TOPIC_PREFIX, Topic};
use sinks::kafka::{Producer, ProducerOptions, reach};

use super::http;
use crate::clock::{self, Stopwatch};
use crate::commands::broker::{Access, access};
use crate::error::Error;

/// How long the broker may take.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Who is told.
pub enum Channel<'a> {
    /// A server of `weir up`.
    Server {
        /// `http[s]://HOST:PORT`.
        url: &'a str,
        /// A file whose first line is a publisher's key.
        key_file: Option<&'a str>,
    },
    /// The topic `control`, which workers read.
    Brokers {
        /// What leads to the brokers.
        access: Box<Access>,
        /// What topic names begin with.
        prefix: &'a str,
    },
}

/// Where something is put in force, for commands of which that is not the only work.
#[derive(Debug, Args)]
pub struct ChannelArgs {
    /// Put it in force on a server of `weir up` that has this registry.
    #[arg(long, visible_alias = "api", value_name = "http[s]://HOST:PORT", conflicts_with = "brokers")]
    url: Option<String>,
    /// With --url: a file whose first line is the key of a publisher; else WEIR_KEYS_PUBLISHER or WEIR_KEYS_ADMIN.
    #[arg(long, value_name = "FILE", requires = "url")]
    key_file: Option<String>,
    /// Put it in force in all workers of `weir run` that have this registry.
    #[arg(long, value_name = "HOST:PORT,…")]
    brokers: Option<String>,
    /// A configuration whose [kafka] leads to the brokers; put it in force there.
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    kafka: Option<String>,
    /// With brokers: what topic names begin with.
    #[arg(long, value_name = "TEXT", default_value = TOPIC_PREFIX)]
    prefix: String,
}

impl ChannelArgs {
    /// Who is told, if anybody.
    pub fn channel(&self) -> Result<Option<Channel<'_>>, Error> {
        if let Some(url) = &self.url {
            return Ok(Some(Channel::Server { url, key_file: self.key_file.as_deref() }));
        }
        if self.brokers.is_none() && self.kafka.is_none() {
            return Ok(None);
        }
        let access = access(self.kafka.as_deref(), self.brokers.as_deref(), &[])?;
        Ok(Some(Channel::Brokers { access: Box::new(access), prefix: &self.prefix }))
    }

    /// Whether it goes through brokers, so that whoever takes it says so later.
    pub fn is_by_brokers(&self) -> bool {
        self.brokers.is_some() || self.kafka.is_some()
    }
}

/// What is wanted.
pub struct Said<'a> {
    /// Of what kind.
    pub kind: ControlKind,
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// SHA-256 of its file, hexadecimal; `None`: it has none, or only the server can see it.
    pub sha256: Option<String>,
    /// For a model: a shadow.
    pub mode: Option<Mode>,
    /// For a model: the share of accounts that it decides about, 0 to 1.
    pub share: Option<f32>,
}

impl Channel<'_> {
    /// Says it, and waits until it is written down; gives what became of it, a sentence.
    ///
    /// # Errors
    /// If the contract forbids it, or nobody takes it.
    pub fn publish(&self, by: &str, said: Said<'_>) -> Result<String, Error> {
        let at = clock::now_ms();
        let Said { kind, name, version, sha256, mode, share } = said;
        let control = Control {
            id: format!("c_{at:x}_{:x}", std::process::id()),
            at,
            by: by.to_owned(),
            kind,
            name: name.to_owned(),
            version: version.to_owned(),
            sha256,
            url: None,
            mode,
            share,
        };
        control.check().map_err(|refusal| Error::Usage(refusal.detail))?;
        let outcome = match self {
            Channel::Server { url, key_file } => http::publish(url, *key_file, &control)?,
            Channel::Brokers { access, prefix } => {
                write((access, prefix), &control).map(|()| "wanted".to_owned())?
            }
        };
        Ok(format!("{kind} {name} {version} is {outcome} ({})", control.id))
    }
}

fn write((access, prefix): (&Access, &str), control: &Control) -> Result<(), Error> {
    reach(&access.brokers, &access.settings)?;
    let options = ProducerOptions {
        brokers: access.brokers.clone(),
        prefix: prefix.to_owned(),
        settings: access.settings.clone(),
        signer: None,
    };
    let mut producer = Producer::open(&options)?;
    producer.json(Topic::Control, Some(&control.key()), control, 0)?;
    let watch = Stopwatch::start();
    let mut heard = Vec::new();
    while heard.is_empty() && watch.elapsed() < ANSWER_WAIT {
        producer.hear(Duration::from_millis(100), watch.elapsed(), &mut heard);
    }
    match heard.pop() {
        Some(delivery) if delivery.failed.is_none() => Ok(()),
        Some(delivery) => {
            let why = delivery.failed.unwrap_or_default();
            Err(Error::Role(format!("the broker did not take it, nothing changes: {why}")))
        }
        None => Err(Error::Role("the broker does not answer; it may still take it".to_owned())),
    }
}
