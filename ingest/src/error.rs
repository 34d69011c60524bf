//! What can go wrong on the way in, by what the caller does about it.
//!
//! Separate, so that every module here fails with one type. Invariant: a broken *record* is never an error, it is a
//! counted refusal; an error means that the input as a whole cannot go on.

use std::io;

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened: the caller gives another name.
    #[error("cannot open {name}: {source}. Check the name and the permissions; `-` reads standard input")]
    Open {
        /// File name as given.
        name: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The device failed (not: the compressed data is corrupt, which is a counted refusal).
    #[error("cannot read on in {name} after byte {bytes}: {source}")]
    Read {
        /// File name as given.
        name: String,
        /// Bytes read before, as they lie on the disk.
        bytes: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// A table of a public data set is not what its documentation says.
    #[error(
        "{name}, line {line}: {detail}. The converter expects the file as it is bundled under tests/data"
    )]
    Table {
        /// File name as given.
        name: String,
        /// Line, from 1; 0 if unknown.
        line: u64,
        /// What is wrong.
        detail: String,
    },
    /// A table of columns is damaged, or has a column of a kind that is not read.
    #[error("{name}: {detail}")]
    Columns {
        /// File name as given.
        name: String,
        /// What is wrong.
        detail: String,
    },
    /// The journal's file cannot be opened or read: the caller stops.
    #[error("the journal {name}: {detail}")]
    Journal {
        /// File name.
        name: String,
        /// What is wrong.
        detail: String,
    },
    /// The receiver of converted events refused one.
    #[error("{0}")]
    Out(String),
    /// A setting of the Kafka client is wrong.
    #[error(
        "Kafka client: {0}. Properties are librdkafka's: `--set key=value`, or [kafka] in the configuration"
    )]
    Settings(String),
    /// The broker refused, or did not answer in time.
    #[error("Kafka: {0}")]
    Broker(String),
}
