//! The evaluator in plain Rust: the meaning that the AVX-512 path must equal to the bit.
//!
//! Separate so that it can be read as the definition. Invariants: same operations in the same order as `wide`; places
//! are masked and columns are bytes, which changes nothing (they are in range by construction) but tells the compiler
//! that no check is needed.

use super::{COLUMNS_MAX, FlatForest, LANES, sum_lanes};
use crate::tree::known;

/// Sixteen rows, column by column.
type Block = [[f32; LANES]; COLUMNS_MAX];

/// Calls a function that is generic over the places of a tree.
macro_rules! by_places {
    ($forest:expr, $function:ident ( $($argument:expr),* )) => {
        match $forest.depth {
            4 => $function::<16>($($argument),*),
            5 => $function::<32>($($argument),*),
            6 => $function::<64>($($argument),*),
            7 => $function::<128>($($argument),*),
            _ => $function::<256>($($argument),*),
        }
    };
}

/// One row; 16 trees at a time, so that their walks overlap.
pub(super) fn score(forest: &FlatForest, row: &[f32]) -> f32 {
    let mut x = [0.0f32; COLUMNS_MAX];
    for (to, &value) in x.iter_mut().zip(row) {
        *to = known(value);
    }
    by_places!(forest, score_one(forest, &x))
}

/// Many rows; 16 rows at a time through one tree after the other.
pub(super) fn score_batch(forest: &FlatForest, rows: &[f32], out: &mut [f32]) {
    by_places!(forest, score_many(forest, rows, out));
}

fn score_one<const N: usize>(forest: &FlatForest, x: &[f32; COLUMNS_MAX]) -> f32 {
    let (columns, _) = forest.column_of.as_chunks::<N>();
    let (thresholds, _) = forest.threshold.as_chunks::<N>();
    let (leaves, _) = forest.leaf.as_chunks::<N>();
    let groups = columns.as_chunks::<LANES>().0.iter().zip(thresholds.as_chunks::<LANES>().0);
    let mut lanes = [0.0f32; LANES];
    for ((columns, thresholds), leaves) in groups.zip(leaves.as_chunks::<LANES>().0) {
        let mut place = [1usize; LANES];
        for _ in 0..N.ilog2() {
            for (lane, h) in place.iter_mut().enumerate() {
                let at = *h & (N - 1);
                let value = x[usize::from(columns[lane][at])];
                *h = 2 * *h + usize::from(value >= thresholds[lane][at]);
            }
        }
        for ((lane, leaves), h) in lanes.iter_mut().zip(leaves).zip(place) {
            *lane += leaves[h & (N - 1)];
        }
    }
    sum_lanes(lanes)
}

fn score_many<const N: usize>(forest: &FlatForest, rows: &[f32], out: &mut [f32]) {
    let columns = forest.columns;
    let mut block: Box<Block> = Box::new([[0.0; LANES]; COLUMNS_MAX]);
    let (node_columns, _) = forest.column_of.as_chunks::<N>();
    let (thresholds, _) = forest.threshold.as_chunks::<N>();
    let (leaves, _) = forest.leaf.as_chunks::<N>();
    for (rows, out) in rows.chunks(columns * LANES).zip(out.chunks_mut(LANES)) {
        for (lane, row) in rows.chunks_exact(columns).enumerate() {
            for (column, &value) in block.iter_mut().zip(row) {
                column[lane] = known(value);
            }
        }
        let mut lanes = [[0.0f32; LANES]; LANES];
        // The columns have slack behind the last tree: the leaves end the loop.
        for (index, leaves) in leaves.iter().enumerate() {
            let place = walk(&node_columns[index], &thresholds[index], &block);
            for (sum, h) in lanes[index % LANES].iter_mut().zip(place) {
                *sum += leaves[h & (N - 1)];
            }
        }
        for (row, out) in out.iter_mut().enumerate() {
            *out = sum_lanes(std::array::from_fn(|lane| lanes[lane][row]));
        }
    }
}

/// The places of the leaves that 16 rows reach in one tree.
fn walk<const N: usize>(columns: &[u8; N], thresholds: &[f32; N], block: &Block) -> [usize; LANES] {
    let mut place = [1usize; LANES];
    for _ in 0..N.ilog2() {
        for (row, h) in place.iter_mut().enumerate() {
            let at = *h & (N - 1);
            *h = 2 * *h + usize::from(block[usize::from(columns[at])][row] >= thresholds[at]);
        }
    }
    place
}
