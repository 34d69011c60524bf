//! `weir audit`: is the dashboard's audit chain whole?
//!
//! Separate from the dashboard, which need not run. Invariants: nothing is written; the first bad entry is named; a chain with a fault
//! ends with exit code 1.

use std::ops::ControlFlow;
use std::path::Path;

use clap::{Args, Subcommand};
use ingest::kafka::{Assignment, partition_of, tail};
use review::audit::{HEADS_ACCOUNT, Head, chain_of_file, head_of, verify};
use schema::history::{History as _, Span};
use schema::limits::{HISTORY_ANSWER_MAX, TS_MS_MAX};
use schema::{Review, Topic};
use sinks::kafka::Admin;
use sinks::sqlite::History;

use crate::commands::broker::BrokerArgs;
use crate::error::{Error, Outcome};
use crate::files;

const EXAMPLES: &str = "\
Examples:
  weir audit verify --db weir-data/review.db
  weir audit verify --db weir-data/review.db --heads weir-data/audit-heads --head 812:9f86d081884c7d65…
  weir audit verify --db weir-data/review.db --history weir-data/history.db
  weir audit verify --db review.db --brokers kafka-1:9092
  weir audit verify --db review.db --brokers kafka-1:9092 --restored 1795831200000:1795834800000

The file alone shows what was changed, taken out, put in or cut off. Whoever can write the file could write the whole chain anew:
that shows against heads that were published before. `weir up` and `weir review` publish the head at their start, every hour and at
their end: as a line of their log (\"the audit chain's head\", which your log collector keeps elsewhere), in audit-heads beside the
file, and as a note in the log of reviews: in weir.reviews, which is kept for good (--brokers), or in the history of `weir up`
(--history). If there are heads in the log and none of this chain, it was written anew from its first entry; heads of other chains are those of
other desks, or of this file before somebody wrote it anew: know how many there are.

Exit codes: 0 the chain is whole; 1 it is not, and the first bad entry was named; 2 the file cannot be read.";

/// Largest file of heads, bytes.
const HEADS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Arguments of `weir audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify the chain: every entry against its hash, its place and published heads.
    Verify(VerifyArgs),
}

/// Arguments of `weir audit verify`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
struct VerifyArgs {
    /// The dashboard's file, or a backup of it.
    #[arg(long, value_name = "FILE")]
    db: String,
    /// A file of published heads, one a line.
    #[arg(long, value_name = "FILE")]
    heads: Option<String>,
    /// A published head, NUMBER:HASH; may be given several times.
    #[arg(long = "head", value_name = "HEAD", value_parser = head)]
    given: Vec<Head>,
    /// The history of `weir up`, where heads lie among reviews.
    #[arg(long, value_name = "FILE")]
    history: Option<String>,
    /// The file was restored: FROM is when the backup was taken (`weir review backup` tells it), TO when the desk was started on it, ms since
    /// the Unix epoch. Heads that were published between are of what was lost, and are counted instead of held against the chain; may
    /// be given several times.
    #[arg(long, value_name = "FROM:TO", value_parser = lost)]
    restored: Vec<(u64, u64)>,
    #[command(flatten)]
    broker: BrokerArgs,
}

fn lost(text: &str) -> Result<(u64, u64), String> {
    let times = text.split_once(':').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    times.filter(|(from, to)| from <= to).ok_or_else(|| "two times in ms, the earlier one first".to_owned())
}

fn head(text: &str) -> Result<Head, String> {
    Head::parse(text)
        .ok_or_else(|| "a number, a colon and 64 hexadecimal digits, as the log line has them".to_owned())
}

/// Verifies.
pub fn run(args: &AuditArgs) -> Result<Outcome, Error> {
    let Command::Verify(args) = &args.command;
    let mut heads = args.given.clone();
    if let Some(file) = &args.heads {
        for (line, text) in
            files::read_text(file, HEADS_BYTES_MAX)?.lines().enumerate().filter(|(_, text)| !text.is_empty())
        {
            let head = Head::parse(text);
            heads.push(
                head.ok_or_else(|| Error::file(file, format!("line {}: no head of a chain", line + 1)))?,
            );
        }
    }
    let logged = in_the_log(args)?;
    let ours = chain_of_file(Path::new(&args.db))?.unwrap_or_default();
    let (before, known) = (heads.len(), logged.len());
    heads.extend(logged.iter().filter_map(|review| head_of(&ours, review)));
    if known > 0 && heads.len() == before {
        let text = format!(
            "{}: none of the {known} heads in the log is of this chain: it was written anew from its first entry\n",
            args.db
        );
        files::write("-", text.as_bytes())?;
        return Ok(Outcome::HadRejects);
    }
    let others = known - (heads.len() - before);
    let all = heads.len();
    heads.retain(|head| !args.restored.iter().any(|(from, to)| (*from..*to).contains(&head.at)));
    let mut besides = String::new();
    for (count, what) in
        [(all - heads.len(), "of what a restore lost"), (others, "of other chains in the log")]
    {
        if count > 0 {
            besides.push_str(&format!(", {count} {what}"));
        }
    }
    let verified = verify(Path::new(&args.db), &heads)?;
    let entries = verified.entries;
    match (verified.fault, verified.head) {
        (Some(fault), _) => {
            let text = format!("{}: {fault}; {entries} entries before it are whole\n", args.db);
            files::write("-", text.as_bytes())?;
            Ok(Outcome::HadRejects)
        }
        (None, head) => {
            let head = head.map_or_else(
                || "it is empty".to_owned(),
                |head| format!("its head is {}:{}", head.n, head.hash),
            );
            let text = format!(
                "{}: {entries} entries, all whole, and {} published heads fit{besides}; {head}\n",
                args.db,
                heads.len()
            );
            files::write("-", text.as_bytes())?;
            Ok(Outcome::Done)
        }
    }
}

/// Records of the log that hold heads, of any chain.
fn in_the_log(args: &VerifyArgs) -> Result<Vec<Review>, Error> {
    let mut found = Vec::new();
    if let Some(file) = &args.history {
        let span = Span { from: 0, to: TS_MS_MAX };
        found = History::open(Path::new(file))?.reviews(HEADS_ACCOUNT, span, HISTORY_ANSWER_MAX)?;
    }
    if args.broker.is_given() {
        let access = args.broker.access()?;
        let topic = Topic::Reviews.name(&args.broker.prefix);
        let partitions = Admin::open(&access.brokers, &access.settings)?.partitions(&topic)?;
        if partitions == 0 {
            return Err(Error::Usage(format!("there is no topic {topic}")));
        }
        let of = Assignment { topic, partition: partition_of(HEADS_ACCOUNT.as_bytes(), partitions) };
        tail(&access.brokers, &access.settings, &of, |record| {
            if record.key == Some(HEADS_ACCOUNT.as_bytes()) {
                found.extend(record.value.and_then(|value| serde_json::from_slice(value).ok()));
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(found)
}
