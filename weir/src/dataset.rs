//! Rows to learn from: events read twice, once for what was said about accounts, once through the engine for rows as they were; or
//! what an archive kept of both.
//!
//! Separate from the command, which names files. Invariants: a row's values are those that the engine had when it decided; no row
//! of a deleted account, none at or after its label, and none while a restriction was enforced (unless asked for) is
//! written; every row that is left out is counted under its reason.

mod archived;
mod tables;

pub use archived::{labels, write_archived};
pub use tables::{Format, HEAD, Tables};

use std::collections::BTreeSet;

use ingest::{Line, Lines, Source};
use models::labels::{Labels, Said};
use schema::{Event, Mode, RawEvent, Row, Span};
use scorer::{Engine, Output};

use crate::error::Error;

/// What a data set is to hold.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// How long after a row its label may come, ms.
    pub horizon_ms: u64,
    /// Rows of accounts under an enforced restriction as well.
    pub with_restricted: bool,
    /// Rows without a label as well.
    pub with_unlabelled: bool,
}

/// Rows by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Written, abusive or compromised.
    pub abusive: u64,
    /// Written, benign.
    pub benign: u64,
    /// Written without a label.
    pub unlabelled: u64,
    /// Left out: nobody said anything about the account in time.
    pub silent: u64,
    /// Left out: the account was under an enforced restriction.
    pub restricted: u64,
    /// Left out: the account was deleted. Of an archive, which keeps nothing of them: how many accounts.
    pub deleted: u64,
    /// Left out: kept by a build with other features.
    pub foreign: u64,
    /// Lines that are no events.
    pub refused: u64,
}

/// Calls `take` with each event of the files, and when the log took it; returns how many lines were no events.
pub fn each_event(
    files: &[String],
    trust_internal: bool,
    mut take: impl FnMut(&Event<'_>, u64) -> Result<(), Error>,
) -> Result<u64, Error> {
    let (mut refused, mut at) = (0, 0);
    for file in files {
        let mut lines = Lines::new(Source::open(file)?);
        while let Some(line) = lines.next() {
            let Line::Record { bytes, .. } = line? else {
                refused += 1;
                continue;
            };
            let Ok(raw) = schema::json::decode(bytes) else {
                refused += 1;
                continue;
            };
            match RawEvent::event(&raw) {
                Ok(Some(event)) if event.body.is_internal() && !trust_internal => refused += 1,
                Ok(Some(event)) => {
                    at = at.max(event.at.unwrap_or(event.ts));
                    take(&event, at)?;
                }
                Ok(None) => {}
                Err(_) => refused += 1,
            }
        }
    }
    Ok(refused)
}

/// Replays the files through the engine and writes the rows with their labels.
pub fn write(
    files: &[String],
    (engine, trust_internal): (&mut Engine, bool),
    (labels, span): (&Labels, Span),
    wanted: Wanted,
    out: &mut Tables,
) -> Result<Counts, Error> {
    let (mut counts, mut restricted) = (Counts::default(), BTreeSet::new());
    let (mut output, mut offset) = (Output::default(), 0);
    let refused = each_event(files, trust_internal, |event, _| {
        output.clear();
        engine.process(event, offset, &mut output);
        offset += 1;
        for row in output.rows.iter().filter(|row| (span.from..span.to).contains(&row.at)) {
            let is_restricted = restricted.contains(&row.account);
            let Some(said) = counts.take(row, labels, (wanted, is_restricted)) else { continue };
            out.push(row, said.as_ref(), is_restricted)?;
        }
        // The row at which a restriction begins is still of the free account.
        let enforced = output.decisions.iter().filter(|decision| decision.mode == Mode::Enforce);
        let touched: BTreeSet<&String> = enforced.map(|decision| &decision.account).collect();
        for standing in output.standings.iter().filter(|standing| !standing.account.contains(':')) {
            if !standing.restrictions.iter().any(|one| one.action.restricts()) {
                restricted.remove(&standing.account);
            } else if touched.contains(&standing.account) {
                restricted.insert(standing.account.clone());
            }
        }
        Ok(())
    })?;
    counts.refused = refused;
    Ok(counts)
}

impl Counts {
    /// Whether a row is to be written, and with which label.
    fn take(
        &mut self,
        row: &Row,
        labels: &Labels,
        (wanted, is_restricted): (Wanted, bool),
    ) -> Option<Option<Said>> {
        use schema::Label;
        if labels.is_deleted(&row.account) {
            self.deleted += 1;
            return None;
        }
        if is_restricted && !wanted.with_restricted {
            self.restricted += 1;
            return None;
        }
        let said = labels.of(&row.account, row.at, wanted.horizon_ms);
        match said.as_ref().map(|said| said.label) {
            Some(Label::Abusive | Label::Compromised) => self.abusive += 1,
            Some(Label::Benign) => self.benign += 1,
            Some(Label::CannotTell) | None if wanted.with_unlabelled => self.unlabelled += 1,
            Some(Label::CannotTell) | None => {
                self.silent += 1;
                return None;
            }
        }
        Some(said)
    }
}
