//! `weir control`: says what is wanted; the control writer makes it so in every partition.
//!
//! Separate from the writer. Invariants: a file is checked before anybody is asked to use it; it lies in the registry before the
//! record that names it is written; a version that lies there is never replaced by another.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use schema::{Control, ControlKind, Topic};
use scorer::{Content, Needed};
use sinks::kafka::{Producer, ProducerOptions, reach};

use crate::clock::{self, Stopwatch};
use crate::commands::broker::BrokerArgs;
use crate::error::{Error, Outcome};
use crate::files;
use crate::registry::Registry;
use crate::run::KILL_NAME;

const EXAMPLES: &str = "\
Examples:
  weir control --brokers kafka-1:9092 kill on                     suspend automatic enforcement, in seconds
  weir control --brokers kafka-1:9092 kill off
  weir control --brokers kafka-1:9092 activate policy strict.toml --name main --version 2026-11-25 --registry /srv/weir
  weir control --brokers kafka-1:9092 activate blocklist devices.blocklist --name devices --version 41 --registry /srv/weir

Every worker must be given the same registry (`weir run --registry`).";

/// Longest file that is activated, bytes.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;
/// How long the broker may take.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Arguments of `weir control`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ControlArgs {
    #[command(flatten)]
    broker: BrokerArgs,
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
    /// Put a version in force in every partition.
    Activate(ActivateArgs),
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
    /// The folder of versions that all workers share.
    #[arg(long, value_name = "DIR")]
    registry: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Policy,
    Model,
    Blocklist,
    Exempt,
}

impl Kind {
    fn control(self) -> ControlKind {
        match self {
            Kind::Policy => ControlKind::Policy,
            Kind::Model => ControlKind::Model,
            Kind::Blocklist => ControlKind::Blocklist,
            Kind::Exempt => ControlKind::Exempt,
        }
    }
}

/// Writes one control record, and waits until the broker has it.
pub fn run(args: &ControlArgs) -> Result<Outcome, Error> {
    let (kind, name, version) = match &args.wanted {
        Wanted::Kill { switch } => {
            let version = if matches!(switch, Switch::On) { "on" } else { "off" };
            (ControlKind::Kill, KILL_NAME.to_owned(), version.to_owned())
        }
        Wanted::Activate(wanted) => {
            place(wanted)?;
            (wanted.kind.control(), wanted.name.clone(), wanted.version.clone())
        }
    };
    let at = clock::now_ms();
    let control = Control {
        id: format!("c_{at:x}_{:x}", std::process::id()),
        at,
        by: args.by.clone(),
        kind,
        name,
        version,
        sha256: None,
        url: None,
        mode: None,
        share: None,
    };
    write(args, &control)?;
    println!("{} {} {} is wanted ({})", control.kind, control.name, control.version, control.id);
    Ok(Outcome::Done)
}

/// Puts the file where workers find it, if it is what it says.
fn place(wanted: &ActivateArgs) -> Result<(), Error> {
    let registry = Registry::open(&wanted.registry)?;
    let needed =
        Needed { kind: wanted.kind.control(), name: wanted.name.clone(), version: wanted.version.clone() };
    let file = registry.file(&needed)?;
    if let Some(source) = &wanted.file {
        let bytes = files::read(source, FILE_BYTES_MAX)?;
        if Path::new(&file).exists() {
            if std::fs::read(&file).map_err(|error| Error::file(&file, error))? != bytes {
                let detail = "this version lies in the registry with other content: give a new --version";
                return Err(Error::file(&file, detail));
            }
        } else {
            if let Some(folder) = Path::new(&file).parent() {
                std::fs::create_dir_all(folder).map_err(|error| Error::file(&file, error))?;
            }
            files::write(&file, &bytes)?;
        }
    }
    let artifact = registry.load(&needed);
    if artifact.is_err() && wanted.file.is_some() {
        std::fs::remove_file(&file).ok();
    }
    if let (Content::Blocklist(list), name) = (&artifact?.content, &wanted.name)
        && list.name() != name
    {
        let detail = format!("the list is called {}: give that as --name", list.name());
        return Err(Error::file(&file, detail));
    }
    Ok(())
}

fn write(args: &ControlArgs, control: &Control) -> Result<(), Error> {
    let access = args.broker.access()?;
    reach(&access.brokers, &access.settings)?;
    let options = ProducerOptions {
        brokers: access.brokers,
        prefix: args.broker.prefix.clone(),
        settings: access.settings,
        signer: None,
    };
    let mut producer = Producer::open(&options)?;
    producer.json(Topic::Control, Some(&control.name), control, 0)?;
    let watch = Stopwatch::start();
    let mut heard = Vec::new();
    while heard.is_empty() && watch.elapsed() < ANSWER_WAIT {
        producer.hear(Duration::from_millis(100), &mut heard);
    }
    match heard.pop() {
        Some(delivery) if delivery.failed.is_none() => Ok(()),
        Some(delivery) => {
            let why = delivery.failed.unwrap_or_default();
            Err(Error::Role(format!("the broker did not take it, nothing changes: {why}")))
        }
        None => Err(Error::Role("the broker does not answer; it may still take it".to_owned())),
    }
}
