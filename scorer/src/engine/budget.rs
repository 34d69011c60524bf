//! Budgets: how many automatic bans an hour one rule or band may cause.
//!
//! Separate, because a tripped brake is an alarm. Invariants: hours are the log's own; sure cases never ask; each
//! partition has its share of the whole.

use features::checkpoint::{Error, Reader};

/// Bans of the present hour by rule or band.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget {
    hour: u64,
    /// Name's hash and bans, in the order of their first ban; at most one a rule or band.
    bans: Vec<(u64, u32)>,
    braked: u64,
}

impl Budget {
    /// Whether one more ban by `name` fits into the hour of `at`, without taking it.
    pub fn has_room(&mut self, name: u64, at_ms: u64, most: u32) -> bool {
        let hour = at_ms / 3_600_000;
        if hour != self.hour {
            self.hour = hour;
            self.bans.clear();
        }
        self.bans.iter().find(|(n, _)| *n == name).map_or(0, |(_, bans)| *bans) < most
    }

    /// Takes one ban.
    pub fn spend(&mut self, name: u64) {
        match self.bans.iter_mut().find(|(n, _)| *n == name) {
            Some((_, bans)) => *bans += 1,
            None => self.bans.push((name, 1)),
        }
    }

    /// Appends it to a checkpoint.
    pub fn put(&self, out: &mut Vec<u8>) {
        let Self { hour, bans, braked } = self;
        out.extend_from_slice(&hour.to_le_bytes());
        out.extend_from_slice(&braked.to_le_bytes());
        out.extend_from_slice(&(bans.len() as u32).to_le_bytes());
        for (name, count) in bans {
            out.extend_from_slice(&name.to_le_bytes());
            out.extend_from_slice(&count.to_le_bytes());
        }
    }

    /// Reads it from a checkpoint.
    pub fn take(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (hour, braked) = (reader.u64()?, reader.u64()?);
        let count = reader.u32()?;
        let ban = |reader: &mut Reader<'_>| Ok((reader.u64()?, reader.u32()?));
        let bans = (0..count).map(|_| ban(reader)).collect::<Result<_, Error>>()?;
        Ok(Self { hour, bans, braked })
    }

    /// Counts a ban that the brake turned away.
    pub fn brake(&mut self) {
        self.braked += 1;
    }

    /// Bans turned away so far.
    pub fn braked(&self) -> u64 {
        self.braked
    }
}
