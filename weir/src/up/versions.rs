//! The policy, model and lists that the engine decides by, copied into the data folder.
//!
//! Separate, because an operator may change them between two starts. What lies between the newest checkpoint and the position
//! that was told was decided by those of before, and is read again by those; the new ones decide from there on. Layout:
//! `versions/SET/…`, SET a hash of all its parts, and `versions/in-force`, which names one. Invariants: a set is complete or not
//! there; `in-force` is replaced whole; a set in force is never touched.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use scorer::EngineConfig;
use toml::{Table, Value};
use xxhash_rust::xxh3::Xxh3;

use crate::error::Error;
use crate::setup::{self, EngineOptions};

/// Version of the file `in-force`; another is refused by name.
const FORMAT: i64 = 1;
const IN_FORCE: &str = "in-force";

/// What is in force and what was given at this start.
pub struct Versions {
    folder: PathBuf,
    /// Share of quiet events whose rows are wanted, if any are.
    rows: Option<f64>,
    given: InForce,
    kept: Option<InForce>,
}

/// What the file `in-force` says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct InForce {
    /// The set.
    set: String,
    /// It decides about records after this position.
    since: u64,
    /// Bound on accounts in memory.
    accounts_max: usize,
}

impl Versions {
    /// Copies what was given, and reads what was in force when the server ran last.
    pub fn open(
        data: &Path,
        options: &EngineOptions,
        exempt: Option<&str>,
        rows: Option<f64>,
    ) -> Result<Versions, Error> {
        let folder = data.join("versions");
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
        let set = hash(options, exempt)?;
        if !folder.join(&set).is_dir() {
            // What is wrong with a file is said by the name that was given.
            options.config(setup::read_exempt(exempt)?, rows)?;
            copy(&folder, &set, options, exempt)?;
        }
        let kept = match fs::read_to_string(folder.join(IN_FORCE)) {
            Ok(text) => {
                Some(InForce::parse(&text).map_err(|detail| failed(&folder.join(IN_FORCE), &detail))?)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(&folder.join(IN_FORCE), &error)),
        };
        let given = InForce { set, since: 0, accounts_max: options.accounts_max };
        Ok(Versions { folder, rows, given, kept })
    }

    /// Whether what was given is what was in force. Then, or if nothing was, it is what decides.
    pub fn are_same(&self) -> bool {
        self.kept.as_ref().is_none_or(|kept| kept.set == self.given.set)
    }

    /// The position after which what was in force decides.
    pub fn since(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.since)
    }

    /// The engine's configuration by what was given.
    pub fn given(&self) -> Result<EngineConfig, Error> {
        self.config(&self.given)
    }

    /// The same by what was in force.
    pub fn kept(&self) -> Result<EngineConfig, Error> {
        self.config(self.kept.as_ref().unwrap_or(&self.given))
    }

    /// Puts in force what was given, for records after this position, and lets the other sets go.
    pub fn switch(&mut self, since: u64) -> Result<(), Error> {
        if self.kept.as_ref().is_some_and(|kept| kept.set == self.given.set) {
            return Ok(());
        }
        let (file, partial) = (self.folder.join(IN_FORCE), self.folder.join("in-force.partial"));
        let now = InForce { since, ..self.given.clone() };
        write(&partial, now.text().as_bytes())
            .and_then(|()| fs::rename(&partial, &file))
            .and_then(|()| flush(&self.folder))
            .map_err(|error| failed(&file, &error))?;
        if let Some(kept) = self.kept.replace(now) {
            tracing::info!(
                position = since,
                before = kept.set,
                now = self.given.set,
                "policy, model or lists are others than at the last start: they decide from this position on"
            );
            if let Err(error) = fs::remove_dir_all(self.folder.join(&kept.set)) {
                tracing::warn!(%error, set = kept.set, "a set of versions that is not in force any more stays");
            }
        }
        Ok(())
    }

    fn config(&self, set: &InForce) -> Result<EngineConfig, Error> {
        let folder = self.folder.join(&set.set);
        let there = |name: &str| Some(folder.join(name)).filter(|path| path.exists()).map(text);
        let model = there("model.json");
        let mut blocklists = Vec::new();
        while let Some(list) = there(&setup::list_name(blocklists.len())) {
            blocklists.push(list);
        }
        let options = EngineOptions {
            policy: Some(text(folder.join("policy.toml"))),
            no_model: model.is_none(),
            model,
            blocklists,
            accounts_max: set.accounts_max,
        };
        options.config(setup::read_exempt(there("exempt.txt").as_deref())?, self.rows)
    }
}

