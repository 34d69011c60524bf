//! Models and their drift: how their scores lie now, against those of the rows held back from training, and of the week before.
//!
//! Separate from the figures of the overview. Pure but for the question to the history. Invariant: a model that decides is listed also
//! if it scored nothing yet.

use schema::desk::ModelNote;
use schema::history::{History, Scored, Span, Told};

use super::{DAY_MS, when};
use crate::drift::{self, Bins, MOVED};
use crate::strings::Strings;

/// A row of the table.
pub(super) struct ModelRow {
    pub(super) version: String,
    pub(super) is_champion: bool,
    pub(super) rows: String,
    /// Since training, and since the week before.
    pub(super) drifts: [Drift; 2],
}

/// An index as it is shown.
pub(super) struct Drift {
    pub(super) text: String,
    pub(super) has_moved: bool,
}

impl Drift {
    fn of(index: Option<f64>) -> Self {
        let text = index.map_or_else(|| "–".to_owned(), |index| format!("{index:.2}"));
        Self { text, has_moved: index.is_some_and(|index| index >= MOVED) }
    }
}

/// Every model that scored rows in the last day, and the one that decides.
pub(super) fn models(
    t: &Strings,
    history: &dyn History,
    champion: Option<&ModelNote>,
    now: u64,
) -> Told<Vec<ModelRow>> {
    let day = Span { from: now.saturating_sub(DAY_MS), to: now + 1 };
    let week = Span { from: now.saturating_sub(8 * DAY_MS), to: day.from };
    let (today, before) = (history.scores(day)?, history.scores(week)?);
    let bins = |one: &Scored| -> Bins { one.bins.map(|bin| bin as f64) };
    let row = |one: &Scored| {
        let trained = champion.filter(|note| note.version == one.model);
        let of_training = trained.map(|note| drift::trained(note.trained.iter().copied()));
        let earlier = before.iter().find(|other| other.model == one.model);
        ModelRow {
            version: one.model.clone(),
            is_champion: trained.is_some(),
            rows: when::count(one.bins.iter().sum()),
            drifts: [
                of_training.and_then(|before| drift::index(&before, &bins(one))),
                earlier.and_then(|earlier| drift::index(&bins(earlier), &bins(one))),
            ]
            .map(Drift::of),
        }
    };
    let mut rows: Vec<ModelRow> = today.iter().map(row).collect();
    if let Some(note) = champion.filter(|note| !today.iter().any(|one| one.model == note.version)) {
        rows.push(ModelRow {
            version: note.version.clone(),
            is_champion: true,
            rows: t.say("overview.nothing_yet").to_owned(),
            drifts: [None, None].map(Drift::of),
        });
    }
    Ok(rows)
}
