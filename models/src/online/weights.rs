//! What was learned, as it is published: small changes of leaf values, bound to one model.
//!
//! Separate from learning, because servers only apply it. One line of JSON, `format` 1: `{"format":1,"base":"…","leaves":[[tree,node,weight],…]}`.
//! Invariants: applied to another model it is refused, and so is what would move any row by more than a learner may ([`SHIFT_MAX`]); same
//! model and weights, same bytes; no bytes make reading panic.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{SHIFT_MAX, forest_of};
use crate::forest::Forest;
use crate::model::{Body, Model};
use crate::{Error, Tree};

/// The format that is written and read.
const FORMAT: u32 = 1;
/// Most leaves: those of the largest forest.
const LEAVES_MAX: usize = 1 << 20;
/// What rounding to `f32` may add to a bound, as a share of it.
const ROUNDING: f64 = 1e-5;

/// Changes of leaf values.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Version of the model that they belong to.
    pub base: String,
    /// Tree, node, and what is added to the leaf's log-odds; in rising order.
    pub leaves: Vec<(u32, u32, f32)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    base: String,
    leaves: Vec<(u32, u32, f64)>,
}

impl Weights {
    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let leaves =
            self.leaves.iter().map(|&(tree, node, weight)| (tree, node, f64::from(weight))).collect();
        let file = File { format: FORMAT, base: self.base.clone(), leaves };
        let mut bytes = serde_json::to_vec(&file).expect("numbers and strings always serialise");
        bytes.push(b'\n');
        bytes
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it is none, or of another format, or names a leaf twice.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let file: File = serde_json::from_slice(bytes).map_err(|error| Error::Damaged(error.to_string()))?;
        if file.format != FORMAT {
            return Err(Error::Damaged(format!(
                "weights of format {}; this build reads {FORMAT}",
                file.format
            )));
        }
        if file.leaves.len() > LEAVES_MAX || file.leaves.iter().any(|(.., weight)| !weight.is_finite()) {
            return Err(Error::Damaged("too many weights, or one that is no number".to_owned()));
        }
        if file.leaves.windows(2).any(|pair| (pair[0].0, pair[0].1) >= (pair[1].0, pair[1].1)) {
            return Err(Error::Damaged("weights that are not in rising order of tree and node".to_owned()));
        }
        let leaves =
            file.leaves.into_iter().map(|(tree, node, weight)| (tree, node, weight as f32)).collect();
        Ok(Self { base: file.base, leaves })
    }

    /// Whether they are of this model, and move no row of it too far.
    ///
    /// # Errors
    /// [`Error::Forest`] if they are of another model, name what is no leaf of it, or would move a row by more than [`SHIFT_MAX`].
    pub fn fit(&self, base: &Model) -> Result<(), Error> {
        let refused = |text: String| Err(Error::Forest(text));
        if self.base != base.version() {
            return refused(format!("weights of model {} do not fit model {}", self.base, base.version()));
        }
        let shift = self.shift_max();
        if shift > SHIFT_MAX * (1.0 + ROUNDING) {
            return refused(format!(
                "weights that move a row by {shift:.1} log-odds; at most {SHIFT_MAX} are taken"
            ));
        }
        let trees = forest_of(base)?.trees();
        let is_leaf = |tree: u32, node: u32| {
            let node = trees.get(tree as usize).and_then(|tree| tree.nodes().get(node as usize));
            node.is_some_and(|node| node.split.is_none())
        };
        match self.leaves.iter().find(|(tree, node, _)| !is_leaf(*tree, *node)) {
            Some((tree, node, _)) => refused(format!("tree {tree} has no leaf {node}")),
            None => Ok(()),
        }
    }

    /// The model with these weights in its leaves. Its version is of its own.
    ///
    /// # Errors
    /// As [`Weights::fit`].
    pub fn applied(&self, base: &Model) -> Result<Model, Error> {
        self.fit(base)?;
        let forest = forest_of(base)?;
        let mut nodes: Vec<_> = forest.trees().iter().map(|tree| tree.nodes().to_vec()).collect();
        for &(tree, node, weight) in &self.leaves {
            nodes[tree as usize][node as usize].value += weight / forest.slope;
        }
        let columns = forest.flat().columns();
        let trees =
            nodes.into_iter().map(|nodes| Tree::new(nodes, columns)).collect::<Result<Vec<_>, _>>()?;
        let body = Body::Trees(Forest::new(trees, columns, (forest.slope, forest.offset))?);
        Ok(base.with_body(body))
    }

    /// Most that they move any row, in log-odds: the farthest leaf of each tree, summed.
    fn shift_max(&self) -> f64 {
        let mut farthest: BTreeMap<u32, f64> = BTreeMap::new();
        for &(tree, _, weight) in &self.leaves {
            let most = farthest.entry(tree).or_default();
            *most = most.max(f64::from(weight).abs());
        }
        farthest.values().sum()
    }
}
