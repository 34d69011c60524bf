//! Versions in a folder: where an activation's policy, model or list is loaded from.
//!
//! Separate from the engine, which only says what it needs. `DIR/<kind>/<name>/<version>` with the kind's ending: `.toml`
//! for a policy, `.json` for a model and for weights, `.blocklist`, and `.txt` for an exempt list. Invariants: a name from the log never
//! leads out of the folder; whatever cannot be loaded is told, and the version before it stays in force; where keys are trusted, a
//! model, or weights, that none of them signed are not loaded. The model that is built in needs no file: it can always be gone back to.

use std::path::PathBuf;

use models::{Model, Weights};
use schema::limits::{MODEL_BYTES_MAX, POLICY_BYTES_MAX};
use schema::{ControlKind, Event, Refusal, RejectReason};
use scorer::{Artifact, Blocklist, Content, Engine, ExemptList, Needed, Policy};

use crate::commands::blocklist;
use crate::error::Error;
use crate::signature::PublicKey;
use crate::{files, model_registry, setup};

/// Why a version was not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unloaded {
    /// The folder does not answer, or is empty as one is that is not mounted: the same again later.
    Passing(String),
    /// It is not there, or is not what it must be: trying again changes nothing.
    Final(String),
}

/// A folder of versions.
#[derive(Debug, Clone)]
pub struct Registry {
    folder: PathBuf,
    /// Whose models are loaded; none: anybody's.
    trusted: Vec<PublicKey>,
}

impl Registry {
    /// The registry in a folder, which must exist.
    pub fn open(folder: &str) -> Result<Self, Error> {
        if !std::fs::metadata(folder).is_ok_and(|found| found.is_dir()) {
            return Err(Error::file(
                folder,
                "no such folder: a registry is a folder of <kind>/<name>/<version>",
            ));
        }
        Ok(Self { folder: folder.into(), trusted: Vec::new() })
    }

    /// The same, whose models must be signed by one of the keys in these files (`weir models`); with no file, by nobody.
    pub fn trusting<N: AsRef<str>>(self, files: &[N]) -> Result<Self, Error> {
        let trusted = files.iter().map(|name| PublicKey::read(name.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { trusted, ..self })
    }

    /// Loads what a record needs.
    pub fn load(&self, needed: &Needed) -> Result<Artifact, Error> {
        self.load_this(needed, None)
    }

    /// The same from a file of this SHA-256, if one is wanted; what it is goes with what was loaded.
    pub fn load_this(&self, needed: &Needed, sha256: Option<&str>) -> Result<Artifact, Error> {
        let (file, bytes, digest) = self.bytes(needed, sha256)?;
        let content = self.content(needed, &file, bytes)?;
        let (name, version) = (needed.name.clone(), needed.version.clone());
        Ok(Artifact { name, version, content, sha256: Some(digest) })
    }

    /// The name of a version's file, what is in it, and its SHA-256, hexadecimal, which must be this one if one is wanted.
    fn bytes(&self, needed: &Needed, sha256: Option<&str>) -> Result<(String, Vec<u8>, String), Error> {
        let file = self.file(needed)?;
        let bytes_max = match needed.kind {
            ControlKind::Policy => POLICY_BYTES_MAX as u64,
            ControlKind::Model | ControlKind::Weights => MODEL_BYTES_MAX as u64,
            ControlKind::Blocklist => blocklist::BYTES_MAX,
            ControlKind::Exempt => setup::EXEMPT_BYTES_MAX,
            ControlKind::Kill => return Err(Error::file(&file, "this kind has no file")),
        };
        let (bytes, digest) = match built_in(needed) {
            Some(bytes) => (bytes.to_vec(), files::digest(bytes)),
            None => files::read_known(&file, bytes_max)?,
        };
        match sha256 {
            Some(wanted) if !wanted.eq_ignore_ascii_case(&digest) => {
                let detail = format!("its SHA-256 is {digest}, wanted is {wanted}");
                Err(Error::file(&file, detail))
            }
            _ => Ok((file, bytes, digest)),
        }
    }

    /// What a file's bytes are.
    fn content(&self, needed: &Needed, file: &str, bytes: Vec<u8>) -> Result<Content, Error> {
        let is_signed = matches!(needed.kind, ControlKind::Model | ControlKind::Weights);
        if is_signed && !self.trusted.is_empty() && built_in(needed).is_none() {
            model_registry::prove(file, &bytes, &self.trusted)?;
        }
        Ok(match needed.kind {
            ControlKind::Policy => {
                Content::Policy(Box::new(Policy::parse(file, &files::text(file, bytes)?)?))
            }
            ControlKind::Model => {
                let model = Model::from_bytes(&bytes).map_err(|error| Error::file(file, error))?;
                if !self.trusted.is_empty() {
                    model_registry::is_in_its_place(file, &model, (&needed.name, &needed.version))?;
                }
                Content::Model(Box::new(model))
            }
            ControlKind::Blocklist => Content::Blocklist(Box::new(Blocklist::from_bytes(file, bytes)?)),
            ControlKind::Exempt => Content::Exempt(ExemptList::parse(file, &files::text(file, bytes)?)?),
            ControlKind::Weights => {
                let weights = Weights::from_bytes(&bytes).map_err(|error| Error::file(file, error))?;
                Content::Weights(Box::new(weights))
            }
            ControlKind::Kill => return Err(Error::file(file, "this kind has no file")),
        })
    }

    /// The same, if its file has this SHA-256; an error by what whoever asks can do about it.
    pub fn try_load(&self, needed: &Needed, sha256: Option<&str>) -> Result<Artifact, Unloaded> {
        self.load_this(needed, sha256).map_err(|error| match self.trouble(needed) {
            Some(trouble) => Unloaded::Passing(trouble),
            None => Unloaded::Final(error.to_string()),
        })
    }

    /// What is wrong with the folder, or with reading the file, and not with what it holds.
    fn trouble(&self, needed: &Needed) -> Option<String> {
        let folder = self.folder.display();
        let file = self.file(needed).ok()?;
        if std::fs::metadata(&file).is_ok_and(|found| !found.is_file()) {
            return None; // A folder in its place, for example.
        }
        match std::fs::File::open(&file).and_then(|mut file| std::io::copy(&mut file, &mut std::io::sink())) {
            Ok(_) => None,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                match std::fs::read_dir(&self.folder).map(|mut entries| entries.next().transpose()) {
                    Ok(Ok(Some(_))) => None,
                    Ok(Ok(None)) => Some(format!("{folder}: the registry is empty; is it mounted?")),
                    Ok(Err(error)) | Err(error) => Some(format!("{folder}: {error}; is it mounted?")),
                }
            }
            Err(error) => Some(format!("{file}: {error}")),
        }
    }

