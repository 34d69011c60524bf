//! Two versions side by side on one table.
//!
//! Separate from the gates, which let one pass: this only shows. Invariant: both are measured on the same rows.

use models::evaluate::Evaluation;

use super::VersionArgs;
use super::measured::{MeasuredArgs, measured};
use crate::error::Error;
use crate::files;
use crate::model_registry::ModelRegistry;

/// A figure by name.
type Figure = (&'static str, fn(&Evaluation) -> f64);

/// Measures both and prints their figures.
pub fn diff(other: &str, args: &MeasuredArgs) -> Result<(), Error> {
    let VersionArgs { name, place, trust, .. } = &args.version;
    let registry = ModelRegistry::open(&place.registry)?;
    let version = &args.version.version(&registry)?;
    let trusted = trust.keys()?;
    let of = |version: &str| measured(args, &registry.read(name, version, &trusted)?.0, &[]);
    let (a, b) = (of(version)?, of(other)?);
    let mut text = format!("{:<24}{version:>18}{other:>18}\n", "");
    let figures: [Figure; 6] = [
        ("AUC", |found| found.quality.auc),
        ("average precision", |found| found.quality.average_precision),
        ("Brier score", |found| found.quality.brier),
        ("calibration error", |found| found.calibration.of_all),
        ("  where it acts", |found| found.calibration.of_acted),
        ("recall at FPR 1e-3", |found| found.quality.recall_at[1]),
    ];
    for (what, of) in figures {
        text.push_str(&format!("{what:<24}{:>18.5}{:>18.5}\n", of(&a), of(&b)));
    }
    files::write("-", text.as_bytes())
}
