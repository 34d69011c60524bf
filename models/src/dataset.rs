//! Labelled rows to learn from.
//!
//! Separate from `train` because the same rows serve measuring. Invariants, held by [`Dataset::check`]: all parts have
//! one length, both labels occur, weights are finite and positive, values are finite or NaN, and a column with NaN has no
//! value below 0.

use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use xxhash_rust::xxh3::Xxh3;

use crate::Error;
use crate::tree::COLUMNS_MAX;

/// Rows, labels and weights.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Place of each column in the full feature vector.
    pub columns: Vec<usize>,
    /// Name of each column.
    pub names: Vec<String>,
    /// One row an observation; NaN is unknown.
    pub rows: Array2<f32>,
    /// Whether the row's account is abusive.
    pub labels: Vec<bool>,
    /// 1 / inclusion probability of the row.
    pub weights: Vec<f32>,
    /// What belongs together and must not be split between training and measuring: a hash of the account.
    pub groups: Vec<u64>,
}

impl Dataset {
    /// # Errors
    /// [`Error::Data`] if an invariant of this module does not hold; the text says which.
    pub fn check(&self) -> Result<(), Error> {
        if !self.labels.contains(&true) || !self.labels.contains(&false) {
            return Err(Error::Data("rows of both labels are needed".to_owned()));
        }
        self.check_rows()
    }

    /// The same for rows whose labels are of no interest.
    ///
    /// # Errors
    /// As [`Dataset::check`].
    pub fn check_rows(&self) -> Result<(), Error> {
        let bad = |text: String| Err(Error::Data(text));
        let n = self.rows.nrows();
        if self.labels.len() != n || self.weights.len() != n || self.groups.len() != n {
            return bad(format!("{n} rows, but another number of labels, weights or groups"));
        }
        let width = self.rows.ncols();
        if width == 0 || width > COLUMNS_MAX || self.columns.len() != width || self.names.len() != width {
            return bad(format!(
                "{width} columns; 1 to {COLUMNS_MAX} with a name and a place each are possible"
            ));
        }
        if self.weights.iter().any(|weight| !(weight.is_finite() && *weight > 0.0)) {
            return bad("a weight is not a positive number".to_owned());
        }
        for (column, name) in self.names.iter().enumerate() {
            let values = || self.rows.column(column).into_iter();
            if values().any(|value| value.is_infinite()) {
                return bad(format!("{name} has an infinite value"));
            }
            if let Some(value) = values().find(|value| **value < 0.0).filter(|_| values().any(|v| v.is_nan()))
            {
                return bad(format!(
                    "{name} has the value {value} and unknown ones, which trees take for -1: shift or fill it"
                ));
            }
        }
        Ok(())
    }

    /// A hash of everything in it, for the model's card. All NaN are one.
    #[must_use]
    pub fn hash(&self) -> u64 {
        let mut hash = Xxh3::new();
        for name in &self.names {
            hash.update(&(name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
        }
        for &value in &self.rows {
            let bits = if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() };
            hash.update(&bits.to_le_bytes());
        }
        for ((&label, weight), group) in self.labels.iter().zip(&self.weights).zip(&self.groups) {
            hash.update(&[u8::from(label)]);
            hash.update(&weight.to_bits().to_le_bytes());
            hash.update(&group.to_le_bytes());
        }
        hash.digest()
    }

    /// Leaves fields unknown as gateways do: in a `share` of the rows (0 to 1), one of the `fields` (each a set of
    /// column indices that become unknown together), and in half of these every other one by the toss of a coin.
    pub fn drop_fields(&mut self, fields: &[Vec<usize>], share: f64, seed: u64) {
        if fields.is_empty() {
            return;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for mut row in self.rows.rows_mut() {
            if rng.r#gen::<f64>() >= share {
                continue;
            }
            let first = rng.gen_range(0..fields.len());
            let more = rng.r#gen::<bool>();
            for (index, columns) in fields.iter().enumerate() {
                if index == first || more && rng.r#gen::<bool>() {
                    columns.iter().for_each(|&column| row[column] = f32::NAN);
                }
            }
        }
    }

    /// Row numbers for training and for measuring, whole groups each; about `share` of the groups are measured.
    #[must_use]
    pub fn split(&self, share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
        let limit = (share * 65536.0) as u64;
        (0..self.labels.len()).partition(|&row| {
            let key = self.groups[row].to_le_bytes();
            xxhash_rust::xxh3::xxh3_64_with_seed(&key, seed) % 65536 >= limit
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Rows whose label depends on a threshold, a product and a share of unknown values.
    pub(crate) fn sample(rows: usize, seed: u64) -> Dataset {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut values = Vec::with_capacity(rows * 6);
        let mut labels = Vec::with_capacity(rows);
        for _ in 0..rows {
            let row: [f32; 6] = std::array::from_fn(|_| (rng.gen_range(0.0..8.0f32)).floor());
            let hot = (row[0] > 4.0) as u8 + (row[1] * row[2] > 20.0) as u8 + (row[3] < 2.0) as u8;
            labels.push(hot >= 2 && rng.r#gen::<f32>() < 0.95 || rng.r#gen::<f32>() < 0.02);
            values.extend(row.map(|value| if rng.r#gen::<f32>() < 0.05 { f32::NAN } else { value }));
        }
        Dataset {
            columns: (0..6).collect(),
            names: (0..6).map(|index| format!("c{index}")).collect(),
            rows: Array2::from_shape_vec((rows, 6), values).unwrap(),
            labels,
            weights: vec![1.0; rows],
            groups: (0..rows as u64).map(|row| row / 2).collect(),
        }
    }

    #[test]
    fn bad_data_is_refused_with_its_reason() {
        let mut data = sample(100, 1);
        assert!(data.check().is_ok());
        data.rows[(3, 2)] = -1.0;
        assert!(data.check().unwrap_err().to_string().contains("c2 has the value -1"));
        let mut data = sample(100, 1);
        data.labels.fill(false);
        assert!(data.check().is_err());
    }

    #[test]
    fn fields_drop_out_together_and_by_seed() {
        let mut data = sample(1000, 1);
        data.rows.fill(1.0);
        let mut twin = data.clone();
        data.drop_fields(&[vec![0, 1], vec![4]], 0.3, 9);
        twin.drop_fields(&[vec![0, 1], vec![4]], 0.3, 9);
        assert_eq!(data.hash(), twin.hash());
        let touched = data.rows.rows().into_iter().filter(|row| row.iter().any(|v| v.is_nan())).count();
        assert!((200..400).contains(&touched), "{touched}");
        assert!(data.rows.rows().into_iter().all(|row| row[0].is_nan() == row[1].is_nan()));
    }

    #[test]
    fn a_group_is_never_split() {
        let data = sample(400, 2);
        let (train, held) = data.split(0.25, 5);
        let held_groups: std::collections::BTreeSet<u64> = held.iter().map(|&row| data.groups[row]).collect();
        assert!(train.iter().all(|&row| !held_groups.contains(&data.groups[row])));
        assert!((50..150).contains(&held.len()), "{}", held.len());
    }
}
