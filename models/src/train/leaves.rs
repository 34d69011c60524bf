//! The answers of the trees: log-odds by sending the training rows through the frozen trees.
//!
//! Separate from growing, because linfa's leaves hold classes only. A leaf's answer is a damped Newton step of the
//! logistic loss over all training rows with their weights; an inner node's value is the mean of the rows below it.
//! Both classes weigh as much: these are log-odds of a balanced world, which calibration moves to the real one.

use ndarray::Array2;

use crate::Error;
use crate::dataset::Dataset;
use crate::model::sigmoid;
use crate::train::TreeSettings;
use crate::tree::{Node, Tree, known};

/// The most that one step moves a leaf, in log-odds.
const STEP_MAX: f64 = 4.0;
/// The least pull towards 0: without any, a leaf whose rows are all answered would be 0 / 0.
const RIDGE_MIN: f64 = 1e-6;

/// The training rows and how well they are answered so far.
pub(super) struct Loss {
    rows: Array2<f32>,
    weights: Vec<f64>,
    labels: Vec<f64>,
    scores: Vec<f64>,
}

impl Loss {
    /// Rows `fit` of the data, all at log-odds 0.
    pub fn new(data: &Dataset, fit: &[usize]) -> Self {
        let of = |label: bool| -> f64 {
            let rows = fit.iter().filter(|&&row| data.labels[row] == label);
            rows.map(|&row| f64::from(data.weights[row])).sum()
        };
        let half = fit.len() as f64 / 2.0;
        let (abusive, benign) = (half / of(true), half / of(false));
        let weight =
            |&row: &usize| f64::from(data.weights[row]) * if data.labels[row] { abusive } else { benign };
        let columns = data.names.len();
        Self {
            rows: Array2::from_shape_fn((fit.len(), columns), |(at, column)| {
                known(data.rows[(fit[at], column)])
            }),
            weights: fit.iter().map(weight).collect(),
            labels: fit.iter().map(|&row| f64::from(u8::from(data.labels[row]))).collect(),
            scores: vec![0.0; fit.len()],
        }
    }

    /// Weight times |label - probability| of each row.
    pub fn residuals(&self) -> Vec<f64> {
        let one = |at: usize| self.weights[at] * (self.labels[at] - sigmoid(self.scores[at])).abs();
        (0..self.scores.len()).map(one).collect()
    }

    /// The leaf that each row reaches.
    pub fn reached(&self, tree: &Tree) -> Vec<u16> {
        let leaf = |row: ndarray::ArrayView1<'_, f32>| {
            tree.leaf(row.as_slice().expect("rows are stored one after the other")) as u16
        };
        self.rows.rows().into_iter().map(leaf).collect()
    }

    /// Moves every leaf by `rate` times its Newton step and the rows' scores with it; returns the moves by node.
    pub fn step(&mut self, tree: &Tree, reached: &[u16], (rate, ridge): (f64, f64)) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); tree.nodes().len()];
        for (at, &leaf) in reached.iter().enumerate() {
            let p = sigmoid(self.scores[at]);
            let sum = &mut sums[usize::from(leaf)];
            sum.0 += self.weights[at] * (self.labels[at] - p);
            sum.1 += self.weights[at] * p * (1.0 - p);
        }
        let step = |&(slope, bend): &(f64, f64)| {
            rate * (slope / (bend + ridge.max(RIDGE_MIN))).clamp(-STEP_MAX, STEP_MAX)
        };
        let steps: Vec<f64> = sums.iter().map(step).collect();
        for (score, &leaf) in self.scores.iter_mut().zip(reached) {
            *score += steps[usize::from(leaf)];
        }
        steps
    }

    /// The tree with its leaves' values, and each inner node's the mean over the rows below it.
    pub fn with_means(&self, tree: &Tree, mut values: Vec<f64>, reached: &[u16]) -> Result<Tree, Error> {
        let mut cover = vec![0.0; values.len()];
        for (&leaf, weight) in reached.iter().zip(&self.weights) {
            cover[usize::from(leaf)] += weight;
        }
        // Children come after their parents, so backwards every child is done before its parent.
        for (at, node) in tree.nodes().iter().enumerate().rev() {
            let Node { split: Some(split), .. } = node else { continue };
            let (left, right) = (split.left as usize, split.right as usize);
            cover[at] = cover[left] + cover[right];
            values[at] = if cover[at] > 0.0 {
                (cover[left] * values[left] + cover[right] * values[right]) / cover[at]
            } else {
                (values[left] + values[right]) / 2.0
            };
        }
        let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
        tree.with_values(&values)
    }
}

/// The same trees with answers in log-odds, set one after the other, in as many passes as the settings say.
pub(super) fn refit(
    data: &Dataset,
    fit: &[usize],
    trees: &[Tree],
    settings: &TreeSettings,
) -> Result<Vec<Tree>, Error> {
    let mut loss = Loss::new(data, fit);
    let reached: Vec<Vec<u16>> = trees.iter().map(|tree| loss.reached(tree)).collect();
    let mut values: Vec<Vec<f64>> = trees.iter().map(|tree| vec![0.0; tree.nodes().len()]).collect();
    for _ in 0..settings.leaf_passes {
        for ((tree, reached), values) in trees.iter().zip(&reached).zip(&mut values) {
            let steps = loss.step(tree, reached, (0.5, settings.leaf_ridge));
            values.iter_mut().zip(steps).for_each(|(value, step)| *value += step);
        }
    }
    let done = trees.iter().zip(values).zip(&reached);
    done.map(|((tree, values), reached)| loss.with_means(tree, values, reached)).collect()
}
