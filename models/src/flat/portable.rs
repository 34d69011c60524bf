//! The evaluator in plain Rust: the meaning that the AVX-512 path must equal to the bit.
//!
//! Separate so that it can be read as the definition. Invariant: same operations in the same order as `wide`.

use super::{COLUMNS_MAX, FlatForest, LANES, sum_lanes, transpose};
use crate::tree::known;

/// One row; 16 trees at a time, so that their walks overlap.
pub(super) fn score(forest: &FlatForest, row: &[f32]) -> f32 {
    let mut x = [0.0f32; COLUMNS_MAX];
    for (to, &value) in x.iter_mut().zip(row) {
        *to = known(value);
    }
    let depth = forest.depth;
    let group = LANES << depth;
    let mut lanes = [0.0f32; LANES];
    for first in (0..forest.trees << depth).step_by(group) {
        let column_of = &forest.column_of[first..first + group];
        let threshold = &forest.threshold[first..first + group];
        let leaf = &forest.leaf[first..first + group];
        let mut place = [1usize; LANES];
        for _ in 0..depth {
            for (lane, h) in place.iter_mut().enumerate() {
                let node = (lane << depth) + *h;
                *h = 2 * *h + usize::from(x[usize::from(column_of[node])] >= threshold[node]);
            }
        }
        for (lane, h) in place.iter().enumerate() {
            lanes[lane] += leaf[(lane << depth) + h - (1 << depth)];
        }
    }
    sum_lanes(lanes)
}

/// Many rows; 16 rows at a time through one tree after the other.
pub(super) fn score_batch(forest: &FlatForest, rows: &[f32], out: &mut [f32]) {
    let columns = forest.columns;
    let mut block = vec![0.0f32; columns * LANES];
    for (rows, out) in rows.chunks(columns * LANES).zip(out.chunks_mut(LANES)) {
        transpose(rows, columns, &mut block);
        let mut lanes = [[0.0f32; LANES]; LANES];
        for tree in 0..forest.trees {
            walk(forest, tree, &block, &mut lanes[tree % LANES]);
        }
        for (row, out) in out.iter_mut().enumerate() {
            *out = sum_lanes(std::array::from_fn(|lane| lanes[lane][row]));
        }
    }
}

/// Adds one tree's answers for 16 rows to `sums`.
fn walk(forest: &FlatForest, tree: usize, block: &[f32], sums: &mut [f32; LANES]) {
    let depth = forest.depth;
    let nodes = tree << depth..(tree + 1) << depth;
    let column_of = &forest.column_of[nodes.clone()];
    let threshold = &forest.threshold[nodes.clone()];
    let leaf = &forest.leaf[nodes];
    let mut place = [1usize; LANES];
    for _ in 0..depth {
        for (row, h) in place.iter_mut().enumerate() {
            let x = block[usize::from(column_of[*h]) * LANES + row];
            *h = 2 * *h + usize::from(x >= threshold[*h]);
        }
    }
    for (sum, h) in sums.iter_mut().zip(place) {
        *sum += leaf[h - (1 << depth)];
    }
}
