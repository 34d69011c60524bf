//! `weir simulate`: traffic of benign and abusive accounts, with the truth about each.
//!
//! Separate from the simulator, which is pure. Invariants: same arguments, same bytes; in the closed loop the engine is
//! the one of `weir score`, and what it decides is written as it was decided.

use clap::Args;
use schema::{Event, Scope};
use scorer::{Engine, ExemptList, Output};
use simulate::{BASE_RATE, Config, FIELDS, FieldSet, Gateway, Restraint, Simulation};
use sinks::File;

use crate::clash;
use crate::clock::Stopwatch;
use crate::error::{Error, Outcome};
use crate::files;
use crate::progress::{EVERY, Progress};
use crate::setup::EngineOptions;
use crate::summary::Tally;

const MS_PER_HOUR: u64 = 3_600_000;

const EXAMPLES: &str = "\
Examples:
  weir simulate --accounts 10000 --hours 24 --seed 1 --out events.ndjson --truth truth.ndjson
  weir simulate --accounts 100000 --hours 168 --seed 7 --out week.ndjson.zst --truth truth.ndjson --exempt bots.txt
  weir simulate --closed-loop --out events.ndjson --truth truth.ndjson --decisions decisions.ndjson
  weir simulate --without age_h,in_contacts --out events.ndjson --truth truth.ndjson";

/// The examples, and the fields that can be left out.
fn examples() -> String {
    let mut text = format!("{EXAMPLES}\n\nFields for --without:");
    for (n, field) in FIELDS.iter().enumerate() {
        text.push_str(if n % 8 == 0 { "\n  " } else { " " });
        text.push_str(field);
    }
    text
}

/// Arguments of `weir simulate`.
#[derive(Debug, Args)]
#[command(after_help = examples())]
pub struct SimulateArgs {
    /// Benign accounts; abusive ones come on top.
    #[arg(long, default_value_t = 10_000)]
    accounts: u32,
    /// Length, hours.
    #[arg(long, default_value_t = 168.0, allow_negative_numbers = true)]
    hours: f64,
    /// Same seed, same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the events go; `.gz` and `.zst` compress, `-` is standard output.
    #[arg(long, value_name = "FILE")]
    out: String,
    /// Where the truth goes: {"account","label","persona","onset_ts"} a line.
    #[arg(long, value_name = "FILE")]
    truth: String,
    /// Where the accounts for the exempt list go, one a line.
    #[arg(long, value_name = "FILE")]
    exempt: Option<String>,
    /// Share of abusive accounts among all, 0 to 0.5.
    #[arg(long, value_name = "SHARE", default_value_t = BASE_RATE, allow_negative_numbers = true)]
    base_rate: f64,
    /// Optional fields to leave unknown in every event, separated by commas.
    #[arg(long, value_name = "FIELD,…", default_value = "")]
    without: String,
    /// Let the engine stand between: refused acts do not happen, farms replace banned accounts, innocents pass challenges.
    #[arg(long)]
    closed_loop: bool,
    /// Where the decisions of the closed loop go.
    #[arg(long, value_name = "FILE", requires = "closed_loop")]
    decisions: Option<String>,
    #[command(flatten)]
    engine: EngineOptions,
}

/// Simulates.
pub fn run(args: &SimulateArgs) -> Result<Outcome, Error> {
    let watch = Stopwatch::start();
    let config = config(args)?;
    let mut outputs = vec![("--out", args.out.as_str()), ("--truth", args.truth.as_str())];
    outputs.extend(clash::given(&[("--exempt", &args.exempt), ("--decisions", &args.decisions)]));
    clash::refuse(&args.engine.inputs(), &outputs)?;
    let mut simulation = Simulation::new(config.clone()).map_err(usage)?;
    let mut writer = Writer::new(&args.out, &config)?;
    if args.closed_loop {
        closed_loop(args, &mut simulation, &mut writer)?;
    } else {
        simulation.run_open(&mut |event| writer.take(event));
    }
    let events = writer.finish()?;
    write_truth(args, &simulation)?;
    eprintln!("{events} events of {} hours in {:.1} s", args.hours, watch.elapsed().as_secs_f64());
    Ok(Outcome::Done)
}

