//! `weir learn`: what labels teach a model that serves, once or for good.
//!
//! Separate from learning itself. Invariants: the model's file is never changed; weights are written only if held-out accounts prefer them.

mod service;

use std::fmt::Write as _;

use clap::Args;
use models::online::{GuardSettings, SHIFT_MAX};
use models::{Model, OnlineSettings};
use schema::limits::MODEL_BYTES_MAX;
use serde_json::json;

use self::service::FollowArgs;
use crate::commands::archived::ArchivedArgs;
use crate::error::{Error, Outcome};
use crate::files;
use crate::learning::{self, Act, Caught, Learned, Rows, State, Wanted};
use crate::model_registry;
use crate::signature::SecretKey;
use crate::training::Bounds;

const EXAMPLES: &str = "\
Examples:
  weir dataset export --history weir-data/history.db --out rows/
  weir learn rows/rows.csv --model champion.json --state learned.json --out weights.json
  weir control --url http://127.0.0.1:8484 activate weights weights.json --name online --version 7 --registry weir-data/registry
  weir control --url http://127.0.0.1:8484 activate weights --name online --version none        as it was trained

  weir learn --history weir-data/history.db --model candidate.json --state new.json --out weights.json     new trees, before they are activated
  weir learn --follow --history weir-data/history.db --champion candidate --registry weir-data/registry --key signing.key \\
             --trust signing.key.pub --state learned.json --url http://127.0.0.1:8484
  weir learn --follow --clickhouse http://clickhouse:8123 --champion candidate --registry /srv/weir --key signing.key \\
             --trust signing.key.pub --state /var/lib/weir-learn/learned.json --brokers kafka-1:9092 --metrics 127.0.0.1:9486

--follow goes on until Ctrl-C or SIGTERM: every --every seconds it learns from what was said since, out of the archive that is filled
beside it, and what helps is put in force; it reads no topic of Kafka. Weights of which later rows know nothing are put in force again. While the file of --frozen-by is there, it only measures. Another champion in the registry has
other leaves: `weir models promote --history …` (or --clickhouse) lets them learn from all stored labels before they decide.

Each row is scored at its own time, by what was published before it, and learned from when its label came, so the table is honest: what
it says was caught would have been. Run it again with later rows and the same --state to go on; rows of before are passed over, but for
those of held-out accounts. Where labels were taken back or changed, an archive shows it, and all that it stores teach anew; a file of
rows does not: begin with another --state and all rows.

It moves small weights on the leaves of the model's trees (FTRL), no row by more than --shift-max. One account in five is never
learned from; what they do not prefer is not published, and what they no longer prefer is taken back. Labels that rest on reports
weigh a twentieth of what humans said at most: a brigade alone teaches nothing.";

const HOUR_MS: f64 = 3_600_000.0;
const DAY_MS: u64 = 86_400_000;

/// Arguments of `weir learn`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LearnArgs {
    /// Rows that `weir dataset export` wrote, rows.csv or rows.parquet. None with --history or --clickhouse.
    #[arg(required_unless_present_any = ["history", "clickhouse"], conflicts_with_all = ["history", "clickhouse"])]
    files: Vec<String>,
    #[command(flatten)]
    archived: ArchivedArgs,
    /// Out of an archive: rows and labels of how many days.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_650))]
    window_days: u64,
    /// The model of trees that serves.
    #[arg(long, value_name = "FILE", required_unless_present = "champion")]
    model: Option<String>,
    #[command(flatten)]
    follow: FollowArgs,
    /// Where the next run goes on; made if it is not there.
    #[arg(long, value_name = "FILE")]
    state: Option<String>,
    /// Where weights go that may be put in force.
    #[arg(long, value_name = "FILE")]
    out: Option<String>,
    /// A secret key (`weir models keygen`) that signs the weights, for servers that trust its public key alone.
    #[arg(long, value_name = "FILE")]
    key: Option<String>,
    /// No label acts sooner than this after its row, hours: for simulated truth, which is known at once.
    #[arg(long, value_name = "HOURS", default_value_t = 0.0, value_parser = hours)]
    delay_h: f64,
    /// How often what was learned may be published, hours of the log.
    #[arg(long, value_name = "HOURS", default_value_t = 1.0, value_parser = hours)]
    every_h: f64,
    /// Score from which a row counts as caught, 0 to 1.
    #[arg(long, value_name = "SCORE", default_value_t = 0.5)]
    threshold: f64,
    /// Most that any row may be moved, in log-odds, at most 10: servers take no weights that move one further.
    #[arg(long, value_name = "LOG_ODDS", default_value_t = SHIFT_MAX, value_parser = shift)]
    shift_max: f64,
    /// Publish nothing, and measure the model as it was trained.
    #[arg(long)]
    frozen: bool,
    /// Where the figures go as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
}

fn hours(text: &str) -> Result<f64, String> {
    let hours = text.parse().ok().filter(|hours| (0.0..=8_784.0).contains(hours));
    hours.ok_or_else(|| "hours, 0 to 8784".to_owned())
}

fn shift(text: &str) -> Result<f64, String> {
    let shift = text.parse().ok().filter(|shift| *shift > 0.0 && *shift <= SHIFT_MAX);
    shift.ok_or_else(|| format!("log-odds, above 0 and at most {SHIFT_MAX}"))
}

