//! `weir models rollback`: what decided before decides again, with what it had learned.
//!
//! Separate from promotion, which it takes back. Invariant: the weights that were in force with what decided before are put in force again
//! behind it; they lie in the registry under their version, which is never replaced.

use schema::ControlKind;
use scorer::Needed;

use super::roll_out::{How, put_in_force};
use super::{Place, Trust};
use crate::commands::control::channel::{ChannelArgs, Said};
use crate::error::Error;
use crate::model_registry::{ModelRegistry, State, Step, WeightsInForce};
use crate::registry::Registry;
use crate::setup;

/// Lets the version decide that decided before, of whichever name.
pub fn rollback(name: &str, (place, trust): (&Place, &Trust), roll_out: &ChannelArgs) -> Result<(), Error> {
    let registry = ModelRegistry::open(&place.registry)?;
    let state = registry.state(name)?;
    let left = match (registry.champion()?, &state.champion) {
        (Some((of, version)), _) if of != name => {
            let fault = format!("{name} does not decide, {of} {version} does: roll that back");
            return Err(Error::Usage(fault));
        }
        (Some(_), Some(left)) => left.clone(),
        _ => return Err(Error::Usage(format!("no version of {name} decides"))),
    };
    let Some(Before { name: other, version: before, weights }) = previous(&state) else {
        return Err(Error::Usage(format!("nothing decided before {name}'s present champion")));
    };
    let to = other.as_deref().unwrap_or(name);
    let is_built_in = setup::built_in(to, &before).is_some();
    if !is_built_in {
        registry.read(to, &before, &trust.keys()?)?;
    }
    let told = put_in_force(roll_out, (place, trust), (to, &before), How::default())?;
    let step = Step { before: Some(left.clone()), ..place.step("rollback", &before) };
    match &other {
        None => registry.act(name, step, |state| state.champion = Some(before.clone()))?,
        // What is built in is what decides where nothing was promoted.
        Some(_) if is_built_in => {
            let step = Step { before_name: other.clone(), ..step };
            registry.act(name, step, |state| state.champion = None)?;
        }
        Some(other) => {
            let step = Step { before_name: Some(name.to_owned()), ..step };
            registry.act(other, step, |state| state.champion = Some(before.clone()))?;
            registry.act(name, place.step("replaced", &left), |state| state.champion = None)?;
        }
    }
    eprintln!("{to} {before} decides again\n{told}");
    if let Some(weights) = weights {
        eprintln!("{}", again((place, &registry), roll_out, &weights)?);
    }
    Ok(())
}

/// Puts weights in force again that were in force before.
fn again(
    (place, registry): (&Place, &ModelRegistry),
    roll_out: &ChannelArgs,
    weights: &WeightsInForce,
) -> Result<String, Error> {
    let (kind, WeightsInForce { name, version }) = (ControlKind::Weights, weights);
    let Some(channel) = roll_out.channel()? else {
        return Ok(format!(
            "what it had learned, weights {name} {version}, is not in force: --url or --brokers puts it there"
        ));
    };
    let needed = Needed { kind, name: name.clone(), version: version.clone() };
    let sha256 = Some(Registry::open(&place.registry)?.check(&needed, None)?);
    let told = channel.publish(&place.by, Said { kind, name, version, sha256, mode: None, share: None })?;
    registry.note_weights(weights)?;
    Ok(told)
}

/// What decided before.
struct Before {
    /// Its name, if it is another.
    name: Option<String>,
    version: String,
    /// The weights that were in force with it.
    weights: Option<WeightsInForce>,
}

/// What decided before the present champion was promoted. One that decided already may have been promoted again, to be put in force
/// somewhere.
fn previous(state: &State) -> Option<Before> {
    let champion = state.champion.as_ref()?;
    let is_promotion = |step: &&Step| step.act == "promote" && step.version == *champion;
    let promoted = state.history.iter().rev().filter(is_promotion).cloned();
    let before =
        |step: Step| Some(Before { name: step.before_name, version: step.before?, weights: step.weights });
    promoted.filter_map(before).find(|before| before.name.is_some() || before.version != *champion)
}
