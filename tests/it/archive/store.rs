//! Both stores behind one face, so that a check is written once.
//!
//! Separate from the checks, which must not know where they run. Invariant: every store is empty and a test's own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use harness::clickhouse::shared;
use schema::History;
use sinks::archive::Record;
use sinks::clickhouse::{Batch, Layout, Server};
use sinks::{Retention, clickhouse, sqlite};

/// How late a record of a deleted account may come, ms.
const LATE_MS: u64 = 3_600_000;

/// What a check needs of a store.
pub trait Store {
    /// Its name, for messages.
    fn name(&self) -> &'static str;
    /// Inserts a batch.
    fn write(&mut self, records: &[Record<'_>]);
    /// Does what is done now and then at the time `now`: retention and deletions.
    fn tend(&mut self, now: u64);
    /// The reader.
    fn history(&self) -> &dyn History;
    /// What names it to a command that reads.
    fn options(&self) -> Vec<String>;
}

/// SQLite in a temporary folder.
pub struct Sqlite {
    writer: sqlite::Writer,
    reader: sqlite::History,
    folder: tempfile::TempDir,
}

impl Sqlite {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path: PathBuf = folder.path().join("history.db");
        let writer = sqlite::Writer::open(&path).expect("it is made");
        Self { writer, reader: sqlite::History::open(&path).expect("it is there"), folder }
    }
}

impl Store for Sqlite {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn write(&mut self, records: &[Record<'_>]) {
        self.writer.write(records.iter().copied(), None).expect("it is taken");
    }

    fn tend(&mut self, now: u64) {
        while self.writer.expire(now, Retention::default(), 10).expect("it is not locked") > 0 {}
    }

    fn history(&self) -> &dyn History {
        &self.reader
    }

    fn options(&self) -> Vec<String> {
        vec!["--history".to_owned(), self.folder.path().join("history.db").display().to_string()]
    }
}

/// A database of its own in the shared ClickHouse.
pub struct ClickHouse {
    pub server: Server,
    pub writer: clickhouse::Writer,
    runtime: tokio::runtime::Runtime,
    reader: clickhouse::History,
}

impl ClickHouse {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = Server {
            url: shared().url(),
            database: format!("conformance_{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            user: String::new(),
            password: String::new(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("threads");
        let writer = clickhouse::Writer::new(server.clone());
        let reader = clickhouse::History::new(&server, runtime.handle().clone());
        let store = Self { server, writer, runtime, reader };
        store.migrate(Retention::default()).expect("it is made");
        store
    }

    pub fn migrate(&self, retention: Retention) -> Result<(), sinks::Error> {
        self.runtime.block_on(self.writer.migrate(&Layout::Single, retention))
    }

    /// The answer to a statement in its database.
    pub fn ask(&self, sql: &str) -> String {
        shared().ask(&sql.replace("{db}", &self.server.database))
    }
}

impl Store for ClickHouse {
    fn name(&self) -> &'static str {
        "ClickHouse"
    }

    fn write(&mut self, records: &[Record<'_>]) {
        let mut batch = Batch::default();
        records.iter().for_each(|record| batch.push(record));
        let batch = batch.seal();
        self.runtime.block_on(self.writer.insert(&batch)).expect("it is taken");
    }

    fn tend(&mut self, now: u64) {
        while self.runtime.block_on(self.writer.carry_out_deletions(now, LATE_MS)).expect("it answers") > 0 {}
        for table in ["events", "decisions", "rows", "reviews", "rejects"] {
            self.ask(&format!("OPTIMIZE TABLE {{db}}.{table} FINAL"));
        }
    }

    fn history(&self) -> &dyn History {
        &self.reader
    }

    fn options(&self) -> Vec<String> {
        let Server { url, database, .. } = &self.server;
        ["--clickhouse", url, "--database", database].map(str::to_owned).to_vec()
    }
}

/// Runs a check against both.
pub fn against_both(check: impl Fn(&mut dyn Store)) {
    check(&mut Sqlite::new());
    check(&mut ClickHouse::new());
}
