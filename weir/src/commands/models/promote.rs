//! `weir models promote`: the gates, and then a version decides, about all accounts or a share of them.
//!
//! Separate from what other commands note. Invariants: nothing decides that a gate refuses; new trees learn from all stored labels before they
//! decide about everybody; what is noted is in force, if that was asked for, and with it what decided before, of whichever name, and which
//! weights were in force.

use clap::Args;
use models::Model;
use schema::limits::MODEL_BYTES_MAX;

use super::measured::{MeasuredArgs, measured};
use super::refit::RefitArgs;
use super::roll_out::{How, put_in_force};
use super::{VersionArgs, can_serve};
use crate::commands::check_config;
use crate::commands::control::channel::ChannelArgs;
use crate::error::{Error, Outcome};
use crate::files;
use crate::model_registry::{GatesFile, ModelRegistry, Step};
use crate::setup;
use crate::signature::PublicKey;
use scorer::Policy;

/// Largest gates file, bytes.
const GATES_BYTES_MAX: u64 = 64 * 1024;

#[derive(Debug, Args)]
pub struct PromoteArgs {
    #[command(flatten)]
    measured: MeasuredArgs,
    /// Gates that differ from the usual ones.
    #[arg(long, value_name = "FILE")]
    gates: Option<String>,
    /// The policy that acts upon its scores; the one that is built in if none is given.
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// What decides now, where none was promoted from this registry: a model's file, or `none`; the one that is built in if not given.
    #[arg(long, value_name = "FILE")]
    champion: Option<String>,
    /// Let it be measured on the very rows that it learned from, which flatters it.
    #[arg(long)]
    allow_training_data: bool,
    /// Let it decide about this share of accounts in the champion's place, above 0 and below 1; about all if not given.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    share: Option<f32>,
    #[command(flatten)]
    refit: RefitArgs,
    #[command(flatten)]
    roll_out: ChannelArgs,
}

fn share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "a share above 0 and below 1".to_owned())
}

/// What decides now.
struct Champion {
    model: Model,
    /// Whether it was promoted from this registry.
    is_promoted: bool,
}

/// Lets a version decide, if every gate lets it.
pub fn promote(args: &PromoteArgs) -> Result<Outcome, Error> {
    let VersionArgs { name, place, trust, .. } = &args.measured.version;
    let registry = ModelRegistry::open(&place.registry)?;
    let version = &args.measured.version.version(&registry)?;
    let trusted = trust.keys()?;
    let (model, _) = registry.read(name, version, &trusted)?;
    let champion = args.champion(&registry, &trusted)?;
    let failed = args.failures(champion.as_ref(), &model)?;
    if !failed.is_empty() {
        eprintln!("{name} {version} is not promoted:\n  {}", failed.join("\n  "));
        return Ok(Outcome::Refused);
    }
    let promoted = champion.as_ref().filter(|champion| champion.is_promoted).map(|champion| &champion.model);
    if let Some(share) = args.share {
        if promoted.is_some_and(|champion| champion.name() == name && champion.version() == version) {
            return Err(Error::Usage(format!("{name} {version} decides about all accounts already")));
        }
        let told = put_in_force(&args.roll_out, (place, trust), (name, version), How::share(share))?;
        let step = Step { share: Some(share), ..place.step("share", version) };
        registry.act(name, step, |state| {
            state.shadows.retain(|shadow| shadow != version);
            state.challengers.retain(|challenger| challenger != version);
            state.challengers.push(version.clone());
        })?;
        eprintln!("{name} {version} {} about a share of {share}; every gate let it\n{told}", args.verb());
        return Ok(Outcome::Done);
    }
    // New trees learn from all stored labels before they decide.
    let weights = promoted.and_then(|champion| args.refit.in_force(&registry, champion.version()));
    let ready = args.refit.refit((&place.registry, &registry), promoted.map(Model::version), &model)?;
    let is_still = promoted.map(|champion| (champion.name().to_owned(), champion.version().to_owned()));
    if registry.champion()? != is_still {
        return Err(Error::Usage(
            "another version was put in force meanwhile: look and promote again".to_owned(),
        ));
    }
    let told = put_in_force(&args.roll_out, (place, trust), (name, version), How::default())?;
    let before = champion.as_ref().map(|champion| champion.model.version().to_owned());
    let before_name = champion.as_ref().map(|champion| champion.model.name().to_owned());
    let before_name = before_name.filter(|before| before != name);
    // Noted as soon as it decides: whether its weights can be published is another matter.
    let step = Step { before, before_name: before_name.clone(), weights, ..place.step("promote", version) };
    registry.act(name, step, |state| {
        state.champion = Some(version.clone());
        state.shadows.retain(|shadow| shadow != version);
        state.challengers.retain(|challenger| challenger != version);
    })?;
    if let (Some(left), Some((_, version))) = (before_name, is_still) {
        registry.act(&left, place.step("replaced", &version), |state| state.champion = None)?;
    }
    eprintln!("{name} {version} {}; every gate let it\n{told}", args.verb());
    eprintln!("{}", args.refit.put_in_force((&args.roll_out, &registry), &place.by, ready)?);
    Ok(Outcome::Done)
}

