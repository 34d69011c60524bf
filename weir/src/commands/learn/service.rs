//! `weir learn --follow`: the options of the service, its champion, and how it puts weights in force.
//!
//! Separate from the loop, which knows no files of others. Invariants: weights lie in the registry, signed if there is a key, before it is
//! said that they are wanted; whatever is wrong with arguments is said before anything is read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use models::{Model, Weights};
use schema::ControlKind;

use super::{DAY_MS, LearnArgs};
use crate::commands::control::channel::{Channel, ChannelArgs, Said};
use crate::error::{Error, Outcome};
use crate::interrupt::Interrupt;
use crate::learning::{Follow, Publish, Wanted, follow};
use crate::model_registry::{self, ModelRegistry, WeightsInForce};
use crate::registry::Registry;
use crate::signature::{PublicKey, SecretKey};
use crate::telemetry::{Exporter, Metrics, Pulses, Shows};

/// How learning goes on.
#[derive(Debug, Args)]
pub struct FollowArgs {
    /// Go on until somebody asks it to end.
    #[arg(long, requires = "state")]
    follow: bool,
    /// With --follow: time from one look to the next, s.
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// With --follow: how long the archive may take until it is complete, s; what is younger waits for the next look.
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    settle: u64,
    /// Learn on top of whichever version of this name is the registry's champion (`weir models promote`).
    #[arg(long, value_name = "NAME", requires_all = ["registry", "trust"], conflicts_with = "model")]
    champion: Option<String>,
    /// The folder of versions of the servers: where the champion lies, and weights are put.
    #[arg(long, value_name = "DIR")]
    registry: Option<String>,
    /// A public key whose models are believed; may be given several times.
    #[arg(long, value_name = "FILE")]
    trust: Vec<String>,
    /// With --follow: the name under which weights are put in force.
    #[arg(long, value_name = "NAME", default_value = "online")]
    weights: String,
    #[command(flatten)]
    channel: ChannelArgs,
    /// With --follow: while this file is there, nothing is put in force or taken back.
    #[arg(long, value_name = "FILE")]
    frozen_by: Option<String>,
    /// With --follow: where to show /metrics, /healthz and /readyz; without it, nowhere.
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Who acts, a pseudonym; it is kept in the log.
    #[arg(long, value_name = "NAME", default_value = "weir-learn")]
    by: String,
}

impl FollowArgs {
    /// Whether it is to go on.
    pub fn is_wanted(&self) -> bool {
        self.follow
    }

    /// The registry's champion.
    pub fn champion(&self) -> Result<Model, Error> {
        let (Some(name), Some(registry)) = (&self.champion, &self.registry) else {
            return Err(Error::Usage("give --model, or --champion with --registry and --trust".to_owned()));
        };
        let registry = ModelRegistry::open(registry)?;
        let Some(version) = registry.state(name)?.champion else {
            return Err(Error::Usage(format!("{name} has no champion yet: see `weir models promote`")));
        };
        let trusted: Vec<PublicKey> =
            self.trust.iter().map(|file| PublicKey::read(file)).collect::<Result<_, _>>()?;
        Ok(registry.read(name, &version, &trusted)?.0)
    }
}

/// Puts weights into the registry and in force.
struct Publisher<'a> {
    channel: Channel<'a>,
    registry: Registry,
    notes: ModelRegistry,
    name: &'a str,
    by: &'a str,
    key: Option<SecretKey>,
}

impl Publish for Publisher<'_> {
    fn publish(&self, version: &str, weights: Option<&Weights>) -> Result<String, Error> {
        let (kind, name) = (ControlKind::Weights, self.name);
        let mut sha256 = None;
        if let Some(weights) = weights {
            let put =
                model_registry::put_weights(&self.registry, (name, version, weights), self.key.as_ref())?;
            sha256 = Some(put);
        }
        let told =
            self.channel.publish(self.by, Said { kind, name, version, sha256, mode: None, share: None })?;
        self.notes.note_weights(&WeightsInForce { name: name.to_owned(), version: version.to_owned() })?;
        Ok(told)
    }
}

/// Learns until somebody asks it to end.
pub fn run(args: &LearnArgs, wanted: Wanted) -> Result<Outcome, Error> {
    let own = &args.follow;
    let wrong = |text: &str| Error::Usage(text.to_owned());
    let opened = args.archived.open()?.ok_or_else(|| wrong("--follow reads --history or --clickhouse"))?;
    let state = args.state.as_deref().ok_or_else(|| wrong("--follow needs --state"))?;
    let publisher = match (own.channel.channel()?, &own.registry) {
        (None, _) => None,
        (Some(_), None) => return Err(wrong("weights are put into --registry DIR, that of the servers")),
        (Some(channel), Some(registry)) => Some(Publisher {
            channel,
            registry: Registry::open(registry)?,
            notes: ModelRegistry::open(registry)?,
            name: &own.weights,
            by: &own.by,
            key: args.key.as_deref().map(SecretKey::read).transpose()?,
        }),
    };
    crate::run::start_logging();
    let interrupt = Interrupt::listen();
    let (metrics, pulses) = (Arc::new(Metrics::new(Shows::Learn)), Arc::new(Pulses::default()));
    let (tell, unready) = tokio::sync::watch::channel(Some("it has not looked yet"));
    let exporter = own.metrics.map(|address| {
        Exporter::start(address, (Arc::clone(&metrics), Arc::clone(&pulses)), unready.clone())
    });
    let exporter = exporter.transpose()?;
    let followed = follow(
        &Follow {
            archive: opened.archive.as_ref(),
            champion: &|| super::model(args),
            publish: publisher.as_ref().map(|publisher| publisher as &dyn Publish),
            state,
            wanted,
            every: Duration::from_secs(own.every),
            window_ms: args.window_days * DAY_MS,
            settle_ms: own.settle * 1_000,
            frozen_by: own.frozen_by.as_deref(),
            gauges: &metrics.learning,
            pulse: pulses.start("the thread that learns"),
            ready: &|why| {
                tell.send_replace(why);
            },
        },
        &interrupt,
    );
    if let Some(exporter) = exporter {
        exporter.end();
    }
    followed.map(|()| Outcome::Done)
}
