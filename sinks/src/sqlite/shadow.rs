//! What shadows would have done beside what was done: two of the archive's questions as SQL.
//!
//! Separate from the other questions, since it compares records of different modes. Invariants: as `schema::history` says; both stores
//! tell the same.

use schema::history::{Beside, Shadow, Shadowed, Span, Told};
use schema::limits::HISTORY_ANSWER_MAX;

use super::history::{History, get, most, ms, time};
use crate::archive::read::{LIVE, act, ranks, shadow, whose};

/// Shadow decisions of the span that are about accounts, without those of accounts that are held out.
fn recorded() -> String {
    format!(
        "mode = 'shadow' AND issued >= ?1 AND issued < ?2 AND {} AND instr(body, '\"code\":\"{}\"') = 0",
        whose("account"),
        schema::HOLDOUT
    )
}

impl History {
    pub(super) fn all_shadows(&self, span: Span, limit: usize) -> Told<Vec<Shadowed>> {
        let sql = format!(
            "SELECT iif(body ->> 'source' = 'model', 'model', 'rule') AS kind,
                    iif(body ->> 'source' = 'model', body ->> '$.versions.model', rule) AS name,
                    count(*), count(DISTINCT account) AS accounts
             FROM decisions WHERE {} GROUP BY kind, name ORDER BY accounts DESC, kind, name LIMIT ?3",
            recorded()
        );
        self.ask(&sql, (ms(span.from), ms(span.to), most(limit)), |row| {
            let shadow = shadow(&get::<String>(row, 0)?, get(row, 1)?);
            Ok(Shadowed { shadow, decisions: time(row, 2)?, accounts: time(row, 3)? })
        })
    }

    pub(super) fn all_beside(&self, of: &Shadow, span: Span) -> Told<Vec<Beside>> {
        let (name, condition) = match of {
            Shadow::Rule(name) => (name, "body ->> 'source' <> 'model' AND rule = ?3"),
            Shadow::Model(name) => (name, "body ->> 'source' = 'model' AND body ->> '$.versions.model' = ?3"),
        };
        let rank = ranks("body ->> 'action'");
        let sql = format!(
            "WITH s AS (SELECT account, max({rank}) AS act FROM decisions WHERE {} AND {condition} GROUP BY account),
                  l AS (SELECT account, max({rank}) AS act FROM decisions
                        WHERE mode = 'enforce' AND issued >= ?1 AND issued < ?2 AND {} AND body ->> 'source' IN ({LIVE})
                        AND body ->> 'action' <> 'lift' AND reason <> '{}' GROUP BY account),
                  both AS (SELECT s.account AS account, s.act AS shadow, coalesce(l.act, 0) AS live FROM s LEFT JOIN l USING (account)
                           UNION ALL SELECT l.account, 0, l.act FROM l WHERE l.account NOT IN (SELECT account FROM s))
             SELECT shadow, live, coalesce((SELECT e.body ->> 'country' FROM events AS e WHERE e.account = both.account
                        AND e.kind IN ('registration', 'session') AND e.body ->> 'country' <> '' ORDER BY e.at DESC, e.place DESC LIMIT 1), '') AS land,
                    count(*) FROM both GROUP BY shadow, live, land ORDER BY shadow, live, land LIMIT {HISTORY_ANSWER_MAX}",
            recorded(),
            whose("account"),
            schema::AUDIT
        );
        self.ask(&sql, (ms(span.from), ms(span.to), name), |row| {
            let (shadow, live) = (act(time(row, 0)?), act(time(row, 1)?));
            Ok(Beside { shadow, live, country: get(row, 2)?, accounts: time(row, 3)? })
        })
    }
}
