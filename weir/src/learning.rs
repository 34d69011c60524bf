//! Online learning over labelled rows: each is scored at its own time, and learned from when its label came.
//!
//! Separate from the command, which names files. Invariants: no row is scored by what its own label, or a later one, taught; a held-out
//! account is never learned from; what is published is better on held-out rows than what it replaces, and goes when it no longer is.

mod archived;
mod known;
mod rows;
mod service;
mod state;

pub use archived::{read_archive, settled};
pub use rows::{Labelled, Rows, read};
pub use service::{Follow, Publish, follow, version_of};
pub use state::State;

use models::model::sigmoid;
use models::online::{Guard, GuardSettings, Judgement};
use models::{Model, Online, OnlineSettings, Weights};

use self::known::Known;
use crate::error::Error;

const HOUR_MS: u64 = 3_600_000;

/// How to learn.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// No label acts sooner after its row than this, ms.
    pub delay_ms: u64,
    /// How often what was learned may be published, ms of the log.
    pub every_ms: u64,
    /// Score from which a row counts as caught.
    pub threshold: f64,
    /// Measure, but publish nothing.
    pub is_frozen: bool,
    /// How labels move weights.
    pub online: OnlineSettings,
    /// When to publish.
    pub guard: GuardSettings,
}

impl Default for Wanted {
    /// As `weir learn` does it, if nothing else is said.
    fn default() -> Self {
        Self {
            delay_ms: 0,
            every_ms: HOUR_MS,
            threshold: 0.5,
            is_frozen: false,
            online: OnlineSettings::default(),
            guard: GuardSettings::default(),
        }
    }
}

/// What was caught in a step of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Caught {
    /// First instant of the step, ms since the Unix epoch.
    pub start: u64,
    /// Weight of abusive rows, and of those caught by the model as it was trained, and with what was published.
    pub abusive: [f64; 3],
    /// Likewise of benign rows.
    pub benign: [f64; 3],
}

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Act {
    /// Published.
    Published,
    /// Not published: the held-out rows do not prefer it.
    Held,
    /// What was published was taken back.
    RolledBack,
}

/// One look at the held-out rows.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// What came of it.
    pub act: Act,
    /// What the held-out rows said.
    pub judged: Judgement,
}

/// Everything that came of a run.
pub struct Learned {
    /// By steps of a day.
    pub days: Vec<Caught>,
    /// Looks at the held-out rows, in order.
    pub steps: Vec<Step>,
    /// Labels that were learned from, held out, and not believed (reports past their share).
    pub labels: [u64; 3],
    /// What is in force at the end.
    pub published: Option<Weights>,
    /// Why all stored labels taught anew, if they did.
    pub anew: Option<&'static str>,
}

/// A run.
struct Run {
    wanted: Wanted,
    online: Online,
    guard: Guard,
    published: Option<(Weights, Model)>,
    learned: Learned,
    /// When to look at the held-out rows next, ms.
    next_ms: u64,
}

/// Scores and learns in the order of time. `state`: goes on from it, and is brought up to the last label.
///
/// # Errors
/// If the model has no trees, or the state is of another one.
pub fn run(base: &Model, rows: &[Labelled], wanted: Wanted, state: &mut State) -> Result<Learned, Error> {
    let mut online =
        Online::new(base.clone(), wanted.online).map_err(|error| Error::Usage(error.to_string()))?;
    let published = state.restore(&mut online)?;
    let published =
        published.map(|weights| Ok::<_, Error>((weights.clone(), applied(&weights, base)?))).transpose()?;
    let learned =
        Learned { days: Vec::new(), steps: Vec::new(), labels: [0; 3], published: None, anew: None };
    let guard = Guard::new(wanted.guard);
    let mut run = Run { wanted, online, guard, published, learned, next_ms: 0 };
    // Scored when it was, learned when its label came; at the same instant it is scored first.
    let mut order: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * rows.len());
    for (index, row) in rows.iter().enumerate() {
        order.push((row.at, false, index));
        order.push((row.acts_at(wanted.delay_ms), true, index));
    }
    order.sort_unstable();
    let known_to = state.learned_to;
    for (at, is_label, index) in order {
        let row = &rows[index];
        match is_label {
            _ if at <= known_to => run.know(row, is_label),
            false => run.score(row),
            true => run.hear(row, at)?,
        }
        state.learned_to = state.learned_to.max(at);
    }
    run.look(state.learned_to)?;
    run.learned.published = run.published.as_ref().map(|(weights, _)| weights.clone());
    state.keep(&run.online, run.learned.published.clone());
    Ok(run.learned)
}

