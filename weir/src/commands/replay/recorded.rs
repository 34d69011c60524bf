//! What was decided then, against what a replay decides: equal to the last bit, or the first that is not.
//!
//! Separate from the difference of two sides, which counts accounts. Invariants: decisions of an account are compared in the order of their
//! `seq`, since a log of several partitions has no other order; one that was told twice counts once.

use std::collections::BTreeMap;

use schema::Decision;
use serde_json::{Value, json};

use crate::commands::judge::each_line;
use crate::error::Error;

/// Decisions by account and `seq`.
type Told = BTreeMap<(String, u64), Decision>;

/// Both runs.
#[derive(Debug, Default)]
pub struct Recorded {
    then: Told,
    now: Told,
}

/// Accounts and `seq`s of decisions that are not the same in both, by what is wrong with them.
#[derive(Debug, Default)]
struct Differing<'d> {
    missing: Vec<&'d Decision>,
    added: Vec<&'d Decision>,
    other: Vec<&'d Decision>,
}

impl Recorded {
    /// Reads decisions, one a line.
    pub fn read(file: &str) -> Result<Self, Error> {
        let mut recorded = Self::default();
        each_line(file, |line| {
            let decision: Decision = serde_json::from_slice(line).map_err(|error| error.to_string())?;
            recorded.then.insert((decision.account.clone(), decision.seq), decision);
            Ok(())
        })?;
        Ok(recorded)
    }

    /// All of then.
    pub fn decisions(&self) -> impl Iterator<Item = &Decision> {
        self.then.values()
    }

    /// Notes one of the replay.
    pub fn replayed(&mut self, decision: Decision) {
        self.now.insert((decision.account.clone(), decision.seq), decision);
    }

    /// Whether both are the same.
    pub fn is_same(&self) -> bool {
        self.then == self.now
    }

    fn differing(&self) -> Differing<'_> {
        let mut found = Differing::default();
        for (key, then) in &self.then {
            match self.now.get(key) {
                None => found.missing.push(then),
                Some(now) if now != then => found.other.push(then),
                Some(_) => {}
            }
        }
        found
            .added
            .extend(self.now.iter().filter(|(key, _)| !self.then.contains_key(*key)).map(|(_, one)| one));
        found
    }

    /// A line or two for a terminal.
    pub fn text(&self) -> String {
        let Differing { missing, added, other } = self.differing();
        let all = self.then.len();
        if missing.is_empty() && added.is_empty() && other.is_empty() {
            return format!("reproduced: all {all} decisions, bit for bit\n");
        }
        let first = [&missing, &other, &added].into_iter().find_map(|list| list.first());
        let first =
            first.map_or(String::new(), |one| format!("{} at seq {} of {}", one.id, one.seq, one.account));
        format!(
            "not reproduced: of {all} decisions {} are missing and {} differ, {} came besides; for example {first}\n",
            missing.len(),
            other.len(),
            added.len()
        )
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let Differing { missing, added, other } = self.differing();
        json!({
            "decisions": self.then.len(), "missing": missing.len(), "differ": other.len(), "besides": added.len(),
            "is_same": self.is_same(),
        })
    }
}
