//! `weir import`: public data sets of real messages to events.
//!
//! Separate from the converters in `ingest`, which know no command line. Invariant: what a set does not hold stays
//! unknown, unless the caller asks for the one stated guess.

use clap::{Args, Subcommand};
use ingest::Source;
use ingest::import::{Counts, Emit, Options, collegemsg, copenhagen_sms};
use sinks::File;

use crate::clash;
use crate::error::{Error, Outcome};

const EXAMPLES: &str = "\
Examples:
  weir import collegemsg tests/data/collegemsg/events.csv.gz --out college.ndjson
  weir import collegemsg tests/data/collegemsg/events.csv.gz --age-from-first-event | weir score -
  weir import copenhagen tests/data/copenhagen_sms/sms.csv.gz \\
      --friends tests/data/copenhagen_sms/fb_friends.csv.gz --out copenhagen.ndjson.zst";

/// Arguments of `weir import`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    #[command(subcommand)]
    set: Set,
}

#[derive(Debug, Subcommand)]
enum Set {
    /// CollegeMsg: private messages among 1,899 students, strangers included.
    Collegemsg {
        /// The table `src,dst,ts`, plain or compressed; `-` reads standard input.
        table: String,
        #[command(flatten)]
        common: Common,
    },
    /// Copenhagen Networks Study: text messages among some 700 students who befriended each other.
    Copenhagen {
        /// The table of messages `ts,src,dst`, plain or compressed.
        table: String,
        /// The table of friendships `user_a,user_b`: it stands for the address book.
        #[arg(long, value_name = "FILE")]
        friends: String,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Args)]
struct Common {
    /// Where the events go; `.gz` and `.zst` compress, `-` is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: String,
    /// Take the hours since an account's first event in the set for its age; otherwise ages stay unknown.
    #[arg(long)]
    age_from_first_event: bool,
}

/// Converts.
pub fn run(args: &ImportArgs) -> Result<Outcome, Error> {
    match &args.set {
        Set::Collegemsg { table, common } => {
            clash::refuse(&[("input", table)], &[("--out", &common.out)])?;
            let table = Source::open(table)?;
            write(common, |options, emit| collegemsg::convert(table, options, emit))
        }
        Set::Copenhagen { table, friends, common } => {
            clash::refuse(&[("input", table), ("--friends", friends)], &[("--out", &common.out)])?;
            let (table, friends) = (Source::open(table)?, Source::open(friends)?);
            write(common, |options, emit| copenhagen_sms::convert(table, friends, options, emit))
        }
    }
}

fn write(
    common: &Common,
    convert: impl FnOnce(Options, Emit<'_>) -> Result<Counts, ingest::Error>,
) -> Result<Outcome, Error> {
    let mut out = File::create(&common.out)?;
    let mut line = Vec::new();
    let options = Options { age_from_first_event: common.age_from_first_event };
    let counts = convert(options, &mut |event| {
        line.clear();
        schema::json::encode(event, &mut line);
        line.pop();
        out.write_line(&line).map_err(|error| ingest::Error::Out(error.to_string()))
    })?;
    out.finish()?;
    eprintln!("{} rows of {} accounts became {} events", counts.rows, counts.accounts, counts.events);
    Ok(Outcome::Done)
}
