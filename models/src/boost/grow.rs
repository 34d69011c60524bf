//! One tree: the leaf whose best cut gains most is cut, until there are enough leaves.
//!
//! Separate from drawing rows and from summing them. Invariants: the same rows, columns and settings give the same tree
//! whatever the workers; rows of a leaf stay in row order; of equal gains the older leaf is cut first.

use std::ops::Range;

use super::bins::BINS_MAX;
use super::histogram::{Cut, Drawn, Histogram, Sums, TOGETHER, Terms, best, better, fill, subtract};
use super::{BoostSettings, bins::Binned};
use crate::Error;
use crate::tree::{Node, Split, Tree};
use crate::workers::{Job, Workers};

/// A node of a tree that grows.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Its number among the leaves, once all are there.
    Leaf(u8),
    Cut {
        column: usize,
        bin: u8,
        left: usize,
        right: usize,
    },
}

/// A grown tree over bins, with its leaves' answers.
pub(super) struct Grown {
    places: Vec<Place>,
    /// For each cut, the leaves that remain possible if a row goes left, and if it goes right.
    tests: Vec<Test>,
    /// Answers of the leaves, from left to right.
    pub values: Vec<f32>,
}

struct Test {
    column: usize,
    bin: u8,
    if_left: u32,
    if_right: u32,
}

/// A leaf that may still be cut.
struct Leaf {
    place: usize,
    depth: usize,
    rows: Range<usize>,
    sums: Sums,
    histograms: Vec<Histogram>,
    best: Option<Cut>,
}

/// All that growing looks at.
pub(super) struct Ground<'a> {
    pub binned: &'a Binned,
    /// The columns that may be cut, rising.
    pub columns: &'a [usize],
    pub settings: &'a BoostSettings,
    pub workers: &'a dyn Workers,
}

impl Ground<'_> {
    /// Grows a tree on the drawn rows, which it puts into another order; `None` if no cut is worth it.
    pub fn grow(&self, drawn: &mut [Drawn]) -> Option<Grown> {
        let sums = drawn
            .iter()
            .fold([0.0; 2], |[slope, bend], row| [slope + f64::from(row.slope), bend + f64::from(row.bend)]);
        let mut histograms = self.empty();
        let (best, _) = self.look(drawn, &mut histograms, None, (sums, sums));
        let mut places = vec![Place::Leaf(0)];
        let mut leaves = vec![Leaf { place: 0, depth: 0, rows: 0..drawn.len(), sums, histograms, best }];
        let mut scratch = Vec::with_capacity(drawn.len());
        while leaves.len() < self.settings.leaves {
            let gains = leaves.iter().enumerate().filter_map(|(at, leaf)| Some((at, leaf.best?.gain)));
            let most = gains.reduce(|a, b| if b.1 > a.1 { b } else { a });
            let Some((at, _)) = most else { break };
            let is_last = leaves.len() + 1 == self.settings.leaves;
            let [left, right] = self.cut(&mut leaves[at], &mut places, (drawn, &mut scratch), is_last);
            leaves[at] = left;
            leaves.push(right);
        }
        (leaves.len() > 1).then(|| self.finish(places, &leaves))
    }

    fn empty(&self) -> Vec<Histogram> {
        vec![[[0.0; 2]; BINS_MAX]; self.columns.len()]
    }

    fn terms(&self) -> Terms {
        let BoostSettings { ridge, bend_min, gain_min, .. } = *self.settings;
        Terms { ridge, bend_min, gain_min }
    }

    /// Cuts a leaf in two. What cannot be cut again needs no histograms.
    fn cut(
        &self,
        leaf: &mut Leaf,
        places: &mut Vec<Place>,
        (drawn, scratch): (&mut [Drawn], &mut Vec<Drawn>),
        is_last: bool,
    ) -> [Leaf; 2] {
        let cut = leaf.best.expect("a leaf without a best cut is not chosen");
        let bins = &self.binned.bins[cut.column];
        let middle = leaf.rows.start + part(&mut drawn[leaf.rows.clone()], bins, cut.bin, scratch);
        let (left, right) = (places.len(), places.len() + 1);
        places[leaf.place] = Place::Cut { column: cut.column, bin: cut.bin, left, right };
        places.extend([Place::Leaf(0), Place::Leaf(0)]);
        let child = |place: usize, rows: Range<usize>, sums: Sums| Leaf {
            place,
            depth: leaf.depth + 1,
            rows,
            sums,
            histograms: Vec::new(),
            best: None,
        };
        let rest = [leaf.sums[0] - cut.left[0], leaf.sums[1] - cut.left[1]];
        let mut children =
            [child(left, leaf.rows.start..middle, cut.left), child(right, middle..leaf.rows.end, rest)];
        if is_last || leaf.depth + 1 == self.settings.depth {
            return children;
        }
        let mut of_larger = std::mem::take(&mut leaf.histograms);
        let mut of_smaller = self.empty();
        let [a, b] = &mut children;
        let (smaller, larger) = if a.rows.len() <= b.rows.len() { (a, b) } else { (b, a) };
        let rows = &drawn[smaller.rows.clone()];
        (smaller.best, larger.best) =
            self.look(rows, &mut of_smaller, Some(&mut of_larger), (smaller.sums, larger.sums));
        (smaller.histograms, larger.histograms) = (of_smaller, of_larger);
        children
    }

    /// Fills the histograms of a leaf, takes them away from its parent's, which become its sibling's, and finds the best cut
    /// of both.
    fn look(
        &self,
        rows: &[Drawn],
        own: &mut [Histogram],
        other: Option<&mut [Histogram]>,
        (sums, other_sums): (Sums, Sums),
    ) -> (Option<Cut>, Option<Cut>) {
        let terms = self.terms();
        let mut none: [Histogram; 0] = [];
        let other: &mut [Histogram] = other.map_or(&mut none, |other| other);
        let mut others: Vec<&mut [Histogram]> = other.chunks_mut(TOGETHER).collect();
        others.resize_with(self.columns.len().div_ceil(TOGETHER), Default::default);
        let mut found = vec![(None, None); others.len()];
        let parts = own.chunks_mut(TOGETHER).zip(others).zip(self.columns.chunks(TOGETHER)).zip(&mut found);
        let jobs = parts.map(|(((own, other), columns), found)| {
            let job = move || {
                let bins: Vec<&[u8]> = columns.iter().map(|&column| &self.binned.bins[column][..]).collect();
                fill(own, &bins, rows);
                let seek = |histograms: &[Histogram], sums: Sums| {
                    let each = histograms.iter().zip(columns).map(|(histogram, &column)| {
                        best(histogram, (column, self.binned.cuts[column].len() + 1), sums, &terms)
                    });
                    each.fold(None, better)
                };
                other.iter_mut().zip(&*own).for_each(|(other, own)| subtract(other, own));
                *found = (seek(own, sums), seek(other, other_sums));
            };
            Box::new(job) as Job<'_>
        });
        self.workers.run(jobs.collect());
        let both = |(a, b), (c, d)| (better(a, c), better(b, d));
        found.into_iter().fold((None, None), both)
    }

    /// Numbers the leaves from left to right and gives them their answers.
    fn finish(&self, mut places: Vec<Place>, leaves: &[Leaf]) -> Grown {
        let mut answers = vec![0.0; places.len()];
        for leaf in leaves {
            let [slope, bend] = leaf.sums;
            answers[leaf.place] = (self.settings.rate * slope / (bend + self.settings.ridge)) as f32;
        }
        let (mut values, mut tests) = (Vec::new(), Vec::new());
        number(&mut places, 0, &answers, (&mut values, &mut tests));
        Grown { places, tests, values }
    }
}

