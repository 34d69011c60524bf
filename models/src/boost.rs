//! Gradient boosting on histograms behind linfa's traits: the learner for rows whose label hangs on interactions.
//!
//! Separate from `train`, whose other learners are linfa's own. Each tree learns from the slope of the logistic loss, grows
//! leaf by leaf, and answers by a damped Newton step. Invariants: same rows, settings and seed, same trees, whatever the
//! workers and the machine (fixed order of every sum, libm's exponential); what the learner predicts is to the bit what
//! the frozen forest gives.

mod bins;
mod grow;
mod histogram;
mod rows;

use linfa::DatasetBase;
use linfa::traits::{Fit, PredictInplace};
use ndarray::{Array1, ArrayBase, Data, Ix2};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::bins::Binned;
use self::grow::Ground;
use self::rows::Rows;
use crate::Error;
use crate::flat::{LANES, TREES_MAX};
use crate::forest::Forest;
use crate::model::{logit, sigmoid};
use crate::tree::{COLUMNS_MAX, DEPTH_MAX, Tree, known};
use crate::workers::Workers;

pub use self::bins::BINS_MAX;

/// Most leaves of a tree: they are kept as the bits of one number.
pub const LEAVES_MAX: usize = 32;
/// Most rows: they are numbered with 32 bits.
pub const ROWS_MAX: usize = u32::MAX as usize;

/// How to boost.
#[derive(Debug, Clone, PartialEq)]
pub struct BoostSettings {
    /// Rounds: one tree each.
    pub trees: usize,
    /// Leaves of a tree, 2 to [`LEAVES_MAX`].
    pub leaves: usize,
    /// Splits from root to leaf, 1 to 8. What serves stores every tree as deep as the deepest.
    pub depth: usize,
    /// The share of its Newton step that a leaf takes, over 0, at most 1.
    pub rate: f64,
    /// Share of the rows that a tree learns from, over 0, at most 1; those that pull most are the likeliest.
    pub row_share: f64,
    /// Share of the columns that a tree may cut, over 0, at most 1.
    pub column_share: f64,
    /// Bins of a column, 2 to [`BINS_MAX`].
    pub bins: usize,
    /// Pull of a leaf's answer towards 0, in units of the loss's bend; over 0.
    pub ridge: f64,
    /// The bend of the loss that a leaf must hold.
    pub bend_min: f64,
    /// How much a cut must lower twice the loss.
    pub gain_min: f64,
}

impl Default for BoostSettings {
    fn default() -> Self {
        Self {
            trees: 1_000,
            leaves: 8,
            depth: 5,
            rate: 0.05,
            row_share: 0.3,
            column_share: 0.7,
            bins: 256,
            ridge: 1.0,
            bend_min: 1.0,
            gain_min: 0.0,
        }
    }
}

impl BoostSettings {
    /// # Errors
    /// [`Error::Data`] naming the setting that is out of its range.
    pub fn check(&self) -> Result<(), Error> {
        let share = |value: f64| value > 0.0 && value <= 1.0;
        let from = |least: f64, value: f64| value.is_finite() && value >= least;
        let wrong = [
            ((1..=TREES_MAX).contains(&self.trees), format!("trees is not 1 to {TREES_MAX}")),
            ((2..=LEAVES_MAX).contains(&self.leaves), format!("leaves is not 2 to {LEAVES_MAX}")),
            ((1..=DEPTH_MAX).contains(&self.depth), format!("depth is not 1 to {DEPTH_MAX}")),
            (share(self.rate), "rate is not over 0 and at most 1".to_owned()),
            (share(self.row_share), "row_share is not over 0 and at most 1".to_owned()),
            (share(self.column_share), "column_share is not over 0 and at most 1".to_owned()),
            ((2..=BINS_MAX).contains(&self.bins), format!("bins is not 2 to {BINS_MAX}")),
            (from(1e-6, self.ridge), "ridge is not at least 1e-6".to_owned()),
            (from(0.0, self.bend_min), "bend_min is not at least 0".to_owned()),
            (from(0.0, self.gain_min), "gain_min is not at least 0".to_owned()),
        ];
        match wrong.into_iter().find(|(holds, _)| !holds) {
            Some((_, text)) => Err(Error::Data(format!("the setting {text}"))),
            None => Ok(()),
        }
    }
}

/// The learner. linfa's data set brings rows (NaN is unknown), labels (true is abusive) and, if it has any, weights.
pub struct GradientBoosting<'a> {
    /// How to boost.
    pub settings: BoostSettings,
    /// Decides all that is random.
    pub seed: u64,
    /// Who carries out the work; the result is the same.
    pub workers: &'a dyn Workers,
    /// Told after each tree how many there are.
    pub progress: &'a (dyn Fn(usize) + Sync),
}

