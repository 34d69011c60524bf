//! `weir models`: signed versions, which of them decides, and the gates before that.
//!
//! Separate from the registry's files. Invariants: nothing is promoted that a gate refuses, that no trusted key signed, or that this
//! build cannot serve; a rollback goes to what decided before.

mod diff;
mod measured;
mod promote;
mod refit;
mod roll_out;
mod rollback;

use clap::{Args, Subcommand};
use models::{Catalog, Model};
use schema::Mode;
use schema::limits::MODEL_BYTES_MAX;

use self::diff::diff;
use self::measured::MeasuredArgs;
use self::promote::{PromoteArgs, promote};
use self::roll_out::{How, put_in_force};
use self::rollback::rollback;
use crate::clock;
use crate::commands::control::channel::ChannelArgs;
use crate::error::{Error, Outcome};
use crate::files;
use crate::model_registry::{Found, ModelRegistry, Step};
use crate::signature::{PublicKey, SecretKey};

const EXAMPLES: &str = "\
Examples:
  weir models keygen signing.key                                    once; signing.key.pub goes to whoever checks
  weir models add model.json --registry /srv/weir --key signing.key
  weir models list --registry /srv/weir
  weir models find 0123456789abcdef --registry /srv/weir             what decided: a version, or one with the weights of `weir learn`
  weir models shadow candidate latest --registry /srv/weir --trust signing.key.pub --url http://127.0.0.1:8484
  weir models promote candidate 0123456789abcdef --registry /srv/weir --trust signing.key.pub --config rows/train.toml --data later.csv
  weir models promote candidate latest … --share 0.05               the same gates, and then it decides about one account in twenty
  weir models promote candidate latest … --history weir-data/history.db --key signing.key       where `weir learn` has taught the champion
  weir models rollback candidate --registry /srv/weir --trust signing.key.pub --brokers kafka-1:9092

One version decides, of all names: the gates hold the candidate against it, and before any was promoted against the model that is built in
(or --champion, for a server that was given another). `rollback` of the first goes back to that. A VERSION is what `add` printed; `latest` is the one that was added last. With --url (`weir up`) or --brokers (`weir run`) what is done is
put in force there at once, as by `weir control activate model`; without them it is noted in the registry. False alarms by slice are held
against the whole's at each score from which --policy does something to an account. Gates (--gates FILE, TOML): auc_min, average_precision_min, average_precision_loss_max, calibration_error_max,
calibration_accounts_min, psi_max, score_psi_max, slice_accounts_min, slice_false_positives_max.";

/// Stands for the version that was added last.
const LATEST: &str = "latest";

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
    /// Which version a decision's model is, and which weights labels had put into it.
    Find {
        /// The model as decisions name it (`versions.model`).
        model: String,
        #[command(flatten)]
        place: Place,
    },
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
        Command::Find { model, place } => find(model, place)?,
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
    fn step(&self, act: &str, version: &str) -> Step {
        let (by, act, version) = (self.by.clone(), act.to_owned(), version.to_owned());
        Step { at: clock::now_ms(), by, act, version, ..Step::default() }
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
    registry.act(model.name(), place.step("add", model.version()), |_| ())?;
    files::write("-", format!("{} {}\n", model.name(), model.version()).as_bytes())
}

fn list(place: &Place) -> Result<(), Error> {
    let registry = ModelRegistry::open(&place.registry)?;
    let mut text = String::new();
    let champion = registry.champion()?;
    for name in registry.names()? {
        let state = registry.state(&name)?;
        for version in registry.versions(&name)? {
            let role = match &champion {
                Some((of, champion)) if *of == name && *champion == version => "champion",
                _ if state.shadows.contains(&version) => "shadow",
                _ if state.challengers.contains(&version) => "challenger",
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

fn find(model: &str, place: &Place) -> Result<(), Error> {
    let registry = ModelRegistry::open(&place.registry)?;
    let Some(Found { name, version, weights }) = registry.find(model)? else {
        let detail =
            format!("{model} is no model in {}, nor one with weights that lie there", place.registry);
        return Err(Error::Usage(detail));
    };
    let weights = weights.map_or(String::new(), |(name, version)| format!(" with weights {name} {version}"));
    files::write("-", format!("{name} {version}{weights}\n").as_bytes())
}

/// Whether this build's features are the model's columns.
fn can_serve(model: &Model) -> bool {
    model.catalog() == Catalog::of_this_build().hex()
}

fn shadow(args: &VersionArgs, roll_out: &ChannelArgs) -> Result<(), Error> {
    let VersionArgs { name, place, trust, .. } = args;
    let registry = ModelRegistry::open(&place.registry)?;
    let version = args.version(&registry)?;
    registry.read(name, &version, &trust.keys()?)?;
    if registry.champion()?.is_some_and(|(of, champion)| of == *name && champion == version) {
        return Err(Error::Usage(format!("{name} {version} decides already")));
    }
    let told = put_in_force(
        roll_out,
        (place, trust),
        (name, &version),
        How { mode: Some(Mode::Shadow), share: None },
    )?;
    registry.act(name, place.step("shadow", &version), |state| {
        state.challengers.retain(|challenger| *challenger != version);
        // An engine holds one shadow of a name.
        state.shadows = vec![version.clone()];
    })?;
    eprintln!("{name} {version} scores beside the champion and decides nothing\n{told}");
    Ok(())
}
