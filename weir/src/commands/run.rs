//! `weir run`: one of any number of workers on Apache Kafka.
//!
//! Separate from the role, which knows no command line. Invariant: whatever is wrong with files or topics is said before the
//! group is joined.

use clap::Args;

use crate::commands::topics::BrokerArgs;
use crate::error::{Error, Outcome};
use crate::files;
use crate::registry::Registry;
use crate::run::{self, Plan};
use crate::setup::{EngineOptions, read_exempt};

const EXAMPLES: &str = "\
Examples:
  weir run --brokers kafka-1:9092,kafka-2:9092 --signing-key /etc/weir/signing.key
  weir run --brokers kafka-1:9092 --set security.protocol=SASL_SSL --set sasl.mechanisms=SCRAM-SHA-512 \\
           --set sasl.username=weir --set sasl.password=…

Reads weir.events, writes weir.decisions, weir.standing, weir.rejects (and weir.rows). Start as many workers as there are
partitions; each partition is decided about by exactly one. Ctrl-C or SIGTERM finishes what was read and leaves the group.";

/// Longest signing key, bytes.
const KEY_BYTES_MAX: u64 = 4_096;

/// Arguments of `weir run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    engine: EngineOptions,
    /// The consumer group; workers of one installation share it.
    #[arg(long, value_name = "NAME", default_value = "weir")]
    group: String,
    /// The key of weir's own events, shared by all roles; without it internal kinds are refused as forged.
    #[arg(long, value_name = "FILE")]
    signing_key: Option<String>,
    /// Where activations find their versions: DIR/policy/NAME/VERSION.toml and so on; the same for all workers.
    #[arg(long, value_name = "DIR")]
    registry: Option<String>,
    /// Accounts against which nothing automatic is enforced, one a line.
    #[arg(long, value_name = "FILE")]
    exempt: Option<String>,
    /// Write feature rows: those of decisions and feedback, and this share of all others, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    rows: Option<f64>,
}

/// Works until somebody asks it to end.
pub fn run(args: &RunArgs) -> Result<Outcome, Error> {
    let key = args.signing_key.as_deref().map(|file| files::read(file, KEY_BYTES_MAX)).transpose()?;
    let plan = Plan {
        brokers: args.broker.brokers.clone(),
        prefix: args.broker.prefix.clone(),
        group: args.group.clone(),
        settings: args.broker.settings.clone(),
        key,
        registry: args.registry.as_deref().map(Registry::open).transpose()?,
        engine: args.engine.config(read_exempt(args.exempt.as_deref())?, args.rows)?,
    };
    run::run(plan)
}
