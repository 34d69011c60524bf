//! The first frame of a layer: format, kind, and the values of the engine that no table holds.
//!
//! Separate from the tables, which write themselves. Invariant: every field of what is written is named, so that a new one
//! cannot be forgotten.

use std::collections::{BTreeMap, VecDeque};

use compact_str::CompactString;
use features::checkpoint::{Error, Reader, put_text};
use features::{Origins, catalog_hash};
use schema::limits::{BLOCKLISTS_MAX, CONTROLS_MAX, ID_BYTES_MAX, LIVE_MODELS_MAX, PARTITIONS_MAX};
use schema::{Action, ControlKind, Mode, Origin};

use super::FORMAT;
use crate::engine::activate::{Active, Needed};
use crate::engine::audit::Audits;
use crate::engine::budget::Budget;
use crate::engine::lineup::Role;
use crate::engine::stats::Stats;
use crate::engine::{Engine, Facts};

/// Whose layer it is.
pub(crate) const ENGINE: u8 = 0;
pub(crate) const STAGE: u8 = 1;
/// Longest text that is read.
const TEXT_MAX: usize = u16::MAX as usize;

/// What every layer begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub format: u32,
    pub full: bool,
    pub partition: u32,
}

/// Appends what every layer begins with.
pub(crate) fn put_head(out: &mut Vec<u8>, kind: u8, head: Head) {
    out.extend_from_slice(&head.format.to_le_bytes());
    out.push(kind);
    out.push(u8::from(head.full));
    out.extend_from_slice(&catalog_hash().to_le_bytes());
    out.extend_from_slice(&head.partition.to_le_bytes());
}

/// Whether the payload of a first frame says that its layer is full.
pub(crate) fn is_full(payload: &[u8]) -> bool {
    payload.get(5) == Some(&1)
}

/// Reads what every layer begins with; the text says why it is refused.
pub(crate) fn take_head(reader: &mut Reader<'_>, kind: u8, partition: u32) -> Result<Head, String> {
    let text = |error: Error| error.to_string();
    let format = reader.u32().map_err(text)?;
    if !(FORMAT - 1..=FORMAT).contains(&format) {
        return Err(format!("it has format {format}; this weir reads formats {} and {FORMAT}", FORMAT - 1));
    }
    if reader.u8().map_err(text)? != kind {
        return Err(
            "it is of an engine where one of a relation stage is wanted, or the other way round".to_owned()
        );
    }
    let full = reader.bool().map_err(text)?;
    let catalog = reader.u64().map_err(text)?;
    if catalog != catalog_hash() {
        return Err(format!(
            "it was made with feature catalogue {catalog:016x}; this weir has {:016x}",
            catalog_hash()
        ));
    }
    let of = reader.u32().map_err(text)?;
    if of != partition {
        return Err(format!("it is of partition {of}, not of {partition}"));
    }
    Ok(Head { format, full, partition })
}

/// Appends heard origins.
pub(crate) fn put_origins(out: &mut Vec<u8>, origins: &Origins) {
    out.extend_from_slice(&(origins.iter().count() as u32).to_le_bytes());
    for Origin { partition, offset, n } in origins.iter() {
        out.extend_from_slice(&partition.to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(&n.to_le_bytes());
    }
}

/// Reads heard origins.
pub(crate) fn take_origins(reader: &mut Reader<'_>) -> Result<Origins, Error> {
    let count = take_count(reader, PARTITIONS_MAX)?;
    let origin = |reader: &mut Reader<'_>| {
        Ok(Origin { partition: reader.u32()?, offset: reader.u64()?, n: reader.u32()? })
    };
    (0..count).map(|_| origin(reader)).collect()
}

fn take_count(reader: &mut Reader<'_>, most: usize) -> Result<usize, Error> {
    let count = reader.u32()? as usize;
    if count > most { Err(Error::Damaged("a list is too long")) } else { Ok(count) }
}

fn take_text(reader: &mut Reader<'_>) -> Result<String, Error> {
    Ok(reader.text(TEXT_MAX)?.to_owned())
}

fn take_word<W: Copy>(reader: &mut Reader<'_>, all: &[W]) -> Result<W, Error> {
    all.get(usize::from(reader.u8()?)).copied().ok_or(Error::Damaged("an unknown word"))
}

/// What an engine's first frame says.
#[derive(Debug)]
pub(super) struct Values {
    pub facts: Facts,
    pub at: u64,
    pub leapt_to: u64,
    pub origins: Origins,
    pub controls: VecDeque<CompactString>,
    /// What records put in force.
    pub active: Vec<Active>,
    /// Policy and model in force.
    pub versions: [String; 2],
    /// Blocklists in force, in order: names and versions.
    pub lists: Vec<(String, String)>,
    pub budget: Budget,
    pub stats: Stats,
    pub proposed: Origins,
    pub audits: Audits,
}

