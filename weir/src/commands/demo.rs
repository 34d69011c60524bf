//! `weir demo`: the main job on traffic that comes with the program, real and simulated, in under a minute.
//!
//! Separate from `score`, which writes records for machines: this prints sentences for a person who has just cloned the
//! repository. Invariants: needs no file; the same options show the same text; the engine is the one of `weir score`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use features::StoreLimits;
use ingest::Source;
use ingest::import::{Options, collegemsg, copenhagen_sms};
use schema::{Action, Decision, Event, Mode};
use scorer::{Engine, EngineConfig, ExemptList, Output, Policy};
use simulate::{Config, Label, Simulation};

use crate::clock::Stopwatch;
use crate::environment;
use crate::error::{Error, Outcome};
use crate::files;
use crate::setup;

const COLLEGE: &[u8] = include_bytes!("../../../tests/data/collegemsg/events.csv.gz");
const COPENHAGEN: &[u8] = include_bytes!("../../../tests/data/copenhagen_sms/sms.csv.gz");
const FRIENDS: &[u8] = include_bytes!("../../../tests/data/copenhagen_sms/fb_friends.csv.gz");

const EXAMPLES: &str = "\
Examples:
  weir demo
  weir demo --accounts 20000 --hours 168 --seed 3

Then score events of your own: weir score events.ndjson (`weir score --help` shows what an event is).";

/// Arguments of `weir demo`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Benign accounts of the simulated town; abusive ones come on top.
    #[arg(long, default_value_t = 3_000)]
    accounts: u32,
    /// Length of the simulated time, hours.
    #[arg(long, default_value_t = 48.0)]
    hours: f64,
    /// Same seed, same town.
    #[arg(long, default_value_t = 2026)]
    seed: u64,
}

/// Shows the main job.
pub fn run(args: &DemoArgs) -> Result<Outcome, Error> {
    let watch = Stopwatch::start();
    let mut text = String::new();
    let mut events = 0;
    for (title, convert) in REAL {
        let mut run = Run::new(ExemptList::default())?;
        convert(&mut run)?;
        run.tell_real(title, &mut text);
        events += run.events;
    }
    let (town, simulated) = simulated(args)?;
    text.push_str(&town);
    events += simulated;
    let seconds = watch.elapsed().as_secs_f64();
    let _ = writeln!(
        text,
        "\n{events} events, made and decided about in {seconds:.1} s on one thread. Next: weir score --help"
    );
    files::write("-", text.as_bytes())?;
    Ok(Outcome::Done)
}

type Convert = fn(&mut Run) -> Result<(), Error>;

const REAL: [(&str, Convert); 2] = [
    ("CollegeMsg: 1,899 students who could write to strangers, 193 days", |run| {
        let table = Source::from_reader("CollegeMsg", Box::new(COLLEGE))?;
        collegemsg::convert(table, Options::default(), &mut |event| run.take(event)).map(drop)?;
        Ok(())
    }),
    ("Copenhagen Networks Study: some 700 students who know each other, 28 days", |run| {
        let table = Source::from_reader("Copenhagen", Box::new(COPENHAGEN))?;
        let friends = Source::from_reader("Copenhagen friendships", Box::new(FRIENDS))?;
        copenhagen_sms::convert(table, friends, Options::default(), &mut |event| run.take(event))
            .map(drop)?;
        Ok(())
    }),
];

