//! A forest: linfa's trees, each on its own sample of rows and columns, answering with the log-odds of their leaves.
//!
//! Separate from boosting, where a tree hangs on those before it; here each has a random stream of its own, so that they
//! grow in any order. Invariants: linfa's own forest is not reproducible, so the sampling is ours; one class weighs a
//! little more, so that no leaf is a tie; leaf answers come from sending all training rows through the frozen trees.

use linfa::DatasetBase;
use linfa::traits::Fit;
use ndarray::{Array1, Array2};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::TreeSettings;
use super::trees::{Weak, freeze};
use crate::Error;
use crate::dataset::Dataset;
use crate::flat::TREES_MAX;
use crate::model::logit;
use crate::tree::{DEPTH_MAX, Node, Split, Tree, known};
use crate::workers::{Job, Workers};

/// Most rows of a tree, and most for each row that a leaf must have. linfa-trees takes rows off a sum in single precision one by one; with one class a
/// little heavier each step may be off by 0.0004, and a sum that comes to less than a leaf's rows makes it stop.
const TREE_ROWS_MAX: f64 = 10_000.0;
const TREE_ROWS_A_LEAF_ROW: f64 = 2_500.0;

/// How to grow a forest.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestSettings {
    /// Trees.
    pub trees: usize,
    /// Splits from root to leaf, 1 to 8.
    pub depth: usize,
    /// Share of the rows that a tree learns from, over 0, at most 1, and at most 10,000 of them; drawn with repeats in proportion to their weights.
    pub row_share: f64,
    /// Share of the columns that a tree sees, over 0, at most 1.
    pub column_share: f64,
    /// Rows of its sample that a leaf must have.
    pub leaf_rows_min: f32,
    /// How many rows of the mean kind are added to each leaf, so that none is sure of itself.
    pub leaf_prior: f64,
}

impl Default for ForestSettings {
    fn default() -> Self {
        Self { trees: 100, depth: 8, row_share: 0.5, column_share: 0.5, leaf_rows_min: 5.0, leaf_prior: 2.0 }
    }
}

impl ForestSettings {
    /// # Errors
    /// [`Error::Data`] naming the setting that is out of its range.
    pub fn check(&self) -> Result<(), Error> {
        let share = |value: f64| value > 0.0 && value <= 1.0;
        let wrong = [
            ((1..=TREES_MAX).contains(&self.trees), "trees is not 1 to 4096"),
            ((1..=DEPTH_MAX).contains(&self.depth), "depth is not 1 to 8"),
            (share(self.row_share), "row_share is not over 0 and at most 1"),
            (share(self.column_share), "column_share is not over 0 and at most 1"),
            (self.leaf_rows_min.is_finite() && self.leaf_rows_min >= 1.0, "leaf_rows_min is not at least 1"),
            (self.leaf_prior.is_finite() && self.leaf_prior >= 0.01, "leaf_prior is not at least 0.01"),
        ];
        match wrong.into_iter().find(|(holds, _)| !holds) {
            Some((_, text)) => Err(Error::Data(format!("the setting {text}"))),
            None => Ok(()),
        }
    }
}

/// Grows the trees; their answers sum up to the mean log-odds of the leaves that a row reaches.
pub(super) fn fit(
    data: &Dataset,
    fit: &[usize],
    settings: &ForestSettings,
    (seed, workers): (u64, &dyn Workers),
) -> Result<Vec<Tree>, Error> {
    settings.check()?;
    // Both labels are drawn equally often: log-odds of a balanced world, which calibration moves to the real one.
    let of = |label: bool| -> Vec<usize> {
        fit.iter().copied().filter(|&row| data.labels[row] == label).collect()
    };
    let sides = [Side::new(data, of(false))?, Side::new(data, of(true))?];
    let mut grown: Vec<Option<Result<Tree, Error>>> = vec![None; settings.trees];
    let jobs = grown.iter_mut().enumerate().map(|(number, place)| {
        let sides = &sides;
        Box::new(move || *place = Some(grow(data, sides, settings, (seed, number as u64)))) as Job<'_>
    });
    workers.run(jobs.collect());
    grown.into_iter().map(|tree| tree.expect("every job fills its place")).collect()
}

/// The rows of one label with their weights summed up.
struct Side {
    rows: Vec<usize>,
    passed: Vec<f64>,
}