impl PromoteArgs {
    /// What it does once it is in force: through Kafka it is only wanted, and each worker says whether it took it.
    fn verb(&self) -> &'static str {
        if self.roll_out.is_by_brokers() { "is to decide" } else { "decides" }
    }

    /// What decides now, of whichever name: what was promoted last, else what is given or built in.
    fn champion(&self, registry: &ModelRegistry, trusted: &[PublicKey]) -> Result<Option<Champion>, Error> {
        if let Some((name, version)) = registry.champion()? {
            let model = registry.read(&name, &version, trusted)?.0;
            return Ok(Some(Champion { model, is_promoted: true }));
        }
        let model = match self.champion.as_deref() {
            Some("none") => None,
            Some(file) => {
                let bytes = files::read(file, MODEL_BYTES_MAX as u64)?;
                Some(Model::from_bytes(&bytes).map_err(|error| Error::file(file, error))?)
            }
            None => setup::default_model()?,
        };
        Ok(model.map(|model| Champion { model, is_promoted: false }))
    }

    /// Everything that speaks against it.
    fn failures(&self, champion: Option<&Champion>, model: &Model) -> Result<Vec<String>, Error> {
        let (file, name) = match &self.gates {
            Some(file) => {
                let text = files::read_text(file, GATES_BYTES_MAX)?;
                (toml::from_str(&text).map_err(|error| Error::file(file, error))?, file.as_str())
            }
            None => (GatesFile::default(), ""),
        };
        let gates = file.gates().map_err(|what| Error::file(name, format!("{what} is no finite number")))?;
        let thresholds = self.thresholds()?;
        let measured = |model: &Model| measured(&self.measured, model, &thresholds);
        let mut candidate = measured(model)?;
        candidate.is_of_training &= !self.allow_training_data;
        let other = champion.filter(|champion| champion.model.version() != model.version());
        // What nothing could serve is refused whatever it is held against.
        let other = other.filter(|_| can_serve(model)).map(|champion| {
            measured(&champion.model).map_err(|error| {
                let Champion { model, is_promoted } = champion;
                let way = if *is_promoted { "" } else { ", or --champion FILE or `none` if it does not decide" };
                let (name, version) = (model.name(), model.version());
                Error::Usage(format!(
                    "what decides now, {name} {version}, cannot be measured on this table, and nothing is promoted that was not held against it: \
                     {error}; give a table of all features{way}"
                ))
            })
        });
        let mut failed = gates.failures(&candidate, other.transpose()?.as_ref());
        for what in gates.unmeasured(&candidate) {
            eprintln!("not looked at by any gate: {what}");
        }
        if !can_serve(model) {
            failed.push(
                "its columns are not all features of this build (catalogue mismatch): nothing could serve it"
                    .to_owned(),
            );
        }
        Ok(failed)
    }

    /// Scores from which the policy does something to an account.
    fn thresholds(&self) -> Result<Vec<f64>, Error> {
        let policy = match &self.policy {
            Some(file) => check_config::load(file)?,
            None => Policy::default_policy()?,
        };
        // As the policy writes them: .95, not the single-precision number that is nearest to it.
        let written = |score: f32| (f64::from(score) * 1e6).round() / 1e6;
        Ok(policy.acts_from().into_iter().map(written).collect())
    }
}
