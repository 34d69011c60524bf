//! What each persona does, a file a family; `person` is the life that most innocents share.
//!
//! Separate from the acts they share (`acts`). Invariant: a persona touches the world only through acts and the agenda.

pub(crate) mod person;

use rand_chacha::ChaCha8Rng;

use crate::agent::Mind;
use crate::city::City;
use crate::persona::Persona;

/// What a social account of this persona does beside its ordinary life.
pub(crate) fn mind(_city: &City, persona: Persona, _rng: &mut ChaCha8Rng) -> Option<Box<dyn Mind>> {
    let _ = persona;
    None
}
