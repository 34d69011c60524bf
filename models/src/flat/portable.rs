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

/// The child of place `h` (of `N`) that a value leads to.
fn descend(node: u64, h: usize, value: f32) -> usize {
    2 * h + usize::from(value >= f32::from_bits(node as u32))
}

/// The column that a node tests.
fn column(node: u64) -> usize {
    usize::from((node >> 32) as u8)
}

fn score_one<const N: usize>(forest: &FlatForest, x: &[f32; COLUMNS_MAX]) -> f32 {
    let (trees, _) = forest.node.as_chunks::<N>();
    let (leaves, _) = forest.leaf.as_chunks::<N>();
    let mut lanes = [0.0f32; LANES];
    for (trees, leaves) in trees.as_chunks::<LANES>().0.iter().zip(leaves.as_chunks::<LANES>().0) {
        let mut place = [1usize; LANES];
        for _ in 0..N.ilog2() {
            for (tree, h) in trees.iter().zip(&mut place) {
                let node = tree[*h & (N - 1)];
                *h = descend(node, *h, x[column(node)]);
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
    let (trees, _) = forest.node.as_chunks::<N>();
    let (leaves, _) = forest.leaf.as_chunks::<N>();
    for (rows, out) in rows.chunks(columns * LANES).zip(out.chunks_mut(LANES)) {
        for (lane, row) in rows.chunks_exact(columns).enumerate() {
            for (column, &value) in block.iter_mut().zip(row) {
                column[lane] = known(value);
            }
        }
        let mut lanes = [[0.0f32; LANES]; LANES];
        for (index, (tree, leaves)) in trees.iter().zip(leaves).enumerate() {
            walk(tree, leaves, &block, &mut lanes[index % LANES]);
        }
        for (row, out) in out.iter_mut().enumerate() {
            *out = sum_lanes(std::array::from_fn(|lane| lanes[lane][row]));
        }
    }
}

/// Adds one tree's answers for 16 rows to `sums`.
fn walk<const N: usize>(tree: &[u64; N], leaves: &[f32; N], block: &Block, sums: &mut [f32; LANES]) {
    let mut place = [1usize; LANES];
    for _ in 0..N.ilog2() {
        for (row, h) in place.iter_mut().enumerate() {
            let node = tree[*h & (N - 1)];
            *h = descend(node, *h, block[column(node)][row]);
        }
    }
    for (sum, h) in sums.iter_mut().zip(place) {
        *sum += leaves[h & (N - 1)];
    }
}
