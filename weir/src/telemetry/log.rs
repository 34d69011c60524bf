//! Structured logs to standard error: sentences for a person at a terminal, one JSON object a line for machines.
//!
//! Separate from what is logged. Invariants: started once, by the command; an error is logged where it is handled, its
//! message reads alone, its facts are fields.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::environment;
use crate::error::Error;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// From its word in the configuration.
    pub fn parse(word: &str) -> Result<Self, Error> {
        Self::from_str(word, false)
            .map_err(|_| Error::Usage(format!("log.format: {word:?} is neither \"text\" nor \"json\"")))
    }
}

/// Starts logging. `level` is `error`, `warn`, `info`, `debug` or `trace`, or directives such as `info,weir=debug`.
pub fn start(format: LogFormat, level: &str) -> Result<(), Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Usage(format!("log.level: {level:?}: {error}"));
    let filter = EnvFilter::builder().parse(level).map_err(|error| wrong(&error))?;
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => lines.with_ansi(environment::colours()).with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
    };
    started.map_err(|error| wrong(&error))
}
