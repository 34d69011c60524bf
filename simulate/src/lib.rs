//! An agent-based generator of metadata events: benign and abusive personas on one contact graph.
//!
//! Separate and pure, so that policies, models and the judge are tried on the same traffic again and again. Invariants:
//! the same configuration gives the same bytes; events leave in order of `ts`, never all in memory at once; names do not
//! hint at personas; innocents and attackers share networks, devices and hours. Two loops: open (nothing is refused) and
//! closed (a gateway with an engine stands between).

mod acts;
mod agent;
mod city;
mod clock;
mod closed;
mod config;
mod draw;
mod field;
mod gateway;
mod graph;
mod hold;
mod names;
mod network;
mod persona;
mod personas;
mod population;
mod queue;
mod simulation;
mod world;

pub use config::{ACCOUNTS_MAX, BASE_RATE, Config, Error, HOURS_MAX};
pub use field::{FIELDS, FieldSet};
pub use gateway::{Gateway, Restraint};
pub use persona::{Label, Persona};
pub use simulation::{Simulation, TruthLine};
