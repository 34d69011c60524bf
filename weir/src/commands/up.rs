//! `weir up`: the whole server in one process, on a local journal.
//!
//! Separate from the server, which gets values. Invariants: everything is checked before anything listens; options win
//! over the environment, the environment over the file.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::config::{self, PREFIX};
use crate::environment;
use crate::error::{Error, Outcome};
use crate::telemetry::{LogFormat, log};
use crate::up::{self, Demo, Plan};

const EXAMPLES: &str = "\
Examples:
  weir up --demo                                 simulated traffic through the whole server, live in the terminal
  weir up --data /var/lib/weir                   listens on http://127.0.0.1:8484, the journal in the folder
  weir up --config weir.toml --log json          `weir check-config --print-default-config` prints a commented one

  curl --data-binary @events.ndjson http://127.0.0.1:8484/v1/events
  curl -d '{\"id\":\"e1\",\"ts\":1762128000000,\"kind\":\"session\",\"account\":\"a1\"}' http://127.0.0.1:8484/v1/check
  curl http://127.0.0.1:8484/v1/accounts/a1/standing
  curl -N 'http://127.0.0.1:8484/v1/decisions?from=0'
  curl --data-binary @reviews.ndjson http://127.0.0.1:8484/v1/reviews
  weir control --url http://127.0.0.1:8484 kill on

A start restores the newest checkpoint of the data folder and reads the journal on from there; without any it reads the
journal from its beginning. Another policy, model or list than before decides from where the server stopped. The
journal keeps 30 days ([data] in the configuration). history.db, written behind everything else, is for looking back
([history]).

Other addresses than loopback need API keys: see [keys] in the configuration. http://127.0.0.1:8484/openapi.json describes
every route.";

/// Arguments of `weir up`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct UpArgs {
    /// The folder of the journal; one process at a time.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Where to listen, for example 127.0.0.1:8484.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// A configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// How log lines look.
    #[arg(long, value_enum)]
    log: Option<LogFormat>,
    /// Feed simulated traffic, live, through the server; without --data into a folder that is removed at the end.
    #[arg(long)]
    demo: bool,
    /// How many times faster than the wall the demonstration's clock runs.
    #[arg(long, value_name = "FACTOR", default_value_t = 600.0, requires = "demo", value_parser = speed)]
    speed: f64,
    /// Benign accounts of the demonstration's town; abusive ones come on top.
    #[arg(long, value_name = "N", default_value_t = 20_000, requires = "demo")]
    accounts: u32,
    /// Same seed, same town.
    #[arg(long, default_value_t = 2026, requires = "demo")]
    seed: u64,
    /// End by itself after this long, for example 30s, 10m, 2h.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    lasts: Option<Duration>,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| (1.0..=100_000.0).contains(speed));
    speed.ok_or_else(|| "a factor from 1 to 100000".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.len() - usize::from(text.ends_with(['s', 'm', 'h'])));
    let factor = match unit {
        "m" => 60,
        "h" => 3_600,
        _ => 1,
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    seconds.map(Duration::from_secs).ok_or_else(|| "a time such as 30s, 10m or 2h".to_owned())
}

/// Runs until it is stopped.
pub fn run(args: &UpArgs) -> Result<Outcome, Error> {
    let mut overrides = environment::overrides(PREFIX);
    let mut set = |name: &str, value: Option<String>| {
        overrides.extend(value.map(|value| (format!("{PREFIX}{name}"), value)));
    };
    set("DATA_DIR", args.data.clone());
    set("HTTP_LISTEN", args.listen.map(|address| address.to_string()));
    let loaded = config::load(args.config.as_deref(), &overrides)?;
    let config = loaded.config;
    let format = args.log.map_or_else(|| LogFormat::parse(&config.log.format), Ok)?;
    log::start(format, &config.log.level)?;
    let demo = args.demo.then(|| Demo {
        accounts: args.accounts,
        seed: args.seed,
        speed: args.speed,
        keeps_data: args.data.is_some(),
    });
    up::run(Plan { config, changed: loaded.changed, demo, lasts: args.lasts })
}
