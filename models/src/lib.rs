//! Feature vector to probability: linfa trains, we freeze and serve; evaluate, judge, calibrate, explain.
//!
//! Separate from `features` (which has the only mutable state) and from `scorer` (which decides): a model here is a
//! value. Invariants: a frozen model gives linfa's own answer; same model and row, same bits, on every machine; no
//! bytes make loading panic; training with the same seed and data on the same toolchain gives the same bytes.

mod error;
pub mod flat;
pub mod tree;

pub use error::Error;
pub use flat::FlatForest;
pub use tree::Tree;
