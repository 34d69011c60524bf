//! The training rows: how well they are answered so far, and which of them the next tree learns from.
//!
//! Separate from growing one tree. Invariants: rows are drawn with odds in proportion to how much they pull (minimal
//! variance sampling), by equal steps from one random start, so that a tree costs one random number; what is drawn weighs
//! 1 / its odds; sums run in blocks of [`BLOCK`] rows in row order, whoever computes a block.

use super::grow::Grown;
use super::histogram::Drawn;
use crate::workers::{Job, Workers};

/// Rows that are answered together.
const BLOCK: usize = 8_192;
/// How often the drawing threshold is put right before each tree; it moves little from tree to tree.
const STEPS: usize = 3;

/// Scores, and slope and bend of the logistic loss.
pub(super) struct Rows<'a> {
    labels: &'a [bool],
    weights: &'a [f32],
    scores: Vec<f32>,
    /// Slope and bend of each row's loss.
    pulls: Vec<[f32; 2]>,
    /// What a row's odds of being drawn are in proportion to.
    keys: Vec<f32>,
    /// Rows whose key is at least this are always drawn.
    threshold: f64,
}

impl<'a> Rows<'a> {
    /// All rows at the log-odds `base`.
    pub fn new(labels: &'a [bool], weights: &'a [f32], base: f32, workers: &dyn Workers) -> Self {
        let n = labels.len();
        let (pulls, keys) = (vec![[0.0; 2]; n], vec![0.0; n]);
        let mut rows = Self { labels, weights, scores: vec![base; n], pulls, keys, threshold: 0.0 };
        let mut idle = vec![(); n.div_ceil(BLOCK)];
        rows.each_block(&mut idle, workers, &|_, block, ()| block.pull());
        rows
    }

    /// Adds a tree's answers to all rows; returns how much weight each leaf holds.
    pub fn answer(&mut self, grown: &Grown, bins: &[Vec<u8>], workers: &dyn Workers) -> Vec<f64> {
        let leaves = grown.leaves();
        let mut covers = vec![vec![0.0; leaves]; self.labels.len().div_ceil(BLOCK)];
        self.each_block(&mut covers, workers, &|first, block, cover: &mut Vec<f64>| {
            let mut reached = vec![0; block.scores.len()];
            grown.reach(bins, first, &mut reached);
            for ((score, &leaf), &weight) in block.scores.iter_mut().zip(&reached).zip(block.weights) {
                *score += grown.values[usize::from(leaf)];
                cover[usize::from(leaf)] += f64::from(weight);
            }
            block.pull();
        });
        let add = |sums: Vec<f64>, block: Vec<f64>| sums.iter().zip(block).map(|(a, b)| a + b).collect();
        covers.into_iter().fold(vec![0.0; leaves], add)
    }

    /// Draws about a `share` of the rows into `drawn`, `start` (0 to 1) into the first step.
    pub fn draw(&mut self, share: f64, start: f64, drawn: &mut Vec<Drawn>) {
        drawn.clear();
        if share >= 1.0 {
            drawn.extend(self.pulls.iter().enumerate().map(|(row, &[slope, bend])| Drawn {
                row: row as u32,
                slope,
                bend,
            }));
            return;
        }
        self.settle(share * self.keys.len() as f64);
        let mut passed = start;
        for ((row, &[slope, bend]), &key) in self.pulls.iter().enumerate().zip(&self.keys) {
            let odds = (f64::from(key) / self.threshold).min(1.0);
            let before = passed as u32;
            passed += odds;
            if passed as u32 != before {
                let weight = (1.0 / odds) as f32;
                drawn.push(Drawn { row: row as u32, slope: slope * weight, bend: bend * weight });
            }
        }
    }

    /// Moves the threshold to where the odds of all rows sum up to `count`.
    fn settle(&mut self, count: f64) {
        if self.threshold == 0.0 {
            self.threshold = self.keys.iter().map(|&key| f64::from(key)).sum::<f64>() / count;
        }
        for _ in 0..STEPS {
            let (mut below, mut sure) = (0.0, 0u32);
            for &key in &self.keys {
                let key = f64::from(key);
                let is_below = key < self.threshold;
                below += if is_below { key } else { 0.0 };
                sure += u32::from(!is_below);
            }
            let left = count - f64::from(sure);
            self.threshold = if left > 0.0 { below / left } else { 2.0 * self.threshold };
        }
        // Rows that are all answered as well as numbers can have keys of 0.
        self.threshold = self.threshold.max(f64::MIN_POSITIVE);
    }

    fn each_block<T: Send>(
        &mut self,
        results: &mut [T],
        workers: &dyn Workers,
        work: &(dyn Fn(usize, &mut Block<'_>, &mut T) + Sync),
    ) {
        let labels = self.labels.chunks(BLOCK).zip(self.weights.chunks(BLOCK));
        let answers = self.scores.chunks_mut(BLOCK).zip(self.pulls.chunks_mut(BLOCK));
        let parts = labels.zip(answers.zip(self.keys.chunks_mut(BLOCK))).zip(results).enumerate();
        let jobs = parts.map(|(number, (((labels, weights), ((scores, pulls), keys)), result))| {
            let mut block = Block { labels, weights, scores, pulls, keys };
            Box::new(move || work(number * BLOCK, &mut block, result)) as Job<'_>
        });
        workers.run(jobs.collect());
    }
}

/// Rows that lie side by side.
struct Block<'a> {
    labels: &'a [bool],
    weights: &'a [f32],
    scores: &'a mut [f32],
    pulls: &'a mut [[f32; 2]],
    keys: &'a mut [f32],
}

impl Block<'_> {
    /// Slope, bend and key of each row at its present score.
    fn pull(&mut self) {
        let known = self.labels.iter().zip(self.weights).zip(&*self.scores);
        for ((((&label, &weight), &score), pull), key) in known.zip(&mut *self.pulls).zip(&mut *self.keys) {
            let p = 1.0 / (1.0 + libm::expf(-score));
            let slope = weight * (if label { 1.0 - p } else { -p });
            let bend = weight * p * (1.0 - p);
            *pull = [slope, bend];
            *key = (slope * slope + bend * bend).sqrt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::Alone;

    #[test]
    fn what_is_drawn_stands_for_all_rows() {
        let labels: Vec<bool> = (0..20_000).map(|row| row % 50 == 0).collect();
        let weights: Vec<f32> = (0..20_000).map(|row| 1.0 + (row % 7) as f32).collect();
        let mut rows = Rows::new(&labels, &weights, -3.0, &Alone);
        let (mut drawn, mut all) = (Vec::new(), Vec::new());
        rows.draw(0.25, 0.4, &mut drawn);
        rows.draw(1.0, 0.4, &mut all);
        assert_eq!(all.len(), 20_000);
        assert!((4_900..5_100).contains(&drawn.len()), "{}", drawn.len());
        let sum = |rows: &[Drawn], of: fn(&Drawn) -> f32| -> f64 {
            rows.iter().map(|row| f64::from(of(row))).sum()
        };
        let near = |a: f64, b: f64| assert!((a - b).abs() < 0.05 * b.abs() + 1.0, "{a} {b}");
        near(sum(&drawn, |row| row.slope.abs()), sum(&all, |row| row.slope.abs()));
        near(sum(&drawn, |row| row.bend), sum(&all, |row| row.bend));
        // The abusive rows pull most at these scores: nearly all of them are in.
        assert!(drawn.iter().filter(|row| row.slope > 0.0).count() > 380);
    }
}
