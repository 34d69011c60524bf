//! `weir simulate`: traffic of benign and abusive accounts, with the truth about each.
//!
//! Separate from the simulator, which is pure. Invariants: same arguments, same bytes; in the closed loop the engine is
//! the one of `weir score`, and what it decides is written as it was decided.

use clap::Args;
use schema::Event;
use simulate::{BASE_RATE, Config, FieldSet, Simulation};
use sinks::File;

use crate::clock::Stopwatch;
use crate::error::{Error, Outcome};
use crate::files;
use crate::progress::{EVERY, Progress};

const MS_PER_HOUR: u64 = 3_600_000;

const EXAMPLES: &str = "\
Examples:
  weir simulate --accounts 10000 --hours 24 --seed 1 --out events.ndjson --truth truth.ndjson
  weir simulate --accounts 100000 --hours 168 --seed 7 --out week.ndjson.zst --truth truth.ndjson --exempt bots.txt
  weir simulate --without age_h,in_contacts --out events.ndjson --truth truth.ndjson";

/// Arguments of `weir simulate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SimulateArgs {
    /// Benign accounts; abusive ones come on top.
    #[arg(long, default_value_t = 10_000)]
    accounts: u32,
    /// Length, hours.
    #[arg(long, default_value_t = 168.0)]
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
    #[arg(long, value_name = "SHARE", default_value_t = BASE_RATE)]
    base_rate: f64,
    /// Optional fields to leave unknown in every event, separated by commas.
    #[arg(long, value_name = "FIELD,…", default_value = "")]
    without: String,
}

/// Simulates.
pub fn run(args: &SimulateArgs) -> Result<Outcome, Error> {
    let watch = Stopwatch::start();
    let config = config(args)?;
    let mut simulation = Simulation::new(config.clone()).map_err(usage)?;
    let mut writer = Writer::new(&args.out, &config)?;
    simulation.run_open(&mut |event| writer.take(event));
    let events = writer.finish()?;
    write_truth(args, &simulation)?;
    eprintln!("{events} events of {} hours in {:.1} s", args.hours, watch.elapsed().as_secs_f64());
    Ok(Outcome::Done)
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
