//! The connection: an HTTP client of our own under the `clickhouse` crate.
//!
//! Separate, because the crate's default client leaves TCP_NODELAY off, which costs small inserts 40 ms each. Invariants:
//! a password is never printed; over `https://` a server whose certificate is not trusted is never spoken to.

use std::fmt;
use std::time::Duration;

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;

use crate::connector::connector;

/// How long an idle connection is kept, less than ClickHouse's own 3 s.
const IDLE: Duration = Duration::from_secs(2);

/// Where ClickHouse is and who we are.
#[derive(Clone)]
pub struct Server {
    /// `http://host:port` or `https://host:port`.
    pub url: String,
    /// The database; made if it does not exist.
    pub database: String,
    /// The user; empty: the server's default.
    pub user: String,
    /// Its password; empty: none.
    pub password: String,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, database, user, .. } = self;
        write!(f, "Server {{ url: {url}, database: {database}, user: {user}, password: hidden }}")
    }
}

impl Server {
    /// A client for statements within the database.
    pub(super) fn client(&self) -> clickhouse::Client {
        self.outside().with_database(&self.database)
    }

    /// A client for statements outside of it: making the database.
    pub(super) fn outside(&self) -> clickhouse::Client {
        let http = HttpClient::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector());
        let mut client = clickhouse::Client::with_http_client(http).with_url(&self.url);
        if !self.user.is_empty() {
            client = client.with_user(&self.user);
        }
        if !self.password.is_empty() {
            client = client.with_password(&self.password);
        }
        client
    }

    /// The database's name, quoted for a statement.
    pub(super) fn quoted_database(&self) -> String {
        format!("`{}`", self.database.replace(['`', '\\'], "_"))
    }
}
