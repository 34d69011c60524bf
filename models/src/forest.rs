//! A frozen forest with its calibration: slow form to explain, fast form to serve.
//!
//! Separate from `flat`, which only sums. Invariant: both forms hold the same trees.

use crate::tree::{Node, Tree};
use crate::{Error, FlatForest};

/// Trees whose calibrated sum is log-odds.
#[derive(Debug, Clone)]
pub struct Forest {
    trees: Vec<Tree>,
    flat: FlatForest,
    /// Log-odds = slope * sum + offset.
    pub(crate) slope: f32,
    /// In log-odds.
    pub(crate) offset: f32,
}

impl Forest {
    /// Takes checked trees over `columns` columns.
    ///
    /// # Errors
    /// [`Error::Forest`] as [`FlatForest::new`], or if the calibration is not finite or its slope not positive.
    pub fn new(trees: Vec<Tree>, columns: usize, (slope, offset): (f32, f32)) -> Result<Self, Error> {
        if !(slope.is_finite() && slope > 0.0 && offset.is_finite()) {
            return Err(Error::Forest(format!("calibration {slope} x + {offset}")));
        }
        let flat = FlatForest::new(&trees, columns)?;
        Ok(Self { trees, flat, slope, offset })
    }

    /// The trees, in the order of summation.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// The fast form.
    #[must_use]
    pub fn flat(&self) -> &FlatForest {
        &self.flat
    }

    /// Log-odds from the trees' sum.
    #[must_use]
    pub fn calibrate(&self, sum: f32) -> f64 {
        f64::from(self.slope) * f64::from(sum) + f64::from(self.offset)
    }

    /// Log-odds before anything is known: each tree's mean.
    #[must_use]
    pub fn base(&self) -> f64 {
        let roots: f64 = self.trees.iter().map(|tree| f64::from(tree.nodes()[0].value)).sum();
        f64::from(self.slope) * roots + f64::from(self.offset)
    }

    /// Adds to `parts[column]` how each step from root to leaf changed the mean answer, in log-odds. `row` holds known
    /// values (see [`crate::tree::known`]).
    pub fn explain(&self, row: &[f32], parts: &mut [f64]) {
        for tree in &self.trees {
            let nodes = tree.nodes();
            let mut at = 0;
            while let Node { split: Some(split), value } = nodes[at] {
                let column = usize::from(split.column);
                at = if row[column] >= split.threshold { split.right } else { split.left } as usize;
                parts[column] += f64::from(self.slope) * (f64::from(nodes[at].value) - f64::from(value));
            }
        }
    }

    /// The distinct thresholds on one column, rising.
    #[must_use]
    pub fn thresholds(&self, column: usize) -> Vec<f32> {
        let splits = self.trees.iter().flat_map(Tree::nodes).filter_map(|node| node.split);
        let mut found: Vec<f32> =
            splits.filter(|split| usize::from(split.column) == column).map(|split| split.threshold).collect();
        found.sort_by(f32::total_cmp);
        found.dedup();
        found
    }
}
