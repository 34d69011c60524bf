//! The fast evaluator: a forest as complete binary trees of one depth, walked without branches.
//!
//! Separate from `tree` because this form is only for speed. Invariants: it answers as linfa predicts (a row goes
//! right iff `x >= threshold`); an unknown value is [`UNKNOWN`](crate::tree::UNKNOWN); tree `t` adds to lane `t % 16`
//! in tree order and the lanes are summed by halves, so every path (single or batch, portable or AVX-512) gives the
//! same bits; no walk reads outside its arrays, whatever the row holds.

mod portable;
#[cfg(target_arch = "x86_64")]
mod wide;

use crate::Error;
use crate::tree::{COLUMNS_MAX, DEPTH_MAX, Tree};

/// Trees or rows that move together.
pub const LANES: usize = 16;
/// A vector register holds the top four levels, so no tree is stored shallower.
const DEPTH_MIN: usize = 4;
/// Bytes that a wide read may go beyond the last tree's columns.
const SLACK: usize = 64;
/// Places of the levels that are kept side by side for 16 trees.
const TOP: usize = 8;
/// The most trees of one forest.
pub const TREES_MAX: usize = 4096;

/// Structure of arrays. Node `h` of a tree has the children `2h` and `2h + 1`; the root is 1 and place 0 is unused,
/// so each level starts at a power of two. Leaf `h` is at `h - 2^depth` of the leaves.
#[derive(Debug, Clone)]
pub struct FlatForest {
    depth: usize,
    columns: usize,
    /// A multiple of 16: the last ones are empty.
    trees: usize,
    /// `trees << depth` places: a node's threshold in the low half, its column in the byte above. For
    /// gathering: one row, wide.
    node: Vec<u64>,
    leaf: Vec<f32>,
    /// The same nodes in two tables, for the other paths: the columns, then slack, and the thresholds.
    column_of: Vec<u8>,
    threshold: Vec<f32>,
    /// The top three levels of 16 trees side by side: node `h` of the trees of a group is at `16 * (8 * group + h)`.
    top_column: Vec<u8>,
    top_threshold: Vec<f32>,
    #[cfg(target_arch = "x86_64")]
    wide: bool,
}

impl FlatForest {
    /// Flattens `trees` over rows of `columns` values.
    ///
    /// # Errors
    /// [`Error::Forest`] for no tree, more than [`TREES_MAX`], or no or more than 256 columns.
    pub fn new(trees: &[Tree], columns: usize) -> Result<Self, Error> {
        if trees.is_empty() || trees.len() > TREES_MAX {
            return Err(Error::Forest(format!("{} trees, 1 to {TREES_MAX} are possible", trees.len())));
        }
        if columns == 0 || columns > COLUMNS_MAX {
            return Err(Error::Forest(format!("{columns} columns, 1 to {COLUMNS_MAX} are possible")));
        }
        let depth = trees.iter().map(Tree::depth).fold(DEPTH_MIN, usize::max);
        debug_assert!(depth <= DEPTH_MAX, "Tree::new refuses deeper trees");
        let padded = trees.len().next_multiple_of(LANES);
        let places = padded << depth;
        let mut forest = Self {
            depth,
            columns,
            trees: padded,
            node: vec![u64::from(f32::INFINITY.to_bits()); places],
            leaf: vec![0.0; places],
            column_of: vec![0; places + SLACK],
            threshold: vec![f32::INFINITY; places],
            top_column: vec![0; padded * TOP],
            top_threshold: vec![f32::INFINITY; padded * TOP],
            #[cfg(target_arch = "x86_64")]
            wide: wide::available(),
        };
        for (index, tree) in trees.iter().enumerate() {
            forest.place(tree, index, 0, 1)?;
        }
        Ok(forest)
    }

    /// Writes node `at` of `tree` to place `h`; a leaf above the last level fills all leaves below it, so that the
    /// padding may go either way.
    fn place(&mut self, tree: &Tree, index: usize, at: usize, h: usize) -> Result<(), Error> {
        let node = tree.nodes()[at];
        let first = index << self.depth;
        match node.split {
            Some(split) if usize::from(split.column) < self.columns => {
                self.node[first + h] = u64::from(split.threshold.to_bits()) | u64::from(split.column) << 32;
                self.column_of[first + h] = split.column as u8;
                self.threshold[first + h] = split.threshold;
                if h < TOP {
                    let side_by_side = LANES * (TOP * (index / LANES) + h) + index % LANES;
                    self.top_column[side_by_side] = split.column as u8;
                    self.top_threshold[side_by_side] = split.threshold;
                }
                self.place(tree, index, split.left as usize, 2 * h)?;
                self.place(tree, index, split.right as usize, 2 * h + 1)
            }
            Some(split) => Err(Error::Forest(format!("column {} is out of range", split.column))),
            None => {
                let below = self.depth - h.ilog2() as usize;
                let leaf = first + (h << below) - (1 << self.depth);
                self.leaf[leaf..leaf + (1 << below)].fill(node.value);
                Ok(())
            }
        }
    }

    /// Values that a row must have.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The sum of all trees for one row.
    ///
    /// # Panics
    /// If the row has not [`FlatForest::columns`] values.
    #[must_use]
    pub fn score(&self, row: &[f32]) -> f32 {
        assert_eq!(row.len(), self.columns, "a row has one value a column");
        #[cfg(target_arch = "x86_64")]
        if self.wide {
            // SAFETY: `wide` is true only if this processor has the instructions; the length was checked.
            return unsafe { wide::score(self, row) };
        }
        portable::score(self, row)
    }

    /// The sums for many rows, one after the other in `rows`.
    ///
    /// # Panics
    /// If `rows` has not `columns * out.len()` values.
    pub fn score_batch(&self, rows: &[f32], out: &mut [f32]) {
        assert_eq!(rows.len(), self.columns * out.len(), "rows and answers have one length");
        #[cfg(target_arch = "x86_64")]
        if self.wide {
            // SAFETY: as in `score`.
            unsafe { wide::score_batch(self, rows, out) };
            return;
        }
        portable::score_batch(self, rows, out);
    }

    /// [`FlatForest::score`] without wide instructions: the same bits, for tests and figures.
    ///
    /// # Panics
    /// As [`FlatForest::score`].
    #[must_use]
    pub fn score_portable(&self, row: &[f32]) -> f32 {
        assert_eq!(row.len(), self.columns, "a row has one value a column");
        portable::score(self, row)
    }

    /// [`FlatForest::score_batch`] without wide instructions: the same bits, for tests and figures.
    ///
    /// # Panics
    /// As [`FlatForest::score_batch`].
    pub fn score_batch_portable(&self, rows: &[f32], out: &mut [f32]) {
        assert_eq!(rows.len(), self.columns * out.len(), "rows and answers have one length");
        portable::score_batch(self, rows, out);
    }

    /// Whether the AVX-512 path is in use.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.wide;
        #[cfg(not(target_arch = "x86_64"))]
        return false;
    }
}

/// Adds the 16 lanes in the one order that all paths keep.
pub(crate) fn sum_lanes(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}
