//! The command line: one subcommand a job.
//!
//! Separate from the commands, so that completions and the man page come from the same table. Invariant: every command
//! says in its help what it reads and writes, with examples that run.

use clap::{Parser, Subcommand};

use crate::commands::{
    archive::ArchiveArgs, audit::AuditArgs, bench_input::BenchInputArgs, blocklist::BlocklistArgs,
    catalog::CatalogArgs, check_config::CheckConfigArgs, completions::CompletionsArgs, control::ControlArgs,
    dataset::DatasetArgs, demo::DemoArgs, evaluate::EvaluateArgs, import::ImportArgs, judge::JudgeArgs,
    learn::LearnArgs, man::ManArgs, models::ModelsArgs, replay::ReplayArgs, review::ReviewArgs, run::RunArgs,
    score::ScoreArgs, simulate::SimulateArgs, topics::TopicsArgs, train::TrainArgs, up::UpArgs,
};

const EXAMPLES: &str = "\
Examples:
  weir demo                                              what it does, on bundled traffic
  weir up --demo                                         the server on simulated traffic, live
  weir score events.ndjson.gz --out decisions.ndjson     decide about real events
  zstdcat events.zst | weir score -                      the same from a pipe
  weir simulate --accounts 10000 --hours 24 --seed 1 --out events.ndjson --truth truth.ndjson
  weir judge --events events.ndjson --truth truth.ndjson --decisions decisions.ndjson
  weir check-config policy.toml                          what is wrong, with line and column
  weir import collegemsg tests/data/collegemsg/events.csv.gz | weir score -

Exit codes: 0 done; 1 the input had rejects and --strict was given, or an audit chain
is not whole; 2 usage, file or configuration; 130 interrupted.";

/// Spam-and-abuse defence for end-to-end-encrypted messengers.
///
/// Reads metadata events (never content) as NDJSON, keeps features for every account in memory, and writes
/// explained decisions: warn, challenge, rate-limit, ban, lift, review.
#[derive(Debug, Parser)]
#[command(name = "weir", version = version(), after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the main job on bundled traffic, real and simulated: start here.
    Demo(DemoArgs),
    /// Run the whole server in one process on a local journal: events over HTTP in, decisions out; nothing to install.
    Up(UpArgs),
    /// Score events: NDJSON in, explained decisions out.
    Score(ScoreArgs),
    /// Decide about the events of Apache Kafka, as one of any number of workers.
    Run(RunArgs),
    /// Keep what happened in ClickHouse, for reviewers and training.
    Archive(ArchiveArgs),
    /// Serve the dashboard of trust-and-safety staff, on Apache Kafka and ClickHouse.
    Review(ReviewArgs),
    /// Verify the audit chain of the dashboard.
    Audit(AuditArgs),
    /// Say what is wanted of all workers: the kill switch, another policy, model or list.
    Control(ControlArgs),
    /// Make the topics of Apache Kafka, or check them.
    Topics(TopicsArgs),
    /// Simulate traffic of benign and abusive accounts, with the truth about each.
    Simulate(SimulateArgs),
    /// Judge decisions against the truth.
    Judge(JudgeArgs),
    /// Keep signed models, and say which of them decides.
    Models(ModelsArgs),
    /// Show what another policy or model would change on recorded events.
    Replay(ReplayArgs),
    /// Train a model on simulated traffic or on a table of labelled rows.
    Train(TrainArgs),
    /// Learn on from labels while a model serves, on the leaves of its trees.
    Learn(Box<LearnArgs>),
    /// Make rows to learn from out of events and what reviewers said.
    Dataset(DatasetArgs),
    /// Measure a model, a column of scores or a training file on a table with labels.
    Evaluate(EvaluateArgs),
    /// Build, look into and ask a blocklist.
    Blocklist(BlocklistArgs),
    /// Check policies: what is wrong, with file, line, column and reason.
    CheckConfig(CheckConfigArgs),
    /// Convert a public data set of real messages to events.
    Import(ImportArgs),
    /// Print the feature catalogue.
    Features(CatalogArgs),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
    /// Print the man page, or write one a command.
    Man(ManArgs),
    /// Make the input of the speed figures.
    #[command(hide = true)]
    BenchInput(BenchInputArgs),
}

/// `0.1.0 (features 0123456789abcdef)`: a model or policy fits this build if it names the same catalogue.
fn version() -> String {
    format!("{} (features {:016x})", env!("CARGO_PKG_VERSION"), features::catalog_hash())
}
