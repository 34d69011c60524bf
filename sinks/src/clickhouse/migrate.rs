//! Migrations: the tables as this build knows them, made step by step, and how long their rows live.
//!
//! Separate from reading and writing, which may then rely on the columns. Invariants: a step is run once and noted in the
//! table `migrations`; every statement may be run again, so that a step that broke off is simply run again; a database
//! that a newer build made is refused; steps are never changed, only added.

use std::time::Duration;

use super::client::Server;
use super::error::{stop, within};
use crate::archive::Retention;
use crate::error::Error;

/// How long one statement or question may take.
const ANSWER: Duration = Duration::from_secs(60);
/// The steps, in order; the version of a step is its place, from 1.
const STEPS: [(&str, &str); 2] = [
    ("tables", include_str!("../../migrations/clickhouse/0001_tables.sql")),
    ("counts", include_str!("../../migrations/clickhouse/0002_counts.sql")),
];
const NOTES: &str = "CREATE TABLE IF NOT EXISTS migrations {on_cluster}\n\
    (version UInt32, name String, at DateTime('UTC') DEFAULT now())\n\
    ENGINE = {replacing}\nORDER BY version";

/// What the tables lie on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// One server.
    Single,
    /// The named cluster, with replicated tables; its servers define the macros `shard` and `replica`.
    Cluster(String),
}

impl Layout {
    fn fill(&self, sql: &str) -> String {
        let on_cluster = match self {
            Layout::Single => String::new(),
            Layout::Cluster(name) => format!(" ON CLUSTER '{name}'"),
        };
        sql.replace(" {on_cluster}", &on_cluster)
            .replace("{replacing}", &self.engine("Replacing", ""))
            .replace("{replacing_by_done}", &self.engine("Replacing", "done"))
            .replace("{aggregating}", &self.engine("Aggregating", ""))
    }

    fn engine(&self, kind: &str, by: &str) -> String {
        match self {
            Layout::Single => format!("{kind}MergeTree({by})"),
            Layout::Cluster(_) => {
                let comma = if by.is_empty() { "" } else { ", " };
                let place = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'";
                format!("Replicated{kind}MergeTree({place}{comma}{by})")
            }
        }
    }
}

/// Every statement that makes the tables, for one who makes them by hand.
#[must_use]
pub fn statements(layout: &Layout, retention: Retention) -> Vec<String> {
    let steps = STEPS.iter().flat_map(|(_, sql)| sql.split(";\n"));
    let tables = std::iter::once(NOTES).chain(steps).map(|sql| layout.fill(sql.trim()));
    let lives = lives(retention).into_iter().map(|life| life.statement(layout));
    tables.chain(lives).collect()
}

/// Makes what is missing.
///
/// # Errors
/// [`Error::Stop`] if a newer build made the database.
pub(super) async fn migrate(server: &Server, layout: &Layout, retention: Retention) -> Result<(), Error> {
    let database = format!("CREATE DATABASE IF NOT EXISTS {} {{on_cluster}}", server.quoted_database());
    run(&server.outside(), &layout.fill(&database)).await?;
    let client = server.client();
    run(&client, &layout.fill(NOTES)).await?;
    let done = client.query("SELECT max(version) FROM migrations");
    let done: u32 = within(ANSWER, done.fetch_one()).await?;
    if done as usize > STEPS.len() {
        return Err(stop(format!(
            "database {} is at version {done}, this build knows {}: use the newer build",
            server.database,
            STEPS.len()
        )));
    }
    for (at, (name, sql)) in STEPS.iter().enumerate().skip(done as usize) {
        for statement in sql.split(";\n") {
            run(&client, &layout.fill(statement.trim())).await?;
        }
        let note = format!("INSERT INTO migrations (version, name) VALUES ({}, '{name}')", at + 1);
        run(&client, &note).await?;
        tracing::info!(version = at + 1, name, database = server.database, "ClickHouse: tables made");
    }
    for life in lives(retention) {
        let engine = client
            .query("SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = ?")
            .bind(life.table);
        let engine: String = within(ANSWER, engine.fetch_one()).await?;
        if !engine.contains(&format!("toIntervalDay({})", life.days)) {
            run(&client, &life.statement(layout)).await?;
        }
    }
    Ok(())
}

async fn run(client: &clickhouse::Client, sql: &str) -> Result<(), Error> {
    // `?` would be a parameter to the client.
    within(ANSWER, client.query_raw(sql).execute()).await
}

/// How long the rows of a table live.
struct Life {
    table: &'static str,
    /// The instant from which a row's life is counted.
    from: &'static str,
    days: u32,
}

impl Life {
    fn statement(&self, layout: &Layout) -> String {
        let sql = format!(
            "ALTER TABLE {} {{on_cluster}} MODIFY TTL {} + toIntervalDay({})",
            self.table, self.from, self.days
        );
        layout.fill(&sql)
    }
}

fn lives(retention: Retention) -> [Life; 10] {
    let Retention { events, decisions, rows, rejects, counts } = retention;
    let longest = events.max(decisions).max(rows);
    let life = |table, from, days| Life { table, from, days };
    [
        life("events", "toDateTime(at)", events),
        life("decisions", "toDateTime(issued)", decisions),
        life("rows", "toDateTime(at)", rows),
        life("reviews", "toDateTime(at)", decisions),
        life("rejects", "toDateTime(at)", rejects),
        life("deletions", "toDateTime(at)", longest),
        life("events_by_minute", "minute", counts),
        life("decisions_by_minute", "minute", counts),
        life("rejects_by_minute", "minute", counts),
        life(
            "firsts",
            "toDateTime(least(intDiv(restricted, 1000), intDiv(reported, 1000)))",
            decisions.max(counts),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_placeholder_is_left_over() {
        let all = statements(&Layout::Single, Retention::default());
        assert!(all.len() > 20, "{}", all.len());
        for sql in &all {
            assert!(!sql.contains('{') && !sql.contains("Replicated"), "{sql}");
        }
        for sql in statements(&Layout::Cluster("main".to_owned()), Retention::default()) {
            assert!(sql.contains("ON CLUSTER 'main'"), "{sql}");
            assert!(!sql.contains("ENGINE = Replacing") && !sql.contains("ENGINE = Aggregating"), "{sql}");
        }
    }
}
