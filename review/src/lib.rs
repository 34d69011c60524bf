//! The dashboard of trust-and-safety staff: queue, case, acts, people, audit.
//!
//! Separate, so that no page lies in the crate that decides. It knows the contract alone: history, models and the log are given to it
//! (`schema::history`, `schema::desk`). Invariants: nothing that a reviewer does acts but by way of the log; nothing is shown or done
//! without a session, a role and an entry in the audit chain; one instance at a time has the file.

mod desk;
mod error;
mod pages;
mod store;

pub use desk::{Desk, Given};
pub use error::Error;
pub use pages::router;
