//! What versions of policies, models and lists did, and what of it is in force.
//!
//! Separate, because it is a question of its own. Invariant: only what the fold knows to be in force is counted.

use rusqlite::Connection;

use crate::error::Error;

/// A rule of a policy's version, or all that a version of a policy, model or the lists did.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Made {
    /// `rule`, `model` or `blocklist`.
    pub source: String,
    /// The rule; `*`: all.
    pub rule: String,
    /// The version of the policy, model or lists.
    pub version: String,
}

impl Made {
    /// As an act on many names its target.
    pub fn text(&self) -> String {
        format!("{}/{}/{}", self.source, self.rule, self.version)
    }

    /// Out of such a text.
    pub fn parse(text: &str) -> Option<Made> {
        let mut parts = text.splitn(3, '/');
        let source =
            parts.next().filter(|source| matches!(*source, "rule" | "model" | "blocklist"))?.to_owned();
        Some(Made { source, rule: parts.next()?.to_owned(), version: parts.next()?.to_owned() })
    }
}

/// What has most in force, and how much: each rule of a policy's version, and each version as a whole; of a model also what rules over its
/// score did.
pub fn made(db: &Connection, now: u64, most: usize) -> Result<Vec<(Made, u64)>, Error> {
    let sql = "SELECT source, rule, version, count(*) FROM restricted
            WHERE source = 'rule' AND (expires IS NULL OR expires > ?1) GROUP BY source, rule, version
        UNION ALL SELECT source, '*', version, count(*) FROM restricted
            WHERE source <> 'model' AND (expires IS NULL OR expires > ?1) GROUP BY source, version
        UNION ALL SELECT 'model', '*', model, count(*) FROM restricted
            WHERE model <> '' AND (expires IS NULL OR expires > ?1) GROUP BY model
        ORDER BY 4 DESC, 1, 2, 3 LIMIT ?2";
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map((now as i64, most as i64), |row| {
        let made = Made { source: row.get(0)?, rule: row.get(1)?, version: row.get(2)? };
        Ok((made, row.get::<_, i64>(3)? as u64))
    })?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}
