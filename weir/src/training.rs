//! From simulated worlds to rows to learn from.
//!
//! Separate from `weir train`, which chooses and writes. Invariants: a row is what the engine would show its model at that
//! moment; a label is the truth at that moment (an account abuses from its onset on, not before); same options, same rows.

mod reservoir;
mod worlds;

pub use worlds::{Worlds, collect};
