//! The dashboard of trust-and-safety staff: queue, case, acts, people, audit.
//!
//! Separate, so that no page lies in the crate that decides. It knows the contract alone: history, models and the log are given to it
//! (`schema::history`, `schema::desk`). Invariants: nothing that a reviewer does acts but by way of the log; nothing is shown or done
//! without a session, a role and an entry in the audit chain; one instance at a time has the file.

pub mod audit;
mod backup;
#[cfg(test)]
mod bare;
mod chart;
mod desk;
mod diff;
mod drift;
mod error;
mod pages;
mod people;
mod publish;
mod statement;
mod store;
mod strings;
mod when;

pub use backup::{Copied, back_up};
pub use desk::{Clause, Desk, Given, Habits, Held, Settings, Waiting};
pub use error::Error;
pub use pages::{Peer, router};
pub use people::oidc::{Fetch, Provider, Settings as OidcSettings};
pub use people::proxies::Network;
pub use people::{Right, Role, Viewer};
pub use statement::{Besides, Fault, faults, notice, statement};
pub use strings::{Language, Strings};
