//! Boosting on residuals: each tree of linfa learns from the rows that the trees before it got most wrong.
//!
//! Separate from `trees`, which lets linfa-ensemble boost on votes. Invariants: rows are drawn in proportion to weight
//! times |label - probability| by equal steps from one random start, so a round costs one random number; a leaf's
//! answer is one damped Newton step of the logistic loss over all rows.

use linfa::DatasetBase;
use linfa::traits::Fit;
use ndarray::{Array1, Array2};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::leaves::Loss;
use super::trees::{TreeSettings, Weak, freeze};
use crate::Error;
use crate::dataset::Dataset;
use crate::tree::{Tree, known};

/// Grows trees whose answers are log-odds.
pub(super) fn boost(
    data: &Dataset,
    fit: &[usize],
    settings: &TreeSettings,
    seed: u64,
) -> Result<Vec<Tree>, Error> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let weak = Weak::of(settings);
    let columns = data.names.len();
    let mut loss = Loss::new(data, fit);
    let mut trees = Vec::with_capacity(settings.trees);
    for _ in 0..settings.trees {
        let drawn = draw(&loss.residuals(), settings.tree_rows_max, rng.r#gen::<f64>());
        let records = Array2::from_shape_fn((drawn.len(), columns), |(at, column)| {
            known(data.rows[(fit[drawn[at]], column)])
        });
        let targets: Array1<usize> = drawn.iter().map(|&at| usize::from(data.labels[fit[at]])).collect();
        let learnable = targets.iter().any(|&class| class == 0) && targets.iter().any(|&class| class == 1);
        if !learnable && !trees.is_empty() {
            // One class is answered as well as numbers can.
            break;
        }
        let tree = weak
            .fit(&DatasetBase::new(records, targets))
            .map_err(|error: linfa::Error| Error::Training(error.to_string()))?;
        let tree = freeze(&tree, columns, &|_| 0.0)?;
        let reached = loss.reached(&tree);
        let values = loss.step(&tree, &reached, (settings.learning_rate, settings.leaf_ridge));
        trees.push(loss.with_means(&tree, values, &reached)?);
    }
    Ok(trees)
}

/// At most `count` places, in proportion to their keys: one for each equal part of the sum, `start` (0 to 1) into it.
fn draw(keys: &[f64], count: usize, start: f64) -> Vec<usize> {
    let part = keys.iter().sum::<f64>() / count as f64;
    let (mut next, mut sum) = (start * part, 0.0);
    let mut drawn = Vec::with_capacity(count);
    for (at, key) in keys.iter().enumerate() {
        sum += key;
        while next < sum && drawn.len() < count {
            drawn.push(at);
            next += part;
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_drawn_in_proportion_to_their_keys() {
        assert_eq!(draw(&[1.0, 0.0, 3.0], 4, 0.5), [0, 2, 2, 2]);
        assert_eq!(draw(&[1.0; 4], 2, 0.0), [0, 2]);
        assert!(draw(&[0.0; 4], 2, 0.3).is_empty());
    }

    #[test]
    fn rows_that_are_all_answered_do_no_harm() {
        let mut data = crate::dataset::tests::sample(400, 1);
        data.labels = data.rows.column(0).iter().map(|&value| value >= 4.0).collect();
        let rows: Vec<usize> = (0..400).collect();
        let settings =
            TreeSettings { trees: 120, leaf_ridge: 0.0, learning_rate: 1.0, ..TreeSettings::default() };
        let trees = boost(&data, &rows, &settings, 1).unwrap();
        let known: Vec<f32> = data.rows.row(0).iter().map(|&value| known(value)).collect();
        let sum: f32 = trees.iter().map(|tree| tree.nodes()[tree.leaf(&known)].value).sum();
        assert_eq!(sum > 10.0, data.labels[0]);
        assert!(sum.abs() < 100.0, "{sum}");
    }
}
