//! `weir score`: events in, decisions out.
//!
//! Separate from the loop, which knows no command line. Invariants: every input is looked for before anything is decided;
//! results go to files or standard output, everything for people to standard error.

use clap::Args;
use ingest::Source;
use scorer::{Engine, EngineConfig, Facts};
use sinks::File;

use crate::clash;
use crate::clock::Stopwatch;
use crate::environment;
use crate::error::{Error, Outcome};
use crate::interrupt::Interrupt;
use crate::pipeline::{Left, Outputs, Pipeline};
use crate::progress::Progress;
use crate::registry::Registry;
use crate::setup::{EngineOptions, read_exempt};

const EXAMPLES: &str = "\
Examples:
  weir score events.ndjson                                   decisions to standard output, summary to standard error
  weir score day1.ndjson.gz day2.ndjson.zst --out decisions.ndjson --standing standing.ndjson --rejects rejects.ndjson
  weir score events.ndjson --exempt bots.txt --blocklist devices.blocklist --policy policy.toml
  weir score partition0.ndjson --trust-internal --registry versions          replay a log: activations take effect
  zstdcat events.zst | weir score - | jq -c 'select(.action == \"ban\")'

An event is one JSON object a line: {\"id\":\"e1\",\"ts\":1762128000000,\"kind\":\"message\",\"account\":\"a1\",\"peer\":\"a2\",
\"chat\":\"direct\",\"first_contact\":true}. An absent field is unknown, never false. Compression is told from the content.";

/// Arguments of `weir score`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ScoreArgs {
    /// Events, plain, gzip or Zstandard; `-` (and none, with a pipe) reads standard input.
    files: Vec<String>,
    #[command(flatten)]
    engine: EngineOptions,
    /// Accounts against which nothing automatic is enforced, one a line.
    #[arg(long, value_name = "FILE")]
    exempt: Option<String>,
    /// Where decisions go; `.gz` and `.zst` compress, `-` is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: String,
    /// Where each account's restrictions in force go, one line a change.
    #[arg(long, value_name = "FILE")]
    standing: Option<String>,
    /// Where feature rows go, as they were when a decision, a block, a report or a sample was taken.
    #[arg(long, value_name = "FILE")]
    features: Option<String>,
    /// Share of all other events whose rows are kept as a sample, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, requires = "features", value_parser = share)]
    sample: f64,
    /// Where refused lines go, with their reasons.
    #[arg(long, value_name = "FILE")]
    rejects: Option<String>,
    /// Exit with 1 if any line was refused.
    #[arg(long)]
    strict: bool,
    /// Take internal kinds (entity, verdict, activate, proposal) from the input; otherwise they are refused as forged.
    #[arg(long)]
    trust_internal: bool,
    /// Where `activate` events find their versions: DIR/policy/NAME/VERSION.toml, DIR/model/NAME/VERSION.json,
    /// DIR/blocklist/NAME/VERSION.blocklist, DIR/exempt/NAME/VERSION.txt.
    #[arg(long, value_name = "DIR", requires = "trust_internal")]
    registry: Option<String>,
    /// A public key: models of the registry that no such key signed are refused; may be given several times.
    #[arg(long, value_name = "FILE", requires = "registry")]
    trust: Vec<String>,
    /// Entity facts and proposals come with the input, as in a log of several partitions; none are fed back.
    #[arg(long, requires = "trust_internal")]
    facts_from_log: bool,
}

/// A share, 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share is a number from 0 to 1".to_owned())
}

/// Scores.
pub fn run(args: &ScoreArgs) -> Result<Outcome, Error> {
    let watch = Stopwatch::start();
    let inputs = inputs(&args.files)?;
    keep_apart(args, &inputs)?;
    let mut sources = Vec::new();
    for name in &inputs {
        sources.push(Source::open(name)?);
    }
    let rows = args.features.is_some().then_some(args.sample);
    let facts = if args.facts_from_log { Facts::FromLog } else { Facts::FedBack };
    let config = args.engine.config(read_exempt(args.exempt.as_deref())?, rows)?;
    let engine = Engine::new(EngineConfig { facts, ..config });
    let registry = args.registry.as_deref().map(Registry::open).transpose()?;
    let registry = registry.map(|registry| registry.trusting(&args.trust)).transpose()?;
    let progress = Progress::of_bytes(bytes(&inputs));
    let interrupt = Interrupt::listen();
    let mut pipeline = Pipeline::new(engine, outputs(args)?, args.trust_internal).with_registry(registry);
    let mut left = Left::Ended;
    let mut before = 0;
    for (source, name) in sources.into_iter().zip(&inputs) {
        left = pipeline.read(source, before, (&progress, &interrupt))?;
        if left != Left::Ended {
            break;
        }
        before += bytes(std::slice::from_ref(name)).unwrap_or(0);
    }
    let (tally, figures) = pipeline.finish()?;
    progress.finish();
    if left == Left::Interrupted {
        eprintln!("{:<15} after {} lines: what follows is not decided about", "interrupted", tally.lines);
    }
    eprint!("{}", tally.text(figures, &watch));
    Ok(match left {
        Left::Interrupted => Outcome::Interrupted,
        _ if args.strict && tally.rejects() > 0 => Outcome::HadRejects,
        _ => Outcome::Done,
    })
}

pub fn inputs(files: &[String]) -> Result<Vec<String>, Error> {
    if !files.is_empty() {
        return Ok(files.to_vec());
    }
    if environment::keyboard() {
        let text =
            "no input: give a file, or `-` to type events in (`weir score --help` shows what an event is)";
        return Err(Error::Usage(text.to_owned()));
    }
    Ok(vec!["-".to_owned()])
}

/// No output may be an input: opening it would empty it.
fn keep_apart(args: &ScoreArgs, inputs: &[String]) -> Result<(), Error> {
    let mut read = clash::all("input", inputs);
    read.extend(args.engine.inputs());
    read.extend(clash::given(&[("--exempt", &args.exempt)]));
    let mut written = vec![("--out", args.out.as_str())];
    written.extend(clash::given(&[
        ("--standing", &args.standing),
        ("--features", &args.features),
        ("--rejects", &args.rejects),
    ]));
    clash::refuse(&read, &written)
}

fn outputs(args: &ScoreArgs) -> Result<Outputs, Error> {
    let open = |name: &Option<String>| name.as_deref().map(File::create).transpose();
    Ok(Outputs {
        decisions: File::create(&args.out)?,
        standing: open(&args.standing)?,
        rows: open(&args.features)?,
        rejects: open(&args.rejects)?,
    })
}

/// What there is to read on the disk; `None` if a pipe is among it.
fn bytes(inputs: &[String]) -> Option<u64> {
    let length =
        |name: &String| std::fs::metadata(name).ok().filter(|found| found.is_file()).map(|found| found.len());
    inputs.iter().map(length).sum()
}
