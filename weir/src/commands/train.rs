//! `weir train`: simulated traffic to a model file.
//!
//! Separate from learning, which lies in `models`. Invariants: same options on the same toolchain, same bytes; the options'
//! defaults are those of the model that is built in.

use clap::{Args, ValueEnum};
use models::{Catalog, Kind, Settings, TreeSettings};
use schema::limits::{ID_BYTES_MAX, TREE_DEPTH_MAX, TREES_MAX};

use crate::clock::Stopwatch;
use crate::error::{Error, Outcome};
use crate::files;
use crate::training::{Worlds, collect};

const EXAMPLES: &str = "\
Examples:
  weir train --out models/default/model.json          the model that is built in, byte for byte (same toolchain)
  weir train --kind logistic --name plain --out plain.json
  weir train --worlds 4 --accounts 1000 --hours 24 --trees 20 --out quick.json
  weir score events.ndjson --model quick.json

Every second world leaves a share of the optional fields unknown, as gateways do. A model that was trained on simulated
traffic may warn, challenge, limit and open cases; it is no evidence for a ban.";

/// Arguments of `weir train`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TrainArgs {
    /// Where the model goes.
    #[arg(long, value_name = "FILE")]
    out: String,
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
        Learner::Logistic => Kind::Logistic(args.ridge),
    };
    let settings = Settings { kind, ..Settings::new(&args.name, args.worlds.seed) };
    let model = models::train(&data, &settings, &Catalog::of_this_build())
        .map_err(|error| Error::Usage(format!("cannot train: {error}")))?;
    files::write(&args.out, &model.to_bytes())?;
    eprintln!(
        "{} {} in {:.1} s; measured on accounts that it has not seen:",
        model.name(),
        model.version(),
        watch.elapsed().as_secs_f64()
    );
    for (name, value) in &model.card().metrics {
        eprintln!("  {name:<20}{value:.4}");
    }
    Ok(Outcome::Done)
}
