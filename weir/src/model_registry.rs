//! Signed models in a folder, and which of them decides: champion and shadows by name.
//!
//! Separate from `registry`, which only loads what an activation names; both lie in one folder, `DIR/model/<name>/<version>.json`, here with
//! `<version>.sig` beside it and the name's `state.json`; beside weights, `in_force.json`. Invariants: a version is never replaced; a version whose signature does not
//! prove it, or is not by a trusted key, is not read; every act is kept in the history; of all names one version decides; who changes a
//! state has read it under a lock, so that no act is lost.

mod file;
mod find;

pub use file::{GatesFile, State, Step, WeightsInForce};
pub use find::Found;

use models::{Model, Weights};
use schema::ControlKind;
use schema::limits::MODEL_BYTES_MAX;
use scorer::Needed;

use self::file::SignatureFile;
use crate::error::Error;
use crate::files;
use crate::registry::Registry;
use crate::signature::{PublicKey, SecretKey};

/// Largest state or signature file, bytes.
const BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The file in which it is noted which weights were put in force last.
const IN_FORCE: &str = "in_force.json";
/// The name of the file that says what a name's versions are used for.
pub const STATE: &str = "state";
/// Most acts that are kept of a name.
const HISTORY_MAX: usize = 10_000;

/// The models of a registry.
pub struct ModelRegistry {
    folder: String,
    registry: Registry,
}

impl ModelRegistry {
    /// The registry in a folder, which must exist.
    pub fn open(folder: &str) -> Result<Self, Error> {
        Ok(Self { folder: folder.trim_end_matches('/').to_owned(), registry: Registry::open(folder)? })
    }

    fn path(&self, name: &str, version: &str) -> Result<String, Error> {
        let (name, version) = (name.to_owned(), version.to_owned());
        self.registry.file(&Needed { kind: ControlKind::Model, name, version })
    }

    fn state_path(&self, name: &str) -> Result<String, Error> {
        self.path(name, STATE)
    }

    /// Names with versions, in order.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        listed(&format!("{}/model", self.folder), |name| Some(name.to_owned()))
    }

    /// Versions of a name, in order.
    pub fn versions(&self, name: &str) -> Result<Vec<String>, Error> {
        self.state_path(name)?;
        let ending = |name: &str| name.strip_suffix(".sig").map(str::to_owned);
        listed(&format!("{}/model/{name}", self.folder), ending)
    }

    /// Whether weights of that name lie here that were learned on top of a version of a model.
    pub fn has_weights_of(&self, name: &str, base: &str) -> bool {
        let folder = format!("{}/weights/{name}", self.folder);
        let files = listed(&folder, |name| name.ends_with(".json").then(|| name.to_owned()));
        let is_of = |file: String| {
            let bytes = files::read(&format!("{folder}/{file}"), MODEL_BYTES_MAX as u64).ok();
            bytes
                .and_then(|bytes| Weights::from_bytes(&bytes).ok())
                .is_some_and(|weights| weights.base == base)
        };
        files.is_ok_and(|files| files.into_iter().any(is_of))
    }

    /// The weights of that name that were put in force last, if they are of this version of a model.
    pub fn weights_in_force(&self, name: &str, base: &str) -> Option<WeightsInForce> {
        let noted: WeightsInForce = parsed(&self.note(name)?).ok()?;
        let needed =
            Needed { kind: ControlKind::Weights, name: name.to_owned(), version: noted.version.clone() };
        let bytes = files::read(&self.registry.file(&needed).ok()?, MODEL_BYTES_MAX as u64).ok()?;
        Weights::from_bytes(&bytes).ok().filter(|weights| weights.base == base).map(|_| noted)
    }

    /// Notes which weights of their name were put in force last, if any lie here; version [`schema::NO_WEIGHTS`]: none.
    pub fn note_weights(&self, weights: &WeightsInForce) -> Result<(), Error> {
        let Some(file) = self.note(&weights.name) else { return Ok(()) };
        files::write(&file, &json(weights))
    }

    /// Where that is noted, if there is such a name.
    fn note(&self, name: &str) -> Option<String> {
        let folder = format!("{}/weights/{name}", self.folder);
        std::fs::metadata(&folder).is_ok_and(|found| found.is_dir()).then(|| format!("{folder}/{IN_FORCE}"))
    }

    /// Signs a model and puts it in under its name and version.
    pub fn add(&self, bytes: &[u8], key: &SecretKey) -> Result<Model, Error> {
        let model = Model::from_bytes_for_table(bytes).map_err(|error| Error::file("the model", error))?;
        let path = self.path(model.name(), model.version())?;
        if files::read(&path, MODEL_BYTES_MAX as u64).is_ok_and(|there| there != bytes) {
            return Err(Error::file(
                &path,
                "another model is there already, and a version is never replaced",
            ));
        }
        let parent = std::path::Path::new(&path).parent().expect("a version lies in a folder");
        std::fs::create_dir_all(parent).map_err(|error| Error::file(&path, error))?;
        files::write(&path, bytes)?;
        sign(&path, bytes, key)?;
        Ok(model)
    }

    /// Reads a version that one of the keys proves.
    pub fn read(
        &self,
        name: &str,
        version: &str,
        trusted: &[PublicKey],
    ) -> Result<(Model, PublicKey), Error> {
        let path = self.path(name, version)?;
        let bytes = files::read(&path, MODEL_BYTES_MAX as u64)?;
        let key = prove(&path, &bytes, trusted)?;
        let model = Model::from_bytes_for_table(&bytes).map_err(|error| Error::file(&path, error))?;
        is_in_its_place(&path, &model, (name, version))?;
        Ok((model, key))
    }

    /// What a name's versions are used for.
    pub fn state(&self, name: &str) -> Result<State, Error> {
        let path = self.state_path(name)?;
        if std::fs::metadata(&path).is_err() { Ok(State::default()) } else { parsed(&path) }
    }

    /// The name and version that decides, of all names; `None`: none was ever promoted here.
    pub fn champion(&self) -> Result<Option<(String, String)>, Error> {
        let mut found: Option<(u64, String, String)> = None;
        for name in self.names()? {
            let state = self.state(&name)?;
            let (Some(since), Some(version)) = (state.decides_since(), state.champion) else { continue };
            if found.as_ref().is_none_or(|(latest, ..)| *latest <= since) {
                found = Some((since, name, version));
            }
        }
        Ok(found.map(|(_, name, version)| (name, version)))
    }

    /// Changes the state of a name, and keeps the act; whoever else does so waits.
    pub fn act(&self, name: &str, step: Step, change: impl FnOnce(&mut State)) -> Result<(), Error> {
        let path = self.state_path(name)?;
        let lock = path.replace(".json", ".lock");
        // Freed when it is closed.
        let held = std::fs::File::create(&lock).and_then(|file| file.lock().map(|()| file));
        let _held = held.map_err(|error| Error::file(&lock, error))?;
        let mut state = self.state(name)?;
        change(&mut state);
        state.history.push(step);
        let beyond = state.history.len().saturating_sub(HISTORY_MAX);
        state.history.drain(..beyond);
        files::write(&path, &json(&state))
    }
}

