//! The commands, one file each: arguments, then what is done with them.
//!
//! Separate from the command line, which only lists them. Invariant: a command reads files, calls the core and writes
//! files; what decides anything lies in a pure crate.

pub mod archive;
pub mod archived;
pub mod audit;
pub mod bench_input;
pub mod blocklist;
pub mod broker;
pub mod catalog;
pub mod check_config;
pub mod clickhouse;
pub mod completions;
pub mod control;
pub mod dataset;
pub mod demo;
pub mod evaluate;
pub mod import;
pub mod judge;
pub mod learn;
pub mod man;
pub mod models;
pub mod replay;
pub mod review;
pub mod run;
pub mod score;
pub mod signing_key;
pub mod simulate;
pub mod topics;
pub mod train;
pub mod up;

use crate::cli::Command;
use crate::error::{Error, Outcome};

/// Runs a command.
pub fn run(command: Command) -> Result<Outcome, Error> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Archive(args) => archive::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Review(args) => review::run(&args),
        Command::Control(args) => control::run(&args),
        Command::Topics(args) => topics::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Judge(args) => judge::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Learn(args) => learn::run(&args),
        Command::Dataset(args) => dataset::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Blocklist(args) => blocklist::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Features(args) => catalog::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Up(args) => up::run(&args),
        Command::BenchInput(args) => bench_input::run(&args),
    }
}
