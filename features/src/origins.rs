//! Which records were heard already: the highest origin of each source partition.
//!
//! Separate, because both ends of the log between the two stages have such a table: the account engine for facts, the
//! relation stage for relations. Invariants: at most one entry for each of `PARTITIONS_MAX` partitions; what was heard is
//! not heard again; ordered, so that a checkpoint of it is the same bytes.

use std::collections::BTreeMap;

use schema::Origin;
use schema::limits::PARTITIONS_MAX;

/// Highest origins heard, by source partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    highest: BTreeMap<u32, (u64, u32)>,
}

impl Origins {
    /// Whether an origin is above the highest of its partition; then it is the highest. One from a partition that cannot
    /// exist is never news.
    pub fn is_news(&mut self, origin: Origin) -> bool {
        if origin.partition as usize >= PARTITIONS_MAX {
            return false;
        }
        let told = (origin.offset, origin.n);
        match self.highest.get_mut(&origin.partition) {
            Some(highest) if *highest >= told => false,
            Some(highest) => {
                *highest = told;
                true
            }
            None => {
                self.highest.insert(origin.partition, told);
                true
            }
        }
    }

    /// The highest origins, by partition.
    pub fn iter(&self) -> impl Iterator<Item = Origin> + '_ {
        self.highest.iter().map(|(partition, (offset, n))| Origin {
            partition: *partition,
            offset: *offset,
            n: *n,
        })
    }
}

impl FromIterator<Origin> for Origins {
    fn from_iter<I: IntoIterator<Item = Origin>>(origins: I) -> Self {
        let mut heard = Self::default();
        for origin in origins {
            heard.is_news(origin);
        }
        heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: u32, offset: u64, n: u32) -> Origin {
        Origin { partition, offset, n }
    }

    #[test]
    fn each_partition_has_its_own_highest() {
        let mut origins = Origins::default();
        let told =
            [at(0, 5, 0), at(1, 3, 0), at(0, 5, 1), at(0, 5, 1), at(1, 2, 9), at(0, 5, 0), at(1, 4, 0)];
        let news = told.map(|origin| origins.is_news(origin));
        assert_eq!(news, [true, true, true, false, false, false, true]);
        assert_eq!(origins.iter().collect::<Vec<_>>(), [at(0, 5, 1), at(1, 4, 0)]);
        assert_eq!(origins.iter().collect::<Origins>(), origins);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut origins = Origins::default();
        let news = (0..10_000).filter(|partition| origins.is_news(at(*partition, 1, 0))).count();
        assert_eq!((news, origins.iter().count()), (PARTITIONS_MAX, PARTITIONS_MAX));
    }
}
