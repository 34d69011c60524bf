//! `weir dataset export`: events and what was said about accounts, to rows that a model can learn from.
//!
//! Separate from reading and joining. Invariants: nothing is written into a folder that holds a data set already; the training
//! file beside the rows reads them as they are.

use clap::{Args, Subcommand};
use models::labels::{Labels, Said};
use schema::history::{Scan, Span};
use schema::{Review, Row};

use crate::commands::archived::ArchivedArgs;
use crate::commands::judge::{each_line, truth};
use crate::dataset::{self, Counts, Format, HEAD, Replayed, Slices, Tables, Wanted};
use crate::error::{Error, Outcome};
use crate::files;
use crate::registry::Registry;
use crate::setup::{EngineOptions, read_exempt};

const EXAMPLES: &str = "\
Examples:
  weir dataset export events.ndjson.zst --reviews reviews.ndjson --out rows/
  weir dataset export log.ndjson --trust-internal --registry versions --out rows/     verdicts and versions out of the log itself
  weir simulate --accounts 5000 --hours 72 --seed 7 --out e.ndjson --truth t.ndjson
  weir dataset export e.ndjson --truth t.ndjson --out rows/ && weir train --config rows/train.toml --out model.json
  weir dataset export --history weir-data/history.db --from 2026-11-01 --to 2026-12-01 --out rows/
  weir dataset export --clickhouse http://clickhouse:8123 --from 2026-11-01 --out rows/ --format parquet

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
    /// Events in the order of the log; files, as they are read twice. None with --history or --clickhouse.
    #[arg(required_unless_present_any = ["history", "clickhouse"], conflicts_with_all = ["history", "clickhouse"])]
    files: Vec<String>,
    #[command(flatten)]
    archived: ArchivedArgs,
    /// First day of the rows, YYYY-MM-DD in UTC, or ms since the Unix epoch. What was said later still labels them.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<u64>,
    /// The day after the last, likewise.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<u64>,
    /// What reviewers did, one line of `weir.reviews` each.
    #[arg(long, value_name = "FILE")]
    reviews: Option<String>,
    /// The truth of a simulation; models learned from it are marked so.
    #[arg(long, value_name = "FILE")]
    truth: Option<String>,
    /// The folder to make: rows.csv, rows.parquet, train.toml and about.json.
    #[arg(long, value_name = "DIR")]
    out: String,
    /// Which tables to write.
    #[arg(long, value_enum, default_value_t = Format::Both)]
    format: Format,
    /// How long after a row its label may come, days.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=HORIZON_DAYS_MAX))]
    horizon_days: u64,
    /// Share of quiet events whose rows are taken, 0 to 1; their weight is 1 / share. An archive's is what was kept.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    sample: f64,
    /// Rows while a restriction was enforced, too; they are marked.
    #[arg(long)]
    with_restricted: bool,
    /// Rows without a label, too; the column is empty.
    #[arg(long)]
    with_unlabelled: bool,
    /// Take internal kinds (entity, verdict, activate) from the events.
    #[arg(long)]
    trust_internal: bool,
    /// Where activations in the events find their versions.
    #[arg(long, value_name = "DIR", requires = "trust_internal")]
    registry: Option<String>,
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

/// A day or a time, as ms since the Unix epoch.
fn time(text: &str) -> Result<u64, String> {
    if let Ok(ms) = text.parse() {
        return Ok(ms);
    }
    let wrong = || "YYYY-MM-DD, or ms since the Unix epoch".to_owned();
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return Err(wrong()) };
    let number = |part: &str, least: u64, most: u64| {
        part.parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(wrong)
    };
    let (year, month, day) = (number(year, 1970, 2100)?, number(month, 1, 12)?, number(day, 1, 31)?);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = month as usize - 1;
    if day > lengths[before] {
        return Err(wrong());
    }
    let years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    Ok((years + lengths[..before].iter().sum::<u64>() + day - 1) * DAY_MS)
}

fn export(args: &ExportArgs) -> Result<Outcome, Error> {
    if !(0.0..=1.0).contains(&args.sample) {
        return Err(Error::Usage(format!("--sample {} is no share from 0 to 1", args.sample)));
    }
    if args.files.iter().any(|file| file == "-") {
        return Err(Error::Usage("events are read twice: give files, not `-`".to_owned()));
    }
    let span = Span { from: args.from.unwrap_or(0), to: args.to.unwrap_or(u64::MAX) };
    if span.from >= span.to {
        return Err(Error::Usage("--from is not before --to: there would be no rows".to_owned()));
    }
    std::fs::create_dir_all(&args.out).map_err(|error| Error::file(&args.out, error))?;
    let (labels, counts) = written(args, span)?;
    let path = |name: &str| format!("{}/{name}", args.out.trim_end_matches('/'));
    files::write(&path("train.toml"), training_file(args.truth.is_some(), args.format).as_bytes())?;
    files::write(&path("about.json"), about(args, &labels, counts).as_bytes())?;
    let Counts {
        abusive,
        benign,
        unlabelled,
        held_out,
        silent,
        restricted,
        undrawn,
        deleted,
        foreign,
        refused,
    } = counts;
    eprintln!(
        "{} rows: {abusive} abusive, {benign} benign, {unlabelled} unlabelled; {held_out} of them of accounts that are held out",
        abusive + benign + unlabelled
    );
    let of_deleted = match labels.deleted() {
        0 => format!("all of {deleted} deleted accounts"),
        accounts => format!("{deleted} of {accounts} deleted accounts"),
    };
    eprintln!(
        "left out: {silent} without a label in time, {restricted} under a restriction, {of_deleted}, \
         {undrawn} of other days than their account was drawn for an audit, \
         {foreign} of a build with other features, {refused} lines that are no events"
    );
    Ok(Outcome::Done)
}

