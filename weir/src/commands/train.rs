//! `weir train`: simulated traffic, or a table of labelled rows, to a model file.
//!
//! Separate from learning, which lies in `models`. Invariants: same options or training file on the same toolchain, same
//! bytes, whatever the threads; the options' defaults are those of the model that is built in.

use clap::{Args, ValueEnum};
use models::{BoostSettings, Catalog, Kind, Model, Settings, TreeSettings};
use schema::limits::{ID_BYTES_MAX, TREE_DEPTH_MAX, TREES_MAX};

use crate::clash;
use crate::clock::Stopwatch;
use crate::error::{Error, Outcome};
use crate::files;
use crate::threads::Threads;
use crate::training::{self, TrainFile, Worlds, collect, report};

const EXAMPLES: &str = "\
Examples:
  weir train --out models/default/model.json          the model that is built in, byte for byte (same toolchain)
  weir train --kind logistic --name plain --out plain.json
  weir train --config train.toml --out model.json --html cv.html      from a table; see docs/models.md
  weir train --worlds 4 --accounts 1000 --hours 24 --trees 20 --out quick.json
  weir score events.ndjson --model quick.json

Every second world leaves a share of the optional fields unknown, as gateways do. A model that was trained on simulated
traffic may warn, challenge, limit and open cases; it is no evidence for a ban.";

/// Options that only simulated traffic has.
const OF_WORLDS: [&str; 11] = [
    "name",
    "kind",
    "worlds",
    "accounts",
    "hours",
    "base_rate",
    "seed",
    "rows_max",
    "trees",
    "depth",
    "ridge",
];

/// Arguments of `weir train`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TrainArgs {
    /// Where the model goes.
    #[arg(long, value_name = "FILE")]
    out: String,
    /// Learn from a table as this training file says, not from simulated traffic.
    #[arg(long, value_name = "FILE", conflicts_with_all = OF_WORLDS)]
    config: Option<String>,
    /// With --config: where a page about the held-out rows goes.
    #[arg(long, value_name = "FILE", requires = "config")]
    html: Option<String>,
    /// With --config: where the same figures go as JSON.
    #[arg(long, value_name = "FILE", requires = "config")]
    json: Option<String>,
    /// With --config: threads; as many as processors if not given. They change no byte.
    #[arg(long, value_name = "N", requires = "config")]
    threads: Option<usize>,
    /// The model's name, as decisions tell it.
    #[arg(long, default_value = "default")]
    name: String,
    /// What to learn.
    #[arg(long, value_enum, default_value_t = Learner::Trees)]
    kind: Learner,
    #[command(flatten)]
    worlds: Worlds,
    /// Trees.
    #[arg(long, default_value_t = TreeSettings::default().trees)]
    trees: usize,
    /// Splits from root to leaf, at most 8.
    #[arg(long, default_value_t = TreeSettings::default().depth)]
    depth: usize,
    /// L2 weight of the logistic regression.
    #[arg(long, default_value_t = 1.0)]
    ridge: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Learner {
    /// boosting on residuals over linfa's decision trees.
    Trees,
    /// our own boosting on histograms.
    Boosting,
    /// linfa's logistic regression.
    Logistic,
}

/// Refuses numbers that would be refused only after the work.
fn check(args: &TrainArgs) -> Result<(), Error> {
    let wrong = |text: String| Err(Error::Usage(text));
    if !(1..=TREES_MAX).contains(&args.trees) {
        return wrong(format!("--trees {} is not between 1 and {TREES_MAX}", args.trees));
    }
    if !(1..=TREE_DEPTH_MAX).contains(&args.depth) {
        return wrong(format!("--depth {} is not between 1 and {TREE_DEPTH_MAX}", args.depth));
    }
    if !(args.ridge.is_finite() && args.ridge >= 0.0) {
        return wrong(format!("--ridge {} is no number of at least 0", args.ridge));
    }
    if args.worlds.worlds == 0 || args.worlds.rows_max == 0 {
        return wrong("--worlds and --rows-max are at least 1".to_owned());
    }
    if args.name.is_empty() || args.name.len() > ID_BYTES_MAX {
        return wrong(format!("--name is 1 to {ID_BYTES_MAX} bytes long"));
    }
    Ok(())
}

/// Trains.
pub fn run(args: &TrainArgs) -> Result<Outcome, Error> {
    let watch = Stopwatch::start();
    if let Some(config) = &args.config {
        return from_table(config, args, &watch);
    }
    check(args)?;
    let data = collect(&args.worlds)?;
    let abusive = data.labels.iter().filter(|&&label| label).count();
    eprintln!(
        "{} rows of {} columns, {abusive} of them abusive, in {:.1} s",
        data.labels.len(),
        data.names.len(),
        watch.elapsed().as_secs_f64()
    );
    let kind = match args.kind {
        Learner::Trees => {
            Kind::Trees(TreeSettings { trees: args.trees, depth: args.depth, ..TreeSettings::default() })
        }
        Learner::Boosting => {
            Kind::Boosted(BoostSettings { trees: args.trees, depth: args.depth, ..BoostSettings::default() })
        }
        Learner::Logistic => Kind::Logistic(args.ridge),
    };
    let settings = Settings { kind, ..Settings::new(&args.name, args.worlds.seed) };
    let model = models::train(&data, &settings, &Catalog::of_this_build())
        .map_err(|error| Error::Usage(format!("cannot train: {error}")))?;
    files::write(&args.out, &model.to_bytes())?;
    tell(&model, &watch, "measured on accounts that it has not seen");
    for (name, value) in &model.card().metrics {
        eprintln!("  {name:<20}{value:.4}");
    }
    Ok(Outcome::Done)
}

/// Trains as a training file says.
fn from_table(config: &str, args: &TrainArgs, watch: &Stopwatch) -> Result<Outcome, Error> {
    let file = TrainFile::read(config)?;
    let outputs = [("--html", &args.html), ("--json", &args.json)];
    let outputs: Vec<_> = [("--out", args.out.as_str())].into_iter().chain(clash::given(&outputs)).collect();
    clash::refuse(&[("--config", config), ("data.file", &file.data.file)], &outputs)?;
    let trained = training::train(config, &file, Threads::new(args.threads))?;
    let model = &trained.found.model;
    files::write(&args.out, &model.to_bytes())?;
    let found = &trained.report;
    report::write((|| found.html(), || found.json()), args.html.as_deref(), args.json.as_deref())?;
    tell(model, watch, "calibrated and measured on held-out rows");
    eprint!("{}", trained.report.text());
    if let Some(threshold) = trained.found.threshold {
        eprintln!("cheapest threshold {:.4}: {:.5} a row", threshold.score, threshold.cost);
    }
    Ok(Outcome::Done)
}

fn tell(model: &Model, watch: &Stopwatch, how: &str) {
    let seconds = watch.elapsed().as_secs_f64();
    eprintln!("{} {} in {seconds:.1} s; {how}:", model.name(), model.version());
}
