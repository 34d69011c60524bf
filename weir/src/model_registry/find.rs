//! What a decision's model was made of: the version that it names, or the weights that labels had put into one.
//!
//! Separate from reading what may decide: here nothing is loaded to serve, so that no signature is asked for. Invariants: weights that were
//! written last are tried first, each in its own model; what cannot be read gives no hash and is passed over.

use std::collections::BTreeMap;

use models::{Model, Weights};
use schema::ControlKind;
use schema::limits::MODEL_BYTES_MAX;
use scorer::Needed;

use super::{ModelRegistry, listed};
use crate::error::Error;
use crate::files;
use crate::setup;

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Name of the model as it was trained.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Name and version of the weights in it.
    pub weights: Option<(String, String)>,
}

impl ModelRegistry {
    /// What decides under a hash, as decisions name it; `None`: nothing that lies here, nor this build's own model.
    pub fn find(&self, hash: &str) -> Result<Option<Found>, Error> {
        let mut models = BTreeMap::new();
        let built_in = setup::default_model()?;
        models.extend(built_in.map(|model| (model.version().to_owned(), model)));
        for name in self.names()? {
            for version in self.versions(&name)? {
                let read = files::read(&self.path(&name, &version)?, MODEL_BYTES_MAX as u64).ok();
                let model = read.and_then(|bytes| Model::from_bytes_for_table(&bytes).ok());
                models.extend(model.map(|model| (version, model)));
            }
        }
        let found = |base: &Model, weights| Found {
            name: base.name().to_owned(),
            version: base.version().to_owned(),
            weights,
        };
        if let Some(model) = models.get(hash) {
            return Ok(Some(found(model, None)));
        }
        for (name, version) in self.weights_last_first()? {
            let needed = Needed { kind: ControlKind::Weights, name: name.clone(), version: version.clone() };
            let read = files::read(&self.registry.file(&needed)?, MODEL_BYTES_MAX as u64).ok();
            let Some(weights) = read.and_then(|bytes| Weights::from_bytes(&bytes).ok()) else { continue };
            let Some(base) = models.get(&weights.base) else { continue };
            if weights.applied(base).is_ok_and(|model| model.version() == hash) {
                return Ok(Some(found(base, Some((name, version)))));
            }
        }
        Ok(None)
    }

    /// Names and versions of all weights, those first that were written last.
    fn weights_last_first(&self) -> Result<Vec<(String, String)>, Error> {
        let folder = format!("{}/weights", self.folder);
        let mut found = Vec::new();
        for name in listed(&folder, |name| Some(name.to_owned()))? {
            for version in
                listed(&format!("{folder}/{name}"), |file| file.strip_suffix(".json").map(str::to_owned))?
            {
                let file = format!("{folder}/{name}/{version}.json");
                let written = std::fs::metadata(file).and_then(|file| file.modified()).ok();
                found.push((written, name.clone(), version));
            }
        }
        found.sort_by(|a, b| b.cmp(a));
        Ok(found.into_iter().map(|(_, name, version)| (name, version)).collect())
    }
}
