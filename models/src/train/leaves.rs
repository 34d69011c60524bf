//! The answers of the trees: log-odds by sending the training rows through the frozen trees.
//!
//! Separate from growing, because linfa's leaves hold classes only. Each leaf takes Newton steps of the logistic loss, tree
//! after tree, over all training rows with their weights; an inner node's value is the mean of the rows below it.

use crate::Error;
use crate::dataset::Dataset;
use crate::model::{logit, sigmoid};
use crate::train::TreeSettings;
use crate::tree::{Node, Tree, known};

/// The same trees with answers in log-odds; the first tree carries the overall log-odds as well.
pub(super) fn refit(
    data: &Dataset,
    fit: &[usize],
    trees: &[Tree],
    settings: &TreeSettings,
) -> Result<Vec<Tree>, Error> {
    let weights: Vec<f64> = balanced(data, fit);
    let labels: Vec<f64> = fit.iter().map(|&row| f64::from(u8::from(data.labels[row]))).collect();
    let reached = reached(data, fit, trees);
    let total: f64 = weights.iter().sum();
    let abusive: f64 = weights.iter().zip(&labels).map(|(weight, label)| weight * label).sum();
    let prior = logit(abusive / total);
    let mut scores = vec![prior; fit.len()];
    let mut values: Vec<Vec<f64>> = trees.iter().map(|tree| vec![0.0; tree.nodes().len()]).collect();
    for _ in 0..settings.leaf_passes {
        for (values, reached) in values.iter_mut().zip(&reached) {
            let mut sums = vec![(0.0, 0.0); values.len()];
            for (row, &leaf) in reached.iter().enumerate() {
                let p = sigmoid(scores[row]);
                let sum = &mut sums[usize::from(leaf)];
                sum.0 += weights[row] * (labels[row] - p);
                sum.1 += weights[row] * p * (1.0 - p);
            }
            let step = |(&(slope, bend), &value): (&(f64, f64), &f64)| {
                let ridge = settings.leaf_ridge;
                ((slope - ridge * 0.02 * value) / (bend + ridge * 0.25)).clamp(-1.0, 1.0) * 0.5
            };
            let steps: Vec<f64> = sums.iter().zip(values.iter()).map(step).collect();
            for (score, &leaf) in scores.iter_mut().zip(reached) {
                *score += steps[usize::from(leaf)];
            }
            values.iter_mut().zip(steps).for_each(|(value, step)| *value += step);
        }
    }
    let mut done = Vec::with_capacity(trees.len());
    for (index, (tree, mut values)) in trees.iter().zip(values).enumerate() {
        if index == 0 {
            values.iter_mut().for_each(|value| *value += prior);
        }
        done.push(with_means(tree, values, &reached[index], &weights)?);
    }
    Ok(done)
}

/// The rows' weights, scaled so that both classes weigh as much and a row weighs 1 on average: log-odds of a balanced
/// world, which calibration later moves to the real one.
fn balanced(data: &Dataset, fit: &[usize]) -> Vec<f64> {
    let of = |label: bool| -> f64 {
        fit.iter().filter(|&&row| data.labels[row] == label).map(|&row| f64::from(data.weights[row])).sum()
    };
    let half = fit.len() as f64 / 2.0;
    let (abusive, benign) = (half / of(true), half / of(false));
    let weight =
        |&row: &usize| f64::from(data.weights[row]) * if data.labels[row] { abusive } else { benign };
    fit.iter().map(weight).collect()
}

/// The leaf that each row reaches, for each tree.
fn reached(data: &Dataset, fit: &[usize], trees: &[Tree]) -> Vec<Vec<u16>> {
    let mut reached: Vec<Vec<u16>> = trees.iter().map(|_| Vec::with_capacity(fit.len())).collect();
    for &row in fit {
        let row: Vec<f32> = data.rows.row(row).iter().map(|&value| known(value)).collect();
        for (tree, reached) in trees.iter().zip(&mut reached) {
            reached.push(tree.leaf(&row) as u16);
        }
    }
    reached
}

/// Sets the leaves' values, and each inner node's to the mean over the rows below it.
fn with_means(tree: &Tree, mut values: Vec<f64>, reached: &[u16], weights: &[f64]) -> Result<Tree, Error> {
    let mut cover = vec![0.0; values.len()];
    for (&leaf, weight) in reached.iter().zip(weights) {
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
