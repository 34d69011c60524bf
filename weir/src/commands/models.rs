//! `weir models`: signed versions, which of them decides, and the gates before that.
//!
//! Separate from the registry's files. Invariants: nothing is promoted that a gate refuses, that no trusted key signed, or that this
//! build cannot serve; a rollback goes to what decided before.

mod diff;
mod refit;
mod roll_out;

use clap::{Args, Subcommand};
use models::evaluate::Evaluation;
use models::{Catalog, Model};
use schema::Mode;
use schema::limits::MODEL_BYTES_MAX;

use self::diff::diff;
use self::refit::RefitArgs;
use self::roll_out::put_in_force;
use crate::clock;
use crate::commands::control::channel::ChannelArgs;
use crate::commands::evaluate::{Columns, drift, measure};
use crate::error::{Error, Outcome};
use crate::files;
use crate::model_registry::{GatesFile, ModelRegistry, State, Step};
use crate::signature::{PublicKey, SecretKey};
use crate::threads::Threads;
use crate::training::{DataFile, TrainFile};

const EXAMPLES: &str = "\
Examples:
  weir models keygen signing.key                                    once; signing.key.pub goes to whoever checks
  weir models add model.json --registry /srv/weir --key signing.key
  weir models list --registry /srv/weir
  weir models shadow candidate latest --registry /srv/weir --trust signing.key.pub --url http://127.0.0.1:8484
  weir models promote candidate 0123456789abcdef --registry /srv/weir --trust signing.key.pub --config rows/train.toml --data later.csv
  weir models promote candidate latest … --history weir-data/history.db --key signing.key       where `weir learn` has taught the champion
  weir models rollback candidate --registry /srv/weir --trust signing.key.pub --brokers kafka-1:9092

A VERSION is what `add` printed; `latest` is the one that was added last. With --url (`weir up`) or --brokers (`weir run`) what is done is
put in force there at once, as by `weir control activate model`; without them it is noted in the registry. Gates (--gates FILE, TOML): auc_min, average_precision_min, average_precision_loss_max, calibration_error_max, psi_max, slice_accounts_min,
slice_false_positives_max.";

/// Stands for the version that was added last.
const LATEST: &str = "latest";
/// Largest gates file, bytes.
const GATES_BYTES_MAX: u64 = 64 * 1024;

/// Arguments of `weir models`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ModelsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key that signs.
    Keygen {
        /// Where the secret key goes; the public one gets `.pub` after its name.
        file: String,
    },
    /// Sign a model and put it into the registry.
    Add {
        /// The model.
        file: String,
        #[command(flatten)]
        place: Place,
        /// The secret key.
        #[arg(long, value_name = "FILE")]
        key: String,
    },
    /// Names, versions and what they are used for.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// All that a version says about itself.
    Show(VersionArgs),
    /// Let a version decide, if every gate lets it.
    Promote(Box<PromoteArgs>),
    /// Let a version score without deciding.
    Shadow {
        #[command(flatten)]
        version: VersionArgs,
        #[command(flatten)]
        roll_out: ChannelArgs,
    },
    /// Let the version decide that decided before.
    Rollback {
        /// The name.
        name: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        trust: Trust,
        #[command(flatten)]
        roll_out: ChannelArgs,
    },
    /// Compare two versions on a table.
    Diff {
        /// The other version.
        other: String,
        #[command(flatten)]
        measured: MeasuredArgs,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// The folder of versions.
    #[arg(long, value_name = "DIR")]
    registry: String,
    /// Who acts, a pseudonym; it is kept in the history.
    #[arg(long, value_name = "NAME", default_value = "operator")]
    by: String,
}

#[derive(Debug, Args)]
struct Trust {
    /// A public key whose signatures are believed; may be given several times.
    #[arg(long, value_name = "FILE", required = true)]
    trust: Vec<String>,
}

#[derive(Debug, Args)]
struct VersionArgs {
    /// The name.
    name: String,
    /// The version, or `latest`.
    version: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    trust: Trust,
}

#[derive(Debug, Args)]
struct MeasuredArgs {
    #[command(flatten)]
    version: VersionArgs,
    /// A training file whose [data] says how the table is read.
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// The table to measure on: rows that no version learned from.
    #[arg(long, value_name = "FILE")]
    data: String,
    #[command(flatten)]
    columns: Columns,
    /// A table to measure drift against; what each version learned from, as its file keeps it, if none is given.
    #[arg(long, value_name = "FILE")]
    reference: Option<String>,
    /// Rows as they are served now, with or without labels, to measure drift on; those of --data if none are given.
    #[arg(long, value_name = "FILE")]
    serving: Option<String>,
}

