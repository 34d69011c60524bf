//! Which rows are held back when: by account, and by time if asked.
//!
//! Separate from learning, so that no learner can see how rows were parted. Invariants: no group (account) is on both sides
//! of a fold; by time, whatever is learned from is earlier than all that is measured; the same rows and seed, the same folds.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::Error;
use crate::dataset::Dataset;

/// How rows are parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folds {
    /// This many parts of whole groups; each is measured by what the others teach.
    Groups(usize),
    /// Time in this many and one parts; each but the first is measured by what all before it teach, without its groups.
    Time(usize),
}

/// Rows to learn from and rows to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Learned from.
    pub fit: Vec<usize>,
    /// Measured.
    pub held: Vec<usize>,
}

/// Most folds.
pub const FOLDS_MAX: usize = 100;

impl Folds {
    /// Parts the rows; `times` has one entry a row if they are parted by time.
    ///
    /// # Errors
    /// [`Error::Data`] if a fold would lack a label.
    pub fn part(self, data: &Dataset, times: &[f64], seed: u64) -> Result<Vec<Fold>, Error> {
        let (Folds::Groups(count) | Folds::Time(count)) = self;
        let least = if matches!(self, Folds::Groups(_)) { 2 } else { 1 };
        if !(least..=FOLDS_MAX).contains(&count) {
            return Err(Error::Data(format!("{count} folds; {least} to {FOLDS_MAX} are possible")));
        }
        let folds = match self {
            Folds::Groups(count) => by_group(data, count, seed),
            Folds::Time(count) => by_time(data, times, count)?,
        };
        for (number, fold) in folds.iter().enumerate() {
            for (rows, what) in [(&fold.fit, "learn from"), (&fold.held, "measure")] {
                let abusive = rows.iter().filter(|&&row| data.labels[row]).count();
                if abusive == 0 || abusive == rows.len() {
                    let text = format!(
                        "fold {} has {} rows to {what}, {abusive} of them abusive: use fewer folds",
                        number + 1,
                        rows.len()
                    );
                    return Err(Error::Data(text));
                }
            }
        }
        Ok(folds)
    }
}

/// Deals whole groups, the largest first, to the fold that has the fewest rows of their label.
fn by_group(data: &Dataset, count: usize, seed: u64) -> Vec<Fold> {
    let mut groups: BTreeMap<u64, (Vec<usize>, bool)> = BTreeMap::new();
    for (row, (&group, &abusive)) in data.groups.iter().zip(&data.labels).enumerate() {
        let (rows, any) = groups.entry(group).or_default();
        rows.push(row);
        *any |= abusive;
    }
    let mut dealt: Vec<(usize, u64, Vec<usize>, bool)> = (groups.into_iter())
        .map(|(group, (rows, any))| (rows.len(), xxh3_64_with_seed(&group.to_le_bytes(), seed), rows, any))
        .collect();
    dealt.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut fold_of = vec![0; data.labels.len()];
    let mut sizes = [vec![0; count], vec![0; count]];
    for (size, _, rows, any) in dealt {
        let sizes = &mut sizes[usize::from(any)];
        let fold = (0..count).min_by_key(|&fold| (sizes[fold], fold)).expect("there are folds");
        sizes[fold] += size;
        rows.into_iter().for_each(|row| fold_of[row] = fold);
    }
    let rows = 0..data.labels.len();
    let fold = |number| {
        let (held, fit) = rows.clone().partition(|&row| fold_of[row] == number);
        Fold { fit, held }
    };
    (0..count).map(fold).collect()
}

/// Cuts time where each part has as many rows; rows of one time stay together.
fn by_time(data: &Dataset, times: &[f64], count: usize) -> Result<Vec<Fold>, Error> {
    if times.len() != data.labels.len() || times.iter().any(|time| !time.is_finite()) {
        return Err(Error::Data("folds by time need a known time in every row".to_owned()));
    }
    let mut sorted = times.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let edge = |part: usize| sorted.get(part * sorted.len() / (count + 1)).copied().unwrap_or(f64::INFINITY);
    let fold = |part: usize| {
        let (from, to) = (edge(part), edge(part + 1));
        let rows = || 0..times.len();
        let held: Vec<usize> = rows().filter(|&row| from <= times[row] && times[row] < to).collect();
        let measured: std::collections::BTreeSet<u64> = held.iter().map(|&row| data.groups[row]).collect();
        let fit = rows().filter(|&row| times[row] < from && !measured.contains(&data.groups[row])).collect();
        Fold { fit, held }
    };
    Ok((1..=count).map(fold).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tests::sample;

    #[test]
    fn no_group_is_on_both_sides_and_every_row_is_held_once() {
        let mut data = sample(900, 1);
        data.groups = (0..900u64).map(|row| if row < 200 { 7 } else { row / 3 }).collect();
        let folds = Folds::Groups(5).part(&data, &[], 1).unwrap();
        let mut held = vec![0; 900];
        for fold in &folds {
            let of = |rows: &[usize]| rows.iter().map(|&row| data.groups[row]).collect::<Vec<_>>();
            let fit = of(&fold.fit);
            assert!(of(&fold.held).iter().all(|group| !fit.contains(group)));
            assert_eq!(fold.fit.len() + fold.held.len(), 900);
            fold.held.iter().for_each(|&row| held[row] += 1);
        }
        assert_eq!(held, [1; 900]);
        assert_ne!(folds, Folds::Groups(5).part(&data, &[], 2).unwrap());
    }

    #[test]
    fn folds_have_about_the_same_rows_of_each_label() {
        let data = sample(3_000, 2);
        for fold in Folds::Groups(5).part(&data, &[], 1).unwrap() {
            let all = data.labels.iter().filter(|label| **label).count() as f64 / 3_000.0;
            let here =
                fold.held.iter().filter(|&&row| data.labels[row]).count() as f64 / fold.held.len() as f64;
            assert!((580..=620).contains(&fold.held.len()) && (all - here).abs() < 0.1, "{all} {here}");
        }
    }

    #[test]
    fn by_time_nothing_later_and_no_measured_group_teaches() {
        let data = sample(1_000, 3);
        let times: Vec<f64> = (0..1_000).map(|row| f64::from(row * 7 % 1_000 / 4)).collect();
        let folds = Folds::Time(4).part(&data, &times, 1).unwrap();
        assert_eq!(folds.len(), 4);
        for fold in &folds {
            let latest = fold.fit.iter().map(|&row| times[row]).fold(0.0, f64::max);
            assert!(fold.held.iter().all(|&row| times[row] > latest));
            assert!(
                fold.fit
                    .iter()
                    .all(|&row| fold.held.iter().all(|&held| data.groups[held] != data.groups[row]))
            );
        }
        assert_eq!(folds[3].held.iter().filter(|&&row| times[row] > 200.0).count(), 196);
    }

    #[test]
    fn what_cannot_be_parted_is_refused_with_its_reason() {
        let mut data = sample(60, 4);
        let text = |data: &Dataset, folds: Folds| folds.part(data, &[], 1).unwrap_err().to_string();
        assert!(text(&data, Folds::Groups(1)).contains("2 to 100"));
        assert!(text(&data, Folds::Time(3)).contains("known time"));
        data.labels.fill(false);
        data.labels[0] = true;
        assert!(text(&data, Folds::Groups(5)).contains("fewer folds"));
    }
}
