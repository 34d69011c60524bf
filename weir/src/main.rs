//! weir: reads metadata events of a messenger and says, with reasons, which accounts to restrain.
//!
//! Separate from everything else, because this crate alone knows both the pure core and the world. Invariants: `main`
//! only chooses a command and an exit code; the clock is read in `clock` alone, the environment in `environment` alone.

mod archive;
mod clash;
mod cli;
mod clock;
mod commands;
mod config;
mod dashboard;
mod dataset;
mod desk;
mod environment;
mod error;
mod files;
mod insight;
mod interrupt;
mod learning;
mod log_gap;
mod lookahead;
mod model_registry;
mod pipeline;
mod progress;
mod provider;
mod registry;
mod run;
mod saving;
mod server;
mod setup;
mod signature;
mod summary;
mod telemetry;
mod threads;
mod training;
mod up;
mod wanted;

use std::process::ExitCode;

use clap::Parser as _;

use crate::error::Outcome;

/// Returns memory sooner and fragments less than the system's under millions of small blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli.command) {
        Ok(outcome) => outcome.exit_code(),
        Err(error) => {
            environment::complain(&error.to_string());
            Outcome::Refused.exit_code()
        }
    }
}
