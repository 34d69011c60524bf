//! A bounded sample of rows whose inclusion hangs on a hash, not on order.
//!
//! Separate, because it is the only place where rows are thrown away. Invariant: a row is in the sample if and only if its
//! key lies under the threshold, so that its weight, 1 / the probability of inclusion, is known exactly.

/// Rows of one label.
pub struct Reservoir {
    rows_max: usize,
    width: usize,
    /// Keys under it are in; it only falls.
    threshold: u64,
    keys: Vec<u64>,
    groups: Vec<u64>,
    weights: Vec<f32>,
    values: Vec<f32>,
}

/// A row of the sample.
pub struct Sampled<'a> {
    /// What belongs together: a hash of the account.
    pub group: u64,
    /// 1 / probability of inclusion.
    pub weight: f32,
    /// The row's columns.
    pub values: &'a [f32],
}

impl Reservoir {
    /// A sample of at most `rows_max` rows of `width` columns.
    pub fn new(rows_max: usize, width: usize) -> Self {
        let (keys, groups, weights, values) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { rows_max, width, threshold: u64::MAX, keys, groups, weights, values }
    }

    /// Offers a row; `key` is a hash that tells rows apart, `weight` what the caller left out already.
    pub fn offer(&mut self, key: u64, group: u64, weight: f32, values: impl Iterator<Item = f32>) {
        if key >= self.threshold {
            return;
        }
        self.keys.push(key);
        self.groups.push(group);
        self.weights.push(weight);
        self.values.extend(values);
        while self.keys.len() > self.rows_max {
            self.threshold /= 2;
            self.thin_out();
        }
    }

    /// Rows in the sample.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The sample, in the order in which it was offered.
    pub fn rows(&self) -> impl Iterator<Item = Sampled<'_>> {
        let share = self.threshold as f64 / u64::MAX as f64;
        let rows = self.groups.iter().zip(&self.weights).zip(self.values.chunks_exact(self.width));
        rows.map(move |((&group, &weight), values)| Sampled {
            group,
            weight: (f64::from(weight) / share) as f32,
            values,
        })
    }

    fn thin_out(&mut self) {
        let mut kept = 0;
        for row in 0..self.keys.len() {
            if self.keys[row] < self.threshold {
                self.keys[kept] = self.keys[row];
                self.groups[kept] = self.groups[row];
                self.weights[kept] = self.weights[row];
                self.values.copy_within(row * self.width..(row + 1) * self.width, kept * self.width);
                kept += 1;
            }
        }
        self.keys.truncate(kept);
        self.groups.truncate(kept);
        self.weights.truncate(kept);
        self.values.truncate(kept * self.width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    #[test]
    fn the_sample_does_not_hang_on_order_and_its_weights_add_up() {
        let fill = |order: &mut dyn Iterator<Item = u64>| {
            let mut reservoir = Reservoir::new(100, 2);
            order.for_each(|n| reservoir.offer(spread(n), n, 1.0, [n as f32, 0.5].into_iter()));
            let mut groups: Vec<u64> = reservoir.rows().map(|row| row.group).collect();
            let total: f32 = reservoir.rows().map(|row| row.weight).sum();
            assert!(reservoir.rows().all(|row| row.values == [row.group as f32, 0.5]));
            assert_eq!(reservoir.len(), groups.len());
            groups.sort_unstable();
            (groups, total)
        };
        let (ahead, total) = fill(&mut (0..10_000));
        let (back, _) = fill(&mut (0..10_000).rev());
        assert_eq!(ahead, back);
        assert!(ahead.len() > 40 && (5_000.0..20_000.0).contains(&total), "{} {total}", ahead.len());
    }
}