/// The same of all that an archive stores from `from` on (ms since the Unix epoch). If labels that were learned from were taken back, or are
/// others now, or if what was published is taken back, it begins anew with what is stored: what they taught goes with them.
///
/// # Errors
/// As [`run`].
pub fn run_stored(
    base: &Model,
    rows: &[Labelled],
    wanted: Wanted,
    (state, from): (&mut State, u64),
) -> Result<Learned, Error> {
    let now = Known::of(rows, (state.learned_to, wanted.delay_ms));
    let is_changed = state.known.as_ref().is_some_and(|known| known.differs(&now, from));
    if is_changed {
        state.begin_anew();
    }
    let mut learned = run(base, rows, wanted, state)?;
    let is_taken_back = learned.steps.iter().any(|step| step.act == Act::RolledBack);
    if is_taken_back && !is_changed {
        state.begin_anew();
        let steps = learned.steps;
        learned = run(base, rows, wanted, state)?;
        learned.steps.splice(0..0, steps);
    }
    learned.anew = match (is_changed, is_taken_back) {
        (true, _) => Some("labels that were learned from were taken back or changed"),
        (false, true) => Some("what was published was taken back"),
        (false, false) => None,
    };
    state.known = Some(Known::of(rows, (state.learned_to, wanted.delay_ms)));
    Ok(learned)
}

impl Run {
    /// What a row's label counts, and the same times what the row stands for, as far as that can teach.
    fn weights(&self, row: &Labelled) -> [f64; 2] {
        [row.label_weight, (row.weight * row.label_weight).min(self.wanted.online.weight_max)]
    }

    /// A row of before: learned from already, held out again, and counted in what humans and reports may say.
    fn know(&mut self, row: &Labelled, is_label: bool) {
        if !is_label {
            return;
        }
        let weights = self.weights(row);
        if Guard::holds_out(&row.account) {
            self.hold_out(row);
        } else if row.by_reports {
            self.guard.hear_reports(weights);
        } else {
            self.guard.hear_human(weights);
        }
    }

    /// Keeps a row to measure by, if a human labelled it: what a crowd says must not judge what is learned.
    fn hold_out(&mut self, row: &Labelled) {
        if !row.by_reports {
            self.guard.hold(row.values.clone(), row.is_abusive, row.weight * row.label_weight);
        }
    }

    fn score(&mut self, row: &Labelled) {
        let start = row.at / (24 * HOUR_MS) * (24 * HOUR_MS);
        if self.learned.days.last().is_none_or(|day| day.start != start) {
            self.learned.days.push(Caught { start, ..Caught::default() });
        }
        let as_trained = sigmoid(self.online.base().log_odds_of_row(&row.values));
        let published = self.published.as_ref();
        let now = published.map_or(as_trained, |(_, model)| sigmoid(model.log_odds_of_row(&row.values)));
        let day = self.learned.days.last_mut().expect("it was pushed");
        let counts = if row.is_abusive { &mut day.abusive } else { &mut day.benign };
        for (count, is_in) in
            counts.iter_mut().zip([true, as_trained >= self.wanted.threshold, now >= self.wanted.threshold])
        {
            *count += if is_in { row.weight } else { 0.0 };
        }
    }

    fn hear(&mut self, row: &Labelled, at: u64) -> Result<(), Error> {
        if at >= self.next_ms {
            if self.next_ms > 0 {
                self.look(at)?;
            }
            self.next_ms = at + self.wanted.every_ms;
        }
        if Guard::holds_out(&row.account) {
            self.hold_out(row);
            self.learned.labels[1] += 1;
            return Ok(());
        }
        let weights = self.weights(row);
        if row.by_reports && !self.guard.hear_reports(weights) {
            self.learned.labels[2] += 1;
            return Ok(());
        }
        if !row.by_reports {
            self.guard.hear_human(weights);
        }
        self.learned.labels[0] += 1;
        self.online.learn(&row.values, row.is_abusive, weights[1]);
        Ok(())
    }

    /// Publishes what was learned, or takes back what was published.
    fn look(&mut self, at: u64) -> Result<(), Error> {
        if self.wanted.is_frozen {
            return Ok(());
        }
        let base = self.online.base();
        let as_trained = |row: &[f32]| sigmoid(base.log_odds_of_row(row));
        if let Some((_, model)) = &self.published {
            let judged = self.guard.judge(as_trained, |row| sigmoid(model.log_odds_of_row(row)));
            if judged.loss_after > judged.loss_before + self.wanted.guard.loss_slack {
                self.published = None;
                self.learned.steps.push(Step { at, act: Act::RolledBack, judged });
            }
        }
        let published = self.published.as_ref().map(|(_, model)| model);
        let before = |row: &[f32]| {
            published.map_or_else(|| as_trained(row), |model| sigmoid(model.log_odds_of_row(row)))
        };
        let judged = self.guard.judge(before, |row| self.online.probability(row));
        let weights = self.online.weights();
        let is_news = match &self.published {
            Some((published, _)) => *published != weights,
            None => !weights.leaves.is_empty(),
        };
        if !is_news {
            return Ok(());
        }
        let act = if judged.passes { Act::Published } else { Act::Held };
        self.learned.steps.push(Step { at, act, judged });
        if judged.passes {
            let model = applied(&weights, base)?;
            self.published = Some((weights, model));
        }
        Ok(())
    }
}

fn applied(weights: &Weights, base: &Model) -> Result<Model, Error> {
    weights.applied(base).map_err(|error| Error::Usage(error.to_string()))
}

#[cfg(test)]
mod tests;
