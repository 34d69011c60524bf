//! `weir control`: says what is wanted; the control writer makes it so in every partition, the server of a journal in its log.
//!
//! Separate from both. Invariants: a file is checked before anybody is asked to use it; it lies in the registry before the
//! record that names it is written; a version that lies there is never replaced by another.

pub mod channel;
mod http;

use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use schema::{ControlKind, KILL_NAME, Mode, NO_WEIGHTS};
use scorer::Needed;

use self::channel::{Channel, Said};
use crate::commands::broker::BrokerArgs;
use crate::error::{Error, Outcome};
use crate::files;
use crate::model_registry::{ModelRegistry, WeightsInForce, signature_of};
use crate::registry::Registry;

const EXAMPLES: &str = "\
Examples:
  weir control --brokers kafka-1:9092 kill on                     suspend automatic enforcement, in seconds
  weir control --brokers kafka-1:9092 kill off
  weir control --brokers kafka-1:9092 activate policy strict.toml --name main --version 2026-11-25 --registry /srv/weir
  weir control --brokers kafka-1:9092 activate model m.json --name next --version 7 --registry /srv/weir --shadow
  weir control --brokers kafka-1:9092 activate model --name next --version 7 --registry /srv/weir --share 0.05     once it passed the gates
  weir control --brokers kafka-1:9092 activate blocklist devices.blocklist --name devices --version 41 --registry /srv/weir

  weir control --url http://127.0.0.1:8484 kill on                the same for `weir up`
  weir control --url http://127.0.0.1:8484 activate policy strict.toml --name main --version 2 --registry weir-data/registry
  weir control --url http://127.0.0.1:8484 show                   what is wanted and what is in force

Every worker must be given the same registry (`weir run --registry`); that of `weir up` is [data] registry in its configuration. A
file may also be put there by other means, as KIND/NAME/VERSION with the kind's ending; `activate` without FILE then says that it is
wanted. A model decides, about all accounts or a share of them, only if the registry notes that the gates let it pass (`weir models promote`,
with --share for a share of accounts), or with --ungated. The key of a publisher comes from --key-file, else from what the server reads: WEIR_KEYS_PUBLISHER, WEIR_KEYS_ADMIN and their
_FILE.";

/// Longest file that is activated, bytes.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;

/// Arguments of `weir control`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ControlArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    /// A server of `weir up` instead of brokers.
    #[arg(long, value_name = "http[s]://HOST:PORT", conflicts_with = "brokers")]
    url: Option<String>,
    /// With --url: a file whose first line is the key of a publisher.
    #[arg(long, value_name = "FILE", requires = "url")]
    key_file: Option<String>,
    /// Who wants it, a pseudonym; it is kept in the log.
    #[arg(long, value_name = "NAME", default_value = "operator")]
    by: String,
    #[command(subcommand)]
    wanted: Wanted,
}

#[derive(Debug, Subcommand)]
enum Wanted {
    /// The kill switch: gateways suspend automatic restrictions, and new ones are only recorded.
    Kill {
        /// On or off.
        switch: Switch,
    },
    /// Put a version in force, in every partition.
    Activate(ActivateArgs),
    /// Print what is wanted and what is in force, as JSON (with --url).
    Show,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Debug, Args)]
struct ActivateArgs {
    /// What kind of thing.
    kind: Kind,
    /// The file; without it, the version lies in the registry already.
    file: Option<String>,
    /// Its name: letters, digits, `.`, `_` and `-`.
    #[arg(long)]
    name: String,
    /// Its version, likewise.
    #[arg(long)]
    version: String,
    /// For a model: live beside the champion, which alone decides, and record what it would do.
    #[arg(long, conflicts_with = "share")]
    shadow: bool,
    /// For a model: decide about this share of accounts in the champion's place, 0 to 1; 0 lets it go.
    #[arg(long, value_name = "SHARE")]
    share: Option<f32>,
    /// For a model: let it decide although it is not noted in the registry that the gates let it pass.
    #[arg(long)]
    ungated: bool,
    /// The folder of versions that all workers share, or that of the server; with --url needed for FILE alone.
    #[arg(long, value_name = "DIR")]
    registry: Option<String>,
    /// A public key: a model that no such key signed is refused (`weir models`); may be given several times. Give workers the same.
    #[arg(long, value_name = "FILE", requires = "registry")]
    trust: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Policy,
    Model,
    /// What the champion learned online; version `none` takes it out.
    Weights,
    Blocklist,
    Exempt,
}

