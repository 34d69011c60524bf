//! From labelled rows to a model whose quality is known: cross-validation, search, calibration and threshold on what was
//! held back, and only then a fit on everything.
//!
//! Separate from `train`, which makes the built-in model from one held-out part. Invariants: nothing is calibrated, chosen
//! or measured on rows that taught it; same rows, plan and seed, same bytes, whatever the workers. What a search picks was
//! the best of several on the same folds, so that its figures flatter it a little; the report says how many were tried.

mod calibration;
mod folds;
mod threshold;

pub use calibration::Calibration;
pub use folds::{FOLDS_MAX, Fold, Folds};
pub use threshold::{Costs, Threshold};

use crate::dataset::Dataset;
use crate::evaluate::Profile;
use crate::measure::{Quality, Scored, quality};
use crate::model::{Body, Card, TrainedOn, sigmoid};
use crate::train::{Kind, bins, learn, metrics};
use crate::workers::{Alone, Job, Workers};
use crate::{Catalog, Error, Model};
use calibration::{Map, cross_map};

/// What the best of several is the best at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Area under the ROC curve.
    Auc,
    /// Average precision.
    AveragePrecision,
    /// Recall at a false-positive rate of 1e-3.
    RecallAt1e3,
}

impl Metric {
    fn of(self, found: &Quality) -> f64 {
        match self {
            Metric::Auc => found.auc,
            Metric::AveragePrecision => found.average_precision,
            Metric::RecallAt1e3 => found.recall_at[1],
        }
    }
}

/// How the labels weigh against each other while learning; measuring knows only the rows' own weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ClassWeight {
    /// As the rows say.
    AsIs,
    /// Both labels weigh the same.
    Balanced,
    /// An abusive row weighs so many times as much.
    Abusive(f32),
}

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The model's name.
    pub name: String,
    /// What to try, each with a text that tells it from the others; at least one.
    pub candidates: Vec<(String, Kind)>,
    /// What the best of them is the best at.
    pub metric: Metric,
    /// Decides all that is random.
    pub seed: u64,
    /// What is held back when.
    pub folds: Folds,
    /// How labels weigh while learning.
    pub class_weight: ClassWeight,
    /// How scores become probabilities.
    pub calibration: Calibration,
    /// What mistakes cost, if a threshold is wanted.
    pub costs: Option<Costs>,
    /// Where the labels come from.
    pub trained_on: TrainedOn,
}

/// What was tried, and how well it did on held-out rows.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The candidate's text.
    pub text: String,
    /// Its ranking over all folds together; it is of log-odds, so that only AUC, precision and recall mean something.
    pub quality: Quality,
    /// AUC of each fold.
    pub fold_auc: Vec<f64>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The model, learned from all rows.
    pub model: Model,
    /// Which candidate it is.
    pub chosen: usize,
    /// All that was tried, in order.
    pub trials: Vec<Trial>,
    /// Calibrated probability of each row by a model that had not seen it; NaN where none had (the first part of time).
    pub held_out: Vec<f64>,
    /// The cheapest threshold on those.
    pub threshold: Option<Threshold>,
    /// How rows were parted.
    pub folds: Vec<Fold>,
    /// What each fold taught the chosen candidate.
    pub bodies: Vec<Body>,
}

/// Told before each fit: how many are done, of how many, and what comes.
pub type Progress<'a> = &'a (dyn Fn(usize, usize, &str) + Sync);

