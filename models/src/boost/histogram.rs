//! What a leaf's rows sum up to in each bin, and the best place to cut it.
//!
//! Separate from growing, because all the time goes here. Invariants: a column's sums run over its rows in one order
//! whoever computes them; of equal cuts the one of the lower column wins, then that of the lower bin.

use super::bins::BINS_MAX;

/// A row that a tree learns from: its slope and bend of the loss, each divided by the odds of having been drawn.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Drawn {
    pub row: u32,
    pub slope: f32,
    pub bend: f32,
}

/// Slope and bend, summed.
pub(super) type Sums = [f64; 2];
/// The sums of one column's bins.
pub(super) type Histogram = [Sums; BINS_MAX];
/// Columns that are summed side by side: a row's slope and bend are read once for all of them.
pub(super) const TOGETHER: usize = 4;

/// A cut of a leaf in two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    pub column: usize,
    /// The lowest bin that goes right.
    pub bin: u8,
    pub gain: f64,
    /// Sums of what goes left.
    pub left: Sums,
}

/// What a cut must be like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub ridge: f64,
    pub bend_min: f64,
    pub gain_min: f64,
}

impl Terms {
    /// How much a leaf of these sums lowers twice the loss.
    pub fn worth(&self, [slope, bend]: Sums) -> f64 {
        slope * slope / (bend + self.ridge)
    }
}

/// Sums `rows` into at most [`TOGETHER`] histograms, of the columns whose bins are given.
pub(super) fn fill(histograms: &mut [Histogram], bins: &[&[u8]], rows: &[Drawn]) {
    histograms.iter_mut().for_each(|histogram| *histogram = [[0.0; 2]; BINS_MAX]);
    if let ([a, b, c, d], [of_a, of_b, of_c, of_d]) = (&mut *histograms, bins) {
        for drawn in rows {
            let row = drawn.row as usize;
            let sums = [f64::from(drawn.slope), f64::from(drawn.bend)];
            add(a, of_a[row], sums);
            add(b, of_b[row], sums);
            add(c, of_c[row], sums);
            add(d, of_d[row], sums);
        }
        return;
    }
    for (histogram, bins) in histograms.iter_mut().zip(bins) {
        for drawn in rows {
            let sums = [f64::from(drawn.slope), f64::from(drawn.bend)];
            add(histogram, bins[drawn.row as usize], sums);
        }
    }
}

#[inline(always)]
fn add(histogram: &mut Histogram, bin: u8, [slope, bend]: Sums) {
    let sums = &mut histogram[usize::from(bin)];
    *sums = [sums[0] + slope, sums[1] + bend];
}

/// Takes the sums of one child away: what is left is the other's.
pub(super) fn subtract(from: &mut Histogram, what: &Histogram) {
    for (from, what) in from.iter_mut().zip(what) {
        *from = [from[0] - what[0], from[1] - what[1]];
    }
}

/// The best cut of a column with `bins` bins, if one is allowed.
pub(super) fn best(
    histogram: &Histogram,
    (column, bins): (usize, usize),
    whole: Sums,
    terms: &Terms,
) -> Option<Cut> {
    let mut found: Option<Cut> = None;
    let (mut left, mut most) = ([0.0; 2], terms.gain_min + terms.worth(whole));
    for (last, sums) in histogram[..bins.saturating_sub(1)].iter().enumerate() {
        left = [left[0] + sums[0], left[1] + sums[1]];
        let right = [whole[0] - left[0], whole[1] - left[1]];
        if left[1] < terms.bend_min || right[1] < terms.bend_min {
            continue;
        }
        let worth = terms.worth(left) + terms.worth(right);
        if worth > most {
            most = worth;
            found = Some(Cut { column, bin: last as u8 + 1, gain: worth - terms.worth(whole), left });
        }
    }
    found
}

/// The better of two cuts; the first of equal ones.
pub(super) fn better(one: Option<Cut>, other: Option<Cut>) -> Option<Cut> {
    match (one, other) {
        (Some(a), Some(b)) => Some(if b.gain > a.gain { b } else { a }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { ridge: 1.0, bend_min: 0.5, gain_min: 0.0 };

    #[test]
    fn the_best_cut_parts_what_pulls_apart() {
        let bins: Vec<u8> = (0..40).map(|row| row % 8).collect();
        let rows: Vec<Drawn> = (0..40)
            .map(|row| Drawn { row, slope: if row % 8 >= 5 { 1.0 } else { -1.0 }, bend: 0.25 })
            .collect();
        let mut histograms = [[[0.0; 2]; BINS_MAX]; TOGETHER];
        fill(&mut histograms, &[&bins[..]; TOGETHER], &rows);
        let mut single = [[[9.0; 2]; BINS_MAX]];
        fill(&mut single, &[&bins[..]], &rows);
        assert!(histograms.iter().all(|histogram| *histogram == single[0]));
        let whole = [15.0 - 25.0, 10.0];
        let cut = best(&single[0], (3, 8), whole, &TERMS).unwrap();
        assert_eq!((cut.column, cut.bin, cut.left), (3, 5, [-25.0, 6.25]));
        assert_eq!(cut.gain, 625.0 / 7.25 + 225.0 / 4.75 - 100.0 / 11.0);
        let choosy = Terms { bend_min: 6.0, ..TERMS };
        assert_eq!(best(&single[0], (3, 8), whole, &choosy), None);
    }

    #[test]
    fn of_equal_cuts_the_first_wins() {
        let cut = |column| Some(Cut { column, bin: 1, gain: 2.0, left: [0.0; 2] });
        assert_eq!(better(cut(1), cut(2)), cut(1));
        assert_eq!(better(None, cut(2)), cut(2));
    }
}