impl Kind {
    fn control(self) -> ControlKind {
        match self {
            Kind::Policy => ControlKind::Policy,
            Kind::Model => ControlKind::Model,
            Kind::Weights => ControlKind::Weights,
            Kind::Blocklist => ControlKind::Blocklist,
            Kind::Exempt => ControlKind::Exempt,
        }
    }
}

/// Says what is wanted, and waits until it is written down.
pub fn run(args: &ControlArgs) -> Result<Outcome, Error> {
    let (mut mode, mut share) = (None, None);
    let (kind, name, version, sha256) = match &args.wanted {
        Wanted::Kill { switch } => {
            let version = if matches!(switch, Switch::On) { "on" } else { "off" };
            (ControlKind::Kill, KILL_NAME, version, None)
        }
        Wanted::Activate(wanted) => {
            passed(wanted)?;
            (mode, share) = (wanted.shadow.then_some(Mode::Shadow), wanted.share);
            (wanted.kind.control(), wanted.name.as_str(), wanted.version.as_str(), place(wanted, args)?)
        }
        Wanted::Show => {
            let url = args.url.as_ref().ok_or_else(|| Error::Usage("show needs --url".to_owned()))?;
            println!("{}", http::show(url, args.key_file.as_deref())?);
            return Ok(Outcome::Done);
        }
    };
    let said = Said { kind, name, version, sha256, mode, share };
    let channel = match &args.url {
        Some(url) => Channel::Server { url, key_file: args.key_file.as_deref() },
        None => Channel::Brokers { access: Box::new(args.broker.access()?), prefix: &args.broker.prefix },
    };
    println!("{}", channel.publish(&args.by, said)?);
    if let Wanted::Activate(ActivateArgs {
        kind: Kind::Weights, name, version, registry: Some(folder), ..
    }) = &args.wanted
    {
        let (name, version) = (name.clone(), version.clone());
        ModelRegistry::open(folder)?.note_weights(&WeightsInForce { name, version })?;
    }
    Ok(Outcome::Done)
}

/// Refuses a model that is to decide and that no gate let pass.
fn passed(wanted: &ActivateArgs) -> Result<(), Error> {
    let decides = matches!(wanted.kind, Kind::Model) && !wanted.shadow && wanted.share != Some(0.0);
    if !decides || wanted.ungated {
        return Ok(());
    }
    let ActivateArgs { name, version, .. } = wanted;
    let noted =
        wanted.registry.as_ref().map(|folder| ModelRegistry::open(folder)?.state(name)).transpose()?;
    if noted.is_some_and(|state| state.passed(version)) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "no gate is known to have let {name} {version} pass: `weir models promote` measures it (--share for a share of accounts) and notes it in \
         --registry DIR; --ungated lets it decide all the same"
    )))
}

/// Puts the file where it is found, if it is what it says; gives its SHA-256, unless only the server can see it.
fn place(wanted: &ActivateArgs, args: &ControlArgs) -> Result<Option<String>, Error> {
    let takes_out = matches!(wanted.kind, Kind::Weights) && wanted.version == NO_WEIGHTS;
    if takes_out || wanted.share == Some(0.0) {
        return Ok(None); // What goes needs no file.
    }
    let Some(folder) = &wanted.registry else {
        if args.url.is_some() && wanted.file.is_none() {
            return Ok(None); // The server looks by itself.
        }
        return Err(Error::Usage("give --registry DIR: where the version is looked for, or put".to_owned()));
    };
    let registry = Registry::open(folder)?.trusting(&wanted.trust)?;
    let needed =
        Needed { kind: wanted.kind.control(), name: wanted.name.clone(), version: wanted.version.clone() };
    let file = registry.file(&needed)?;
    let is_there = Path::new(&file).exists();
    if let Some(source) = &wanted.file {
        let bytes = files::read(source, FILE_BYTES_MAX)?;
        if is_there {
            if std::fs::read(&file).map_err(|error| Error::file(&file, error))? != bytes {
                let detail = "this version lies in the registry with other content: give a new --version";
                return Err(Error::file(&file, detail));
            }
        } else {
            if let Some(folder) = Path::new(&file).parent() {
                std::fs::create_dir_all(folder).map_err(|error| Error::file(&file, error))?;
            }
            files::write(&file, &bytes)?;
            let (signed, signature) = (signature_of(source), signature_of(&file));
            if Path::new(&signed).exists() {
                std::fs::copy(&signed, &signature).map_err(|error| Error::file(&signature, error))?;
            }
        }
    }
    let digest = registry.check(&needed, None);
    if digest.is_err() && wanted.file.is_some() && !is_there {
        std::fs::remove_file(&file).ok();
    }
    digest.map(Some)
}
