//! Rows out of an archive: what was kept while weir ran, joined with what was said later.
//!
//! Separate from replaying, which makes the rows anew. Invariants: the values are those that were kept, bit for bit; an account counts as
//! restricted from the row after that of the decision until its end or lift; a verdict is taken from its review, once; accounts that
//! were deleted are in no archive any more, and are counted.

use std::collections::BTreeMap;

use models::labels::{Labels, Said};
use schema::history::{History, Scan, Span};
use schema::{Decision, HOLDOUT, Mode, RawEvent, Row};

use super::restricted::Restricted;
use super::{Counts, Drawn, Slices, Stands, Wanted};
use crate::error::Error;

/// An archive that can be read through, and says how far it is.
pub trait Archive: Scan + History {}

impl<A: Scan + History> Archive for A {}

/// Event kinds from which labels come. Verdicts come with their reviews.
const SAYING: [&str; 3] = ["report", "appeal", "deletion"];

/// What was said in the span. `Err` if the archive does not answer.
pub fn labels(archive: &dyn Scan, span: Span, labels: &mut Labels) -> Result<(), Error> {
    let mut broken = None;
    archive.each_event(&SAYING, span, &mut |archived| match archived
        .decode()
        .and_then(|raw| note(&raw, archived.at, labels))
    {
        Ok(()) => {}
        Err(refusal) => broken = Some(refusal),
    })?;
    if let Some(refusal) = broken {
        return Err(Error::Usage(format!("the archive holds an event that is none: {refusal}")));
    }
    archive.each_review(span, &mut |review| labels.review(&review))?;
    Ok(())
}

/// What rows are measured apart by, as far as the archive still holds it.
pub fn heard(archive: &dyn Scan, slices: &mut Slices) -> Result<(), Error> {
    archive.each_event(&["registration", "session"], Span { from: 0, to: u64::MAX }, &mut |archived| {
        // What cannot be read says nothing.
        if let Ok(Some(event)) = archived.decode().as_ref().map_or(Ok(None), RawEvent::event) {
            slices.event(&event, archived.at);
        }
    })?;
    Ok(())
}

fn note(raw: &RawEvent<'_>, at: u64, labels: &mut Labels) -> Result<(), schema::Refusal> {
    if let Some(event) = raw.event()? {
        labels.event(&event, at);
    }
    Ok(())
}

/// What is done with a row, its label, and for how many it stands.
pub type Taking<'a> = &'a mut dyn FnMut(&Row, Option<&Said>, Stands) -> Result<(), Error>;

/// Gives the rows that were kept in the span to `take`, with their labels.
pub fn each_archived(
    archive: &dyn Scan,
    span: Span,
    labels: &Labels,
    wanted: Wanted,
    take: Taking<'_>,
) -> Result<Counts, Error> {
    let catalog = format!("{:016x}", features::catalog_hash());
    let mut decided = Decided::default();
    // What began before the span may still be in force.
    let before = Span { from: 0, to: span.to };
    archive.each_decision(before, &mut |decision| decided.know(decision, span.from))?;
    // Who was drawn is told a day later; what is decided until the label comes says whether anybody would have looked anyway.
    let mut drawn = Drawn::default();
    archive.each_decision(Span { from: 0, to: u64::MAX }, &mut |decision| drawn.decided(&decision))?;
    let (mut counts, mut failed) = (Counts::default(), None);
    archive.each_row(span, &mut |row| {
        if failed.is_some() {
            return;
        }
        if row.catalog != catalog || row.values.len() != features::CATALOG.len() {
            counts.foreign += 1;
            return;
        }
        if let Some((said, stands)) = counts.take(&row, (labels, &drawn), (wanted, &mut decided.restricted)) {
            failed = take(&row, said.as_ref(), stands).err();
        }
        decided.take(&row);
    })?;
    counts.deleted = archive.deleted(before)?;
    failed.map_or(Ok(counts), Err)
}

/// Who is under a restriction, as decisions come to lie between rows.
#[derive(Debug, Default)]
struct Decided {
    /// Those that matter by id, until their row comes.
    ahead: BTreeMap<String, Decision>,
    restricted: Restricted,
}

impl Decided {
    /// A decision of the archive, oldest first; those before `from` act at once.
    fn know(&mut self, decision: Decision, from: u64) {
        if decision.mode != Mode::Enforce && decision.probability(HOLDOUT).is_none() {
            return;
        }
        if decision.issued < from {
            self.restricted.decided(&decision);
        } else {
            self.ahead.insert(decision.id.clone(), decision);
        }
    }

    /// What was decided at the row's event acts from now on.
    fn take(&mut self, row: &Row) {
        for id in &row.decisions {
            if let Some(decision) = self.ahead.remove(id) {
                self.restricted.decided(&decision);
            }
        }
    }
}
