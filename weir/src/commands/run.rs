//! `weir run`: one of any number of workers on Apache Kafka.
//!
//! Separate from the role, which knows no command line. Invariant: whatever is wrong with files or topics is said before the
//! group is joined.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use sinks::checkpoint::{Checkpoints, Settings};

use crate::commands::broker::{BrokerArgs, ServiceArgs};
use crate::commands::signing_key;
use crate::environment;
use crate::error::{Error, Outcome};
use crate::registry::Registry;
use crate::run::{self, Loads, Plan, Saving};
use crate::setup::{EngineOptions, read_exempt};
use crate::telemetry::{Metrics, Shows};

const EXAMPLES: &str = "\
Examples:
  weir run --brokers kafka-1:9092,kafka-2:9092 --signing-key /etc/weir/signing.key --checkpoints /srv/weir/checkpoints
  weir run --config /etc/weir/weir.toml --checkpoints /srv/weir/checkpoints      brokers, TLS and password as its [kafka] says

Reads weir.events, writes weir.decisions, weir.standing, weir.rejects and weir.rows. With a signing key it also reads weir.relations,
weir.control and weir.reviews, and writes what follows from them into weir.events: whoever may write to control or reviews decides
about accounts. Start as many workers as there are
partitions; each partition is decided about by exactly one, which saves its state and is followed by another at the same place.
Ctrl-C or SIGTERM finishes what was read and leaves the group.";

/// How long the store of checkpoints may take to come to rest at the end.
const STORE_END: Duration = Duration::from_millis(500);

/// How the variables begin that object stores read.
const STORES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// Arguments of `weir run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    engine: EngineOptions,
    /// The consumer group; workers of one installation share it.
    #[arg(long, value_name = "NAME", default_value = "weir")]
    group: String,
    /// The key of weir's own events, at least 32 bytes and shared by all roles (`head -c 32 /dev/urandom | base64`); of several, one a line,
    /// the first signs and each is believed. Without it internal kinds are refused as forged.
    #[arg(long, value_name = "FILE")]
    signing_key: Option<String>,
    /// Where activations find their versions: DIR/policy/NAME/VERSION.toml and so on; the same for all workers.
    #[arg(long, value_name = "DIR")]
    registry: Option<String>,
    /// A public key: models of the registry that no such key signed are refused (`weir models`); may be given several times.
    #[arg(long, value_name = "FILE", requires = "registry")]
    trust: Vec<String>,
    /// Where the state of partitions is saved: a directory that all workers share, or s3://BUCKET/PREFIX, gs://… or az://… of an object
    /// store, in a build with the feature cloud; its keys come from the variables of its own tools (AWS_ACCESS_KEY_ID and so on).
    #[arg(long, value_name = "DIR|URL", required_unless_present = "no_checkpoints")]
    checkpoints: Option<String>,
    /// Save no state: after a restart only restrictions in force are known, not what accounts did.
    #[arg(long, conflicts_with = "checkpoints")]
    no_checkpoints: bool,
    /// Time from one checkpoint to the next, s: what is read again after a crash.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    checkpoint_every: f64,
    /// Accounts against which nothing automatic is enforced, one a line.
    #[arg(long, value_name = "FILE")]
    exempt: Option<String>,
    /// Feature rows of all decisions and feedback are written, and of this share of all other events, 0 to 1; without it, history.rows_share
    /// of the configuration (0.001), and no rows at all if history.enabled is false there.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    rows: Option<f64>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds".to_owned())?;
    if (0.01..=3_600.0).contains(&seconds) { Ok(seconds) } else { Err("0.01 to 3600 seconds".to_owned()) }
}

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "a share, 0 to 1".to_owned())
}

/// Works until somebody asks it to end.
pub fn run(args: &RunArgs) -> Result<Outcome, Error> {
    let key = signing_key::read(args.signing_key.as_deref())?;
    let store = run::store_runtime()?;
    let saving = |url: &str| -> Result<Saving, Error> {
        let options: Vec<_> = STORES.iter().flat_map(|prefix| environment::overrides(prefix)).collect();
        let checkpoints = Checkpoints::open_any(url, &options, Settings::default())?;
        let every = Duration::from_secs_f64(args.checkpoint_every);
        Ok(Saving { checkpoints, every, store: store.handle().clone() })
    };
    let registry = args.registry.as_deref().map(Registry::open).transpose()?;
    let access = args.broker.access()?;
    let history = &access.config.history;
    let rows = args.rows.or(history.enabled.then_some(history.rows_share));
    let plan = Plan {
        brokers: access.brokers,
        prefix: args.broker.prefix.clone(),
        group: args.group.clone(),
        settings: access.settings,
        key,
        loads: registry.map(|registry| registry.trusting(&args.trust)).transpose()?.map(Loads::new),
        saving: args.checkpoints.as_deref().map(saving).transpose()?,
        engine: args.engine.config(read_exempt(args.exempt.as_deref())?, rows)?,
        metrics: Arc::new(Metrics::new(Shows::Run)),
        pulses: Arc::default(),
        listen: args.service.listen(&access.config)?,
    };
    plan.check()?;
    let ended = run::run(plan);
    // A store that hangs holds up nobody: what it was asked last is not wanted any more.
    store.shutdown_timeout(STORE_END);
    ended
}