/// Learns.
pub fn run(args: &LearnArgs) -> Result<Outcome, Error> {
    let wanted = Wanted {
        delay_ms: (args.delay_h * HOUR_MS) as u64,
        every_ms: ((args.every_h * HOUR_MS) as u64).max(1),
        threshold: args.threshold,
        is_frozen: args.frozen,
        online: OnlineSettings { shift_max: args.shift_max, ..OnlineSettings::default() },
        guard: GuardSettings::default(),
    };
    if args.follow.is_wanted() {
        return service::run(args, wanted);
    }
    let model = model(args)?;
    let mut state = args.state.as_deref().map(State::open).transpose()?.unwrap_or_default();
    let learned = learned(args, wanted, (&model, &mut state))?;
    files::write("-", text(&learned).as_bytes())?;
    if let Some(name) = &args.json {
        files::write(name, figures(&model, &learned).as_bytes())?;
    }
    if let Some(name) = &args.state {
        state.write(name)?;
    }
    match (&args.out, &learned.published) {
        (Some(name), Some(weights)) => {
            let bytes = weights.to_bytes();
            files::write(name, &bytes)?;
            if let Some(key) = &args.key {
                model_registry::sign(name, &bytes, &SecretKey::read(key)?)?;
            }
        }
        (Some(name), None) => {
            eprintln!("{name} is not written: the held-out accounts prefer the model as it was trained")
        }
        (None, _) => {}
    }
    Ok(Outcome::Done)
}

/// From files, or from what an archive stores.
fn learned(args: &LearnArgs, wanted: Wanted, (model, state): (&Model, &mut State)) -> Result<Learned, Error> {
    if let Some(opened) = args.archived.open()? {
        let (archive, window_ms) = (opened.archive.as_ref(), args.window_days * DAY_MS);
        let until = learning::settled(archive, 0)?;
        let rows = learning::read_archive(archive, model, (until, window_ms))?;
        return learning::run_stored(model, &rows, wanted, (state, until.saturating_sub(window_ms)));
    }
    let Rows { rows, refused, first_refused } = learning::read(&args.files, model, Bounds::default())?;
    if let Some(first) = first_refused {
        eprintln!("{refused} rows teach nothing; the first is {first}");
    }
    learning::run(model, &rows, wanted, state)
}

/// The model whose leaves are moved.
fn model(args: &LearnArgs) -> Result<Model, Error> {
    let Some(file) = &args.model else { return args.follow.champion() };
    let bytes = files::read(file, MODEL_BYTES_MAX as u64)?;
    Model::from_bytes(&bytes).map_err(|error| Error::file(file, error))
}

/// Shares of abusive and benign rows caught, as trained and with what was published.
fn shares(day: &Caught) -> [[f64; 2]; 2] {
    [day.abusive, day.benign].map(|[all, before, now]| [before / all, now / all])
}

fn text(learned: &Learned) -> String {
    let mut text = String::from(
        "day   abusive  caught as trained  with labels   benign  false as trained  with labels\n",
    );
    let first = learned.days.first().map_or(0, |day| day.start);
    for day in &learned.days {
        let [caught, wrong] = shares(day);
        let number = (day.start - first) / DAY_MS + 1;
        writeln!(
            text,
            "{number:<4} {:>8.0} {:>17.1}% {:>11.1}% {:>8.0} {:>16.3}% {:>11.3}%",
            day.abusive[0],
            100.0 * caught[0],
            100.0 * caught[1],
            day.benign[0],
            100.0 * wrong[0],
            100.0 * wrong[1],
        )
        .expect("a string takes it");
    }
    let count = |act| learned.steps.iter().filter(|step| step.act == act).count();
    let [taught, held, unheard] = learned.labels;
    writeln!(
        text,
        "labels: {taught} learned from, {held} of held-out accounts, {unheard} by reports past their share\n\
         looks at the held-out accounts: {} published, {} held back, {} taken back",
        count(Act::Published),
        count(Act::Held),
        count(Act::RolledBack),
    )
    .expect("a string takes it");
    if let Some(why) = learned.anew {
        writeln!(text, "all stored labels taught anew: {why}").expect("a string takes it");
    }
    text
}

fn figures(model: &Model, learned: &Learned) -> String {
    let days = learned.days.iter().map(|day| {
        let [caught, wrong] = shares(day);
        json!({
            "start": day.start, "abusive": day.abusive[0], "benign": day.benign[0],
            "caught_as_trained": caught[0], "caught": caught[1], "false_as_trained": wrong[0], "false": wrong[1],
        })
    });
    let steps = learned.steps.iter().map(|step| {
        let act = match step.act {
            Act::Published => "published",
            Act::Held => "held",
            Act::RolledBack => "rolled_back",
        };
        json!({
            "at": step.at, "act": act, "rows": step.judged.rows, "abusive": step.judged.abusive,
            "loss_before": step.judged.loss_before, "loss_after": step.judged.loss_after,
        })
    });
    let [taught, held, unheard] = learned.labels;
    let value = json!({
        "model": model.version(), "days": days.collect::<Vec<_>>(), "steps": steps.collect::<Vec<_>>(),
        "labels": { "learned_from": taught, "held_out": held, "reports_past_their_share": unheard },
        "published": learned.published.is_some(),
    });
    format!("{value:#}\n")
}