/// Boosted trees as they were learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Boosted {
    /// Log-odds before the first tree.
    pub base: f32,
    /// The trees, whose answers are added to it.
    pub trees: Vec<Tree>,
    columns: usize,
}

impl<D: Data<Elem = f32> + Sync> Fit<ArrayBase<D, Ix2>, Array1<bool>, Error> for GradientBoosting<'_> {
    type Object = Boosted;

    fn fit(&self, data: &DatasetBase<ArrayBase<D, Ix2>, Array1<bool>>) -> Result<Boosted, Error> {
        self.settings.check()?;
        let labels =
            data.targets.as_slice().ok_or_else(|| Error::Data("labels do not lie in order".to_owned()))?;
        let ones = vec![1.0; labels.len()];
        let weights = data.weights().unwrap_or(&ones);
        let columns = data.records.ncols();
        check(labels, weights, (data.records.nrows(), columns))?;
        let sum = |label: bool| -> f64 {
            labels.iter().zip(weights).filter(|row| *row.0 == label).map(|row| f64::from(*row.1)).sum()
        };
        let (abusive, benign) = (sum(true), sum(false));
        let base = logit(abusive / (abusive + benign)) as f32;
        let binned = Binned::new(data.records.view(), self.settings.bins, self.workers);
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut rows = Rows::new(labels, weights, base, self.workers);
        let mut trees = Vec::with_capacity(self.settings.trees);
        let mut drawn = Vec::new();
        let count = libm::ceil(self.settings.column_share * columns as f64) as usize;
        let mut order: Vec<usize> = (0..columns).collect();
        while trees.len() < self.settings.trees {
            let mut chosen = order.partial_shuffle(&mut rng, count).0.to_vec();
            chosen.sort_unstable();
            rows.draw(self.settings.row_share, rng.r#gen::<f64>(), &mut drawn);
            let (settings, workers) = (&self.settings, self.workers);
            let ground = Ground { binned: &binned, columns: &chosen, settings, workers };
            // Nothing is left to learn, or only in columns that this tree does not see: the trees there are will do.
            let Some(grown) = ground.grow(&mut drawn) else { break };
            let covers = rows.answer(&grown, &binned.bins, self.workers);
            trees.push(grown.tree(&binned.cuts, &covers)?);
            (self.progress)(trees.len());
        }
        if trees.is_empty() {
            return Err(Error::Training("no column tells the labels apart".to_owned()));
        }
        Ok(Boosted { base, trees, columns })
    }
}

fn check(labels: &[bool], weights: &[f32], (rows, columns): (usize, usize)) -> Result<(), Error> {
    let bad = |text: &str| Err(Error::Data(text.to_owned()));
    if labels.len() != rows || weights.len() != rows || rows > ROWS_MAX {
        return bad("rows, labels and weights differ in number, or there are more than 2^32");
    }
    if !(1..=COLUMNS_MAX).contains(&columns) {
        return bad("1 to 256 columns are possible");
    }
    if !(labels.contains(&true) && labels.contains(&false)) {
        return bad("rows of both labels are needed");
    }
    if weights.iter().any(|weight| !(weight.is_finite() && *weight > 0.0)) {
        return bad("a weight is not a positive number");
    }
    Ok(())
}

impl Boosted {
    /// The frozen form, uncalibrated: its log-odds are the learner's.
    ///
    /// # Errors
    /// [`Error::Forest`] never, as growing keeps the evaluator's limits.
    pub fn freeze(&self) -> Result<Forest, Error> {
        Forest::new(self.trees.clone(), self.columns, (1.0, self.base))
    }

    /// The learner's own answer in log-odds, by walking its trees.
    ///
    /// # Panics
    /// If the row is shorter than those that it learned from.
    #[must_use]
    pub fn log_odds(&self, row: &[f32]) -> f64 {
        let row: Vec<f32> = row.iter().map(|&value| known(value)).collect();
        let mut lanes = [0.0f32; LANES];
        for (number, tree) in self.trees.iter().enumerate() {
            lanes[number % LANES] += tree.nodes()[tree.leaf(&row)].value;
        }
        f64::from(crate::flat::sum_lanes(lanes)) + f64::from(self.base)
    }
}

/// Probabilities of abuse.
impl<D: Data<Elem = f32>> PredictInplace<ArrayBase<D, Ix2>, Array1<f32>> for Boosted {
    fn predict_inplace(&self, records: &ArrayBase<D, Ix2>, probabilities: &mut Array1<f32>) {
        assert_eq!(records.nrows(), probabilities.len(), "one answer a row");
        for (row, probability) in records.rows().into_iter().zip(probabilities) {
            *probability = sigmoid(self.log_odds(&row.to_vec())) as f32;
        }
    }

    fn default_target(&self, records: &ArrayBase<D, Ix2>) -> Array1<f32> {
        Array1::zeros(records.nrows())
    }
}
