//! `weir replay`: recorded events under two policies or models, and what would change; or under one, against what was decided then.
//!
//! Separate from `weir score`, which decides under one and compares nothing. Invariants: both sides see the same records; where anything is
//! tried that was not in force, facts about shared things are made anew, and of internal kinds only verdicts are taken; accounts that
//! asked for deletion are replayed by no what-if, and are counted; nothing but the report is written.

mod closed;
mod log;
mod recorded;

use clap::{Args, ValueEnum};
use models::judge::Difference;
use scorer::{Engine, EngineConfig, Facts, Output};

use self::log::Log;
use self::recorded::Recorded;
use crate::clash;
use crate::clock::Stopwatch;
use crate::commands::judge::{each_line, truth};
use crate::dataset::each_event;
use crate::error::{Error, Outcome};
use crate::files;
use crate::registry::Registry;
use crate::setup::{EngineOptions, read_exempt};

const EXAMPLES: &str = "\
Examples:
  weir replay events.ndjson.zst --policy now.toml --policy next.toml
  weir replay events.ndjson --model champion.json --model candidate.json --truth truth.ndjson --json diff.json
  weir replay log.ndjson --facts log --recorded decisions.ndjson --registry versions      exit code 1 if anything differs

What is given once holds for both sides; A is the first, B the second. Recorded traffic did not react to B, so a small town that does is
simulated beside it, once under each side (--closed-loop).

--facts recompute is the what-if: facts about shared things are made anew by each side, recorded internal kinds but verdicts are left
out, and so are accounts that were deleted. --facts log takes every record as it lies in the log of one partition, activations
included, and reproduces what was decided, bit for bit. A log of a single process holds no facts: they are made anew there, too.";

/// Where facts about shared things come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FactsFrom {
    /// As they were recorded.
    Log,
    /// Made anew by each side.
    Recompute,
}

/// Arguments of `weir replay`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReplayArgs {
    /// Events in the order of the log; files, as they are read twice.
    #[arg(required = true)]
    files: Vec<String>,
    /// A's policy, then B's; the built-in one where none is given.
    #[arg(long, value_name = "FILE")]
    policy: Vec<String>,
    /// A's model, then B's; the built-in one where none is given.
    #[arg(long, value_name = "FILE")]
    model: Vec<String>,
    /// Decide by rules alone, on both sides.
    #[arg(long, conflicts_with = "model")]
    no_model: bool,
    /// What was decided then, in place of A.
    #[arg(long, value_name = "FILE")]
    recorded: Option<String>,
    /// Where facts about shared things come from; policies and models are always compared on facts made anew.
    #[arg(long, value_enum, default_value_t = FactsFrom::Recompute)]
    facts: FactsFrom,
    /// With --facts log: the partition that the log is of, and of how many.
    #[arg(long, value_name = "N", default_value_t = 0)]
    partition: u32,
    /// With --facts log: partitions of the whole log.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    partitions: u32,
    /// With --facts log: where activations find their versions.
    #[arg(long, value_name = "DIR")]
    registry: Option<String>,
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
    /// Benign accounts of the simulated town that reacts; 0: none.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    closed_loop: u32,
    /// Where the figures go as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
}

/// Replays.
pub fn run(args: &ReplayArgs) -> Result<Outcome, Error> {
    check(args)?;
    let watch = Stopwatch::start();
    let log = Log::look(&args.files)?;
    let mut found = Difference::default();
    if let Some(file) = &args.truth {
        each_line(file, |line| {
            let truth = truth(line)?;
            found.truth(&truth.account, truth.abusive, &truth.persona);
            Ok(())
        })?;
    }
    let mut recorded = args.recorded.as_deref().map(Recorded::read).transpose()?;
    let (events, refused) = replay(args, &log, (&mut found, recorded.as_mut()))?;
    found.missed(log.deleted.len() as u64, args.facts == FactsFrom::Recompute);
    found.took(events, watch.elapsed().as_secs_f64());
    if args.closed_loop > 0 && recorded.is_none() {
        found.reacted(closed::sides(args.closed_loop, [engine_config(args, 0)?, engine_config(args, 1)?])?);
    }
    let mut text = found.text();
    if let Some(recorded) = &recorded {
        text.push_str(&recorded.text());
    }
    files::write("-", text.as_bytes())?;
    if let Some(name) = &args.json {
        files::write(name, found.json(recorded.as_ref().map(Recorded::json)).as_bytes())?;
    }
    if refused > 0 {
        eprintln!("{refused} lines refused");
    }
    let is_reproduced = recorded.is_none_or(|recorded| recorded.is_same());
    let is_asked = args.facts == FactsFrom::Log;
    Ok(if is_asked && !is_reproduced { Outcome::HadRejects } else { Outcome::Done })
}

