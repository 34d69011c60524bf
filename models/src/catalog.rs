//! The features that this build knows, as models need them: names in order and one hash.
//!
//! Separate so that the only line that touches the `features` crate is here, and so that tests can bring their own
//! catalogue. Invariant: a column's index in a vector is its place in `names`.

/// Names and hash of a feature catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// Feature-schema version.
    pub hash: u64,
    /// Feature names, in vector order.
    pub names: Vec<String>,
    /// Those of them that no model may have as a column.
    pub closed: Vec<String>,
}

impl Catalog {
    /// The catalogue of this build.
    #[must_use]
    pub fn of_this_build() -> Self {
        let names = features::CATALOG.iter().map(|feature| feature.name.to_owned()).collect();
        let closed = features::CATALOG.iter().filter(|feature| !feature.model);
        let closed = closed.map(|feature| feature.name.to_owned()).collect();
        Self { hash: features::catalog_hash(), names, closed }
    }

    /// The catalogue of a table whose columns need not be features: a model of it is refused by whatever serves features.
    /// If all of them are, it is this build's.
    #[must_use]
    pub fn of_table(columns: &[String]) -> Self {
        let build = Self::of_this_build();
        let is_open = |column: &String| build.index(column).is_some() && !build.closed.contains(column);
        if columns.iter().all(is_open) {
            return build;
        }
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for column in columns {
            hash.update(&(column.len() as u64).to_le_bytes());
            hash.update(column.as_bytes());
        }
        Self { hash: hash.digest(), names: columns.to_vec(), closed: Vec::new() }
    }

    /// The place of a feature in a vector.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// The hash as it stands in files: 16 hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        format!("{:016x}", self.hash)
    }
}