fn simulated(args: &DemoArgs) -> Result<(String, u64), Error> {
    let config = Config {
        accounts: args.accounts,
        hours: args.hours,
        seed: args.seed,
        base_rate: Some(0.02),
        ..Config::default()
    };
    let mut simulation = Simulation::new(config).map_err(|error| Error::Usage(error.to_string()))?;
    let bots: Vec<String> = simulation.exempt().collect();
    let mut run = Run::new(ExemptList::parse("exempt accounts", &bots.join("\n"))?)?;
    let mut failed = None;
    simulation.run_open(&mut |event| {
        if failed.is_none() {
            failed = run.take(event).err();
        }
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    let mut text = String::new();
    run.tell_town(&simulation, args, &mut text);
    Ok((text, run.events))
}

/// One engine and what it decided.
struct Run {
    engine: Engine,
    output: Output,
    events: u64,
    accounts: u64,
    /// The strongest enforced action of each account, and the decision.
    strongest: BTreeMap<String, Decision>,
}

impl Run {
    fn new(exempt: ExemptList) -> Result<Self, Error> {
        let engine = Engine::new(EngineConfig {
            policy: Policy::default_policy()?,
            model: setup::default_model()?,
            exempt,
            store: StoreLimits { accounts_max: 1_000_000 },
            ..EngineConfig::default()
        });
        Ok(Self { engine, output: Output::default(), events: 0, accounts: 0, strongest: BTreeMap::new() })
    }

    fn take(&mut self, event: &Event<'_>) -> Result<(), ingest::Error> {
        self.output.clear();
        self.engine.process(event, self.events, &mut self.output);
        self.events += 1;
        for decision in self.output.decisions.drain(..) {
            if decision.mode == Mode::Enforce && decision.action != Action::Lift {
                let stronger =
                    self.strongest.get(&decision.account).is_none_or(|known| known.action < decision.action);
                if stronger {
                    self.strongest.insert(decision.account.clone(), decision);
                }
            }
        }
        self.accounts = self.engine.stats().accounts;
        Ok(())
    }

    fn count(&self, wanted: impl Fn(&Decision) -> bool) -> usize {
        self.strongest.values().filter(|decision| wanted(decision)).count()
    }

    fn tell_real(&self, title: &str, text: &mut String) {
        let restricted = self.count(|decision| decision.action.restricts());
        let banned = self.count(|decision| decision.action == Action::Ban);
        let _ = writeln!(text, "{}", heading(title));
        let _ = writeln!(
            text,
            "  {} events of {} real people: {restricted} restricted, {banned} banned",
            self.events, self.accounts
        );
        for decision in self.strongest.values().filter(|decision| decision.action.restricts()).take(5) {
            text.push_str(&sentence(decision, "a real person"));
        }
    }

    fn tell_town(&self, simulation: &Simulation, args: &DemoArgs, text: &mut String) {
        let title = format!("A simulated town of {} accounts, {} hours", args.accounts, args.hours);
        let _ = writeln!(text, "{}", heading(&title));
        let mut personas: BTreeMap<(bool, &str), [usize; 3]> = BTreeMap::new();
        let mut shown: BTreeMap<&str, String> = BTreeMap::new();
        for truth in simulation.truth() {
            let (benign, persona) = (truth.label == Label::Benign, truth.persona.word());
            let decision = self.strongest.get(&truth.account).filter(|decision| decision.action.restricts());
            let counts = personas.entry((benign, persona)).or_default();
            counts[0] += 1;
            counts[1] += usize::from(decision.is_some());
            counts[2] += usize::from(decision.is_some_and(|decision| decision.action == Action::Ban));
            if let Some(decision) = decision.filter(|_| !benign) {
                shown.entry(persona).or_insert_with(|| sentence(decision, persona));
            }
        }
        shown.values().for_each(|sentence| text.push_str(sentence));
        let _ = writeln!(
            text,
            "\n  {:<26}{:>9}{:>12}{:>9}",
            "what they really are", "accounts", "restricted", "banned"
        );
        for ((benign, persona), [all, restricted, banned]) in &personas {
            let kind = if *benign { "benign" } else { "abusive" };
            let _ =
                writeln!(text, "  {:<26}{all:>9}{restricted:>12}{banned:>9}", format!("{kind} {persona}"));
        }
    }
}

fn heading(title: &str) -> String {
    let (on, off) = if environment::colours() { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    format!("\n{on}{title}{off}")
}

/// One decision as a person reads it.
fn sentence(decision: &Decision, who: &str) -> String {
    let until = decision.expires.map_or_else(
        || "until lifted".to_owned(),
        |expires| format!("for {} h", expires.saturating_sub(decision.issued) / 3_600_000),
    );
    let mut text = format!(
        "  {:<11}{:<11}{until:<10}{}  ({who})\n",
        decision.action.word(),
        decision.scope.word(),
        decision.account
    );
    let rule = decision.rule.as_deref().unwrap_or("-");
    let _ = write!(text, "      {} {rule}:", decision.source.word());
    for reason in decision.reasons.iter().take(3) {
        if let (Some(feature), Some(value)) = (&reason.feature, reason.value) {
            let _ = write!(text, " {feature} = {value}");
        }
    }
    if let Some(counterfactual) = &decision.counterfactual {
        let _ = write!(text, "; not below {} of {}", counterfactual.below, counterfactual.feature);
    }
    text.push('\n');
    text
}