fn closed_loop(args: &SimulateArgs, simulation: &mut Simulation, writer: &mut Writer) -> Result<(), Error> {
    let bots: Vec<String> = simulation.exempt().collect();
    let engine = args.engine.engine(ExemptList::parse("exempt accounts", &bots.join("\n"))?, None)?;
    let decisions = args.decisions.as_deref().map(File::create).transpose()?;
    let mut gateway =
        Enforcer { engine, decisions, output: Output::default(), tally: Tally::default(), writer };
    simulation.run(&mut gateway);
    let Enforcer { engine, decisions, tally, .. } = gateway;
    if let Some(decisions) = decisions {
        decisions.finish()?;
    }
    eprint!("{}", tally.decisions_text());
    eprintln!("{:<15} {}", "model runs", engine.stats().model_runs);
    Ok(())
}

fn config(args: &SimulateArgs) -> Result<Config, Error> {
    let without = FieldSet::parse(&args.without).map_err(usage)?;
    let base_rate = Some(args.base_rate);
    let (accounts, hours, seed) = (args.accounts, args.hours, args.seed);
    Ok(Config { accounts, hours, seed, base_rate, without, ..Config::default() })
}

fn usage(error: simulate::Error) -> Error {
    Error::Usage(error.to_string())
}

fn write_truth(args: &SimulateArgs, simulation: &Simulation) -> Result<(), Error> {
    let mut truth = File::create(&args.truth)?;
    for line in simulation.truth() {
        truth.write_line(line.json().as_bytes())?;
    }
    truth.finish()?;
    if let Some(name) = &args.exempt {
        let mut text = String::new();
        for account in simulation.exempt() {
            text.push_str(&account);
            text.push('\n');
        }
        files::write(name, text.as_bytes())?;
    }
    Ok(())
}

/// Writes events as they come; remembers the first error, since the simulator cannot be told.
struct Writer {
    out: File,
    line: Vec<u8>,
    failed: Option<sinks::Error>,
    progress: Progress,
    start_ms: u64,
}

impl Writer {
    fn new(name: &str, config: &Config) -> Result<Self, Error> {
        let progress = Progress::of_steps(config.hours as u64, "hours");
        let line = Vec::with_capacity(512);
        Ok(Self { out: File::create(name)?, line, failed: None, progress, start_ms: config.start_ms })
    }

    fn take(&mut self, event: &Event<'_>) {
        self.line.clear();
        schema::json::encode(event, &mut self.line);
        self.line.pop();
        if self.failed.is_none() {
            self.failed = self.out.write_line(&self.line).err();
        }
        let events = self.out.records();
        if events.is_multiple_of(EVERY) {
            let hours = event.ts.saturating_sub(self.start_ms) / MS_PER_HOUR;
            self.progress.report(hours, || format!("{events} events"));
        }
    }

    fn finish(self) -> Result<u64, Error> {
        self.progress.finish();
        match self.failed {
            Some(error) => Err(error.into()),
            None => Ok(self.out.finish()?),
        }
    }
}

/// A gateway that enforces at once what the engine decides.
struct Enforcer<'w> {
    engine: Engine,
    decisions: Option<File>,
    output: Output,
    tally: Tally,
    writer: &'w mut Writer,
}

impl Gateway for Enforcer<'_> {
    fn offer(&mut self, event: &Event<'_>) {
        self.output.clear();
        self.engine.process(event, self.tally.lines, &mut self.output);
        self.tally.lines += 1;
        self.writer.take(event);
        for decision in &self.output.decisions {
            self.tally.decided(decision);
            if let Some(file) = &mut self.decisions
                && let Err(error) = file.write(decision)
            {
                self.writer.failed.get_or_insert(error);
            }
        }
    }

    fn restriction(&mut self, account: &str, scope: Scope, now_ms: u64) -> Option<Restraint> {
        let found = self.engine.restriction(account, scope, now_ms)?;
        Some(Restraint { action: found.action, limit: found.limit, decision: found.decision.to_owned() })
    }
}
