//! Learning that goes on: what was said since the last look is learned from, and what helps is put in force, until somebody asks it to end.
//!
//! Separate from one pass, which it repeats. Invariants: where it stands is written before anything is put in force, and after it, so that a
//! start goes on from there and puts nothing in force twice under two names; another champion has other leaves, so that its weights are
//! learned anew from all stored labels before any of them is in force, as they are once labels were taken back; weights that are said to
//! be in force and of which the rows of now know nothing (on Kafka an engine may have refused them, which nobody hears) are put in force
//! again; whatever fails is told, and tried again at the next look; frozen, it measures and changes nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use models::{Model, Weights};
use schema::NO_WEIGHTS;
use schema::history::Span;
use xxhash_rust::xxh3::xxh3_64;

use super::archived::is_untaught;
use super::{Act, Learned, State, Wanted, applied, read_archive, run_stored, settled};
use crate::clock::{self, Stopwatch};
use crate::dataset::Archive;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::telemetry::{LOAD, LearningGauges, Pulse};

/// How often somebody may be heard who asks it to end.
const STEP: Duration = Duration::from_millis(200);
/// How far back rows are asked which weights are in force, ms.
const LOOKS_BACK_MS: u64 = 600_000;

/// Who puts weights in force; the version is [`NO_WEIGHTS`] to take them out.
pub trait Publish {
    /// Puts them in force; gives what became of it.
    ///
    /// # Errors
    /// If nobody took them: they are not in force.
    fn publish(&self, version: &str, weights: Option<&Weights>) -> Result<String, Error>;
}

/// What a service is made of.
pub struct Follow<'a> {
    /// Where rows and labels come from.
    pub archive: &'a dyn Archive,
    /// The present champion, asked for at each look.
    pub champion: &'a dyn Fn() -> Result<Model, Error>,
    /// Who puts weights in force; `None`: nobody, they are only learned.
    pub publish: Option<&'a dyn Publish>,
    /// The file in which it remembers where it stands.
    pub state: &'a str,
    /// How to learn.
    pub wanted: Wanted,
    /// Time from one look to the next.
    pub every: Duration,
    /// How old rows and labels may be, ms.
    pub window_ms: u64,
    /// How long the archive may take until it is complete, ms.
    pub settle_ms: u64,
    /// While this file is there, nothing is put in force or taken back.
    pub frozen_by: Option<&'a str>,
    /// What is shown of it.
    pub gauges: &'a LearningGauges,
    /// Its pulse.
    pub pulse: Arc<Pulse>,
    /// Whether it is ready: it has looked at least once.
    pub ready: &'a dyn Fn(Option<&'static str>),
}

/// Looks again and again until `interrupt` is asked for.
///
/// # Errors
/// If the state can neither be read nor is of any use. What an archive or a server does not do is told, and tried again.
pub fn follow(wanted: &Follow<'_>, interrupt: &Interrupt) -> Result<(), Error> {
    let mut state = State::open(wanted.state)?;
    wanted.gauges.in_force.set(i64::from(state.in_force.is_some()));
    while !interrupt.is_asked() {
        wanted.pulse.expect_within(LOAD);
        let watch = Stopwatch::start();
        match look(wanted, &mut state) {
            Ok(()) => (wanted.ready)(None),
            Err(error) => {
                wanted.gauges.failures.inc();
                (wanted.ready)(Some("the last look failed: see the log"));
                tracing::warn!(%error, "nothing was learned this time; it is tried again");
            }
        }
        wanted.gauges.took_s.set(watch.elapsed().as_secs_f64());
        while watch.elapsed() < wanted.every && !interrupt.is_asked() {
            wanted.pulse.beat();
            std::thread::sleep(STEP);
        }
    }
    wanted.pulse.end();
    tracing::info!(learned_to = state.learned_to, "learning ends; a start goes on from here");
    Ok(())
}

