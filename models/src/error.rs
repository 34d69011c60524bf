//! What can go wrong in this crate, one variant for each thing a caller can do about it.
//!
//! Separate so that no module invents its own error. Every text reads alone and says what to do.

/// Errors of training, loading and building models.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not a model file of ours at all.
    #[error("this is no weir model: make one with `weir train`")]
    NoModel,
    /// A model file of ours that was changed or cut off: fetch or train it again.
    #[error("model file is damaged: {0}; copy it again from its source, or retrain with `weir train`")]
    Damaged(String),
    /// A format that this build does not read.
    #[error(
        "model file has format {found}, this build reads format {read}: use a matching build, or retrain with `weir train`"
    )]
    Format {
        /// The format the file states.
        found: u64,
        /// The newest format this build reads.
        read: u64,
    },
    /// The model was trained on another feature catalogue.
    #[error(
        "model {name} was trained on feature schema {trained}, this build has {build}: retrain with `weir train`"
    )]
    Catalog {
        /// The model's name.
        name: String,
        /// The catalogue hash in the file, hex.
        trained: String,
        /// The catalogue hash of this build, hex.
        build: String,
    },
    /// The model names a feature that this build does not have.
    #[error("model {name} uses feature {column}, which this build does not have: retrain with `weir train`")]
    UnknownColumn {
        /// The model's name.
        name: String,
        /// The unknown feature.
        column: String,
    },
    /// The model names a feature that models may not use, as it speaks of past enforcement.
    #[error(
        "model {name} uses feature {column}, which is closed to models because it tells of past enforcement: retrain with `weir train`"
    )]
    ClosedColumn {
        /// The model's name.
        name: String,
        /// The feature.
        column: String,
    },
    /// The forest breaks one of the evaluator's limits.
    #[error("forest cannot be frozen: {0}")]
    Forest(String),
    /// The training data cannot be learned from.
    #[error("training data cannot be used: {0}")]
    Data(String),
    /// linfa gave up.
    #[error("training failed: {0}; try another seed, more rows or other settings")]
    Training(String),
}

/// linfa's traits ask for it.
impl From<linfa::Error> for Error {
    fn from(error: linfa::Error) -> Self {
        Error::Training(error.to_string())
    }
}