impl InForce {
    fn parse(text: &str) -> Result<InForce, String> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let number = |name: &str| table.get(name).and_then(Value::as_integer);
        match number("format") {
            Some(FORMAT) => {}
            other => {
                let other = other.map_or("none".to_owned(), |format| format.to_string());
                return Err(format!("it has format {other}; this weir reads format {FORMAT}"));
            }
        }
        let set = table.get("set").and_then(Value::as_str).unwrap_or_default();
        if set.len() != 16 || !set.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("set: 16 hexadecimal digits".to_owned());
        }
        let whole = |name: &str| {
            let found = number(name).and_then(|number| u64::try_from(number).ok());
            found.ok_or_else(|| format!("{name}: a whole number"))
        };
        let accounts_max = usize::try_from(whole("accounts_max")?).map_err(|error| error.to_string())?;
        Ok(InForce { set: set.to_owned(), since: whole("since")?, accounts_max })
    }

    fn text(&self) -> String {
        let InForce { set, since, accounts_max } = self;
        format!("format = {FORMAT}\nset = \"{set}\"\nsince = {since}\naccounts_max = {accounts_max}\n")
    }
}

/// A hash of all parts.
fn hash(options: &EngineOptions, exempt: Option<&str>) -> Result<String, Error> {
    let mut hash = Xxh3::new();
    hash.update(&(options.accounts_max as u64).to_le_bytes());
    options.each_part(exempt, |name, bytes| {
        hash.update(name.as_bytes());
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
        Ok(())
    })?;
    Ok(format!("{:016x}", hash.digest()))
}

/// Copies all parts into a folder of their own, which gets its name once it is complete.
fn copy(folder: &Path, set: &str, options: &EngineOptions, exempt: Option<&str>) -> Result<(), Error> {
    let (partial, whole) = (folder.join("partial"), folder.join(set));
    let fail = |error| failed(&whole, &error);
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(fail)?;
    }
    fs::create_dir(&partial).map_err(fail)?;
    options.each_part(exempt, |name, bytes| write(&partial.join(name), bytes).map_err(fail))?;
    if hash(options, exempt)? != set {
        return Err(failed(&whole, &"policy, model or lists changed while they were read: start again"));
    }
    flush(&partial).and_then(|()| fs::rename(&partial, &whole)).and_then(|()| flush(folder)).map_err(fail)
}

/// Writes a file and flushes it to the device.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Flushes a folder's names to the device.
fn flush(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

fn text(path: PathBuf) -> String {
    path.display().to_string()
}

fn failed(path: &Path, detail: &dyn std::fmt::Display) -> Error {
    Error::file(&path.display().to_string(), detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(policy: Option<String>, accounts_max: usize) -> EngineOptions {
        EngineOptions { policy, model: None, no_model: true, blocklists: Vec::new(), accounts_max }
    }

    #[test]
    fn what_decides_is_switched_at_a_position_and_a_copy_survives_its_file() {
        let data = tempfile::tempdir().expect("a folder");
        let open = |options: &EngineOptions| Versions::open(data.path(), options, None, None).expect("fine");
        let mut first = open(&options(None, 100));
        assert!(first.are_same(), "nothing was in force");
        first.switch(0).expect("writable");
        let policy = text(data.path().join("mine.toml"));
        let toml = format!("{}\n# mine\n", scorer::Policy::default_toml());
        fs::write(&policy, &toml).expect("writable");
        let own = options(Some(policy.clone()), 50);
        let mut second = open(&own);
        assert!(!second.are_same());
        let (kept, given) = (second.kept().expect("there"), second.given().expect("there"));
        assert_eq!((kept.store.accounts_max, given.store.accounts_max), (100, 50));
        assert_ne!(kept.policy.version, given.policy.version);
        second.switch(7).expect("writable");
        assert_eq!((second.are_same(), second.since()), (true, 7));
        let same = open(&own);
        assert_eq!((same.are_same(), same.since()), (true, 7));
        fs::write(&policy, toml + "# changed in place\n").expect("writable");
        let third = open(&own);
        assert!(!third.are_same());
        assert_eq!(third.kept().expect("the copy").policy.version, given.policy.version);
    }

    #[test]
    fn a_file_of_another_format_or_a_damaged_one_is_refused_by_name() {
        let in_force = InForce { set: "0123456789abcdef".to_owned(), since: 3, accounts_max: 9 };
        assert_eq!(InForce::parse(&in_force.text()), Ok(in_force.clone()));
        let says = |text: &str| InForce::parse(text).expect_err("refused");
        assert!(says(&in_force.text().replace("format = 1", "format = 2")).contains("it has format 2"));
        assert!(says(&in_force.text().replace("0123", "../3")).contains("set"));
        assert!(says(&in_force.text().replace("since = 3", "since = -3")).contains("since"));
        assert!(says("").contains("it has format none"));
    }
}