/// The payload of an engine's first frame.
pub(super) fn put(engine: &mut Engine, full: bool) -> Vec<u8> {
    let mut out = Vec::new();
    put_head(&mut out, ENGINE, Head { format: FORMAT, full, partition: engine.partition });
    out.push(u8::from(engine.entities.mode() == Facts::FromLog));
    for number in [engine.at, engine.leapt_to] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    put_origins(&mut out, &engine.origins);
    let controls = engine.activations.controls();
    out.extend_from_slice(&(controls.len() as u32).to_le_bytes());
    controls.iter().for_each(|control| put_text(&mut out, control));
    let active = engine.active();
    out.extend_from_slice(&(active.len() as u32).to_le_bytes());
    for Active { what: Needed { kind, name, version }, role, sha256 } in &active {
        out.push(*kind as u8);
        put_text(&mut out, name);
        put_text(&mut out, version);
        put_role(&mut out, *role);
        put_text(&mut out, sha256.as_deref().unwrap_or_default());
    }
    put_text(&mut out, &engine.versions.policy);
    put_text(&mut out, &engine.versions.model);
    let lists: Vec<(&str, &str)> = engine.lists.in_force().collect();
    out.extend_from_slice(&(lists.len() as u32).to_le_bytes());
    for (name, version) in lists {
        put_text(&mut out, name);
        put_text(&mut out, version);
    }
    engine.budget.put(&mut out);
    let mut stats = engine.stats.clone();
    for number in stats.numbers() {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&(stats.decisions.len() as u32).to_le_bytes());
    for ((mode, action, code), count) in &stats.decisions {
        out.extend_from_slice(&[*mode as u8, *action as u8]);
        put_text(&mut out, code);
        out.extend_from_slice(&count.to_le_bytes());
    }
    put_origins(&mut out, &engine.proposed);
    engine.audits.put(&mut out);
    out
}

/// Reads what follows the head of an engine's first frame, in this format.
pub(super) fn take(reader: &mut Reader<'_>, format: u32) -> Result<Values, Error> {
    let facts = if reader.bool()? { Facts::FromLog } else { Facts::FedBack };
    let (at, leapt_to) = (reader.u64()?, reader.u64()?);
    let origins = take_origins(reader)?;
    let count = take_count(reader, CONTROLS_MAX)?;
    let control = |reader: &mut Reader<'_>| Ok(CompactString::from(reader.text(ID_BYTES_MAX)?));
    let controls = (0..count).map(|_| control(reader)).collect::<Result<_, Error>>()?;
    let most = BLOCKLISTS_MAX + LIVE_MODELS_MAX + ControlKind::ALL.len();
    let count = take_count(reader, most)?;
    let active = (0..count).map(|_| take_active(reader, format)).collect::<Result<_, _>>()?;
    let versions = [take_text(reader)?, take_text(reader)?];
    let count = take_count(reader, most)?;
    let list = |reader: &mut Reader<'_>| Ok((take_text(reader)?, take_text(reader)?));
    let lists = (0..count).map(|_| list(reader)).collect::<Result<_, Error>>()?;
    let budget = Budget::take(reader)?;
    let mut stats = Stats::default();
    for number in stats.numbers() {
        *number = reader.u64()?;
    }
    let count = reader.u32()?;
    let mut decisions = BTreeMap::new();
    for _ in 0..count {
        let (mode, action) = (take_word(reader, Mode::ALL)?, take_word(reader, Action::ALL)?);
        let code = take_text(reader)?;
        decisions.insert((mode, action, code), reader.u64()?);
    }
    stats.decisions = decisions;
    let proposed = take_origins(reader)?;
    let audits = Audits::restore(reader)?;
    Ok(Values {
        facts,
        at,
        leapt_to,
        origins,
        controls,
        active,
        versions,
        lists,
        budget,
        stats,
        proposed,
        audits,
    })
}

fn take_active(reader: &mut Reader<'_>, format: u32) -> Result<Active, Error> {
    let kind = take_word(reader, ControlKind::ALL)?;
    let what = Needed { kind, name: take_text(reader)?, version: take_text(reader)? };
    let role = take_role(reader)?;
    let sha256 = if format >= 5 { take_text(reader)? } else { String::new() };
    Ok(Active { what, role, sha256: Some(sha256).filter(|digest| !digest.is_empty()) })
}

/// Two numbers: which role, and the share in millionths.
fn put_role(out: &mut Vec<u8>, role: Role) {
    let (which, share) = match role {
        Role::All => (0, 0),
        Role::Share(share) => (1, share),
        Role::Shadow => (2, 0),
    };
    out.push(which);
    out.extend_from_slice(&share.to_le_bytes());
}

fn take_role(reader: &mut Reader<'_>) -> Result<Role, Error> {
    match (reader.u8()?, reader.u32()?) {
        (0, _) => Ok(Role::All),
        (1, share) => Ok(Role::Share(share)),
        (2, _) => Ok(Role::Shadow),
        _ => Err(Error::Damaged("an unknown role")),
    }
}