/// Carries out a plan; the data's weights are its own again afterwards. `times` has one entry a row if folds are by time.
///
/// # Errors
/// [`Error::Data`], [`Error::Training`], or those of [`Model::new`].
pub fn run(
    data: &mut Dataset,
    times: &[f64],
    plan: &Plan,
    catalog: &Catalog,
    (workers, progress): (&dyn Workers, Progress<'_>),
) -> Result<Found, Error> {
    data.check()?;
    if plan.candidates.is_empty() {
        return Err(Error::Data("there is nothing to try".to_owned()));
    }
    let hash = data.hash();
    let folds = plan.folds.part(data, times, plan.seed)?;
    let own = data.weights.clone();
    weigh(data, plan.class_weight);
    let tried = search(data, &own, &folds, plan, (workers, progress));
    let body = tried.and_then(|(trials, best)| {
        let all: Vec<usize> = (0..own.len()).collect();
        progress(plan.candidates.len(), plan.candidates.len() + 1, "all rows");
        let body = learn(&plan.candidates[best.number].1, data, &all, plan.seed, workers)?;
        Ok((trials, best, body))
    });
    data.weights = own;
    let (trials, Best { number, scores, bodies, .. }, body) = body?;
    let held: Vec<usize> = (0..scores.len()).filter(|&row| !scores[row].is_nan()).collect();
    let of_held: Vec<f64> = held.iter().map(|&row| scores[row]).collect();
    let (body, curve) = Map::fit(plan.calibration, &of_held, data, &held)?.apply(body)?;
    let held_out = cross_map(plan.calibration, &scores, data, &folds)?;
    let held_out: Vec<f64> = held_out.into_iter().map(sigmoid).collect();
    let rows = scored(data, &data.weights, &held_out, &held);
    let threshold = plan.costs.map(|costs| costs.cheapest(&rows));
    let found = quality(rows);
    let mut measured = metrics(&found);
    let cheapest = threshold.filter(|threshold| threshold.score.is_finite());
    measured.extend(cheapest.map(|threshold| ("threshold_by_cost".to_owned(), threshold.score as f32)));
    let card = Card {
        name: plan.name.clone(),
        trained_on: plan.trained_on,
        labels: data.labels.len() as u64,
        seed: plan.seed,
        data: format!("{hash:016x}"),
        columns: data.names.clone(),
        metrics: measured,
        reliability: bins(&found),
    };
    let of_score: Vec<(f32, f32)> =
        held_out.iter().map(|score| *score as f32).zip(data.weights.iter().copied()).collect();
    let profile = Profile::of(data, &of_score);
    let model = Model::new(card, body, catalog)?.with_curve(curve).with_profile(Some(profile));
    Ok(Found { model, chosen: number, trials, held_out, threshold, folds, bodies })
}

/// The best candidate so far.
struct Best {
    number: usize,
    value: f64,
    scores: Vec<f64>,
    bodies: Vec<Body>,
}

/// Cross-validates every candidate; of equally good ones the first is the best.
fn search(
    data: &Dataset,
    own: &[f32],
    folds: &[Fold],
    plan: &Plan,
    (workers, progress): (&dyn Workers, Progress<'_>),
) -> Result<(Vec<Trial>, Best), Error> {
    let (mut trials, mut best): (Vec<Trial>, Option<Best>) = (Vec::new(), None);
    for (number, (text, kind)) in plan.candidates.iter().enumerate() {
        progress(number, plan.candidates.len() + 1, text);
        let (scores, bodies) = cross_validate(kind, data, folds, plan.seed, workers)?;
        let held: Vec<usize> = (0..scores.len()).filter(|&row| !scores[row].is_nan()).collect();
        let auc = |fold: &Fold| quality(scored(data, own, &scores, &fold.held)).auc;
        let trial = Trial {
            text: text.clone(),
            quality: quality(scored(data, own, &scores, &held)),
            fold_auc: folds.iter().map(auc).collect(),
        };
        let value = plan.metric.of(&trial.quality);
        trials.push(trial);
        if best.as_ref().is_none_or(|best| value > best.value) {
            best = Some(Best { number, value, scores, bodies });
        }
    }
    Ok((trials, best.expect("there was at least one candidate")))
}

/// A body, and its log-odds of the rows that were held back from it.
type Held = Result<(Body, Vec<f64>), Error>;

/// The log-odds of each row by a body that had not seen it (NaN for rows that no fold holds back), and each fold's body. Folds
/// run side by side.
fn cross_validate(
    kind: &Kind,
    data: &Dataset,
    folds: &[Fold],
    seed: u64,
    workers: &dyn Workers,
) -> Result<(Vec<f64>, Vec<Body>), Error> {
    let mut parts: Vec<Option<Held>> = Vec::new();
    parts.resize_with(folds.len(), || None);
    let jobs = folds.iter().zip(&mut parts).map(|(fold, part)| {
        let job = move || {
            let learned = learn(kind, data, &fold.fit, seed, &Alone);
            *part = Some(learned.map(|body| {
                let score = |&row: &usize| body.log_odds(&data.rows.row(row).to_vec());
                let scores = fold.held.iter().map(score).collect();
                (body, scores)
            }));
        };
        Box::new(job) as Job<'_>
    });
    workers.run(jobs.collect());
    let mut scores = vec![f64::NAN; data.labels.len()];
    let mut bodies = Vec::with_capacity(folds.len());
    for (fold, part) in folds.iter().zip(parts) {
        let (body, of_held) = part.expect("every job fills its place")?;
        fold.held.iter().zip(of_held).for_each(|(&row, score)| scores[row] = score);
        bodies.push(body);
    }
    Ok((scores, bodies))
}

fn scored(data: &Dataset, weights: &[f32], scores: &[f64], rows: &[usize]) -> Vec<Scored> {
    let one = |&row: &usize| Scored {
        score: scores[row],
        abusive: data.labels[row],
        weight: f64::from(weights[row]),
    };
    rows.iter().map(one).collect()
}

/// Changes the weights to what labels weigh while learning.
fn weigh(data: &mut Dataset, how: ClassWeight) {
    let sum = |label: bool| -> f64 {
        data.labels.iter().zip(&data.weights).filter(|row| *row.0 == label).map(|row| f64::from(*row.1)).sum()
    };
    let factor = match how {
        ClassWeight::AsIs => return,
        ClassWeight::Balanced => (sum(false) / sum(true)) as f32,
        ClassWeight::Abusive(factor) => factor,
    };
    for (weight, _) in data.weights.iter_mut().zip(&data.labels).filter(|row| *row.1) {
        *weight *= factor;
    }
}
