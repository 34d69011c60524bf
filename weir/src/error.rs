//! How a command ends.
//!
//! Separate, so that every command fails with one type and the exit codes stand in one place. Invariants: 0 is success,
//! 1 says that the input had rejects and `--strict` was given or that an audit chain is not whole, 2 a wrong command line, file or configuration, 130 that
//! somebody pressed Ctrl-C; a reader that went away (a closed pipe) is success.

use std::process::ExitCode;

/// Why a command could not do its work. Every text reads alone and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The inputs.
    #[error(transparent)]
    Ingest(#[from] ingest::Error),
    /// The outputs.
    #[error(transparent)]
    Sinks(#[from] sinks::Error),
    /// The archive.
    #[error(transparent)]
    History(#[from] schema::HistoryError),
    /// A policy, blocklist or exempt list.
    #[error(transparent)]
    Scorer(#[from] scorer::Error),
    /// The dashboard's own file.
    #[error(transparent)]
    Review(#[from] review::Error),
    /// A file that configures weir, or another one that is read whole.
    #[error("{name}: {detail}")]
    File {
        /// File name as given.
        name: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// A role that runs cannot go on.
    #[error("{0}")]
    Role(String),
    /// The command line, beyond what clap checks.
    #[error("{0}")]
    Usage(String),
}

/// How a command that could do its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is done.
    Done,
    /// Done, but records were refused, and the caller wants to know.
    HadRejects,
    /// Usage or configuration.
    Refused,
    /// Ctrl-C: what was read is decided, written and summed up.
    Interrupted,
}

impl Outcome {
    /// What the shell sees.
    pub fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Outcome::Done => 0,
            Outcome::HadRejects => 1,
            Outcome::Refused => 2,
            Outcome::Interrupted => 130,
        })
    }
}

impl Error {
    /// Names the file that something is wrong with.
    pub fn file(name: &str, detail: impl ToString) -> Error {
        Error::File { name: name.to_owned(), detail: detail.to_string() }
    }
}
