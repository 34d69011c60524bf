//! `weir features`: the catalogue, for those who write rules and train models.
//!
//! Separate from the catalogue, which is a table in `features`. Invariant: the order is that of the values in a row.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::Args;

use crate::error::{Error, Outcome};

/// Arguments of `weir features`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  weir features | less\n  weir features --json | jq -r '.features[].name'"
)]
pub struct CatalogArgs {
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// Prints the catalogue.
pub fn run(args: &CatalogArgs) -> Result<Outcome, Error> {
    let text = if args.json { json() } else { table() };
    // A reader that has seen enough is no error.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(Outcome::Done)
}

fn table() -> String {
    let mut text =
        format!("catalogue {:016x}, {} features\n\n", features::catalog_hash(), features::FEATURES);
    let line = |text: &mut String, cells: [&str; 7]| {
        let [place, name, unit, window, evidence, model, meaning] = cells;
        let _ = writeln!(
            text,
            "{place:>3}  {name:<24} {unit:<7} {window:<6} {evidence:<16} {model:<6} {meaning}"
        );
    };
    line(&mut text, ["", "name", "unit", "window", "evidence", "model", "meaning"]);
    for (place, feature) in features::CATALOG.iter().enumerate() {
        let model = if feature.model { "yes" } else { "no" };
        let place = place.to_string();
        let evidence = feature.evidence.word();
        line(
            &mut text,
            [&place, feature.name, feature.unit, feature.window, evidence, model, feature.meaning],
        );
    }
    text
}

fn json() -> String {
    let rows: Vec<serde_json::Value> = features::CATALOG
        .iter()
        .map(|feature| {
            serde_json::json!({
                "name": feature.name,
                "unit": feature.unit,
                "window": feature.window,
                "family": feature.family.word(),
                "evidence": feature.evidence.word(),
                "model": feature.model,
                "meaning": feature.meaning,
                "computed": feature.computed,
            })
        })
        .collect();
    let catalog = format!("{:016x}", features::catalog_hash());
    format!("{}\n", serde_json::json!({ "catalog": catalog, "features": rows }))
}
