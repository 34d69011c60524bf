//! From options to an engine: policy, model, blocklists.
//!
//! Separate, because `score`, and the closed loop of `simulate` set up the same engine. Invariants: a file that
//! is wrong is named and nothing starts; without `--model` and `--policy` the ones built in are used.

use std::sync::OnceLock;

use clap::Args;
use features::StoreLimits;
use models::Model;
use schema::Versions;
use schema::limits::{ACCOUNTS_MAX, EXEMPT_MAX, ID_BYTES_MAX, MODEL_BYTES_MAX, POLICY_BYTES_MAX};
use scorer::{Engine, EngineConfig, ExemptList, Policy};

use crate::clash::{self, Named};
use crate::commands::{blocklist, check_config};
use crate::error::Error;
use crate::files;

/// The model in the repository, made by `weir train` (see its help); an empty file means that there is none.
const DEFAULT_MODEL: &[u8] = include_bytes!("../../models/default/model.json");

/// Largest exempt list, bytes.
pub const EXEMPT_BYTES_MAX: u64 = (EXEMPT_MAX * (ID_BYTES_MAX + 2)) as u64;

/// What an engine is made of.
#[derive(Debug, Args)]
pub struct EngineOptions {
    /// A policy (TOML); the default one is built in, see `weir check-config --print-default`.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<String>,
    /// A model made by `weir train`; a default one is built in.
    #[arg(long, value_name = "FILE", conflicts_with = "no_model")]
    pub model: Option<String>,
    /// Decide by rules alone.
    #[arg(long)]
    pub no_model: bool,
    /// A blocklist made by `weir blocklist build`; may be given several times.
    #[arg(long = "blocklist", value_name = "FILE")]
    pub blocklists: Vec<String>,
    /// Accounts whose features are kept in memory; past it the longest idle are forgotten (restrictions never are).
    #[arg(long, value_name = "N", default_value_t = ACCOUNTS_MAX, value_parser = at_least_one)]
    pub accounts_max: usize,
}

/// A number of accounts.
fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "a number of at least 1".to_owned())
}

impl EngineOptions {
    /// Reads the files and makes the engine: see [`Self::config`].
    pub fn engine(&self, exempt: ExemptList, rows: Option<f64>) -> Result<Engine, Error> {
        Ok(Engine::new(self.config(exempt, rows)?))
    }

    /// Reads the files. `rows`: the share of quiet events whose feature rows are wanted, if any are.
    pub fn config(&self, exempt: ExemptList, rows: Option<f64>) -> Result<EngineConfig, Error> {
        let mut blocklists = Vec::new();
        for file in &self.blocklists {
            blocklists.push(blocklist::load(file)?);
        }
        let store = StoreLimits { accounts_max: self.accounts_max };
        let (policy, model) = (self.policy()?, self.model()?);
        Ok(EngineConfig { policy, model, blocklists, exempt, store, rows, ..EngineConfig::default() })
    }

    /// Gives the bytes of each part, under the name of its kind, in a fixed order: what decides is these and the bound on
    /// accounts.
    pub fn each_part(
        &self,
        exempt: Option<&str>,
        mut take: impl FnMut(&str, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match &self.policy {
            Some(file) => take("policy.toml", &files::read(file, POLICY_BYTES_MAX as u64)?)?,
            None => take("policy.toml", Policy::default_toml().as_bytes())?,
        }
        match &self.model {
            _ if self.no_model => {}
            Some(file) => take("model.json", &files::read(file, MODEL_BYTES_MAX as u64)?)?,
            None if DEFAULT_MODEL.is_empty() => {}
            None => take("model.json", DEFAULT_MODEL)?,
        }
        if let Some(file) = exempt {
            take("exempt.txt", &files::read(file, EXEMPT_BYTES_MAX)?)?;
        }
        for (number, file) in self.blocklists.iter().enumerate() {
            take(&list_name(number), &files::read(file, blocklist::BYTES_MAX)?)?;
        }
        Ok(())
    }

    /// The files that are read, so that no output is one of them.
    pub fn inputs(&self) -> Vec<Named<'_>> {
        let mut inputs = clash::given(&[("--policy", &self.policy), ("--model", &self.model)]);
        inputs.extend(clash::all("--blocklist", &self.blocklists));
        inputs
    }

    /// The policy.
    pub fn policy(&self) -> Result<Policy, Error> {
        match &self.policy {
            Some(file) => check_config::load(file),
            None => Ok(Policy::default_policy()?),
        }
    }

    /// The policy's text.
    pub fn policy_text(&self) -> Result<String, Error> {
        match &self.policy {
            Some(file) => files::read_text(file, POLICY_BYTES_MAX as u64),
            None => Ok(Policy::default_toml().to_owned()),
        }
    }

    /// The model, if there is one.
    pub fn model(&self) -> Result<Option<Model>, Error> {
        let (name, bytes) = match &self.model {
            _ if self.no_model => return Ok(None),
            Some(file) => (file.as_str(), files::read(file, MODEL_BYTES_MAX as u64)?),
            None => return default_model(),
        };
        Model::from_bytes(&bytes).map(Some).map_err(|error| Error::file(name, error))
    }
}

/// The name of a list's part.
pub fn list_name(number: usize) -> String {
    format!("{number:03}.blocklist")
}

/// The options that a server's configuration gives.
pub fn configured(config: &crate::config::Engine) -> EngineOptions {
    let given = |name: &String| Some(name.clone()).filter(|name| !name.is_empty());
    let no_model = config.model == "none";
    EngineOptions {
        policy: given(&config.policy),
        model: given(&config.model).filter(|_| !no_model),
        no_model,
        blocklists: config.blocklists.clone(),
        accounts_max: config.accounts_max,
    }
}

/// What an engine that is given these options decides by, as its decisions name it.
pub fn versions(options: &EngineOptions) -> Result<Versions, Error> {
    Ok(options.engine(ExemptList::default(), None)?.versions().clone())
}

/// The bytes of the model that is built in, if these are its name and its version: it can be put in force again wherever weir runs.
pub fn built_in(name: &str, version: &str) -> Option<&'static [u8]> {
    static KNOWN: OnceLock<Option<(String, String)>> = OnceLock::new();
    let read = || {
        let model = default_model().ok().flatten()?;
        Some((model.name().to_owned(), model.version().to_owned()))
    };
    let known = KNOWN.get_or_init(read).as_ref()?;
    (known.0 == name && known.1 == version).then_some(DEFAULT_MODEL)
}

/// The model that is built in, if there is one.
pub fn default_model() -> Result<Option<Model>, Error> {
    if DEFAULT_MODEL.is_empty() {
        return Ok(None);
    }
    let model = Model::from_bytes(DEFAULT_MODEL);
    model.map(Some).map_err(|error| Error::file("the model that is built in", error))
}

/// Reads an exempt list, if there is one.
pub fn read_exempt(file: Option<&str>) -> Result<ExemptList, Error> {
    let Some(file) = file else { return Ok(ExemptList::default()) };
    Ok(ExemptList::parse(file, &files::read_text(file, EXEMPT_BYTES_MAX)?)?)
}
