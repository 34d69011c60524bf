//! Rows to learn from: events read twice, once for what was said about accounts, once through the engine for rows as they were; or
//! what an archive kept of both.
//!
//! Separate from the command, which names files. Invariants: a row's values are those that the engine had when it decided; versions
//! that a log activates decide from there on; no row of a deleted account, none at or after its label, and none while a restriction was
//! enforced (unless asked for) is written; every row that is left out is counted under its reason, and a row's weight says for how many of those it stands.

mod archived;
mod drawn;
mod restricted;
mod slices;
mod tables;

pub use archived::{Archive, each_archived, heard, labels};
pub use tables::{Format, HEAD, Tables};

use ingest::{Line, Lines, Source};
use models::labels::{Labels, Said};
use schema::{Event, RawEvent, Row, Span};
use scorer::{Engine, Output};

pub use self::drawn::Drawn;
use self::restricted::Restricted;
pub use self::slices::Slices;
use crate::error::Error;
use crate::registry::Registry;

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
    /// Written, of accounts that would be under a restriction if they were not held out.
    pub held_out: u64,
    /// Left out: nobody said anything about the account in time.
    pub silent: u64,
    /// Left out: the account was under an enforced restriction.
    pub restricted: u64,
    /// Left out: its label comes from an audit of another day, so that nobody knows for how many it stands.
    pub undrawn: u64,
    /// Left out: the account was deleted. Of an archive, which keeps nothing of them: how many accounts.
    pub deleted: u64,
    /// Left out: kept by a build with other features.
    pub foreign: u64,
    /// Lines that are no events.
    pub refused: u64,
}

/// How a row that is written stands among those that are not.
#[derive(Debug, Clone, Copy)]
pub struct Stands {
    /// Its account was under an enforced restriction.
    pub is_restricted: bool,
    /// Its account would have been, if it were not held out.
    pub is_held_out: bool,
    /// Rows that it stands for: 1 / the probability that it is there.
    pub weight: f32,
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

/// A log that is replayed as it was decided.
#[derive(Debug, Clone, Copy)]
pub struct Replayed<'a> {
    /// Its files, in order.
    pub files: &'a [String],
    /// Whether internal kinds in it are believed.
    pub trust_internal: bool,
    /// Where activations in it find their versions.
    pub registry: Option<&'a Registry>,
}

impl Replayed<'_> {
    /// Puts the events through an engine, with the versions that they activate; gives how many lines were no events.
    fn through(
        self,
        engine: &mut Engine,
        mut take: impl FnMut(&Output) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let (mut output, mut offset) = (Output::default(), 0);
        each_event(self.files, self.trust_internal, |event, _| {
            output.clear();
            Registry::provide_for(self.registry, engine, event)?;
            engine.process(event, offset, &mut output);
            offset += 1;
            take(&output)
        })
    }
}

/// Replays a log through the engine and writes the rows with their labels.
pub fn write(
    log: Replayed<'_>,
    engine: &mut Engine,
    (labels, drawn, span): (&Labels, &Drawn, Span),
    wanted: Wanted,
    out: &mut Tables,
) -> Result<Counts, Error> {
    let (mut counts, mut restricted) = (Counts::default(), Restricted::default());
    let refused = log.through(engine, |output| {
        for row in output.rows.iter().filter(|row| (span.from..span.to).contains(&row.at)) {
            let Some((said, stands)) = counts.take(row, (labels, drawn), (wanted, &mut restricted)) else {
                continue;
            };
            out.push(row, said.as_ref(), stands)?;
        }
        // The row at which a restriction begins is still of the free account.
        output.decisions.iter().for_each(|decision| restricted.decided(decision));
        output.standings.iter().for_each(|standing| restricted.told(standing));
        Ok(())
    })?;
    counts.refused = refused;
    Ok(counts)
}

/// Replays a log for what is drawn and decided, if any label can come from an audit.
pub fn drawn(log: Replayed<'_>, engine: &mut Engine, labels: &Labels) -> Result<Drawn, Error> {
    let mut drawn = Drawn::default();
    if !labels.are_by_humans() {
        return Ok(drawn);
    }
    log.through(engine, |output| {
        output.decisions.iter().for_each(|decision| drawn.decided(decision));
        Ok(())
    })?;
    Ok(drawn)
}

impl Counts {
    /// Whether a row is to be written, with which label, and what it stands for.
    fn take(
        &mut self,
        row: &Row,
        (labels, drawn): (&Labels, &Drawn),
        (wanted, restricted): (Wanted, &mut Restricted),
    ) -> Option<(Option<Said>, Stands)> {
        use schema::Label;
        if labels.is_deleted(&row.account) {
            self.deleted += 1;
            return None;
        }
        let is_restricted = restricted.covers(row);
        if is_restricted && !wanted.with_restricted {
            self.restricted += 1;
            return None;
        }
        let said = labels.of(&row.account, row.at, wanted.horizon_ms);
        let Some(probability) = drawn.probability(row, said.as_ref()) else {
            self.undrawn += 1;
            return None;
        };
        match said.as_ref().map(|said| said.label) {
            Some(Label::Abusive | Label::Compromised) => self.abusive += 1,
            Some(Label::Benign) => self.benign += 1,
            Some(Label::CannotTell) | None if wanted.with_unlabelled => self.unlabelled += 1,
            Some(Label::CannotTell) | None => {
                self.silent += 1;
                return None;
            }
        }
        let held_out = restricted.held_out(row).filter(|_| !is_restricted);
        self.held_out += u64::from(held_out.is_some());
        // It is there for all that are left out; where those are written, too, it is one of them.
        let share = held_out.filter(|_| !wanted.with_restricted).unwrap_or(1.0);
        let stands = Stands {
            is_restricted,
            is_held_out: held_out.is_some(),
            weight: row.weight / share / probability,
        };
        Some((said, stands))
    }
}
