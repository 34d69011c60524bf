//! `weir completions`: what a shell needs to complete weir's command line.
//!
//! Separate, because it only prints. Invariant: made from the same table as the parser.

use std::io::Write as _;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::error::{Error, Outcome};

const EXAMPLES: &str = "\
Examples:
  weir completions bash > ~/.local/share/bash-completion/completions/weir
  weir completions zsh > ~/.zfunc/_weir
  weir completions fish > ~/.config/fish/completions/weir.fish";

/// Arguments of `weir completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Prints completions.
pub fn run(args: &CompletionsArgs) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "weir", &mut script);
    // A reader that has seen enough is no error.
    let _ = std::io::stdout().write_all(&script);
    Ok(Outcome::Done)
}