#[derive(Debug, Args)]
struct PromoteArgs {
    #[command(flatten)]
    measured: MeasuredArgs,
    /// Gates that differ from the usual ones.
    #[arg(long, value_name = "FILE")]
    gates: Option<String>,
    #[command(flatten)]
    refit: RefitArgs,
    #[command(flatten)]
    roll_out: ChannelArgs,
}

/// Carries out.
pub fn run(args: &ModelsArgs) -> Result<Outcome, Error> {
    match &args.command {
        Command::Keygen { file } => {
            let public = SecretKey::make(file)?;
            eprintln!("{file} signs; {file}.pub proves: {}", public.hex());
        }
        Command::Add { file, place, key } => add(file, place, key)?,
        Command::List { place } => list(place)?,
        Command::Show(args) => show(args)?,
        Command::Promote(args) => return promote(args),
        Command::Shadow { version, roll_out } => shadow(version, roll_out)?,
        Command::Rollback { name, place, trust, roll_out } => rollback(name, (place, trust), roll_out)?,
        Command::Diff { other, measured } => diff(other, measured)?,
    }
    Ok(Outcome::Done)
}

impl Trust {
    fn keys(&self) -> Result<Vec<PublicKey>, Error> {
        self.trust.iter().map(|name| PublicKey::read(name)).collect()
    }
}

impl Place {
    fn step(&self, act: &str, version: &str, before: Option<String>) -> Step {
        let (by, act, version) = (self.by.clone(), act.to_owned(), version.to_owned());
        Step { at: clock::now_ms(), by, act, version, before }
    }
}

impl VersionArgs {
    /// The version that is meant.
    fn version(&self, registry: &ModelRegistry) -> Result<String, Error> {
        if self.version != LATEST {
            return Ok(self.version.clone());
        }
        let state = registry.state(&self.name)?;
        let added = state.history.into_iter().rfind(|step| step.act == "add");
        added.map(|step| step.version).ok_or_else(|| Error::Usage(format!("no {} was ever added", self.name)))
    }
}

fn add(file: &str, place: &Place, key: &str) -> Result<(), Error> {
    std::fs::create_dir_all(&place.registry).map_err(|error| Error::file(&place.registry, error))?;
    let registry = ModelRegistry::open(&place.registry)?;
    let bytes = files::read(file, MODEL_BYTES_MAX as u64)?;
    let model = registry.add(&bytes, &SecretKey::read(key)?)?;
    let state = registry.state(model.name())?;
    registry.act(model.name(), state, place.step("add", model.version(), None))?;
    files::write("-", format!("{} {}\n", model.name(), model.version()).as_bytes())
}

fn list(place: &Place) -> Result<(), Error> {
    let registry = ModelRegistry::open(&place.registry)?;
    let mut text = String::new();
    for name in registry.names()? {
        let state = registry.state(&name)?;
        for version in registry.versions(&name)? {
            let role = match &state.champion {
                Some(champion) if *champion == version => "champion",
                _ if state.shadows.contains(&version) => "shadow",
                _ => "",
            };
            text.push_str(&format!("{name} {version} {role}\n"));
        }
    }
    files::write("-", text.as_bytes())
}

fn show(args: &VersionArgs) -> Result<(), Error> {
    let registry = ModelRegistry::open(&args.place.registry)?;
    let version = args.version(&registry)?;
    let (model, key) = registry.read(&args.name, &version, &args.trust.keys()?)?;
    let card = model.card();
    let serves = if can_serve(&model) { "yes" } else { "no: its columns are no features of this build" };
    let mut text = format!(
        "name        {}\nversion     {}\nsigned by   {}\ntrained on  {:?}, {} rows, data {}, seed {}\ncolumns     {}\nserves      {serves}\n",
        card.name,
        model.version(),
        key.hex(),
        card.trained_on,
        card.labels,
        card.data,
        card.seed,
        card.columns.join(" ")
    );
    card.metrics.iter().for_each(|(name, value)| text.push_str(&format!("{name:<22}{value:.5}\n")));
    for step in registry.state(&args.name)?.history.iter().filter(|step| step.version == version) {
        text.push_str(&format!("{} by {} at {}\n", step.act, step.by, step.at));
    }
    files::write("-", text.as_bytes())
}

/// Whether this build's features are the model's columns.
fn can_serve(model: &Model) -> bool {
    model.catalog() == Catalog::of_this_build().hex()
}

