//! `weir archive`: keeps what lies in the topics of Apache Kafka in ClickHouse.
//!
//! Separate from the role, which knows no command line. Invariant: whatever is wrong with arguments or files is said before
//! any server is asked.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use sinks::Retention;
use sinks::clickhouse::Layout;

use crate::archive::{self, Plan};
use crate::commands::broker::{BrokerArgs, ServiceArgs};
use crate::commands::clickhouse::{DatabaseArgs, url};
use crate::commands::signing_key;
use crate::error::{Error, Outcome};
use crate::telemetry::{Metrics, Shows};

const EXAMPLES: &str = "\
Examples:
  weir archive --brokers kafka-1:9092,kafka-2:9092 --clickhouse http://clickhouse:8123 \\
               --signing-key /etc/weir/signing.key
  weir archive --brokers kafka-1:9092 --clickhouse http://clickhouse:8123 --user weir \\
               --password-file /etc/weir/clickhouse.password --keep events=30 --keep rejects=7

Reads weir.events, weir.decisions, weir.rows, weir.reviews and weir.rejects; makes the database and its tables if they are not
there. An offset is committed after ClickHouse took the record; while ClickHouse is down the role waits, and nothing is lost for
as long as the topics are kept. Any number may run; what two of them insert is there once. Ctrl-C or SIGTERM ends it
within 10 s.";

/// Arguments of `weir archive`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ArchiveArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    service: ServiceArgs,
    /// The consumer group.
    #[arg(long, value_name = "NAME", default_value = "weir-archive")]
    group: String,
    /// Where ClickHouse listens for HTTP or HTTPS; its certificate must be signed by a root of the system, or by one of the file
    /// that the variable SSL_CERT_FILE names.
    #[arg(long, value_name = "http[s]://HOST:PORT", value_parser = url)]
    clickhouse: String,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Make replicated tables on this cluster of ClickHouse.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// The file of keys of weir's own events, that of the workers; without it verdicts, activations and facts are not archived.
    #[arg(long, value_name = "FILE")]
    signing_key: Option<String>,
    /// How long records are kept: events, decisions (and reviews), rows, rejects or counts; may be given several times.
    #[arg(long, value_name = "WHAT=DAYS", value_parser = keep)]
    keep: Vec<(Kept, u32)>,
    /// How often the records of deleted accounts are removed, s; readers no longer see them at once.
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    deletions_every: u64,
}

/// What has a time to live.
#[derive(Debug, Clone, Copy)]
enum Kept {
    Events,
    Decisions,
    Rows,
    Rejects,
    Counts,
}

fn keep(text: &str) -> Result<(Kept, u32), String> {
    let (what, days) = text.split_once('=').ok_or_else(|| "WHAT=DAYS, for example events=30".to_owned())?;
    let what = match what {
        "events" => Kept::Events,
        "decisions" => Kept::Decisions,
        "rows" => Kept::Rows,
        "rejects" => Kept::Rejects,
        "counts" => Kept::Counts,
        _ => return Err("one of events, decisions, rows, rejects, counts".to_owned()),
    };
    let days = days.parse().ok().filter(|days| (1..=36_500).contains(days));
    Ok((what, days.ok_or_else(|| "a number of days, 1 to 36500".to_owned())?))
}

/// Works until somebody asks it to end.
pub fn run(args: &ArchiveArgs) -> Result<Outcome, Error> {
    let keys = signing_key::read(args.signing_key.as_deref())?;
    let access = args.broker.access()?;
    archive::run(Plan {
        brokers: access.brokers,
        prefix: args.broker.prefix.clone(),
        group: args.group.clone(),
        settings: access.settings,
        keys,
        server: args.database.server(&args.clickhouse)?,
        layout: args.cluster.clone().map_or(Layout::Single, Layout::Cluster),
        retention: retention(&args.keep),
        deletions_every: Duration::from_secs(args.deletions_every),
        metrics: Arc::new(Metrics::new(Shows::Archive)),
        listen: args.service.listen(&access.config)?,
    })
}

fn retention(keep: &[(Kept, u32)]) -> Retention {
    let mut retention = Retention::default();
    for (what, days) in keep {
        *match what {
            Kept::Events => &mut retention.events,
            Kept::Decisions => &mut retention.decisions,
            Kept::Rows => &mut retention.rows,
            Kept::Rejects => &mut retention.rejects,
            Kept::Counts => &mut retention.counts,
        } = *days;
    }
    retention
}
