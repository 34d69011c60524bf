//! `weir judge`: how good decisions were, against the truth.
//!
//! Separate from the measures, which are pure and lie in `models`. Invariant: a line that cannot be read ends the
//! judgement, with file and line: half a judgement is none.

use clap::Args;
use ingest::{Line, Lines, Source};
use models::judge::{JudgeBuilder, Settings, Truth};
use schema::Decision;
use serde_json::Value;

use crate::clash;
use crate::error::{Error, Outcome};
use crate::files;

const EXAMPLES: &str = "\
Examples:
  weir simulate --accounts 10000 --hours 48 --seed 9 --out e.ndjson --truth t.ndjson --exempt bots.txt
  weir score e.ndjson --exempt bots.txt --out d.ndjson
  weir judge --events e.ndjson --truth t.ndjson --decisions d.ndjson --html judgement.html

Restricted: an enforced challenge, rate limit or ban. Limited: a rate limit or ban. Abusive accounts with fewer than 5 acts
after their abuse began are left out. What an account sends after its ban is ignored.";

/// Arguments of `weir judge`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct JudgeArgs {
    /// The events that were scored, in the same order; may be given several times.
    #[arg(long, value_name = "FILE", required = true)]
    events: Vec<String>,
    /// The truth: {"account","label","persona","onset_ts"} a line.
    #[arg(long, value_name = "FILE")]
    truth: String,
    /// What `weir score` decided.
    #[arg(long, value_name = "FILE")]
    decisions: String,
    /// Where a page with tables and plots goes.
    #[arg(long, value_name = "FILE")]
    html: Option<String>,
    /// Where the figures go as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
}

/// Judges.
pub fn run(args: &JudgeArgs) -> Result<Outcome, Error> {
    let mut inputs = clash::all("--events", &args.events);
    inputs.extend([("--truth", args.truth.as_str()), ("--decisions", args.decisions.as_str())]);
    clash::refuse(&inputs, &clash::given(&[("--html", &args.html), ("--json", &args.json)]))?;
    let mut judge = JudgeBuilder::new(Settings::default());
    each_line(&args.truth, |line| judge.truth(&truth(line)?).map_err(|error| error.to_string()))?;
    each_line(&args.decisions, |line| {
        let decision: Decision = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        judge.decision(&decision).map_err(|error| error.to_string())
    })?;
    for file in &args.events {
        each_line(file, |line| {
            // What `score` refused or passed over was not judged by anybody; it is no error here either.
            if let Ok(raw) = schema::json::decode(line)
                && let Ok(Some(event)) = raw.event()
            {
                judge.event(&event);
            }
            Ok(())
        })?;
    }
    if !judge.is_of_one_run() {
        let detail = "none of the events is of an account in it: give the truth of the same run";
        return Err(Error::file(&args.truth, detail));
    }
    let report = judge.finish();
    files::write("-", report.text().as_bytes())?;
    if let Some(name) = &args.html {
        files::write(name, report.html().as_bytes())?;
    }
    if let Some(name) = &args.json {
        files::write(name, report.json().as_bytes())?;
    }
    Ok(Outcome::Done)
}

/// Calls `take` for each line of a file; names file and line of what it does not like.
pub fn each_line(file: &str, mut take: impl FnMut(&[u8]) -> Result<(), String>) -> Result<(), Error> {
    let mut lines = Lines::new(Source::open(file)?);
    while let Some(line) = lines.next() {
        let (number, taken) = match line? {
            Line::Record { number, bytes } => (number, take(bytes)),
            Line::Refused { number, refusal, .. } => (number, Err(refusal.to_string())),
        };
        taken.map_err(|detail| Error::file(&format!("{file}, line {number}"), detail))?;
    }
    Ok(())
}

/// A line of the truth file.
pub fn truth(line: &[u8]) -> Result<Truth, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let text = |field: &str| {
        let found = value.get(field).and_then(Value::as_str).map(str::to_owned);
        found.ok_or_else(|| format!("a truth line has the text {field:?}"))
    };
    let abusive = match text("label")?.as_str() {
        "abusive" => true,
        "benign" => false,
        other => return Err(format!("the label {other:?} is neither \"abusive\" nor \"benign\"")),
    };
    let onset_ts = value.get("onset_ts").and_then(Value::as_u64);
    Ok(Truth { account: text("account")?, abusive, persona: text("persona")?, onset_ts })
}
