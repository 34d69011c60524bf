//! Models and their drift: how their scores lie now, against those of the rows held back from training, and of the week before.
//!
//! Separate and pure but for the question to the history. Invariants: an index is told only where enough rows were kept; it says how
//! scores moved, never whether a model is good.

use schema::desk::ModelNote;
use schema::history::{History, SCORE_BINS, Scored, Span, Told};

use super::{DAY_MS, when};
use crate::strings::Strings;

/// Weight of rows below which nothing is said.
const ROWS_MIN: u64 = 200;
/// The least share that a bin is taken to hold, so that the index is finite.
const SHARE_MIN: f64 = 1e-4;
/// The index from which scores moved much.
const MOVED: f64 = 0.25;

/// A row of the table.
pub(super) struct ModelRow {
    pub(super) version: String,
    pub(super) is_champion: bool,
    pub(super) rows: String,
    pub(super) since_training: String,
    pub(super) since_week: String,
    pub(super) has_moved: bool,
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
    let row = |one: &Scored| {
        let trained = champion.filter(|note| note.version == one.model);
        let since_training = trained.and_then(|note| index(&expected(&note.trained), &one.bins));
        let earlier = before.iter().find(|other| other.model == one.model);
        let since_week = earlier.and_then(|other| index(&other.bins.map(|bin| bin as f64), &one.bins));
        let shown = |index: Option<f64>| index.map_or_else(|| "–".to_owned(), |index| format!("{index:.2}"));
        ModelRow {
            version: one.model.clone(),
            is_champion: trained.is_some(),
            rows: when::count(one.bins.iter().sum()),
            since_training: shown(since_training),
            since_week: shown(since_week),
            has_moved: since_week.is_some_and(|index| index >= MOVED),
        }
    };
    let mut rows: Vec<ModelRow> = today.iter().map(row).collect();
    if let Some(note) = champion.filter(|note| !today.iter().any(|one| one.model == note.version)) {
        let none = || t.say("overview.nothing_yet").to_owned();
        let (version, rows_kept) = (note.version.clone(), none());
        let dash = || "–".to_owned();
        let (since_training, since_week) = (dash(), dash());
        rows.push(ModelRow {
            version,
            is_champion: true,
            rows: rows_kept,
            since_training,
            since_week,
            has_moved: false,
        });
    }
    Ok(rows)
}

/// Weights of training's bins, each at the place of its mean score.
fn expected(trained: &[(f32, f32)]) -> [f64; SCORE_BINS] {
    let mut bins = [0.0; SCORE_BINS];
    for (mean, weight) in trained {
        let bin = (f64::from(*mean) * SCORE_BINS as f64) as usize;
        bins[bin.min(SCORE_BINS - 1)] += f64::from(*weight);
    }
    bins
}

/// The population stability index of scores by bins; `None`: one side has too little.
fn index(before: &[f64; SCORE_BINS], now: &[u64; SCORE_BINS]) -> Option<f64> {
    let (all, rows) = (before.iter().sum::<f64>(), now.iter().sum::<u64>());
    if all <= 0.0 || rows < ROWS_MIN {
        return None;
    }
    let part = |(before, now): (&f64, &u64)| {
        let old = (before / all).max(SHARE_MIN);
        let new = (*now as f64 / rows as f64).max(SHARE_MIN);
        (new - old) * libm::log(new / old)
    };
    Some(before.iter().zip(now).map(part).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_has_no_drift_what_moves_has_and_of_little_nothing_is_said() {
        let mut before = [0.0; SCORE_BINS];
        (before[0], before[19]) = (0.9, 0.1);
        let mut now = [0; SCORE_BINS];
        (now[0], now[19]) = (900, 100);
        assert!(index(&before, &now).expect("enough") < 1e-9);
        (now[0], now[19]) = (500, 500);
        // By hand: (0.5 - 0.9) ln(0.5 / 0.9) + (0.5 - 0.1) ln(0.5 / 0.1).
        assert!((index(&before, &now).expect("enough") - 0.878_890).abs() < 1e-5);
        (now[0], now[19]) = (50, 50);
        assert_eq!(index(&before, &now), None);
        assert_eq!(expected(&[(0.0, 0.9), (0.99, 0.1)]), before.map(|weight| f64::from(weight as f32)));
    }
}
