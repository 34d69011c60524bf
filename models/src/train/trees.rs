//! The shapes of the trees: linfa-ensemble's AdaBoost over linfa's decision trees, frozen.
//!
//! Separate from `leaves`, which sets the answers. Invariants: the sample is balanced and its order fixed by the seed;
//! the weak learner weights one class 1.001, so that no leaf is a tie; a frozen tree goes the way linfa's goes.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa::{Label, ParamGuard};
use linfa_ensemble::AdaBoostParams;
use linfa_trees::{DecisionTree, TreeNode};
use ndarray::{Array1, Array2, s};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Error;
use crate::dataset::Dataset;
use crate::tree::{Node, Split, Tree, known};

/// What each tree is grown on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boosting {
    /// linfa-ensemble's AdaBoost, by votes; leaves are set afterwards.
    Votes,
    /// Each tree on what the trees before it got wrong, by probability.
    Residuals,
}

/// How to grow.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeSettings {
    /// What each tree is grown on.
    pub boosting: Boosting,
    /// Rounds of boosting: one tree each.
    pub trees: usize,
    /// Splits from root to leaf, at most 8.
    pub depth: usize,
    /// By votes: rows that boosting chooses from, abusive ones up to half.
    pub pool_rows_max: usize,
    /// Rows of one tree.
    pub tree_rows_max: usize,
    /// Rows that a leaf must have.
    pub leaf_rows_min: f32,
    /// By residuals, the share of its Newton step that a leaf takes; by votes, AdaBoost's learning rate.
    pub learning_rate: f64,
    /// By votes: how often all leaves are set, tree after tree.
    pub leaf_passes: usize,
    /// Pull of a leaf's answer towards 0, in rows.
    pub leaf_ridge: f64,
}

impl Default for TreeSettings {
    fn default() -> Self {
        Self {
            boosting: Boosting::Residuals,
            trees: 150,
            depth: 4,
            pool_rows_max: 80_000,
            tree_rows_max: 16_000,
            leaf_rows_min: 20.0,
            learning_rate: 0.15,
            leaf_passes: 3,
            leaf_ridge: 5.0,
        }
    }
}

/// What one class weighs more than the other, so that equal numbers are no tie.
const TIE_BREAK: f32 = 1.001;

/// linfa's tree on the first rows of a round's sample; the sample is random, so its first rows are one as well.
#[derive(Debug, Clone)]
pub(super) struct Weak {
    depth: usize,
    rows_max: usize,
    leaf_rows_min: f32,
}

impl Weak {
    pub fn of(settings: &TreeSettings) -> Self {
        Self {
            depth: settings.depth,
            rows_max: settings.tree_rows_max,
            leaf_rows_min: settings.leaf_rows_min,
        }
    }
}

impl Fit<Array2<f32>, Array1<usize>, linfa::Error> for Weak {
    type Object = DecisionTree<f32, usize>;

    fn fit(&self, sample: &DatasetBase<Array2<f32>, Array1<usize>>) -> linfa::error::Result<Self::Object> {
        let rows = sample.records.nrows().min(self.rows_max);
        let records = sample.records.slice(s![..rows, ..]).to_owned();
        let targets = sample.targets.slice(s![..rows]).to_owned();
        let weights = targets.mapv(|class| if class == 1 { TIE_BREAK } else { 1.0 });
        DecisionTree::params()
            .max_depth(Some(self.depth))
            .min_weight_leaf(self.leaf_rows_min)
            .min_weight_split(2.0 * self.leaf_rows_min)
            .fit(&DatasetBase::new(records, targets).with_weights(weights))
    }
}

/// Grows the trees; their answers are linfa's classes, +1 for abusive and -1 for benign, and mean nothing yet.
pub(super) fn boost(
    data: &Dataset,
    fit: &[usize],
    settings: &TreeSettings,
    seed: u64,
) -> Result<Vec<Tree>, Error> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let pool = pool(data, fit, settings.pool_rows_max, &mut rng);
    let columns = data.names.len();
    let values: Vec<f32> = pool.iter().flat_map(|&row| data.rows.row(row).to_vec()).map(known).collect();
    let records = Array2::from_shape_vec((pool.len(), columns), values).expect("whole rows were copied");
    let targets = pool.iter().map(|&row| usize::from(data.labels[row])).collect::<Array1<usize>>();
    let weak = Weak::of(settings);
    let failed = |error: linfa::Error| Error::Training(error.to_string());
    let boosted = AdaBoostParams::new_fixed_rng(weak, rng)
        .n_estimators(settings.trees)
        .learning_rate(settings.learning_rate)
        .check()
        .map_err(failed)?
        .fit(&DatasetBase::new(records, targets))
        .map_err(failed)?;
    let vote = |&class: &usize| if class == 1 { 1.0 } else { -1.0 };
    boosted.models.iter().map(|tree| freeze(tree, columns, &vote)).collect()
}

/// Rows for boosting: abusive ones up to half, and as many benign ones at least; each drawn in proportion to its
/// weight, in random order.
fn pool(data: &Dataset, fit: &[usize], rows_max: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let (abusive, benign): (Vec<usize>, Vec<usize>) = fit.iter().partition(|&&row| data.labels[row]);
    let abusive = draw(data, abusive, rows_max / 2, rng);
    let left = rows_max.saturating_sub(abusive.len()).min(4 * abusive.len());
    let benign = draw(data, benign, left, rng);
    let mut pool = [abusive, benign].concat();
    pool.shuffle(rng);
    pool
}

/// At most `count` of the rows without repeats, the heavier the likelier (keys of Efraimidis and Spirakis).
fn draw(data: &Dataset, rows: Vec<usize>, count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    if rows.len() <= count {
        return rows;
    }
    let key = |row: usize| (libm::log(rng.r#gen::<f64>()) / f64::from(data.weights[row]), row);
    let mut keyed: Vec<(f64, usize)> = rows.into_iter().map(key).collect();
    keyed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    keyed.truncate(count);
    keyed.into_iter().map(|(_, row)| row).collect()
}

/// linfa's tree in our form, a leaf's answer as `value` says.
///
/// # Errors
/// [`Error::Forest`] if it is too deep.
pub fn freeze<L: Label>(
    tree: &DecisionTree<f32, L>,
    columns: usize,
    value: &impl Fn(&L) -> f32,
) -> Result<Tree, Error> {
    let mut nodes = Vec::new();
    append(tree.root_node(), value, &mut nodes);
    Tree::new(nodes, columns)
}

/// Appends a node and all below it; returns its index.
fn append<L: Label>(node: &TreeNode<f32, L>, value: &impl Fn(&L) -> f32, nodes: &mut Vec<Node>) -> u32 {
    let at = nodes.len();
    let answer = node.prediction().map_or(0.0, |class| value(&class));
    nodes.push(Node { split: None, value: answer });
    if let ([Some(left), Some(right)], false) = (node.children().as_slice(), node.is_leaf()) {
        let (column, threshold, _) = node.split();
        let left = append(left, value, nodes);
        let right = append(right, value, nodes);
        let column = u16::try_from(column).expect("Dataset::check limits the columns");
        nodes[at].split = Some(Split { column, threshold, left, right });
    }
    at as u32
}