/// Puts weights into a registry under a name and version, signed if there is a key; gives the SHA-256 of their file, hexadecimal.
pub fn put_weights(
    registry: &Registry,
    (name, version, weights): (&str, &str, &Weights),
    key: Option<&SecretKey>,
) -> Result<String, Error> {
    let needed = Needed { kind: ControlKind::Weights, name: name.to_owned(), version: version.to_owned() };
    let (file, bytes) = (registry.file(&needed)?, weights.to_bytes());
    if let Some(folder) = std::path::Path::new(&file).parent() {
        std::fs::create_dir_all(folder).map_err(|error| Error::file(&file, error))?;
    }
    files::write(&file, &bytes)?;
    if let Some(key) = key {
        sign(&file, &bytes, key)?;
    }
    registry.check(&needed, None)
}

/// Writes the signature of the bytes at `path` beside it.
pub fn sign(path: &str, bytes: &[u8], key: &SecretKey) -> Result<(), Error> {
    let signature = SignatureFile { key: key.public().hex(), signature: key.sign(bytes) };
    files::write(&signature_of(path), &json(&signature))
}

/// The one of the keys that proves the bytes of the version at `path`, by the signature beside it.
pub fn prove(path: &str, bytes: &[u8], trusted: &[PublicKey]) -> Result<PublicKey, Error> {
    let sig = signature_of(path);
    let signature: SignatureFile = parsed(&sig)?;
    let key = trusted.iter().find(|key| key.hex() == signature.key);
    let Some(key) = key else {
        let detail = format!("signed by {}, which is not trusted", signature.key);
        return Err(Error::file(&sig, detail));
    };
    if !key.proves(bytes, &signature.signature) {
        return Err(Error::file(
            path,
            "its signature does not prove it: the file or the signature was changed",
        ));
    }
    Ok(key.clone())
}

/// Whether a model lies under its own name and version: a signature is of no other place.
pub fn is_in_its_place(path: &str, model: &Model, (name, version): (&str, &str)) -> Result<(), Error> {
    if model.name() == name && model.version() == version {
        return Ok(());
    }
    let detail = format!("it holds {} {}: it lies in the wrong place", model.name(), model.version());
    Err(Error::file(path, detail))
}

/// Where the signature of the file at `path` lies.
pub fn signature_of(path: &str) -> String {
    format!("{}.sig", path.strip_suffix(".json").unwrap_or(path))
}

fn listed(folder: &str, take: impl Fn(&str) -> Option<String>) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(found) };
    for entry in entries {
        let entry = entry.map_err(|error| Error::file(folder, error))?;
        found.extend(entry.file_name().to_str().and_then(&take));
    }
    found.sort();
    Ok(found)
}

fn parsed<T: serde::de::DeserializeOwned>(name: &str) -> Result<T, Error> {
    serde_json::from_slice(&files::read(name, BYTES_MAX)?).map_err(|error| Error::file(name, error))
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("strings, numbers and lists always serialise");
    bytes.push(b'\n');
    bytes
}
