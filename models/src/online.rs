//! Learning while serving: follow-the-regularised-leader on the leaves of a frozen forest.
//!
//! Separate from training, which makes forests; here a forest stays what it is, and each of its leaves has a small weight that labels move.
//! What is published is the same trees with other leaf values, so serving costs nothing more. Source: McMahan et al., "Ad click
//! prediction: a view from the trenches", 2013 (FTRL-proximal); He et al., "Practical lessons from predicting clicks on ads at Facebook",
//! 2014 (leaves as features). Invariants: weights are bound to one model and fit no other; the log-odds of no row move by more than
//! [`OnlineSettings::shift_max`]; the same labels in the same order give the same bits.

mod guard;
mod weights;

pub use guard::{Guard, GuardSettings, Judgement};
pub use weights::Weights;

use crate::forest::Forest;
use crate::model::{Body, Model, sigmoid};
use crate::{Error, Tree};

/// Most that weights may move any row, in log-odds, whoever learned them: a server takes no others.
pub const SHIFT_MAX: f64 = 10.0;

/// How labels move the weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnlineSettings {
    /// How far one label moves a row, in log-odds, at the beginning: about half of this.
    pub rate: f64,
    /// How soon steps become smaller: after about the square of this in labels.
    pub beta: f64,
    /// Pulls weights to 0.
    pub ridge: f64,
    /// Most that the weights may move any row, in log-odds; at most [`SHIFT_MAX`].
    pub shift_max: f64,
    /// Most that a single label may weigh.
    pub weight_max: f64,
}

impl Default for OnlineSettings {
    fn default() -> Self {
        Self { rate: 0.3, beta: 1.0, ridge: 0.0, shift_max: SHIFT_MAX, weight_max: 20.0 }
    }
}

/// A model that learns on.
#[derive(Debug, Clone)]
pub struct Online {
    base: Model,
    settings: OnlineSettings,
    /// Slot of the first node of each tree.
    firsts: Vec<usize>,
    /// Gradients so far, and the sum of their squares, a slot each.
    gradients: Vec<f64>,
    squares: Vec<f64>,
}

impl Online {
    /// Begins with the model as it is.
    ///
    /// # Errors
    /// [`Error::Forest`] if the model has no trees, or a setting is out of range.
    pub fn new(base: Model, settings: OnlineSettings) -> Result<Self, Error> {
        let OnlineSettings { rate, beta, ridge, shift_max, weight_max } = settings;
        let is_sane =
            [rate, beta, shift_max, weight_max].iter().all(|number| number.is_finite() && *number > 0.0);
        if !is_sane || !ridge.is_finite() || ridge < 0.0 || shift_max > SHIFT_MAX {
            return Err(Error::Forest(format!("online settings out of range: {settings:?}")));
        }
        let mut slots = 0;
        let mut firsts = Vec::new();
        for tree in forest_of(&base)?.trees() {
            firsts.push(slots);
            slots += tree.nodes().len();
        }
        Ok(Self { base, settings, firsts, gradients: vec![0.0; slots], squares: vec![0.0; slots] })
    }

    /// The model that it began with.
    #[must_use]
    pub fn base(&self) -> &Model {
        &self.base
    }

    /// The probability of abuse with what was learned so far. `row`: the model's columns, NaN is unknown.
    #[must_use]
    pub fn probability(&self, row: &[f32]) -> f64 {
        sigmoid(self.base.curved(self.margin(row)))
    }

    /// Learns from one row. `weight`: what the row stands for times what its label counts; capped, and nothing if it is no number above 0.
    ///
    /// # Panics
    /// If the row has another length than the model's columns.
    pub fn learn(&mut self, row: &[f32], is_abusive: bool, weight: f64) {
        if weight.is_nan() || weight <= 0.0 {
            return;
        }
        let error = sigmoid(self.margin(row)) - f64::from(u8::from(is_abusive));
        let gradient = error * weight.min(self.settings.weight_max);
        for slot in self.slots(row) {
            let (old, squares) = (self.weight(slot), self.squares[slot]);
            let grown = squares + gradient * gradient;
            let pull = (libm::sqrt(grown) - libm::sqrt(squares)) / self.alpha();
            self.squares[slot] = grown;
            // Held at the bound, so that what was said past it need not be unsaid first.
            let most = self.most() * self.curb(slot);
            self.gradients[slot] = (self.gradients[slot] + gradient - pull * old).clamp(-most, most);
        }
    }

    /// What was learned so far, to be published.
    #[must_use]
    pub fn weights(&self) -> Weights {
        let mut leaves = Vec::new();
        for (tree, (nodes, first)) in self.trees().iter().map(Tree::nodes).zip(&self.firsts).enumerate() {
            for (node, _) in nodes.iter().enumerate().filter(|(_, node)| node.split.is_none()) {
                let weight = self.weight(first + node) as f32;
                if weight != 0.0 {
                    leaves.push((tree as u32, node as u32, weight));
                }
            }
        }
        Weights { base: self.base.version().to_owned(), leaves }
    }

    /// Its memory, to go on from later: gradients, then squares.
    #[must_use]
    pub fn memory(&self) -> (&[f64], &[f64]) {
        (&self.gradients, &self.squares)
    }

    /// Goes on from a memory.
    ///
    /// # Errors
    /// [`Error::Forest`] if it is of another forest, or holds what is no number.
    pub fn remember(&mut self, gradients: Vec<f64>, squares: Vec<f64>) -> Result<(), Error> {
        let fits = gradients.len() == self.gradients.len() && squares.len() == self.squares.len();
        let is_sane = gradients.iter().chain(&squares).all(|number| number.is_finite())
            && squares.iter().all(|square| *square >= 0.0);
        if !fits || !is_sane {
            return Err(Error::Forest("the memory is of another forest, or damaged".to_owned()));
        }
        (self.gradients, self.squares) = (gradients, squares);
        Ok(())
    }

    fn trees(&self) -> &[Tree] {
        forest_of(&self.base).map_or(&[], Forest::trees)
    }

    /// Log-odds before the curve.
    fn margin(&self, row: &[f32]) -> f64 {
        let moved: f64 = self.slots(row).map(|slot| self.weight(slot)).sum();
        self.base.body().log_odds(row) + moved
    }

    /// The slots of the leaves that a row reaches.
    fn slots(&self, row: &[f32]) -> impl Iterator<Item = usize> + use<> {
        let row: Vec<f32> = row.iter().copied().map(crate::tree::known).collect();
        let leaves: Vec<usize> =
            self.trees().iter().zip(&self.firsts).map(|(tree, first)| first + tree.leaf(&row)).collect();
        leaves.into_iter()
    }

    /// Each tree has its part of the step.
    fn alpha(&self) -> f64 {
        self.settings.rate / self.firsts.len() as f64
    }

    fn weight(&self, slot: usize) -> f64 {
        -self.gradients[slot] / self.curb(slot)
    }

    fn curb(&self, slot: usize) -> f64 {
        (self.settings.beta + libm::sqrt(self.squares[slot])) / self.alpha() + self.settings.ridge
    }

    /// Most that a leaf may weigh.
    fn most(&self) -> f64 {
        self.settings.shift_max / self.firsts.len() as f64
    }
}

/// The forest of a model that has one.
fn forest_of(model: &Model) -> Result<&Forest, Error> {
    match model.body() {
        Body::Trees(forest) => Ok(forest),
        Body::Logistic(_) | Body::Bayes(_) => {
            Err(Error::Forest("only a model of trees can learn online: it learns on their leaves".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests;
