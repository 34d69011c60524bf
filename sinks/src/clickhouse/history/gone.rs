//! Names that a deletion takes out of what was archived about others.
//!
//! Separate from the answers, of which only decisions name other accounts. Invariant: whoever was deleted after a decision is not told as
//! a companion.

use schema::Decision;
use schema::history::Told;

use super::{History, failed};

/// Which of a list of accounts were deleted.
const GONE: &str =
    "SELECT account AS name FROM deletions WHERE has(JSONExtract(?, 'Array(String)'), account)";

impl History {
    /// Decisions without the names of companions who were deleted since.
    pub(super) fn without_gone(&self, mut decisions: Vec<Decision>) -> Told<Vec<Decision>> {
        for decision in decisions.iter_mut().filter(|decision| !decision.companions.is_empty()) {
            let names = serde_json::to_string(&decision.companions).map_err(failed)?;
            let sql = format!("{GONE} AND toUnixTimestamp64Milli(at) >= {}", decision.issued);
            let gone = self.ask_soon(&sql, &[&names])?;
            let is_gone = |name: &String| gone.iter().any(|row| row["name"] == name.as_str());
            decision.companions.retain(|name| !is_gone(name));
        }
        Ok(decisions)
    }
}