    /// Loads what a record needs, a file of this SHA-256 if it says one, and puts it on the engine's shelf.
    ///
    /// # Errors
    /// If it cannot be loaded, or there is no registry: the record is refused, and the version before it stays in force.
    #[cold]
    pub fn provide(
        registry: Option<&Registry>,
        engine: &mut Engine,
        (needed, sha256): (&Needed, Option<&str>),
    ) -> Result<(), Refusal> {
        let missing = |detail: String| Refusal::new(RejectReason::ArtifactMissing, detail);
        let nowhere = Registry { folder: PathBuf::new(), trusted: Vec::new() };
        let Some(registry) = registry.or_else(|| built_in(needed).map(|_| &nowhere)) else {
            let Needed { kind, name, version } = needed;
            return Err(missing(format!("{kind} {name} {version} is wanted: give --registry DIR")));
        };
        let artifact = registry.load_this(needed, sha256).map_err(|error| missing(error.to_string()))?;
        engine.provide(artifact);
        Ok(())
    }

    /// Provides what a recorded event needs, if it needs anything: whoever replays a log decides by the versions that were in force.
    ///
    /// # Errors
    /// If it cannot be loaded, or there is no registry.
    pub fn provide_for(
        registry: Option<&Registry>,
        engine: &mut Engine,
        event: &Event<'_>,
    ) -> Result<(), Error> {
        let Some(needed) = engine.needs(event) else { return Ok(()) };
        let provided = Self::provide(registry, engine, (&needed, event.body.sha256()));
        provided.map_err(|refusal| Error::Usage(refusal.detail))
    }

    /// Whether a version lies here, has this SHA-256 (if any is given) and can be put in force; gives the SHA-256 of its file,
    /// hexadecimal.
    pub fn check(&self, needed: &Needed, sha256: Option<&str>) -> Result<String, Error> {
        let loaded = self.load_this(needed, sha256)?;
        if let Content::Blocklist(list) = loaded.content
            && list.name() != needed.name
        {
            let detail = format!("the list is called {}: give that as the name", list.name());
            return Err(Error::file(&self.file(needed)?, detail));
        }
        Ok(loaded.sha256.unwrap_or_default())
    }

    /// Versions that lie here, by kind and name, the last by name first; at most `most`. What has no plain name is left out.
    pub fn versions(&self, most: usize) -> Vec<Needed> {
        let names = |folder: &std::path::Path| {
            let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
            let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
            let mut names: Vec<String> = names.filter(|name| is_plain(name)).collect();
            names.sort_by(|a, b| b.cmp(a));
            names
        };
        let kinds = [ControlKind::Policy, ControlKind::Model, ControlKind::Blocklist, ControlKind::Exempt];
        let mut found = Vec::new();
        for kind in kinds {
            let folder = self.folder.join(kind.word());
            for name in names(&folder) {
                for file in names(&folder.join(&name)) {
                    let Some((version, _)) = file.rsplit_once('.') else { continue };
                    let needed = Needed { kind, name: name.clone(), version: version.to_owned() };
                    let lies = self.file(&needed).is_ok_and(|path| path.ends_with(&format!("/{file}")));
                    // A signature beside it, and what its name's versions are used for, are no versions.
                    if lies && version != model_registry::STATE {
                        found.push(needed);
                    }
                }
            }
        }
        found.truncate(most);
        found
    }