fn check(args: &ReplayArgs) -> Result<(), Error> {
    let wrong = |text: &str| Err(Error::Usage(text.to_owned()));
    if args.policy.len() > 2 || args.model.len() > 2 {
        return wrong("--policy and --model may be given twice: A's, then B's");
    }
    let sides = args.policy.len().max(args.model.len());
    match &args.recorded {
        Some(_) if sides > 1 => {
            return wrong("with --recorded, A is what was decided then: give --policy and --model once");
        }
        None if args.facts == FactsFrom::Log => {
            return wrong(
                "--facts log reproduces what was decided: give --recorded. Policies and models are compared on facts made anew",
            );
        }
        None if sides < 2 => {
            return wrong("A and B are the same: give --policy or --model twice, A's first, or --recorded");
        }
        _ => {}
    }
    if args.files.iter().any(|file| file == "-") {
        return wrong("events are read twice: give files, not `-`");
    }
    let mut read = clash::all("input", &args.files);
    let more = [("--truth", &args.truth), ("--exempt", &args.exempt), ("--recorded", &args.recorded)];
    read.extend(clash::given(&more));
    clash::refuse(&read, &clash::given(&[("--json", &args.json)]))
}

/// Puts the events through; gives how many there were, and how many lines were none.
fn replay(
    args: &ReplayArgs,
    log: &Log,
    (found, mut recorded): (&mut Difference, Option<&mut Recorded>),
) -> Result<(u64, u64), Error> {
    let is_log = args.facts == FactsFrom::Log;
    let registry = args.registry.as_deref().map(Registry::open).transpose()?;
    let mut sides = Vec::new();
    if let Some(recorded) = &recorded {
        recorded.decisions().for_each(|decision| found.decision(0, decision));
        let facts = if is_log && log.has_facts { Facts::FromLog } else { Facts::FedBack };
        let (partition, partitions) = if is_log { (args.partition, args.partitions) } else { (0, 1) };
        let config = EngineConfig { facts, partition, partitions, ..engine_config(args, 0)? };
        sides.push((1, Engine::new(config)));
    } else {
        sides.extend([(0, Engine::new(engine_config(args, 0)?)), (1, Engine::new(engine_config(args, 1)?))]);
    }
    let (mut output, mut offset) = (Output::default(), 0);
    let refused = each_event(&args.files, args.trust_internal || is_log, |event, _| {
        let is_left_out =
            event.body.is_internal() && event.body.kind() != "verdict" || log.deleted.contains(event.account);
        if !is_log && is_left_out {
            return Ok(());
        }
        found.event(event.ts);
        for (side, engine) in &mut sides {
            output.clear();
            Registry::provide_for(registry.as_ref(), engine, event)?;
            engine.process(event, offset, &mut output);
            output.decisions.iter().for_each(|decision| found.decision(*side, decision));
            if let Some(recorded) = &mut recorded {
                output.decisions.drain(..).for_each(|decision| recorded.replayed(decision));
            }
        }
        offset += 1;
        Ok(())
    })?;
    Ok((offset, refused))
}

/// The engine of a side: the option's value for it, or the only one.
fn engine_config(args: &ReplayArgs, side: usize) -> Result<EngineConfig, Error> {
    let of = |values: &[String]| values.get(side).or(values.first()).cloned();
    let options = EngineOptions {
        policy: of(&args.policy),
        model: of(&args.model),
        no_model: args.no_model,
        blocklists: args.blocklists.clone(),
        accounts_max: schema::limits::ACCOUNTS_MAX,
    };
    options.config(read_exempt(args.exempt.as_deref())?, None)
}
