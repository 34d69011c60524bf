//! `weir review`: the dashboard of trust-and-safety staff on Apache Kafka and ClickHouse.
//!
//! Separate from the role, which knows no command line. Invariants: whatever is wrong with arguments or files is said before any server
//! is asked; a backup is taken beside a desk that works, and replaces no file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use crate::clock;
use crate::commands::broker::{BrokerArgs, ServiceArgs};
use crate::commands::clickhouse::{DatabaseArgs, url};
use crate::commands::signing_key;
use crate::desk::{self, Settings};
use crate::error::{Error, Outcome};
use crate::files;
use crate::registry::Registry;
use crate::telemetry::{Metrics, Shows};

const EXAMPLES: &str = "\
Examples:
  weir review --brokers kafka-1:9092,kafka-2:9092 --clickhouse http://clickhouse:8123 --data /var/lib/weir-review \\
              --registry /srv/weir --signing-key /etc/weir/signing.key
  weir review backup --db /var/lib/weir-review/review.db --to /backup/review-2026-11-28.db
  weir review --config /etc/weir/weir.toml --clickhouse https://clickhouse:8443 --user weir_review \\
              --password-file /etc/weir/clickhouse.password --listen 10.0.0.7:8484 --metrics 127.0.0.1:9486

Reads weir.events (reports, appeals, deletions), weir.decisions, weir.reviews, weir.standing, weir.control and weir.rejects; writes what reviewers do
into weir.reviews and weir.control, where `weir run` takes it up. History comes from ClickHouse, as `weir archive` keeps it; while it is
down the queue and every act work. review.db in --data holds people, sessions, the audit chain, and the cases with the place in each
partition up to which they were folded: one process at a time, back it up. The log tells a one-time link for the first administrator.
Elsewhere than on a loopback address pages are served behind a proxy that speaks TLS, under the address that review.origin in the
configuration names. What is in force is explained by the policy and model of [engine] in the configuration, as workers were given
them, and by the versions in --registry. Ctrl-C or SIGTERM ends it within 10 s.";

/// Arguments of `weir review`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct ReviewArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    service: ServiceArgs,
    /// Where ClickHouse listens for HTTP or HTTPS; without it there is no history. A user who may only read is enough.
    #[arg(long, value_name = "http[s]://HOST:PORT", value_parser = url)]
    clickhouse: Option<String>,
    #[command(flatten)]
    database: DatabaseArgs,
    /// The folder of review.db; one process at a time. Without it, data.dir of the configuration.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where pages are served; without it, http.listen of the configuration.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where versions lie that may be put in force, that of the workers; without it, data.registry of the configuration.
    #[arg(long, value_name = "DIR")]
    registry: Option<String>,
    /// A public key: models of the registry that no such key signed are refused (`weir models`); may be given several times.
    #[arg(long, value_name = "FILE")]
    trust: Vec<String>,
    /// The file of keys of weir's own events, that of the workers; without it, whether partitions decide by a version is not known.
    #[arg(long, value_name = "FILE")]
    signing_key: Option<String>,
    /// The group of `weir run`, to show how far it is behind.
    #[arg(long, value_name = "NAME", default_value = "weir")]
    run_group: String,
    /// The group of `weir archive`, likewise.
    #[arg(long, value_name = "NAME", default_value = "weir-archive")]
    archive_group: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy review.db, that of `weir review` or `weir up`, while it is worked on.
    Backup(BackupArgs),
}

/// Arguments of `weir review backup`.
#[derive(Debug, Args)]
struct BackupArgs {
    /// The dashboard's file.
    #[arg(long, value_name = "FILE")]
    db: String,
    /// The copy; it must not be there yet.
    #[arg(long, value_name = "FILE")]
    to: String,
}

/// Works until somebody asks it to end.
pub fn run(args: &ReviewArgs) -> Result<Outcome, Error> {
    if let Some(Command::Backup(args)) = &args.command {
        return back_up(args);
    }
    let keys = signing_key::read(args.signing_key.as_deref())?;
    let access = args.broker.access()?;
    let config = access.config;
    let configured = Some(config.data.registry.as_str()).filter(|folder| !folder.is_empty());
    let registry = args.registry.as_deref().or(configured).map(Registry::open).transpose()?;
    let history = args.clickhouse.as_deref().map(|url| args.database.server(url)).transpose()?;
    desk::run(Settings {
        brokers: access.brokers,
        prefix: args.broker.prefix.clone(),
        groups: (args.run_group.clone(), args.archive_group.clone()),
        properties: access.settings,
        keys,
        history,
        folder: args.data.clone().unwrap_or_else(|| config.data.dir.clone().into()),
        listen: args.listen.unwrap_or(config.http.listen),
        registry: registry.map(|registry| registry.trusting(&args.trust)).transpose()?,
        metrics: Arc::new(Metrics::new(Shows::Review)),
        metrics_listen: args.service.listen(&config)?,
        config,
    })
}

fn back_up(args: &BackupArgs) -> Result<Outcome, Error> {
    let at = clock::now_ms();
    let copied = review::back_up(Path::new(&args.db), Path::new(&args.to))?;
    let review::Copied { entries, cases, folded } = copied;
    let places: Vec<String> = folded.iter().map(|(source, place)| format!("{source} to {place}")).collect();
    let text = format!(
        "{}: taken at {at}; {cases} cases, folded from {}; {entries} entries of the audit chain, all whole\n",
        args.to,
        if places.is_empty() { "nothing yet".to_owned() } else { places.join(", ") },
    );
    files::write("-", text.as_bytes())?;
    Ok(Outcome::Done)
}