    /// Where a version lies.
    pub fn file(&self, needed: &Needed) -> Result<String, Error> {
        let Needed { kind, name, version } = needed;
        for part in [name, version] {
            if !is_plain(part) {
                let detail =
                    "a name or version has letters, digits, `.`, `_` and `-`, and begins with no `.`";
                return Err(Error::file(part, detail));
            }
        }
        let ending = match kind {
            ControlKind::Policy => "toml",
            ControlKind::Model | ControlKind::Weights => "json",
            ControlKind::Blocklist => "blocklist",
            ControlKind::Exempt | ControlKind::Kill => "txt",
        };
        let path = self.folder.join(kind.word()).join(name).join(format!("{version}.{ending}"));
        Ok(path.display().to_string())
    }
}

/// The model that is built in, if it is the one that is needed.
fn built_in(needed: &Needed) -> Option<&'static [u8]> {
    setup::built_in(&needed.name, &needed.version).filter(|_| needed.kind == ControlKind::Model)
}

/// Whether a text can be part of a path without meaning anything there.
fn is_plain(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leads_out_of_the_folder() {
        let registry = Registry { folder: "r".into(), trusted: Vec::new() };
        let file = |name: &str, version: &str| {
            let (name, version) = (name.to_owned(), version.to_owned());
            registry.file(&Needed { kind: ControlKind::Policy, name, version }).ok()
        };
        assert_eq!(file("strict", "2026-11.1").as_deref(), Some("r/policy/strict/2026-11.1.toml"));
        for (name, version) in
            [("..", "1"), ("a/b", "1"), ("a", "../../x"), ("", "1"), ("a", "."), ("a", "é")]
        {
            assert_eq!(file(name, version), None, "{name} {version}");
        }
    }

    #[test]
    fn a_version_is_what_the_control_says_or_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let strict = folder.path().join("policy/strict");
        std::fs::create_dir_all(&strict).expect("writable");
        std::fs::write(strict.join("1.toml"), Policy::default_toml()).expect("writable");
        std::fs::write(strict.join("2.toml"), "format = 7").expect("writable");
        let registry = Registry::open(&folder.path().display().to_string()).expect("a folder");
        let check = |version: &str, sha256: Option<&str>| {
            let (name, version) = ("strict".to_owned(), version.to_owned());
            let needed = Needed { kind: ControlKind::Policy, name, version };
            registry.check(&needed, sha256).map_err(|error| error.to_string())
        };
        let digest = check("1", None).expect("fine");
        assert_eq!(digest.len(), 64);
        assert_eq!(check("1", Some(&digest.to_uppercase())), Ok(digest.clone()));
        let says = |found: Result<String, String>, what: &str| {
            let error = found.expect_err("refused");
            assert!(error.contains(what), "{error}");
        };
        says(check("1", Some(&"0".repeat(64))), "its SHA-256 is");
        says(check("2", None), "2.toml");
        says(check("3", None), "3.toml");
        says(check("../1", None), "letters, digits");
        let own = setup::default_model().expect("it is sound").expect("it is built in");
        let back = Needed {
            kind: ControlKind::Model,
            name: own.name().to_owned(),
            version: own.version().to_owned(),
        };
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/default/model.json");
        let digest = files::read_known(file, MODEL_BYTES_MAX as u64).expect("it is in the repository").1;
        assert_eq!(registry.check(&back, None).expect("it needs no file"), digest);
        says(
            registry.check(&back, Some(&"0".repeat(64))).map_err(|error| error.to_string()),
            "its SHA-256 is",
        );
        let other = Needed { version: "0123456789abcdef".to_owned(), ..back };
        says(registry.check(&other, None).map_err(|error| error.to_string()), "0123456789abcdef.json");
        let candidate = folder.path().join("model/candidate");
        std::fs::create_dir_all(&candidate).expect("writable");
        for file in ["7.json", "7.sig", "state.json", "state.lock"] {
            std::fs::write(candidate.join(file), "{}").expect("writable");
        }
        let shelf = registry.versions(10);
        let shelf: Vec<String> =
            shelf.iter().map(|one| format!("{} {} {}", one.kind, one.name, one.version)).collect();
        assert_eq!(shelf, ["policy strict 2", "policy strict 1", "model candidate 7"]);
    }
}
