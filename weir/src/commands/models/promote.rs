//! `weir models promote`: the gates, and then a version decides, about all accounts or a share of them.
//!
//! Separate from what other commands note. Invariants: nothing decides that a gate refuses; new trees learn from all stored labels before they
//! decide about everybody; what is noted is in force, if that was asked for, and with it which weights were in force before.

use clap::Args;
use models::Model;
use models::evaluate::Evaluation;

use super::measured::{MeasuredArgs, measured};
use super::refit::RefitArgs;
use super::roll_out::{How, put_in_force};
use super::{VersionArgs, can_serve};
use crate::commands::check_config;
use crate::commands::control::channel::ChannelArgs;
use crate::error::{Error, Outcome};
use crate::files;
use crate::model_registry::{GatesFile, ModelRegistry, State, Step};
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

/// Lets a version decide, if every gate lets it.
pub fn promote(args: &PromoteArgs) -> Result<Outcome, Error> {
    let VersionArgs { name, place, trust, .. } = &args.measured.version;
    let registry = ModelRegistry::open(&place.registry)?;
    let version = &args.measured.version.version(&registry)?;
    let trusted = trust.keys()?;
    let (model, _) = registry.read(name, version, &trusted)?;
    let mut state = registry.state(name)?;
    let failed = args.failures((&registry, &state, &trusted), &model)?;
    if !failed.is_empty() {
        eprintln!("{name} {version} is not promoted:\n  {}", failed.join("\n  "));
        return Ok(Outcome::Refused);
    }
    state.shadows.retain(|shadow| shadow != version);
    if let Some(share) = args.share {
        if state.champion.as_ref() == Some(version) {
            return Err(Error::Usage(format!("{name} {version} decides about all accounts already")));
        }
        let told = put_in_force(&args.roll_out, (place, trust), (name, version), How::share(share))?;
        state.challengers.retain(|challenger| challenger != version);
        state.challengers.push(version.clone());
        registry.act(name, state, Step { share: Some(share), ..place.step("share", version) })?;
        eprintln!("{name} {version} decides about a share of {share}; every gate let it\n{told}");
        return Ok(Outcome::Done);
    }
    // New trees learn from all stored labels before they decide.
    let champion = state.champion.clone();
    let weights = champion.as_deref().and_then(|champion| args.refit.in_force(&registry, champion));
    let ready = args.refit.refit((&place.registry, &registry), champion.as_deref(), &model)?;
    let told = put_in_force(&args.roll_out, (place, trust), (name, version), How::default())?;
    let before = state.champion.replace(version.clone());
    state.challengers.retain(|challenger| challenger != version);
    // Noted as soon as it decides: whether its weights can be published is another matter.
    registry.act(name, state, Step { before, weights, ..place.step("promote", version) })?;
    eprintln!("{name} {version} decides; every gate let it\n{told}");
    eprintln!("{}", args.refit.put_in_force((&args.roll_out, &registry), &place.by, ready)?);
    Ok(Outcome::Done)
}

impl PromoteArgs {
    /// Everything that speaks against it.
    fn failures(
        &self,
        (registry, state, trusted): (&ModelRegistry, &State, &[PublicKey]),
        model: &Model,
    ) -> Result<Vec<String>, Error> {
        let gates = match &self.gates {
            Some(file) => toml::from_str(&files::read_text(file, GATES_BYTES_MAX)?)
                .map_err(|error| Error::file(file, error))?,
            None => GatesFile::default(),
        }
        .gates();
        let thresholds = self.thresholds()?;
        let measured = |model: &Model| measured(&self.measured, model, &thresholds);
        let mut candidate = measured(model)?;
        candidate.is_of_training &= !self.allow_training_data;
        let before = state.champion.as_ref().filter(|champion| *champion != model.version());
        let champion: Option<Evaluation> = match before {
            Some(champion) => Some(measured(&registry.read(model.name(), champion, trusted)?.0)?),
            None => None,
        };
        let mut failed = gates.failures(&candidate, champion.as_ref());
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