/// How a version does on the table.
fn measured(args: &MeasuredArgs, model: &Model) -> Result<Evaluation, Error> {
    let file = args.config.as_deref().map(TrainFile::read).transpose()?;
    let wanted = args.columns.data(file.as_ref(), Some(&args.data));
    let reference = args.reference.as_deref();
    let mut found = measure(model, wanted.clone(), reference, &[], &Threads::new(None))?;
    if let Some(serving) = &args.serving {
        found.drift = drift(model, DataFile { file: serving.clone(), ..wanted }, reference)?.1;
    }
    Ok(found)
}

fn promote(args: &PromoteArgs) -> Result<Outcome, Error> {
    let VersionArgs { name, place, trust, .. } = &args.measured.version;
    let registry = ModelRegistry::open(&place.registry)?;
    let version = &args.measured.version.version(&registry)?;
    let trusted = trust.keys()?;
    let gates: GatesFile = match &args.gates {
        Some(file) => toml::from_str(&files::read_text(file, GATES_BYTES_MAX)?)
            .map_err(|error| Error::file(file, error))?,
        None => GatesFile::default(),
    };
    let (model, _) = registry.read(name, version, &trusted)?;
    let candidate = measured(&args.measured, &model)?;
    let mut state = registry.state(name)?;
    let champion = match state.champion.as_ref().filter(|champion| *champion != version) {
        Some(champion) => Some(measured(&args.measured, &registry.read(name, champion, &trusted)?.0)?),
        None => None,
    };
    let mut failed = gates.gates().failures(&candidate, champion.as_ref());
    for what in gates.gates().unmeasured(&candidate) {
        eprintln!("not looked at by any gate: {what}");
    }
    if !can_serve(&model) {
        failed.push(
            "its columns are not all features of this build (catalogue mismatch): nothing could serve it"
                .to_owned(),
        );
    }
    if !failed.is_empty() {
        eprintln!("{name} {version} is not promoted:\n  {}", failed.join("\n  "));
        return Ok(Outcome::Refused);
    }
    // New trees learn from all stored labels before they decide.
    let ready = args.refit.refit((&place.registry, &registry), state.champion.as_deref(), &model)?;
    let told = put_in_force(&args.roll_out, (place, trust), (name, version), None)?;
    let before = state.champion.replace(version.clone());
    state.shadows.retain(|shadow| shadow != version);
    // Noted as soon as it decides: whether its weights can be published is another matter.
    registry.act(name, state, place.step("promote", version, before))?;
    eprintln!("{name} {version} decides; every gate let it\n{told}");
    eprintln!("{}", args.refit.put_in_force(&args.roll_out, &place.by, ready)?);
    Ok(Outcome::Done)
}

fn shadow(args: &VersionArgs, roll_out: &ChannelArgs) -> Result<(), Error> {
    let VersionArgs { name, place, trust, .. } = args;
    let registry = ModelRegistry::open(&place.registry)?;
    let version = args.version(&registry)?;
    registry.read(name, &version, &trust.keys()?)?;
    let mut state = registry.state(name)?;
    if state.champion.as_ref() == Some(&version) {
        return Err(Error::Usage(format!("{name} {version} decides already")));
    }
    let told = put_in_force(roll_out, (place, trust), (name, &version), Some(Mode::Shadow))?;
    if !state.shadows.contains(&version) {
        state.shadows.push(version.clone());
    }
    registry.act(name, state, place.step("shadow", &version, None))?;
    eprintln!("{name} {version} scores beside the champion and decides nothing\n{told}");
    Ok(())
}

fn rollback(name: &str, (place, trust): (&Place, &Trust), roll_out: &ChannelArgs) -> Result<(), Error> {
    let registry = ModelRegistry::open(&place.registry)?;
    let mut state = registry.state(name)?;
    let Some(before) = previous(&state) else {
        return Err(Error::Usage(format!("nothing decided before {name}'s present champion")));
    };
    registry.read(name, &before, &trust.keys()?)?;
    let told = put_in_force(roll_out, (place, trust), (name, &before), None)?;
    let left = state.champion.replace(before.clone());
    registry.act(name, state, place.step("rollback", &before, left))?;
    eprintln!("{name} {before} decides again\n{told}");
    Ok(())
}

/// What decided before the present champion was promoted. One that decided already may have been promoted again, to be put in force somewhere.
fn previous(state: &State) -> Option<String> {
    let champion = state.champion.as_ref()?;
    let is_promotion = |step: &&Step| step.act == "promote" && step.version == *champion;
    let promoted = state.history.iter().rev().filter(is_promotion);
    promoted.filter_map(|step| step.before.clone()).find(|before| before != champion)
}
