//! `weir topics`: makes the topics of Apache Kafka, or holds those that are there against what they must be.
//!
//! Separate from the roles, which only check. Invariant: nothing that exists is changed or removed.

use clap::{Args, Subcommand};
use sinks::kafka::{Admin, TopicPlan};

use crate::commands::broker::BrokerArgs;
use crate::error::{Error, Outcome};
use crate::run;

const EXAMPLES: &str = "\
Examples:
  weir topics create --brokers kafka-1:9092,kafka-2:9092 --partitions 48 --replication 3
  weir topics check --brokers kafka-1:9092
  weir topics check --config /etc/weir/weir.toml                  brokers, TLS and password as its [kafka] says

All topics keyed by account have the same number of partitions. It cannot be changed later: an account's events would part
from its state. Choose as many as you will ever want workers.";

/// Arguments of `weir topics`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TopicsArgs {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// Make the topics that are not there.
    Create(CreateArgs),
    /// Say what is not as it must be; exit with 2 if anything is.
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    /// Partitions of every topic but `control`.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    partitions: u32,
    /// Copies of each partition; at least 3 where a broker may die.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=15))]
    replication: u32,
    /// How long events are kept, days; always longer than the oldest checkpoint is old.
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=30))]
    retention_days: u32,
}

#[derive(Debug, Args)]
struct CheckArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    /// Partitions that there must be; otherwise as many as events have.
    #[arg(long, value_name = "N", default_value_t = 0)]
    partitions: u32,
}

/// Makes or checks.
pub fn run(args: &TopicsArgs) -> Result<Outcome, Error> {
    let runtime = run::runtime()?;
    match &args.job {
        Job::Create(args) => {
            let plan = TopicPlan {
                prefix: args.broker.prefix.clone(),
                partitions: args.partitions,
                replication: args.replication,
                retention_days: args.retention_days,
            };
            let admin = admin(&args.broker)?;
            for name in runtime.block_on(admin.create(&plan))? {
                println!("made {name}");
            }
            findings(runtime.block_on(admin.check(&plan))?)
        }
        Job::Check(args) => {
            let admin = admin(&args.broker)?;
            findings(runtime.block_on(admin.check(&plan_to_check(&args.broker.prefix, args.partitions)))?)
        }
    }
}

fn admin(broker: &BrokerArgs) -> Result<Admin, Error> {
    let access = broker.access()?;
    Ok(Admin::open(&access.brokers, &access.settings)?)
}

/// What topics that are there must be, whoever made them.
pub fn plan_to_check(prefix: &str, partitions: u32) -> TopicPlan {
    TopicPlan { prefix: prefix.to_owned(), partitions, replication: 1, retention_days: 7 }
}

/// Complains if there is anything to complain of.
pub fn findings(found: Vec<String>) -> Result<Outcome, Error> {
    if found.is_empty() {
        return Ok(Outcome::Done);
    }
    Err(Error::Role(format!("the topics are not as they must be:\n  {}", found.join("\n  "))))
}
