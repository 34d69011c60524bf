//! The commands, one file each: arguments, then what is done with them.
//!
//! Separate from the command line, which only lists them. Invariant: a command reads files, calls the core and writes
//! files; what decides anything lies in a pure crate.

pub mod catalog;
pub mod completions;
pub mod import;
pub mod man;

use crate::cli::Command;
use crate::error::{Error, Outcome};

/// Runs a command.
pub fn run(command: Command) -> Result<Outcome, Error> {
    match command {
        Command::Import(args) => import::run(&args),
        Command::Features(args) => catalog::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}
