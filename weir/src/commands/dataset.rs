//! `weir dataset export`: events and what was said about accounts, to rows that a model can learn from.
//!
//! Separate from reading and joining. Invariants: nothing is written into a folder that holds a data set already; the training
//! file beside the rows reads them as they are.

use clap::{Args, Subcommand};
use models::labels::Labels;
use schema::Review;
use sinks::File;

use crate::commands::judge::{each_line, truth};
use crate::dataset::{self, Counts, HEAD, Wanted};
use crate::error::{Error, Outcome};
use crate::files;
use crate::setup::{EngineOptions, read_exempt};

const EXAMPLES: &str = "\
Examples:
  weir dataset export events.ndjson.zst --reviews reviews.ndjson --out rows/
  weir dataset export log.ndjson --trust-internal --horizon-days 14 --out rows/       verdicts out of the log itself
  weir simulate --accounts 5000 --hours 72 --seed 7 --out e.ndjson --truth t.ndjson
  weir dataset export e.ndjson --truth t.ndjson --out rows/ && weir train --config rows/train.toml --out model.json

A row is the feature vector as the engine had it when a decision, a block, a report or a sample was taken. Labels come from reviews, verdicts
and several distinct credible reports, or from a simulation's truth; silence is never a label.";

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Longest horizon, days.
const HORIZON_DAYS_MAX: u64 = 3_650;

/// Arguments of `weir dataset`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DatasetArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay events and write labelled rows.
    #[command(after_help = EXAMPLES)]
    Export(ExportArgs),
}

#[derive(Debug, Args)]
struct ExportArgs {
    /// Events in the order of the log; files, as they are read twice.
    #[arg(required = true)]
    files: Vec<String>,
    /// What reviewers did, one line of `weir.reviews` each.
    #[arg(long, value_name = "FILE")]
    reviews: Option<String>,
    /// The truth of a simulation; models learned from it are marked so.
    #[arg(long, value_name = "FILE")]
    truth: Option<String>,
    /// The folder to make: rows.csv, train.toml and about.json.
    #[arg(long, value_name = "DIR")]
    out: String,
    /// How long after a row its label may come, days.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=HORIZON_DAYS_MAX))]
    horizon_days: u64,
    /// Share of quiet events whose rows are taken, 0 to 1; their weight is 1 / share.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    sample: f64,
    /// Rows while a restriction was enforced, too; they are marked.
    #[arg(long)]
    with_restricted: bool,
    /// Rows without a label, too; the column is empty.
    #[arg(long)]
    with_unlabelled: bool,
    /// Take internal kinds (entity, verdict) from the events.
    #[arg(long)]
    trust_internal: bool,
    /// Accounts against which nothing automatic is enforced, one a line.
    #[arg(long, value_name = "FILE")]
    exempt: Option<String>,
    #[command(flatten)]
    engine: EngineOptions,
}

/// Carries out.
pub fn run(args: &DatasetArgs) -> Result<Outcome, Error> {
    let Command::Export(args) = &args.command;
    export(args)
}

fn export(args: &ExportArgs) -> Result<Outcome, Error> {
    if !(0.0..=1.0).contains(&args.sample) {
        return Err(Error::Usage(format!("--sample {} is no share from 0 to 1", args.sample)));
    }
    if args.files.iter().any(|file| file == "-") {
        return Err(Error::Usage("events are read twice: give files, not `-`".to_owned()));
    }
    let labels = labels(args)?;
    let mut engine = args.engine.engine(read_exempt(args.exempt.as_deref())?, Some(args.sample))?;
    let fail = |error: std::io::Error| Error::file(&args.out, error);
    std::fs::create_dir_all(&args.out).map_err(fail)?;
    let path = |name: &str| format!("{}/{name}", args.out.trim_end_matches('/'));
    if std::fs::metadata(path("rows.csv")).is_ok() {
        return Err(Error::file(&path("rows.csv"), "it is there already: give --out another folder"));
    }
    let wanted = Wanted {
        horizon_ms: args.horizon_days * DAY_MS,
        with_restricted: args.with_restricted,
        with_unlabelled: args.with_unlabelled,
    };
    // Under another name until it is whole.
    let partial = path("rows.csv.partial");
    let mut out = File::create(&partial)?;
    out.write_line(dataset::header().as_bytes())?;
    let counts = dataset::write(&args.files, (&mut engine, args.trust_internal), &labels, wanted, &mut out)?;
    out.finish()?;
    files::write(&path("train.toml"), training_file(args.truth.is_some()).as_bytes())?;
    files::write(&path("about.json"), about(args, &labels, counts).as_bytes())?;
    std::fs::rename(&partial, path("rows.csv")).map_err(fail)?;
    let Counts { abusive, benign, unlabelled, silent, restricted, deleted, refused } = counts;
    eprintln!(
        "{} rows: {abusive} abusive, {benign} benign, {unlabelled} unlabelled",
        abusive + benign + unlabelled
    );
    eprintln!(
        "left out: {silent} without a label in time, {restricted} under a restriction, {deleted} of {} deleted accounts, \
         {refused} lines that are no events",
        labels.deleted()
    );
    Ok(Outcome::Done)
}

fn labels(args: &ExportArgs) -> Result<Labels, Error> {
    let mut labels = Labels::default();
    dataset::each_event(&args.files, args.trust_internal, |event, at| {
        labels.event(event, at);
        Ok(())
    })?;
    if let Some(file) = &args.reviews {
        each_line(file, |line| {
            let review: Review = serde_json::from_slice(line).map_err(|error| error.to_string())?;
            labels.review(&review);
            Ok(())
        })?;
    }
    if let Some(file) = &args.truth {
        each_line(file, |line| {
            let truth = truth(line)?;
            labels.truth(&truth.account, truth.abusive, truth.onset_ts);
            Ok(())
        })?;
    }
    Ok(labels)
}

/// A training file that reads the rows.
fn training_file(is_simulated: bool) -> String {
    let trained_on = if is_simulated { "simulation" } else { "labels" };
    let used = ["account", "at", "weight", "label"];
    let left_out: Vec<String> =
        HEAD.iter().filter(|name| !used.contains(name)).map(|name| format!("\"{name}\"")).collect();
    format!(
        "# Reads the rows beside it; see docs/models.md for all that may stand here.\n\
         format = 1\nname = \"candidate\"\nseed = 1\ntrained_on = \"{trained_on}\"\n\n\
         [data]\nfile = \"rows.csv\"\nlabel = \"label\"\npositive = [\"abusive\", \"compromised\"]\n\
         group = \"account\"\ntime = \"at\"\nweight = \"weight\"\nleave_out = [{}]\n\n\
         [learner]\nkind = \"boosting\"\ntrees = 150\nleaves = 16\ndepth = 4\nrate = 0.1\n\n\
         [folds]\ncount = 5\nby = \"group\"\n\n[costs]\nfalse_alarm = 20\nmiss = 1\n",
        left_out.join(", ")
    )
}

fn about(args: &ExportArgs, labels: &Labels, counts: Counts) -> String {
    let value = serde_json::json!({
        "catalog": format!("{:016x}", features::catalog_hash()),
        "horizon_days": args.horizon_days,
        "sample": args.sample,
        "rows": counts.abusive + counts.benign + counts.unlabelled,
        "abusive": counts.abusive,
        "benign": counts.benign,
        "unlabelled": counts.unlabelled,
        "left_out": {
            "without_label": counts.silent, "restricted": counts.restricted, "of_deleted_accounts": counts.deleted,
        },
        "deleted_accounts": labels.deleted(),
        "lines_refused": counts.refused,
    });
    format!("{value:#}\n")
}