/// One look: learns from what was said since the last one.
fn look(wanted: &Follow<'_>, state: &mut State) -> Result<(), Error> {
    let champion = (wanted.champion)()?;
    if state.is_of_another(champion.version()) {
        tracing::info!(
            champion = champion.version(),
            "another champion: its leaves learn from all stored labels"
        );
        // What is in force belongs to the other's trees, and went with them.
        *state = State::default();
    }
    let is_frozen = wanted.wanted.is_frozen || wanted.frozen_by.is_some_and(|file| Path::new(file).exists());
    wanted.gauges.frozen.set(i64::from(is_frozen));
    let until = settled(wanted.archive, wanted.settle_ms)?;
    let rows = read_archive(wanted.archive, &champion, (until, wanted.window_ms))?;
    let from = until.saturating_sub(wanted.window_ms);
    let learned = run_stored(&champion, &rows, Wanted { is_frozen, ..wanted.wanted }, (state, from))?;
    tell(wanted.gauges, &learned, (until, state.learned_to));
    state.write(wanted.state)?;
    if is_frozen {
        return Ok(());
    }
    put_in_force(wanted, state, (&champion, learned.published.as_ref()))
}

/// Brings what is in force to what was published.
fn put_in_force(
    wanted: &Follow<'_>,
    state: &mut State,
    (champion, published): (&Model, Option<&Weights>),
) -> Result<(), Error> {
    let Some(publish) = wanted.publish else { return Ok(()) };
    let version = published.map(version_of);
    if version == state.in_force && !is_lost(wanted, state, published)? {
        return Ok(());
    }
    // Decisions name the model with its weights, so that its own version alone would not be found.
    let decides_as = match published {
        Some(weights) => applied(weights, champion)?.version().to_owned(),
        None => champion.version().to_owned(),
    };
    let told = publish.publish(version.as_deref().unwrap_or(NO_WEIGHTS), published)?;
    let name = version.as_deref().unwrap_or(NO_WEIGHTS);
    tracing::info!(version = name, base = champion.version(), decides_as, %told, "weights are put in force");
    wanted.gauges.in_force.set(i64::from(version.is_some()));
    state.in_force = version;
    state.put_ms = clock::now_ms();
    state.write(wanted.state)
}

/// Whether weights that are said to be in force are not, as the rows say that were taken since.
fn is_lost(wanted: &Follow<'_>, state: &mut State, published: Option<&Weights>) -> Result<bool, Error> {
    let Some(weights) = published else { return Ok(false) };
    let now = clock::now_ms();
    if state.put_ms == 0 {
        // Put by one before this start: what comes from now on tells.
        state.put_ms = now;
    }
    // It takes a moment until they are in force everywhere, and rows of long ago tell nothing of now.
    let from = (state.put_ms + wanted.settle_ms).max(now.saturating_sub(LOOKS_BACK_MS));
    let champion = (wanted.champion)()?;
    let taught = weights.applied(&champion).map_err(|error| Error::Usage(error.to_string()))?;
    let span = Span { from, to: u64::MAX };
    let is_lost = from < now && is_untaught(wanted.archive, span, [champion.version(), taught.version()])?;
    if is_lost {
        wanted.gauges.failures.inc();
        tracing::warn!(
            "rows are scored without the weights that should be in force; they are put in force again"
        );
    }
    Ok(is_lost)
}

/// The same weights always have the same version.
#[must_use]
pub fn version_of(weights: &Weights) -> String {
    format!("{:016x}", xxh3_64(&weights.to_bytes()))
}

fn tell(gauges: &LearningGauges, learned: &Learned, (until, learned_to): (u64, u64)) {
    let [taught, held, unheard] = learned.labels;
    gauges.count_labels([taught, held, unheard]);
    for step in &learned.steps {
        gauges.count_step(match step.act {
            Act::Published => "published",
            Act::Held => "held",
            Act::RolledBack => "rolled_back",
        });
    }
    gauges.behind_s.set(until.saturating_sub(learned_to) as f64 / 1000.0);
    if let Some(last) = learned.steps.last() {
        gauges.loss_before.set(last.judged.loss_before);
        gauges.loss_after.set(last.judged.loss_after);
    }
    if let Some(why) = learned.anew {
        tracing::info!(why, "all stored labels teach anew");
    }
    tracing::info!(taught, held, unheard, looks = learned.steps.len(), "labels were learned from");
}
