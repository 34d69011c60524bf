//! How a version does on a table: what promotion and comparison look at.
//!
//! Separate from both. Invariants: whoever measured on what a version learned from is told so; drift is measured on the rows that are served,
//! if they are given, and else on the table.

use clap::Args;
use models::Model;
use models::evaluate::Evaluation;

use super::VersionArgs;
use crate::commands::evaluate::{Columns, drift, measure};
use crate::error::Error;
use crate::threads::Threads;
use crate::training::{DataFile, TrainFile};

#[derive(Debug, Args)]
pub struct MeasuredArgs {
    #[command(flatten)]
    pub(super) version: VersionArgs,
    /// A training file whose [data] says how the table is read.
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// The table to measure on: rows that no version learned from.
    #[arg(long, value_name = "FILE")]
    data: String,
    #[command(flatten)]
    columns: Columns,
    /// A table to measure drift against; what each version learned from, as its file keeps it, if none is given.
    #[arg(long, value_name = "FILE")]
    reference: Option<String>,
    /// Rows as they are served now, with or without labels, to measure drift on; those of --data if none are given.
    #[arg(long, value_name = "FILE")]
    serving: Option<String>,
}

/// How a version does on the table, acting from these scores; from the model's own threshold if there are none.
pub fn measured(args: &MeasuredArgs, model: &Model, thresholds: &[f64]) -> Result<Evaluation, Error> {
    let file = args.config.as_deref().map(TrainFile::read).transpose()?;
    let wanted = args.columns.data(file.as_ref(), Some(&args.data));
    let reference = args.reference.as_deref();
    let mut found = measure(model, wanted.clone(), reference, thresholds, &Threads::new(None))?;
    if let Some(serving) = &args.serving {
        found.drift = drift(model, DataFile { file: serving.clone(), ..wanted }, reference)?.1;
    }
    Ok(found)
}
