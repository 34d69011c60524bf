//! `weir blocklist`: build, look into and ask a blocklist.
//!
//! Separate from the list itself, which lies in `scorer`. Invariant: what is built from the same lines is the same bytes.

use clap::{Args, Subcommand};
use scorer::Blocklist;
use scorer::blocklist::{EntryKind, EntryView, canonical, parse_entries};

use crate::error::{Error, Outcome};
use crate::{clash, clock, files};

/// Most bytes of a list's source or file: enough for 100 million entries.
pub const BYTES_MAX: u64 = 16 << 30;

const EXAMPLES: &str = "\
Examples:
  weir blocklist build --name disposable numbers.csv --out disposable.blocklist
  weir blocklist inspect disposable.blocklist
  weir blocklist check disposable.blocklist number_range +44770090
  weir score events.ndjson --blocklist disposable.blocklist

A source is CSV with the header kind,value,source,expires,note,human in any order, or NDJSON with the same names.
kind: account device ip_prefix asn number_range. expires: ms since the Unix epoch. human: true if a person entered it;
only an account or device entry of a human may lead to a ban.";

/// Arguments of `weir blocklist`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BlocklistArgs {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Build a list from CSV or NDJSON lines; prints the measured false-positive rate of its filter.
    Build {
        /// The sources, plain or compressed; `-` reads standard input.
        #[arg(required = true)]
        files: Vec<String>,
        /// The list's name, as decisions tell it.
        #[arg(long)]
        name: String,
        /// Where the list goes.
        #[arg(long, value_name = "FILE")]
        out: String,
        /// Absent keys to ask for when the false-positive rate is measured.
        #[arg(long, default_value_t = 1_000_000)]
        probes: u64,
    },
    /// Print what a list holds.
    Inspect {
        /// The list.
        file: String,
        /// Absent keys to ask for when the false-positive rate is measured.
        #[arg(long, default_value_t = 1_000_000)]
        probes: u64,
        /// Print every entry as NDJSON instead.
        #[arg(long)]
        entries: bool,
    },
    /// Ask a list for a value. Prints the entry, or that there is none.
    Check {
        /// The list.
        file: String,
        /// account, device, ip_prefix, asn or number_range.
        kind: String,
        /// The value; a network also matches a wider CIDR entry.
        value: String,
        /// Ask for this moment, ms since the Unix epoch; without it, for now.
        #[arg(long, value_name = "MS")]
        at: Option<u64>,
    },
}

/// Builds, inspects or asks.
pub fn run(args: &BlocklistArgs) -> Result<Outcome, Error> {
    match &args.act {
        Act::Build { files, name, out, probes } => build(files, name, out, *probes),
        Act::Inspect { file, probes, entries } => inspect(&load(file)?, *probes, *entries),
        Act::Check { file, kind, value, at } => {
            check(&load(file)?, kind, value, at.unwrap_or_else(clock::now_ms))
        }
    }
}

/// Reads a built list.
pub fn load(file: &str) -> Result<Blocklist, Error> {
    Ok(Blocklist::from_bytes(file, files::read(file, BYTES_MAX)?)?)
}

fn build(sources: &[String], name: &str, out: &str, probes: u64) -> Result<Outcome, Error> {
    let watch = clock::Stopwatch::start();
    clash::refuse(&clash::all("input", sources), &[("--out", out)])?;
    let mut entries = Vec::new();
    for source in sources {
        entries.append(&mut parse_entries(source, &files::read_text(source, BYTES_MAX)?)?);
    }
    let built = Blocklist::build(name, entries)?;
    let bytes = built.list.to_bytes();
    files::write(out, &bytes)?;
    let mut text = describe(&built.list, probes);
    text.push_str(&format!("repeats dropped   {}\n", built.repeats));
    text.push_str(&format!(
        "file              {out}, {} bytes, {:.1} s\n",
        bytes.len(),
        watch.elapsed().as_secs_f64()
    ));
    eprint!("{text}");
    Ok(Outcome::Done)
}

fn inspect(list: &Blocklist, probes: u64, entries: bool) -> Result<Outcome, Error> {
    let mut text = String::new();
    if entries {
        for entry in list.entries() {
            text.push_str(&line(&entry));
            text.push('\n');
        }
    } else {
        text = describe(list, probes);
    }
    files::write("-", text.as_bytes())?;
    Ok(Outcome::Done)
}

fn check(list: &Blocklist, kind: &str, value: &str, at: u64) -> Result<Outcome, Error> {
    let kind = EntryKind::from_word(kind).ok_or_else(|| {
        let words = EntryKind::ALL.map(EntryKind::word);
        Error::Usage(format!("{kind:?} is no kind of entry: give one of {}", words.join(", ")))
    })?;
    let value = canonical(kind, value).map_err(Error::Usage)?;
    let text = match (list.find(kind, &value, at), list.maybe(kind, &value)) {
        (Some(entry), _) => line(&entry),
        (None, false) => "not listed (the filter is certain)".to_owned(),
        (None, true) => {
            "not listed (the filter said maybe, the exact set has no such entry in force)".to_owned()
        }
    };
    files::write("-", format!("{text}\n").as_bytes())?;
    Ok(Outcome::Done)
}

fn describe(list: &Blocklist, probes: u64) -> String {
    let mut text = format!("name              {}\nversion           {}\n", list.name(), list.version());
    text.push_str(&format!("entries           {}\n", list.len()));
    for kind in EntryKind::ALL {
        let entries = list.entries().filter(|entry| entry.kind == kind).count();
        if entries > 0 {
            text.push_str(&format!("  {:<16}{entries}\n", kind.word()));
        }
    }
    let human = list.entries().filter(|entry| entry.by_human).count();
    let ending = list.entries().filter(|entry| entry.expires.is_some()).count();
    text.push_str(&format!("  by a human      {human}\n  that expire     {ending}\n"));
    let per_entry = list.bloom_bytes() as f64 / list.len().max(1) as f64;
    text.push_str(&format!("filter            {} bytes, {per_entry:.2} an entry\n", list.bloom_bytes()));
    let found = list.measure_false_positives(probes);
    text.push_str(&format!(
        "false positives   {} of {} absent keys: {:.2e} (95 %: {:.2e} to {:.2e}); none is ever acted upon\n",
        found.maybes, found.probes, found.rate, found.low, found.high
    ));
    text
}

fn line(entry: &EntryView<'_>) -> String {
    serde_json::json!({
        "kind": entry.kind.word(),
        "value": entry.value,
        "source": entry.source,
        "expires": entry.expires,
        "note": entry.note,
        "human": entry.by_human,
    })
    .to_string()
}
