//! Labelled rows out of an archive, as online learning needs them: what `weir up` or `weir archive` kept, and what was said since.
//!
//! Separate from tables in files. Invariants: nothing that the archive took in the last moments counts, since parts of it may still be on
//! their way; what is read twice is the same, but for what was said or deleted in between; what is more than memory holds is not read.

use std::collections::BTreeMap;

use models::Model;
use models::labels::{Labels, Said, Voice};
use schema::history::{History, Scan, Span};
use schema::{Label, Row};

use super::Labelled;
use super::rows::ADVICE;
use crate::dataset::{self, Stands};
use crate::error::Error;
use crate::training::Bounds;

/// Before when an archive is complete, ms since the Unix epoch: so long before what follows its newest record. 0 if it is empty.
pub fn settled(archive: &dyn History, settle_ms: u64) -> Result<u64, Error> {
    let newest = archive.freshness()?.into_iter().filter_map(|kind| kind.newest).max();
    Ok(newest.map_or(0, |newest| newest + 1).saturating_sub(settle_ms))
}

/// Rows of the last `window_ms` before `until` (ms since the Unix epoch), with what was said about their accounts before it.
pub fn read_archive(
    archive: &dyn Scan,
    model: &Model,
    (until, window_ms): (u64, u64),
) -> Result<Vec<Labelled>, Error> {
    let span = Span { from: until.saturating_sub(window_ms), to: until };
    let mut labels = Labels::default();
    // What was said before the span counts among the reports that make a label in it.
    dataset::labels(archive, Span { from: 0, to: until }, &mut labels)?;
    let places = places(model)?;
    let wanted = dataset::Wanted { horizon_ms: window_ms, with_restricted: false, with_unlabelled: false };
    let (mut rows, bounds) = (Vec::new(), Bounds::default());
    dataset::each_archived(archive, span, &labels, wanted, &mut |row, said, stands| {
        rows.extend(said.and_then(|said| labelled(row, said, (stands, &places))));
        bounds.check(rows.len(), places.len(), ADVICE).map_err(Error::Usage)
    })?;
    Ok(rows)
}

/// Whether rows of the span say that weights are not in force somewhere: in one of the partitions the champion answers as it was trained, and
/// never as it was taught.
pub fn is_untaught(archive: &dyn Scan, span: Span, [trained, taught]: [&str; 2]) -> Result<bool, Error> {
    let mut partitions: BTreeMap<u32, [bool; 2]> = BTreeMap::new();
    archive.each_row(span, &mut |row| {
        let seen = partitions.entry(row.partition).or_default();
        for (seen, version) in seen.iter_mut().zip([trained, taught]) {
            *seen |= row.model == version;
        }
    })?;
    Ok(partitions.values().any(|seen| *seen == [true, false]))
}

/// Where the model's columns lie in a row.
fn places(model: &Model) -> Result<Vec<usize>, Error> {
    let place = |name: &String| {
        let found = features::CATALOG.iter().position(|feature| feature.name == name);
        found.ok_or_else(|| Error::Usage(format!("the model's column {name} is no feature of this build")))
    };
    model.card().columns.iter().map(place).collect()
}

fn labelled(row: &Row, said: &Said, (stands, places): (Stands, &[usize])) -> Option<Labelled> {
    let is_abusive = match said.label {
        Label::Abusive | Label::Compromised => true,
        Label::Benign => false,
        Label::CannotTell => return None,
    };
    let labelled = Labelled {
        account: row.account.clone(),
        at: row.at,
        delay_ms: said.at.saturating_sub(row.at),
        is_abusive,
        weight: f64::from(stands.weight),
        label_weight: f64::from(said.weight),
        by_reports: said.voice == Voice::Reports,
        values: places.iter().map(|place| row.values[*place].unwrap_or(f32::NAN)).collect(),
    };
    labelled.fault().is_none().then_some(labelled)
}
