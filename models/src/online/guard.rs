//! Whether what was learned may be published, and when it is taken back.
//!
//! Separate from learning, which never sees these rows. Invariants: an account in five is held out for good, chosen by hash; nothing is
//! published that the held-out rows of late do not prefer; labels that rest on reports weigh at most a stated share of what humans said.

use std::collections::VecDeque;

use xxhash_rust::xxh3::xxh3_64;

use crate::measure::{Scored, quality};

/// One account in so many is held out.
const HELD_OUT_OF: u64 = 5;

/// When to publish.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GuardSettings {
    /// Held-out rows that are kept, the latest.
    pub rows_max: usize,
    /// Held-out abusive rows below which nothing is published.
    pub abusive_min: usize,
    /// How much the mean log-loss may be above the present one's.
    pub loss_slack: f64,
    /// Most that labels by reports may weigh, as a share of what humans' labels weighed.
    pub reports_share_max: f64,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self { rows_max: 5_000, abusive_min: 10, loss_slack: 0.0, reports_share_max: 0.05 }
    }
}

/// What the held-out rows say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// Held-out rows.
    pub rows: usize,
    /// Of those, abusive.
    pub abusive: usize,
    /// Mean log-loss of what is in force.
    pub loss_before: f64,
    /// Mean log-loss of what was learned.
    pub loss_after: f64,
    /// Average precision of both.
    pub precision: (f64, f64),
    /// Whether it may be published.
    pub passes: bool,
}

struct Held {
    row: Vec<f32>,
    is_abusive: bool,
    weight: f64,
}

/// Keeps the held-out rows and the accounts of who said what.
pub struct Guard {
    settings: GuardSettings,
    held: VecDeque<Held>,
    humans: [f64; 2],
    reports: [f64; 2],
}

impl Guard {
    /// Nothing held out yet.
    #[must_use]
    pub fn new(settings: GuardSettings) -> Self {
        Self { settings, held: VecDeque::new(), humans: [0.0; 2], reports: [0.0; 2] }
    }

    /// Whether an account's rows are never learned from.
    #[must_use]
    pub fn holds_out(account: &str) -> bool {
        xxh3_64(account.as_bytes()).is_multiple_of(HELD_OUT_OF)
    }

    /// Holds a row out.
    pub fn hold(&mut self, row: Vec<f32>, is_abusive: bool, weight: f64) {
        if self.held.len() >= self.settings.rows_max {
            self.held.pop_front();
        }
        self.held.push_back(Held { row, is_abusive, weight });
    }

    /// A label by a human counts, and makes room for reports. `weights`: what it counts, and the same times what its row stands for.
    pub fn hear_human(&mut self, weights: [f64; 2]) {
        self.humans = plus(self.humans, weights);
    }

    /// Whether a label that rests on reports may still count: by either weight a brigade can say no more than a share of what humans said.
    pub fn hear_reports(&mut self, weights: [f64; 2]) -> bool {
        let sum = plus(self.reports, weights);
        let most = self.humans.map(|humans| self.settings.reports_share_max * humans);
        let fits = sum[0] <= most[0] && sum[1] <= most[1];
        if fits {
            self.reports = sum;
        }
        fits
    }

    /// Compares what is in force with what was learned, on the held-out rows.
    pub fn judge(&self, before: impl Fn(&[f32]) -> f64, after: impl Fn(&[f32]) -> f64) -> Judgement {
        let old: Vec<Scored> = self.held.iter().map(|held| held.scored(&before)).collect();
        let new: Vec<Scored> = self.held.iter().map(|held| held.scored(&after)).collect();
        let abusive = self.held.iter().filter(|held| held.is_abusive).count();
        let (loss_before, loss_after) = (loss(&old), loss(&new));
        let precision = (quality(old).average_precision, quality(new).average_precision);
        let passes =
            abusive >= self.settings.abusive_min && loss_after <= loss_before + self.settings.loss_slack;
        Judgement { rows: self.held.len(), abusive, loss_before, loss_after, precision, passes }
    }
}

fn plus(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

impl Held {
    fn scored(&self, probability: &impl Fn(&[f32]) -> f64) -> Scored {
        Scored { score: probability(&self.row), abusive: self.is_abusive, weight: self.weight }
    }
}

/// Mean log-loss; 0 of nothing.
fn loss(rows: &[Scored]) -> f64 {
    let of = |row: &Scored| {
        let right = if row.abusive { row.score } else { 1.0 - row.score };
        -libm::log(right.max(1e-12)) * row.weight
    };
    let weight: f64 = rows.iter().map(|row| row.weight).sum();
    if weight > 0.0 { rows.iter().map(of).sum::<f64>() / weight } else { 0.0 }
}
