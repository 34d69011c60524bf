//! What a version is used for, put in force where it runs: the last step of `weir models promote`, `shadow` and `rollback`.
//!
//! Separate from the registry, which only notes it. Invariants: nothing is noted that was not put in force, if that was asked for; what
//! is put in force was read with the same keys, and is told with the digest of its file.

use schema::{ControlKind, Mode};
use scorer::Needed;

use super::{Place, Trust};
use crate::commands::control::channel::{ChannelArgs, Said};
use crate::error::Error;
use crate::registry::Registry;

/// As what a version is put in force; by default for all.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// As a shadow.
    pub mode: Option<Mode>,
    /// For a share of accounts.
    pub share: Option<f32>,
}

impl How {
    /// For a share of accounts.
    pub fn share(share: f32) -> Self {
        Self { mode: None, share: Some(share) }
    }
}

/// Puts a version in force, as a shadow or for all; gives what became of it, or what is left to do.
///
/// # Errors
/// If the version cannot be read, or nobody takes it.
pub fn put_in_force(
    told: &ChannelArgs,
    (place, trust): (&Place, &Trust),
    (name, version): (&str, &str),
    How { mode, share }: How,
) -> Result<String, Error> {
    let Some(channel) = told.channel()? else {
        return Ok("noted in the registry alone: --url or --brokers puts it in force".to_owned());
    };
    let registry = Registry::open(&place.registry)?.trusting(&trust.trust)?;
    let kind = ControlKind::Model;
    let needed = Needed { kind, name: name.to_owned(), version: version.to_owned() };
    let sha256 = Some(registry.check(&needed, None)?);
    channel.publish(&place.by, Said { kind, name, version, sha256, mode, share })
}
