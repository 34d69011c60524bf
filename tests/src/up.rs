//! A running `weir up` on a free loopback port: started, asked, stopped, killed.
//!
//! Separate from the tests. Invariant: a server never outlives its test.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::http::Client;
use crate::weir::binary;

/// A server.
pub struct Up {
    child: Child,
    said: Arc<Mutex<String>>,
    /// Where it listens.
    pub address: String,
}

impl Up {
    /// Starts a server on a data folder and waits until it listens; the port is the system's choice.
    #[must_use]
    pub fn start(data: &Path, environment: &[(&str, &str)]) -> Up {
        Self::started(command(data, environment))
    }

    /// Starts a demonstration as `weir up --demo` does, on a data folder.
    #[must_use]
    pub fn demo(data: &Path, environment: &[(&str, &str)]) -> Up {
        let mut command = command(data, environment);
        command.arg("--demo");
        Self::started(command)
    }

    fn started(mut command: Command) -> Up {
        let mut child = command.spawn().expect("the binary was just built");
        let mut lines = BufReader::new(child.stderr.take().expect("it was asked for"));
        let mut address = None;
        let mut said = String::new();
        while address.is_none() {
            let mut line = String::new();
            let read = lines.read_line(&mut line).expect("its standard error can be read");
            assert!(read > 0, "the server ended: {said}");
            said.push_str(&line);
            let record: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            address = record["address"].as_str().map(str::to_owned);
        }
        // Goes on reading, so that the server never waits for us; ends with the server.
        let said = Arc::new(Mutex::new(said));
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut heard = heard.lock().expect("nobody panics with it");
                heard.push_str(&line);
                heard.push('\n');
            }
        });
        Up { child, said, address: address.expect("the loop ends with it") }
    }

    /// What it has said so far on its standard error.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.lock().expect("nobody panics with it").clone()
    }

    /// Runs a server that must refuse to start; gives its exit code and what it said.
    #[must_use]
    pub fn refused(data: &Path, environment: &[(&str, &str)]) -> (i32, String) {
        let output = command(data, environment).output().expect("the binary was just built");
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// A connection.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::connect(&self.address).expect("the server listens")
    }

    /// Kills it at once.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was started");
    }

    /// Asks it to end, as a system does; gives the exit code, and how long it took.
    #[must_use]
    pub fn stop(mut self) -> (i32, Duration) {
        let watch = crate::clock::now();
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().expect("kill is there");
        assert!(asked.success());
        let status = self.child.wait().expect("it was started");
        (status.code().unwrap_or(-1), watch.elapsed())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn command(data: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary());
    command.args(["up", "--log", "json", "--data"]).arg(data).env("WEIR_HTTP_LISTEN", "127.0.0.1:0");
    command.envs(environment.iter().copied()).stdin(Stdio::null()).stderr(Stdio::piped());
    command.stdout(Stdio::null());
    command
}