/// Out of whatever holds them.
fn written(args: &ExportArgs, span: Span) -> Result<(Labels, Counts), Error> {
    match args.archived.open()? {
        Some(opened) => from_archive(args, opened.archive.as_ref(), span),
        None => from_files(args, span),
    }
}

fn from_archive(args: &ExportArgs, archive: &dyn Scan, span: Span) -> Result<(Labels, Counts), Error> {
    let mut labels = Labels::default();
    // What is said after the span labels what lies in it; what was said before it counts among the reports, and an appeal is of an earlier act.
    dataset::labels(archive, Span { from: 0, to: u64::MAX }, &mut labels)?;
    let mut slices = Slices::default();
    said(args, &mut labels, &mut slices)?;
    dataset::heard(archive, &mut slices)?;
    let mut out = Tables::create(&args.out, args.format, slices)?;
    let push = &mut |row: &Row, said: Option<&Said>, stands| out.push(row, said, stands);
    let counts = dataset::each_archived(archive, span, &labels, wanted(args), push)?;
    out.finish()?;
    Ok((labels, counts))
}

fn from_files(args: &ExportArgs, span: Span) -> Result<(Labels, Counts), Error> {
    let (mut labels, mut slices) = (Labels::default(), Slices::default());
    dataset::each_event(&args.files, args.trust_internal, |event, at| {
        labels.event(event, at);
        slices.event(event, at);
        Ok(())
    })?;
    said(args, &mut labels, &mut slices)?;
    let exempt = || read_exempt(args.exempt.as_deref());
    let registry = args.registry.as_deref().map(Registry::open).transpose()?;
    let log =
        Replayed { files: &args.files, trust_internal: args.trust_internal, registry: registry.as_ref() };
    let drawn = dataset::drawn(log, &mut args.engine.engine(exempt()?, None)?, &labels)?;
    let mut engine = args.engine.engine(exempt()?, Some(args.sample))?;
    let mut out = Tables::create(&args.out, args.format, slices)?;
    let counts = dataset::write(log, &mut engine, (&labels, &drawn, span), wanted(args), &mut out)?;
    out.finish()?;
    Ok((labels, counts))
}

fn wanted(args: &ExportArgs) -> Wanted {
    Wanted {
        horizon_ms: args.horizon_days * DAY_MS,
        with_restricted: args.with_restricted,
        with_unlabelled: args.with_unlabelled,
    }
}

/// Labels out of files, and personas beside them.
fn said(args: &ExportArgs, labels: &mut Labels, slices: &mut Slices) -> Result<(), Error> {
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
            slices.persona(&truth.account, &truth.persona);
            Ok(())
        })?;
    }
    Ok(())
}

/// A training file that reads the rows.
fn training_file(is_simulated: bool, format: Format) -> String {
    let rows = if format == Format::Parquet { "rows.parquet" } else { "rows.csv" };
    let trained_on = if is_simulated { "simulation" } else { "labels" };
    let used = ["account", "at", "weight", "label", "label_weight"];
    let left_out: Vec<String> =
        HEAD.iter().filter(|(name, _)| !used.contains(name)).map(|(name, _)| format!("\"{name}\"")).collect();
    format!(
        "# Reads the rows beside it; see docs/models.md for all that may stand here.\n\
         format = 1\nname = \"candidate\"\nseed = 1\ntrained_on = \"{trained_on}\"\n\n\
         [data]\nfile = \"{rows}\"\nlabel = \"label\"\npositive = [\"abusive\", \"compromised\"]\n\
         group = \"account\"\ntime = \"at\"\nweight = \"weight * label_weight\"\nleave_out = [{}]\n\n\
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
        "held_out": counts.held_out,
        "left_out": {
            "without_label": counts.silent, "restricted": counts.restricted, "not_drawn": counts.undrawn, "of_deleted_accounts": counts.deleted,
            "of_other_features": counts.foreign,
        },
        "deleted_accounts": labels.deleted(),
        "lines_refused": counts.refused,
    });
    format!("{value:#}\n")
}
