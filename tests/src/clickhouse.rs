//! A real ClickHouse: the engine out of PyPI's `chdb-core`, started and stopped by the tests.
//!
//! Separate from what is tested against it. Invariants: on loopback, on a free port; one server is shared by a test binary
//! (a test takes a database of its own); it ends with the tests whatever happens, since its standard input closes; what is
//! installed lies under `target/servers` and is made once.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::{python, workspace};

/// The package and version whose engine it is.
const PACKAGE: &str = "chdb-core==26.9.0";

/// A server and its data.
#[derive(Debug)]
pub struct ClickHouse {
    port: u16,
    data: PathBuf,
    running: Option<Child>,
}

/// The server that this test binary shares.
///
/// # Panics
/// If it cannot be installed or started.
pub fn shared() -> &'static ClickHouse {
    static SHARED: OnceLock<ClickHouse> = OnceLock::new();
    SHARED.get_or_init(|| ClickHouse::start("shared"))
}

impl ClickHouse {
    /// A server of one's own, with no data. `name` tells it from others of this process.
    ///
    /// # Panics
    /// If it cannot be installed or started.
    #[must_use]
    pub fn start(name: &str) -> ClickHouse {
        let folder = python::servers().join("clickhouse-data");
        fs::create_dir_all(&folder).expect("target can be written");
        sweep(&folder);
        let data = folder.join(format!("{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&data));
        let mut server = ClickHouse { port: free_port(), data, running: None };
        server.start_again();
        server
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its process number.
    ///
    /// # Panics
    /// If it is stopped.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("it runs").id()
    }

    /// Kills the server; its data stay.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.running.take() {
            drop(child.kill());
            child.wait().expect("it is our child");
        }
    }

    /// Starts the server on its data, on the same port, and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    pub fn start_again(&mut self) {
        self.stop();
        fs::create_dir_all(&self.data).expect("target can be written");
        let errors = File::create(self.data.join("stderr.log")).expect("target can be written");
        let mut child = Command::new(python())
            .arg(workspace::file("tests/servers/clickhouse.py"))
            .arg(&self.data)
            .arg(self.port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("Python was just installed");
        let said = BufReader::new(child.stdout.take().expect("it was asked for"));
        let is_ready = said.lines().map_while(Result::ok).any(|line| line.starts_with("ready "));
        let errors = || fs::read_to_string(self.data.join("stderr.log")).unwrap_or_default();
        assert!(is_ready, "ClickHouse did not start:\n{}", errors());
        self.running = Some(child);
    }

    /// The answer to a statement, as text.
    ///
    /// # Panics
    /// If the server does not answer or refuses it.
    #[must_use]
    pub fn ask(&self, sql: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server runs");
        let head = format!("POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n", sql.len());
        stream.write_all(head.as_bytes()).expect("the server reads");
        stream.write_all(sql.as_bytes()).expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the server answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        assert!(head.contains(" 200 "), "{sql}\n{head}\n{body}");
        body.trim_end().to_owned()
    }

    /// Where its data lie.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }
}

impl Drop for ClickHouse {
    fn drop(&mut self) {
        self.stop();
        drop(fs::remove_dir_all(&self.data));
    }
}

/// The Python that has the engine, installed if it is not there.
fn python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| python::with("clickhouse", &["--no-deps", PACKAGE])).clone()
}

/// Data of processes that are gone.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.split('-').next().unwrap_or_default().to_owned();
        if !Path::new("/proc").join(owner).exists() {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}
