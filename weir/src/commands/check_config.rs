//! `weir check-config`: is this policy one that weir will take?
//!
//! Separate from the policy, which is pure. Invariant: says the same as `weir score` would, before anything runs.

use clap::Args;
use schema::limits::POLICY_BYTES_MAX;
use scorer::Policy;

use crate::config;
use crate::environment;
use crate::error::{Error, Outcome};
use crate::files;

const EXAMPLES: &str = "\
Examples:
  weir check-config policy.toml
  weir check-config --print-default > policy.toml     the built-in policy, to start from
  weir features                                       the names that rules may use

A policy that is wrong is refused with file, line, column and reason, and exit code 2.";

/// Arguments of `weir check-config`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckConfigArgs {
    /// The policies.
    #[arg(required_unless_present_any = ["print_default", "config", "print_default_config"])]
    files: Vec<String>,
    /// Check a configuration of the servers as well, with the overrides of the environment, and print what differs from the default.
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// Print the default configuration of the servers.
    #[arg(long, conflicts_with = "files")]
    print_default_config: bool,
    /// Print the policy that is built in.
    #[arg(long, conflicts_with = "files")]
    print_default: bool,
}

/// Checks.
pub fn run(args: &CheckConfigArgs) -> Result<Outcome, Error> {
    if args.print_default {
        files::write("-", Policy::default_toml().as_bytes())?;
    }
    if args.print_default_config {
        files::write("-", config::DEFAULT.as_bytes())?;
    }
    if let Some(file) = &args.config {
        let loaded = config::load(Some(file), &environment::overrides(config::PREFIX))?;
        let mut text = format!("{file}: fine; {} values differ from the default\n", loaded.changed.len());
        for line in &loaded.changed {
            text.push_str(&format!("  {line}\n"));
        }
        files::write("-", text.as_bytes())?;
    }
    for file in &args.files {
        let policy = load(file)?;
        let (rules, bands) = (policy.rules.len(), policy.bands.len());
        let text =
            format!("{file}: {} {}, {rules} rules, {bands} score bands: fine\n", policy.name, policy.version);
        files::write("-", text.as_bytes())?;
    }
    Ok(Outcome::Done)
}

/// Reads and checks a policy.
pub fn load(file: &str) -> Result<Policy, Error> {
    Ok(Policy::parse(file, &files::read_text(file, POLICY_BYTES_MAX as u64)?)?)
}
