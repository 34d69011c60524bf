//! What a column is worth: how much worse the ranking gets when its values are dealt out anew among the rows.
//!
//! Separate from explanations, which are about one row. Invariants: the same rows and seed, the same figures; a column that
//! nothing looks at is worth exactly 0; values are dealt out among rows that the same body scores.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::dataset::Dataset;
use crate::measure::{Scored, quality};
use crate::model::Body;
use crate::workers::{Job, Workers};

/// Rows that are looked at, at most.
const ROWS_MAX: usize = 20_000;

/// What a column is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// The column.
    pub column: String,
    /// How much AUC falls without it.
    pub auc: f64,
    /// How much average precision falls without it.
    pub average_precision: f64,
}

/// Rows, and the body that had not seen them.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The body.
    pub body: &'a Body,
    /// Rows of the data.
    pub rows: &'a [usize],
}

/// The worth of each column, the largest by average precision first.
#[must_use]
pub fn importance(data: &Dataset, seen: &[Seen<'_>], seed: u64, workers: &dyn Workers) -> Vec<Importance> {
    let all: usize = seen.iter().map(|part| part.rows.len()).sum();
    let step = all.div_ceil(ROWS_MAX).max(1);
    let thin: Vec<(&Body, Vec<usize>)> =
        seen.iter().map(|part| (part.body, part.rows.iter().copied().step_by(step).collect())).collect();
    let columns = data.names.len();
    let mut found = vec![(0.0, 0.0); columns + 1];
    let jobs = found.iter_mut().enumerate().map(|(column, place)| {
        let thin = &thin;
        // The last one changes no column: what the others fall from.
        Box::new(move || *place = ranking(data, thin, (column < columns).then_some(column), seed)) as Job<'_>
    });
    workers.run(jobs.collect());
    let whole = found[columns];
    let worth = |(column, (auc, precision)): (&String, (f64, f64))| Importance {
        column: column.clone(),
        auc: whole.0 - auc,
        average_precision: whole.1 - precision,
    };
    let mut worths: Vec<Importance> = data.names.iter().zip(found).map(worth).collect();
    worths.sort_by(|a, b| {
        b.average_precision
            .total_cmp(&a.average_precision)
            .then(b.auc.total_cmp(&a.auc))
            .then(a.column.cmp(&b.column))
    });
    worths
}

/// AUC and average precision with one column dealt out anew.
fn ranking(data: &Dataset, parts: &[(&Body, Vec<usize>)], dealt: Option<usize>, seed: u64) -> (f64, f64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut scored = Vec::new();
    for (body, rows) in parts {
        let mut givers = rows.clone();
        givers.shuffle(&mut rng);
        for (&row, &giver) in rows.iter().zip(&givers) {
            let mut values = data.rows.row(row).to_vec();
            if let Some(column) = dealt {
                values[column] = data.rows[(giver, column)];
            }
            let (abusive, weight) = (data.labels[row], f64::from(data.weights[row]));
            scored.push(Scored { score: body.log_odds(&values), abusive, weight });
        }
    }
    let found = quality(scored);
    (found.auc, found.average_precision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tests::sample;
    use crate::logistic::{Logistic, Term};
    use crate::workers::Alone;

    #[test]
    fn what_nothing_looks_at_is_worth_nothing() {
        let mut data = sample(2_000, 1);
        data.labels = data.rows.column(2).iter().map(|&value| value >= 4.0).collect();
        let term = |column| Term { mean: 0.0, deviation: 1.0, weight: if column == 2 { 2.0 } else { 0.0 } };
        let body = Body::Logistic(Logistic { bias: 0.0, terms: (0..6).map(term).collect() });
        let rows: Vec<usize> = (0..2_000).collect();
        let found = importance(&data, &[Seen { body: &body, rows: &rows }], 1, &Alone);
        assert!(found[0].column == "c2" && found[0].auc > 0.4, "{:?}", found[0]);
        assert!(found[1..].iter().all(|other| other.auc == 0.0 && other.average_precision == 0.0));
    }
}
