//! What can go wrong on the way out.
//!
//! Separate, so that every sink fails with one type. Invariant: a reader that went away (a closed pipe) is no error.

use std::io;

/// Why writing stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be made: the caller gives another name.
    #[error(
        "cannot create {name}: {source}. Check the folder and its permissions; `-` writes to standard output"
    )]
    Create {
        /// File name as given.
        name: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The device failed or is full: what was written so far is kept.
    #[error("cannot write on to {name} after {records} records: {source}")]
    Write {
        /// File name as given.
        name: String,
        /// Records written before.
        records: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// A server or store is down, busy or full: the same again after a pause, since the records are still in the log.
    #[error("{what} does not do it now: {cause}")]
    Retry {
        /// Which server or store.
        what: &'static str,
        /// Its own words.
        cause: String,
    },
    /// Trying again changes nothing: a person must look.
    #[error("{what} refuses: {cause}")]
    Stop {
        /// Which server or store.
        what: &'static str,
        /// Its own words, and what to do.
        cause: String,
    },
    /// A setting of the Kafka client is wrong.
    #[error(
        "Kafka client: {0}. Properties are librdkafka's: `--set key=value`, or [kafka] in the configuration"
    )]
    Settings(String),
    /// The broker refused, or did not answer in time.
    #[error("Kafka: {0}")]
    Broker(String),
    /// An internal event was to be written without the key that signs it.
    #[error("no signing key: internal events would be refused as forged. Configure one for every role")]
    NoSigningKey,
    /// A store of checkpoints did not answer, or is full: the caller tries again later.
    #[error("{name}: {what}: {source}")]
    Store {
        /// The store as given.
        name: String,
        /// The object.
        what: String,
        /// The store's reason.
        source: object_store::Error,
    },
    /// A checkpoint cannot be written there, or cannot be used: the caller takes another.
    #[error("checkpoint {name}: {detail}")]
    Checkpoint {
        /// Its path, or the store as given.
        name: String,
        /// What is wrong and what to do.
        detail: String,
    },
}
