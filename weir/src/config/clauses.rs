//! The clauses of the operator's policy, as the configuration has them.
//!
//! Separate from the section that they stand in, since each may be an id alone or have words of its own. Invariants: an id is a code;
//! a link is followed over TLS.

use review::Clause;
use serde::Deserialize;

/// All of them, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Clauses(Vec<Written>);

/// A clause as it is written: its id, or all of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Written {
    Id(String),
    Whole(WholeClause),
}

/// A clause of the operator's policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeClause {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    link: String,
    #[serde(default)]
    covers: Vec<String>,
}

impl Clauses {
    /// Clauses of the operator's policy.
    pub fn all(&self) -> Vec<Clause> {
        let clause = |written: &Written| match written.clone() {
            Written::Id(id) => Clause { id, ..Clause::default() },
            Written::Whole(WholeClause { id, title, text, link, covers }) => {
                Clause { id, title, text, link, covers }
            }
        };
        self.0.iter().map(clause).collect()
    }

    /// What is out of range, if anything.
    pub fn check(&self) -> Result<(), String> {
        let clauses = self.all();
        let is_code = |code: &str| {
            (1..=64).contains(&code.len())
                && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        if clauses.is_empty() || !clauses.iter().all(|clause| is_code(&clause.id)) {
            return Err(
                "review.clauses: give at least one, each with an id of a to z, 0 to 9 and _".to_owned()
            );
        }
        let is_open = |link: &str| link.is_empty() || link.starts_with("https://") && link.len() <= 500;
        if let Some(clause) = clauses.iter().find(|clause| !is_open(&clause.link)) {
            return Err(format!("review.clauses: {}: give a link https://… of at most 500 bytes", clause.id));
        }
        match clauses.iter().find(|clause| clause.title.len() > 200 || clause.text.len() > 2_000) {
            Some(clause) => {
                Err(format!("review.clauses: {}: a title has at most 200 bytes, a text 2000", clause.id))
            }
            None => Ok(()),
        }
    }
}
