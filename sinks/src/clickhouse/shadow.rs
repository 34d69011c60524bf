//! What shadows would have done beside what was done: two of the archive's questions as SQL.
//!
//! Separate from the other questions, since it compares records of different modes. Invariants: as `schema::history` says; both stores
//! tell the same.

use schema::history::{Beside, Shadow, Shadowed, Span, Told};
use schema::limits::HISTORY_ANSWER_MAX;

use super::history::{History, number, text, within};
use crate::archive::read::{LIVE, act, ranks, shadow, whose};

/// The version of the model in a decision.
const MODEL: &str = "JSONExtractString(body, 'versions', 'model')";

/// Shadow decisions of the span that are about accounts, without those of accounts that are held out.
fn recorded(span: Span) -> String {
    format!(
        "mode = 'shadow' AND {} AND {} AND position(body, '\"code\":\"{}\"') = 0",
        within("e.issued", span),
        whose("account"),
        schema::HOLDOUT
    )
}

impl History {
    pub(super) fn all_shadows(&self, span: Span, limit: usize) -> Told<Vec<Shadowed>> {
        let sql = format!(
            "SELECT if(source = 'model', 'model', 'rule') AS kind, if(source = 'model', {MODEL}, toString(rule)) AS name,
                    count() AS decisions, uniqExact(account) AS accounts
             FROM decisions AS e FINAL WHERE {} GROUP BY kind, name ORDER BY accounts DESC, kind, name LIMIT {}",
            recorded(span),
            limit.min(HISTORY_ANSWER_MAX)
        );
        let rows = self.ask(&sql, &[])?;
        let found = rows.iter().map(|row| {
            let shadow = shadow(&text(row, "kind")?, text(row, "name")?);
            Ok(Shadowed { shadow, decisions: number(row, "decisions")?, accounts: number(row, "accounts")? })
        });
        found.collect()
    }

    pub(super) fn all_beside(&self, of: &Shadow, span: Span) -> Told<Vec<Beside>> {
        let (name, condition) = match of {
            Shadow::Rule(name) => (name, "source <> 'model' AND rule = ?".to_owned()),
            Shadow::Model(name) => (name, format!("source = 'model' AND {MODEL} = ?")),
        };
        let rank = ranks("action");
        let sql = format!(
            "WITH acts AS (SELECT account,
                     max(if({} AND {condition}, {rank}, 0)) AS would,
                     max(if(mode = 'enforce' AND {} AND {} AND source IN ({LIVE}) AND action <> 'lift' AND reason <> '{}', {rank}, 0)) AS did
                 FROM decisions AS e FINAL WHERE {} GROUP BY account HAVING would > 0 OR did > 0),
                 lands AS (SELECT e.account AS account, argMax(e.country, (e.at, e.partition, e.offset)) AS land FROM events AS e FINAL
                     WHERE e.kind IN ('registration', 'session') AND e.country <> '' AND e.account IN (SELECT account FROM acts)
                     GROUP BY account)
             SELECT toUInt64(would) AS would, toUInt64(did) AS did, toString(l.land) AS land, count() AS accounts
             FROM acts AS a LEFT JOIN lands AS l ON l.account = a.account
             GROUP BY would, did, land ORDER BY would, did, land LIMIT {HISTORY_ANSWER_MAX}",
            recorded(span),
            within("e.issued", span),
            whose("account"),
            schema::AUDIT,
            within("e.issued", span)
        );
        let rows = self.ask(&sql, &[name])?;
        let found = rows.iter().map(|row| {
            let (shadow, live) = (act(number(row, "would")?), act(number(row, "did")?));
            Ok(Beside { shadow, live, country: text(row, "land")?, accounts: number(row, "accounts")? })
        });
        found.collect()
    }
}
