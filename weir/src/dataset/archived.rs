//! Rows out of an archive: what was kept while weir ran, joined with what was said later.
//!
//! Separate from replaying, which makes the rows anew. Invariants: the values are those that were kept, bit for bit; an account counts as
//! restricted from the row after that of the decision until its end or lift; a verdict is taken from its review, once; accounts that
//! were deleted are in no archive any more, and are counted.

use std::collections::BTreeMap;

use models::labels::Labels;
use schema::history::{Scan, Span};
use schema::{Action, Decision, Mode, RawEvent, Row, Scope};

use super::tables::Tables;
use super::{Counts, Wanted};
use crate::error::Error;

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

fn note(raw: &RawEvent<'_>, at: u64, labels: &mut Labels) -> Result<(), schema::Refusal> {
    if let Some(event) = raw.event()? {
        labels.event(&event, at);
    }
    Ok(())
}

/// Writes the rows that were kept in the span, with their labels.
pub fn write_archived(
    archive: &dyn Scan,
    span: Span,
    labels: &Labels,
    wanted: Wanted,
    out: &mut Tables,
) -> Result<Counts, Error> {
    let catalog = format!("{:016x}", features::catalog_hash());
    let mut standing = Restricted::default();
    // What began before the span may still be in force.
    let before = Span { from: 0, to: span.to };
    archive.each_decision(before, &mut |decision| standing.know(decision, span.from))?;
    let (mut counts, mut failed) = (Counts::default(), None);
    archive.each_row(span, &mut |row| {
        if failed.is_some() {
            return;
        }
        if row.catalog != catalog || row.values.len() != features::CATALOG.len() {
            counts.foreign += 1;
            return;
        }
        let is_restricted = standing.covers(&row);
        standing.take(&row);
        if let Some(said) = counts.take(&row, labels, (wanted, is_restricted)) {
            failed = out.push(&row, said.as_ref(), is_restricted).err();
        }
    })?;
    counts.deleted = archive.deleted(before)?;
    failed.map_or(Ok(counts), Err)
}

/// Who is under a restriction, as decisions come to lie between rows.
#[derive(Debug, Default)]
struct Restricted {
    /// Enforced decisions by id, until their row comes.
    ahead: BTreeMap<String, Decision>,
    /// Scope and end (ms) of what is in force, by account.
    in_force: BTreeMap<String, Vec<(Scope, u64)>>,
}

impl Restricted {
    /// A decision of the archive, oldest first; those before `from` act at once.
    fn know(&mut self, decision: Decision, from: u64) {
        if decision.mode != Mode::Enforce {
            return;
        }
        if decision.issued < from {
            self.apply(&decision);
        } else {
            self.ahead.insert(decision.id.clone(), decision);
        }
    }

    fn covers(&mut self, row: &Row) -> bool {
        let Some(held) = self.in_force.get_mut(&row.account) else { return false };
        held.retain(|(_, end)| *end > row.at);
        !held.is_empty()
    }

    /// What was decided at the row's event acts from now on.
    fn take(&mut self, row: &Row) {
        for id in &row.decisions {
            if let Some(decision) = self.ahead.remove(id) {
                self.apply(&decision);
            }
        }
    }

    fn apply(&mut self, decision: &Decision) {
        let held = self.in_force.entry(decision.account.clone()).or_default();
        match decision.action {
            Action::Lift => {
                held.retain(|(scope, _)| decision.scope != Scope::All && *scope != decision.scope)
            }
            action if action.restricts() => {
                held.retain(|(scope, _)| *scope != decision.scope);
                held.push((decision.scope, decision.expires.unwrap_or(u64::MAX)));
            }
            _ => {}
        }
        if held.is_empty() {
            self.in_force.remove(&decision.account);
        }
    }
}
