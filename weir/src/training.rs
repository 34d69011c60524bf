//! Rows to learn from, out of simulated worlds or tables, and training files carried out.
//!
//! Separate from the commands, which choose and write. Invariants: a row of a world is what the engine would show its model at
//! that moment; a label is the truth at that moment (an account abuses from its onset on, not before); same options, same
//! rows.

mod bounds;
mod file;
mod learners;
pub mod report;
mod reservoir;
mod run;
mod slices;
pub mod table;
mod worlds;

pub use bounds::{Bounds, Watched};
pub use file::{DataFile, TrainFile};
pub use run::{tell, train};
pub use worlds::{Worlds, collect};