impl Side {
    fn new(data: &Dataset, rows: Vec<usize>) -> Result<Self, Error> {
        if rows.is_empty() {
            return Err(Error::Data("rows of both labels are needed".to_owned()));
        }
        let mut sum = 0.0;
        let add = |&row: &usize| {
            sum += f64::from(data.weights[row]);
            sum
        };
        let passed = rows.iter().map(add).collect();
        Ok(Self { rows, passed })
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> usize {
        let at = rng.r#gen::<f64>() * self.passed[self.passed.len() - 1];
        self.rows[self.passed.partition_point(|passed| *passed <= at).min(self.rows.len() - 1)]
    }
}

/// Grows tree `number` of a forest.
fn grow(
    data: &Dataset,
    sides: &[Side; 2],
    settings: &ForestSettings,
    (seed, number): (u64, u64),
) -> Result<Tree, Error> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number + 1);
    let columns = data.names.len();
    let seen = libm::ceil(settings.column_share * columns as f64) as usize;
    let mut order: Vec<usize> = (0..columns).collect();
    let mut seen = order.partial_shuffle(&mut rng, seen).0.to_vec();
    seen.sort_unstable();
    let rows = sides[0].rows.len() + sides[1].rows.len();
    let most = TREE_ROWS_MAX.min(TREE_ROWS_A_LEAF_ROW * f64::from(settings.leaf_rows_min));
    let count = (settings.row_share * rows as f64).clamp(2.0, most) as usize;
    let drawn: Vec<(usize, usize)> = (0..count).map(|at| (at % 2, sides[at % 2].draw(&mut rng))).collect();
    let value = |(at, column): (usize, usize)| known(data.rows[(drawn[at].1, seen[column])]);
    let records = Array2::from_shape_fn((count, seen.len()), value);
    let targets: Array1<usize> = drawn.iter().map(|(label, _)| *label).collect();
    let weak = Weak::of(&TreeSettings {
        depth: settings.depth,
        tree_rows_max: count,
        leaf_rows_min: settings.leaf_rows_min,
        ..TreeSettings::default()
    });
    let tree = freeze(&weak.fit(&DatasetBase::new(records, targets))?, seen.len(), &|_| 0.0)?;
    let widened = tree.nodes().iter().map(|node| Node {
        split: node.split.map(|split| Split { column: seen[usize::from(split.column)] as u16, ..split }),
        value: 0.0,
    });
    answer(data, sides, &Tree::new(widened.collect(), columns)?, settings)
}

/// Gives every node the share of the forest's log-odds that its training rows speak for.
fn answer(data: &Dataset, sides: &[Side; 2], tree: &Tree, settings: &ForestSettings) -> Result<Tree, Error> {
    let mut held = vec![[0.0; 2]; tree.nodes().len()];
    for (label, side) in sides.iter().enumerate() {
        // Both sides weigh as much as there are rows of the rarer label.
        let unit = sides[0].rows.len().min(sides[1].rows.len()) as f64 / side.passed[side.passed.len() - 1];
        for &row in &side.rows {
            let known: Vec<f32> = data.rows.row(row).iter().map(|&value| known(value)).collect();
            held[tree.leaf(&known)][label] += unit * f64::from(data.weights[row]);
        }
    }
    let odds = |[benign, abusive]: [f64; 2]| {
        let prior = settings.leaf_prior / 2.0;
        logit((abusive + prior) / (benign + abusive + 2.0 * prior)) / settings.trees as f64
    };
    let mut values: Vec<f64> = held.iter().map(|&rows| odds(rows)).collect();
    let mut covers: Vec<f64> = held.iter().map(|rows| rows[0] + rows[1]).collect();
    // Children come after their parents, so backwards every child is done before its parent.
    for (at, node) in tree.nodes().iter().enumerate().rev() {
        let Node { split: Some(split), .. } = node else { continue };
        let (left, right) = (split.left as usize, split.right as usize);
        covers[at] = covers[left] + covers[right];
        if covers[at] > 0.0 {
            values[at] = (covers[left] * values[left] + covers[right] * values[right]) / covers[at];
        }
    }
    tree.with_values(&values.into_iter().map(|value| value as f32).collect::<Vec<f32>>())
}
