//! Versions in a folder: where an activation's policy, model or list is loaded from.
//!
//! Separate from the engine, which only says what it needs. `DIR/<kind>/<name>/<version>` with the kind's ending: `.toml`
//! for a policy, `.json` for a model, `.blocklist`, and `.txt` for an exempt list. Invariants: a name from the log never
//! leads out of the folder; whatever cannot be loaded is told, and the version before it stays in force.

use std::path::PathBuf;

use models::Model;
use schema::ControlKind;
use schema::limits::MODEL_BYTES_MAX;
use scorer::{Artifact, Content, Needed};

use crate::commands::{blocklist, check_config};
use crate::error::Error;
use crate::{files, setup};

/// A folder of versions.
#[derive(Debug, Clone)]
pub struct Registry {
    folder: PathBuf,
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
        Ok(Self { folder: folder.into() })
    }

    /// Loads what a record needs.
    pub fn load(&self, needed: &Needed) -> Result<Artifact, Error> {
        let file = self.file(needed)?;
        let content = match needed.kind {
            ControlKind::Policy => Content::Policy(Box::new(check_config::load(&file)?)),
            ControlKind::Model => {
                let bytes = files::read(&file, MODEL_BYTES_MAX as u64)?;
                let model = Model::from_bytes(&bytes).map_err(|error| Error::file(&file, error))?;
                Content::Model(Box::new(model))
            }
            ControlKind::Blocklist => Content::Blocklist(Box::new(blocklist::load(&file)?)),
            ControlKind::Exempt => Content::Exempt(setup::read_exempt(Some(&file))?),
            ControlKind::Weights | ControlKind::Kill => {
                return Err(Error::file(&file, "this kind has no file"));
            }
        };
        Ok(Artifact { name: needed.name.clone(), version: needed.version.clone(), content })
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
            ControlKind::Model => "json",
            ControlKind::Blocklist => "blocklist",
            ControlKind::Exempt | ControlKind::Weights | ControlKind::Kill => "txt",
        };
        let path = self.folder.join(kind.word()).join(name).join(format!("{version}.{ending}"));
        Ok(path.display().to_string())
    }
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
        let registry = Registry { folder: "r".into() };
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
}
