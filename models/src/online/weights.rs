//! What was learned, as it is published: small changes of leaf values, bound to one model.
//!
//! Separate from learning, because servers only apply it. One line of JSON, `format` 1: `{"format":1,"base":"…","leaves":[[tree,node,weight],…]}`.
//! Invariants: applied to another model it is refused; same model and weights, same bytes; no bytes make reading panic.

use serde::{Deserialize, Serialize};

use super::forest_of;
use crate::forest::Forest;
use crate::model::{Body, Model};
use crate::{Error, Tree};

/// The format that is written and read.
const FORMAT: u32 = 1;
/// Most leaves: those of the largest forest.
const LEAVES_MAX: usize = 1 << 20;

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
    /// [`Error::Damaged`] if it is none, or of another format.
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
        let leaves =
            file.leaves.into_iter().map(|(tree, node, weight)| (tree, node, weight as f32)).collect();
        Ok(Self { base: file.base, leaves })
    }

    /// The model with these weights in its leaves. Its version is of its own.
    ///
    /// # Errors
    /// [`Error::Forest`] if they are of another model, or name what is no leaf of it.
    pub fn applied(&self, base: &Model) -> Result<Model, Error> {
        if self.base != base.version() {
            let text = format!("weights of model {} do not fit model {}", self.base, base.version());
            return Err(Error::Forest(text));
        }
        let forest = forest_of(base)?;
        let mut nodes: Vec<_> = forest.trees().iter().map(|tree| tree.nodes().to_vec()).collect();
        for &(tree, node, weight) in &self.leaves {
            let place = nodes.get_mut(tree as usize).and_then(|nodes| nodes.get_mut(node as usize));
            let leaf = place.filter(|node| node.split.is_none());
            let leaf = leaf.ok_or_else(|| Error::Forest(format!("tree {tree} has no leaf {node}")))?;
            leaf.value += weight / forest.slope;
        }
        let columns = forest.flat().columns();
        let trees =
            nodes.into_iter().map(|nodes| Tree::new(nodes, columns)).collect::<Result<Vec<_>, _>>()?;
        let body = Body::Trees(Forest::new(trees, columns, (forest.slope, forest.offset))?);
        Ok(base.with_body(body))
    }
}
