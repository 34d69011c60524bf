//! A training file carried out: table in, cross-validated and calibrated model out.
//!
//! Separate from the commands, since `weir train` keeps the model and `weir evaluate` only the report. Invariant: same file,
//! same table, same model bytes, whatever the threads.

use models::Catalog;
use models::evaluate::Evaluation;
use models::experiment::{Found, Plan, run};

use super::file::TrainFile;
use super::learners::{candidates, learner};
use super::report;
use super::table::{self, Table};
use crate::error::Error;
use crate::progress::Progress;
use crate::threads::Threads;

/// What came of it.
pub struct Trained {
    /// The model, and how it was found.
    pub found: Found,
    /// How good it is.
    pub report: Evaluation,
}

/// Carries out the training file `name`.
pub fn train(name: &str, file: &TrainFile, threads: Threads) -> Result<Trained, Error> {
    let fail = |detail: String| Error::file(name, detail);
    let kind = learner(&file.learner).map_err(fail)?;
    let search = (file.search.trials, file.seed);
    let plan = Plan {
        name: file.name.clone(),
        candidates: candidates(&kind, &file.search.values, search).map_err(fail)?,
        metric: file.metric().map_err(fail)?,
        seed: file.seed,
        folds: file.folds().map_err(fail)?,
        class_weight: file.class_weight().map_err(fail)?,
        calibration: file.calibration().map_err(fail)?,
        costs: file.costs().map_err(fail)?,
        trained_on: file.trained_on().map_err(fail)?,
    };
    let mut table = table::read(&file.data)?;
    tell(&table);
    let progress = Progress::of_steps(plan.candidates.len() as u64 + 1, "fits");
    let report = |done: usize, _: usize, text: &str| progress.report(done as u64, || text.to_owned());
    let catalog = Catalog::of_table(&table.data.names);
    let found = run(&mut table.data, &table.times, &plan, &catalog, (&threads, &report));
    progress.finish();
    let found = found.map_err(|error| fail(error.to_string()))?;
    let report = report::of_found(&table, &found, &plan, &threads);
    Ok(Trained { found, report })
}

/// Tells the person at standard error what was read.
pub fn tell(table: &Table) {
    let abusive = table.data.labels.iter().filter(|&&label| label).count();
    eprintln!(
        "{} rows of {} columns, {abusive} of them abusive",
        table.data.labels.len(),
        table.data.names.len()
    );
}
