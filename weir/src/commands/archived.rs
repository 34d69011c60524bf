//! Which archive a command reads: what `weir up` kept, or what `weir archive` did.
//!
//! Separate from the commands that read one. Invariant: they read it alike, whichever it is.

use clap::Args;
use tokio::runtime::Runtime;

use super::clickhouse::{DatabaseArgs, url};
use crate::dataset::Archive;
use crate::error::Error;

/// Where it is.
#[derive(Debug, Args)]
pub struct ArchivedArgs {
    /// Rows and labels that `weir up` kept: history.db of its data folder.
    #[arg(long, value_name = "FILE", conflicts_with = "clickhouse")]
    pub history: Option<String>,
    /// Rows and labels that `weir archive` kept: where ClickHouse listens.
    #[arg(long, value_name = "http[s]://HOST:PORT", value_parser = url)]
    pub clickhouse: Option<String>,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// An open archive, with what runs behind it.
pub struct Opened {
    /// The archive.
    pub archive: Box<dyn Archive>,
    _runtime: Option<Runtime>,
}

impl ArchivedArgs {
    /// Opens it; `None`: none is named.
    pub fn open(&self) -> Result<Option<Opened>, Error> {
        if let Some(file) = &self.history {
            let history = sinks::sqlite::History::open(std::path::Path::new(file))
                .map_err(|error| Error::file(file, error))?;
            return Ok(Some(Opened { archive: Box::new(history), _runtime: None }));
        }
        let Some(url) = &self.clickhouse else { return Ok(None) };
        let server = self.database.server(url)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| Error::Usage(format!("no threads: {error}")))?;
        let history = sinks::clickhouse::History::new(&server, runtime.handle().clone());
        Ok(Some(Opened { archive: Box::new(history), _runtime: Some(runtime) }))
    }
}
