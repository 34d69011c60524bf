//! `weir replay`: recorded events under two policies or models, and what would change.
//!
//! Separate from `weir score`, which decides under one. Invariants: both sides see the same records; entity facts are made
//! anew by each side, so recorded ones are left out, and of internal kinds only verdicts are taken; nothing but the report is
//! written.

use clap::Args;
use models::judge::Difference;
use scorer::{Engine, EngineConfig, Output};

use crate::clash;
use crate::clock::Stopwatch;
use crate::commands::judge::{each_line, truth};
use crate::commands::score::inputs;
use crate::dataset::each_event;
use crate::error::{Error, Outcome};
use crate::files;
use crate::setup::{EngineOptions, read_exempt};

const EXAMPLES: &str = "\
Examples:
  weir replay events.ndjson.zst --policy now.toml --policy next.toml
  weir replay events.ndjson --model champion.json --model candidate.json --truth truth.ndjson --json diff.json

What is given once holds for both sides; A is the first, B the second. Recorded traffic did not react to B: try B in a closed loop as
well (`weir simulate --closed-loop --policy next.toml`).";

/// Arguments of `weir replay`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReplayArgs {
    /// Events in the order of the log.
    #[arg(required = true)]
    files: Vec<String>,
    /// A's policy, then B's; the built-in one where none is given.
    #[arg(long, value_name = "FILE")]
    policy: Vec<String>,
    /// A's model, then B's; the built-in one where none is given.
    #[arg(long, value_name = "FILE")]
    model: Vec<String>,
    /// A blocklist for both; may be given several times.
    #[arg(long = "blocklist", value_name = "FILE")]
    blocklists: Vec<String>,
    /// Accounts against which nothing automatic is enforced, one a line.
    #[arg(long, value_name = "FILE")]
    exempt: Option<String>,
    /// What is known of accounts: {"account","label","persona"} a line.
    #[arg(long, value_name = "FILE")]
    truth: Option<String>,
    /// Take verdicts of reviewers from the events.
    #[arg(long)]
    trust_internal: bool,
    /// Where the figures go as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
}

/// Replays.
pub fn run(args: &ReplayArgs) -> Result<Outcome, Error> {
    if args.policy.len() > 2 || args.model.len() > 2 {
        return Err(Error::Usage("--policy and --model may be given twice: A's, then B's".to_owned()));
    }
    if args.policy.len().max(args.model.len()) < 2 {
        let text = "A and B are the same: give --policy or --model twice, A's first";
        return Err(Error::Usage(text.to_owned()));
    }
    let mut read = clash::all("input", &args.files);
    read.extend(clash::given(&[("--truth", &args.truth), ("--exempt", &args.exempt)]));
    clash::refuse(&read, &clash::given(&[("--json", &args.json)]))?;
    let files = inputs(&args.files)?;
    let watch = Stopwatch::start();
    let mut sides = [engine(args, 0)?, engine(args, 1)?];
    let mut found = Difference::default();
    if let Some(file) = &args.truth {
        each_line(file, |line| {
            let truth = truth(line)?;
            found.truth(&truth.account, truth.abusive, &truth.persona);
            Ok(())
        })?;
    }
    let (mut output, mut offset) = (Output::default(), 0);
    let refused = each_event(&files, args.trust_internal, |event, _| {
        let is_of_the_recorded_run = event.body.is_internal() && event.body.kind() != "verdict";
        if is_of_the_recorded_run {
            return Ok(());
        }
        found.event(event.ts);
        for (side, engine) in sides.iter_mut().enumerate() {
            output.clear();
            engine.process(event, offset, &mut output);
            output.decisions.iter().for_each(|decision| found.decision(side, decision));
        }
        offset += 1;
        Ok(())
    })?;
    files::write("-", found.text().as_bytes())?;
    if let Some(name) = &args.json {
        files::write(name, found.json().as_bytes())?;
    }
    let seconds = watch.elapsed().as_secs_f64();
    let times = found.span_ms() as f64 / 1000.0 / seconds.max(1e-6);
    eprintln!(
        "{offset} events in {seconds:.1} s, {times:.0} times faster than they happened; {refused} lines refused"
    );
    Ok(Outcome::Done)
}

/// The engine of a side: the option's value for it, or the only one.
fn engine(args: &ReplayArgs, side: usize) -> Result<Engine, Error> {
    let of = |values: &[String]| values.get(side).or(values.first()).cloned();
    let options = EngineOptions {
        policy: of(&args.policy),
        model: of(&args.model),
        no_model: false,
        blocklists: args.blocklists.clone(),
        accounts_max: schema::limits::ACCOUNTS_MAX,
    };
    let config: EngineConfig = options.config(read_exempt(args.exempt.as_deref())?, None)?;
    Ok(Engine::new(config))
}
