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

/// Lets the version decide that decided before.
pub fn rollback(name: &str, (place, trust): (&Place, &Trust), roll_out: &ChannelArgs) -> Result<(), Error> {
    let registry = ModelRegistry::open(&place.registry)?;
    let mut state = registry.state(name)?;
    let Some((before, weights)) = previous(&state) else {
        return Err(Error::Usage(format!("nothing decided before {name}'s present champion")));
    };
    registry.read(name, &before, &trust.keys()?)?;
    let told = put_in_force(roll_out, (place, trust), (name, &before), How::default())?;
    let left = state.champion.replace(before.clone());
    registry.act(name, state, Step { before: left, ..place.step("rollback", &before) })?;
    eprintln!("{name} {before} decides again\n{told}");
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

/// What decided before the present champion was promoted, and the weights that were in force then. One that decided already may have been
/// promoted again, to be put in force somewhere.
fn previous(state: &State) -> Option<(String, Option<WeightsInForce>)> {
    let champion = state.champion.as_ref()?;
    let is_promotion = |step: &&Step| step.act == "promote" && step.version == *champion;
    let promoted = state.history.iter().rev().filter(is_promotion);
    promoted
        .filter_map(|step| Some((step.before.clone()?, step.weights.clone())))
        .find(|(before, _)| before != champion)
}
