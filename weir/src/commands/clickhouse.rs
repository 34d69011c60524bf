//! Where ClickHouse is, for every command that speaks to it.
//!
//! Separate, because writers and readers name it alike. Invariant: a password comes from a file, never from the command line.

use clap::Args;
use sinks::clickhouse::Server;

use crate::error::Error;
use crate::files;

/// Longest password, bytes.
const PASSWORD_BYTES_MAX: u64 = 4_096;

/// Which database, and as whom.
#[derive(Debug, Args)]
pub struct DatabaseArgs {
    /// The database in ClickHouse.
    #[arg(long, value_name = "NAME", default_value = "weir")]
    database: String,
    /// The user; without it, ClickHouse's default one.
    #[arg(long, value_name = "NAME", default_value = "")]
    user: String,
    /// The user's password, the first line of a file.
    #[arg(long, value_name = "FILE")]
    password_file: Option<String>,
}

impl DatabaseArgs {
    /// The server at `url`.
    pub fn server(&self, url: &str) -> Result<Server, Error> {
        let password = self.password_file.as_deref().map(|file| files::read_text(file, PASSWORD_BYTES_MAX));
        let password = password.transpose()?.unwrap_or_default();
        Ok(Server {
            url: url.to_owned(),
            database: self.database.clone(),
            user: self.user.clone(),
            password: password.lines().next().unwrap_or_default().to_owned(),
        })
    }
}

/// Checks the address.
pub fn url(text: &str) -> Result<String, String> {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        let detail = "ClickHouse is spoken to over HTTP: http://HOST:PORT, usually port 8123, or https://HOST:PORT, usually 8443";
        return Err(detail.to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}