/// Numbers the leaves below a place; returns them as a set of bits.
fn number(
    places: &mut [Place],
    at: usize,
    answers: &[f32],
    (values, tests): (&mut Vec<f32>, &mut Vec<Test>),
) -> u32 {
    let Place::Cut { column, bin, left, right } = places[at] else {
        places[at] = Place::Leaf(values.len() as u8);
        values.push(answers[at]);
        return 1 << (values.len() - 1);
    };
    let of_left = number(places, left, answers, (values, tests));
    let of_right = number(places, right, answers, (values, tests));
    tests.push(Test { column, bin, if_left: !of_right, if_right: !of_left });
    of_left | of_right
}

/// Puts what goes left before what goes right, each in its order; returns how many go left.
fn part(rows: &mut [Drawn], bins: &[u8], bin: u8, scratch: &mut Vec<Drawn>) -> usize {
    scratch.clear();
    let mut kept = 0;
    for at in 0..rows.len() {
        let row = rows[at];
        if bins[row.row as usize] < bin {
            rows[kept] = row;
            kept += 1;
        } else {
            scratch.push(row);
        }
    }
    rows[kept..].copy_from_slice(scratch);
    kept
}

impl Grown {
    pub fn leaves(&self) -> usize {
        self.values.len()
    }

    /// Writes the leaf that each of the rows from `first` on reaches: every test leaves some leaves possible, and all of
    /// them together exactly one, which needs no branch.
    pub fn reach(&self, bins: &[Vec<u8>], first: usize, reached: &mut [u8]) {
        let mut possible = vec![u32::MAX; reached.len()];
        for test in &self.tests {
            let bins = &bins[test.column][first..first + reached.len()];
            for (possible, &bin) in possible.iter_mut().zip(bins) {
                *possible &= if bin >= test.bin { test.if_right } else { test.if_left };
            }
        }
        for (reached, possible) in reached.iter_mut().zip(possible) {
            *reached = possible.trailing_zeros() as u8;
        }
    }

    /// The tree over values; an inner node's value is the mean of the rows below it, of which each leaf holds `covers`.
    pub fn tree(&self, cuts: &[Vec<f32>], covers: &[f64]) -> Result<Tree, Error> {
        let mut sums = vec![(0.0, 0.0); self.places.len()];
        // Children come after their parents, so backwards every child is done before its parent.
        for (at, place) in self.places.iter().enumerate().rev() {
            sums[at] = match *place {
                Place::Leaf(leaf) => {
                    let leaf = usize::from(leaf);
                    (covers[leaf], covers[leaf] * f64::from(self.values[leaf]))
                }
                Place::Cut { left, right, .. } => {
                    (sums[left].0 + sums[right].0, sums[left].1 + sums[right].1)
                }
            };
        }
        let node = |(place, (cover, sum)): (&Place, &(f64, f64))| match *place {
            Place::Leaf(leaf) => Node { split: None, value: self.values[usize::from(leaf)] },
            Place::Cut { column, bin, left, right } => {
                let threshold = cuts[column][usize::from(bin) - 1];
                let split =
                    Split { column: column as u16, threshold, left: left as u32, right: right as u32 };
                Node { split: Some(split), value: if *cover > 0.0 { (sum / cover) as f32 } else { 0.0 } }
            }
        };
        Tree::new(self.places.iter().zip(&sums).map(node).collect(), cuts.len())
    }
}
