//! A server that speaks like Amazon S3: PyPI's `moto`, started and stopped by the tests.
//!
//! Separate from what is stored in it; built only with the feature `cloud`. It is no real cloud: it shows that requests, paths and
//! listings are right, nothing about latency or limits. Invariants: on loopback; it ends with the tests whatever happens, since its
//! standard input closes.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::http::Client;
use crate::{python, workspace};

/// The packages and versions.
const PACKAGES: [&str; 3] = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];

/// A server.
pub struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts it, with no bucket.
    ///
    /// # Panics
    /// If it cannot be installed or started.
    #[must_use]
    pub fn start() -> Self {
        let mut child = Command::new(python::with("s3", &PACKAGES))
            .arg(workspace::file("tests/servers/s3.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python was just installed");
        let mut said = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("it was asked for"));
        output.read_line(&mut said).expect("its output can be read");
        let address = said.trim().strip_prefix("ready ").expect("it listens").to_owned();
        Self { child, address }
    }

    /// Makes a bucket.
    ///
    /// # Panics
    /// If it refuses.
    pub fn make_bucket(&self, name: &str) {
        let mut client = Client::connect(&self.address).expect("it listens");
        let answer = client.call("PUT", &format!("/{name}"), "", b"").expect("it answers");
        assert_eq!(answer.status, 200);
    }

    /// What the variables say that its own tools would read.
    #[must_use]
    pub fn options(&self) -> Vec<(String, String)> {
        let endpoint = format!("http://{}", self.address);
        let pairs = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "of-the-tests"),
            ("AWS_SECRET_ACCESS_KEY", "of-the-tests"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_PAGER", "less"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
