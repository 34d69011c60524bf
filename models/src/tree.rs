//! A frozen decision tree as a list of nodes.
//!
//! Separate from `flat` because this is the form that is stored, checked and explained; `flat` is the form that
//! is fast. Invariants, held by [`Tree::new`]: at least one node, node 0 is the root, a child comes after its
//! parent and has exactly one, no leaf is deeper than [`DEPTH_MAX`], every column is below the stated number and
//! every number is finite.

use crate::Error;

/// The deepest tree that can be frozen.
pub const DEPTH_MAX: usize = 8;
/// The most columns of one model.
pub const COLUMNS_MAX: usize = 256;

/// What stands in for an unknown value, in training and serving alike. All known values are at least 0.
pub const UNKNOWN: f32 = -1.0;

/// The value a tree sees: unknown (NaN) becomes [`UNKNOWN`].
#[must_use]
pub fn known(value: f32) -> f32 {
    if value.is_nan() { UNKNOWN } else { value }
}

/// A test at an inner node: a row goes right iff `row[column] >= threshold`, as linfa predicts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// Index into the model's columns.
    pub column: u16,
    /// The smallest value that goes right.
    pub threshold: f32,
    /// Node index of the child for smaller values.
    pub left: u32,
    /// Node index of the child for the others.
    pub right: u32,
}

/// One node. `value` is the leaf's answer, or for an inner node the mean answer of the training rows below it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// `None` for a leaf.
    pub split: Option<Split>,
    /// In units of the score (log-odds or votes).
    pub value: f32,
}

/// A checked tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
    depth: usize,
}

impl Tree {
    /// Checks and takes the nodes of a tree over `columns` columns.
    ///
    /// # Errors
    /// [`Error::Forest`] if an invariant of this module does not hold.
    pub fn new(nodes: Vec<Node>, columns: usize) -> Result<Self, Error> {
        let bad = |text: &str, at: usize| Err(Error::Forest(format!("node {at}: {text}")));
        if nodes.is_empty() || nodes.len() >= 1 << (DEPTH_MAX + 1) {
            return Err(Error::Forest(format!("a tree of {} nodes", nodes.len())));
        }
        let mut depth_of: Vec<Option<usize>> = vec![None; nodes.len()];
        depth_of[0] = Some(0);
        let mut depth = 0;
        for (at, node) in nodes.iter().enumerate() {
            let Some(here) = depth_of[at] else { return bad("no parent before it", at) };
            if !node.value.is_finite() {
                return bad("its value is not a finite number", at);
            }
            let Some(split) = node.split else { continue };
            if usize::from(split.column) >= columns {
                return bad("its column is out of range", at);
            }
            if !split.threshold.is_finite() {
                return bad("its threshold is not a finite number", at);
            }
            if here == DEPTH_MAX {
                return bad("deeper than 8", at);
            }
            for child in [split.left as usize, split.right as usize] {
                if child <= at || child >= nodes.len() {
                    return bad("its child is out of range", at);
                }
                if depth_of[child].replace(here + 1).is_some() {
                    return bad("its child has two parents", at);
                }
            }
            depth = depth.max(here + 1);
        }
        Ok(Self { nodes, depth })
    }

    /// The nodes, parents before children.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Edges on the longest way from root to leaf.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The leaf that a row of known values (see [`known`]) reaches, as a node index.
    #[must_use]
    pub fn leaf(&self, row: &[f32]) -> usize {
        let mut at = 0;
        while let Some(split) = self.nodes[at].split {
            let right = row[usize::from(split.column)] >= split.threshold;
            at = if right { split.right } else { split.left } as usize;
        }
        at
    }

    /// The same tree with other node values, in node order.
    ///
    /// # Errors
    /// [`Error::Forest`] if a value is not finite or their number is wrong.
    pub fn with_values(&self, values: &[f32]) -> Result<Self, Error> {
        if values.len() != self.nodes.len() || values.iter().any(|value| !value.is_finite()) {
            return Err(Error::Forest("leaf values are missing or not finite".to_owned()));
        }
        let nodes = self.nodes.iter().zip(values).map(|(node, &value)| Node { value, ..*node }).collect();
        Ok(Self { nodes, depth: self.depth })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(value: f32) -> Node {
        Node { split: None, value }
    }

    fn split(column: u16, threshold: f32, left: u32, right: u32) -> Node {
        Node { split: Some(Split { column, threshold, left, right }), value: 0.0 }
    }

    #[test]
    fn a_value_at_the_threshold_goes_right() {
        let tree = Tree::new(vec![split(0, 2.0, 1, 2), leaf(-1.0), leaf(1.0)], 1).unwrap();
        assert_eq!((tree.leaf(&[1.9]), tree.leaf(&[2.0]), tree.depth()), (1, 2, 1));
    }

    #[test]
    fn malformed_trees_are_refused() {
        let cases = [
            vec![],
            vec![split(0, 1.0, 1, 2), leaf(0.0)],
            vec![split(0, 1.0, 0, 1), leaf(0.0)],
            vec![split(0, 1.0, 1, 1), leaf(0.0)],
            vec![split(1, 1.0, 1, 2), leaf(0.0), leaf(0.0)],
            vec![split(0, f32::NAN, 1, 2), leaf(0.0), leaf(0.0)],
            vec![split(0, 1.0, 1, 2), leaf(f32::INFINITY), leaf(0.0)],
            vec![leaf(0.0), leaf(0.0)],
        ];
        for nodes in cases {
            assert!(Tree::new(nodes.clone(), 1).is_err(), "{nodes:?}");
        }
    }

    #[test]
    fn a_tree_deeper_than_eight_is_refused() {
        let chain = |depth: u32| {
            let mut nodes: Vec<Node> =
                (0..depth).flat_map(|d| [split(0, 1.0, 2 * d + 1, 2 * d + 2), leaf(0.0)]).collect();
            nodes.push(leaf(0.0));
            // Order is split, its left leaf, next split: renumber as parent at 2d, left 2d+1, right 2d+2.
            Tree::new(nodes, 1)
        };
        assert!(chain(8).is_ok());
        assert!(chain(9).is_err());
    }
}
