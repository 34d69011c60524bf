//! A real browser: the system's Chromium, driven by scripts of `tests/browser` in Node.
//!
//! Separate from the tests. Invariants: packages lie under `target/servers`, exactly those of the lock file; no browser is fetched; what a
//! script prints is its report, and a script that fails names the step.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::python::servers;
use crate::up::Up;
use crate::workspace;

/// Where Debian's package puts it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// The folder of the scripts with their packages, made once for each state of `tests/browser`.
fn scripts() -> PathBuf {
    assert!(
        std::path::Path::new(CHROMIUM).exists(),
        "{CHROMIUM} is missing: the browser tests run Debian's Chromium (apt-get install -y chromium); tests/run fetches it"
    );
    let (from, folder) = (workspace::file("tests/browser"), servers().join("browser"));
    fs::create_dir_all(&folder).expect("target can be written");
    let lock = File::create(folder.join("lock")).expect("target can be written");
    lock.lock().expect("a file can be locked");
    let wanted = fs::read_to_string(from.join("package-lock.json")).expect("the lock file is there");
    for entry in fs::read_dir(&from).expect("tests/browser is there") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("it has a name");
        fs::copy(&path, folder.join(name)).expect("target can be written");
    }
    let done = folder.join("installed");
    if fs::read_to_string(&done).ok().as_deref() != Some(&*wanted) {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
        let output =
            npm.output().unwrap_or_else(|error| panic!("npm (is Node 20 or newer installed?): {error}"));
        assert!(output.status.success(), "npm ci:\n{}", String::from_utf8_lossy(&output.stderr));
        fs::write(&done, wanted).expect("target can be written");
    }
    folder
}

/// Where screenshots go.
#[must_use]
pub fn pictures() -> PathBuf {
    let folder = workspace::file("target").join("browser");
    fs::create_dir_all(&folder).expect("target can be written");
    folder
}

/// Runs a script of `tests/browser` with arguments; gives what it printed.
#[must_use]
pub fn run(script: &str, arguments: &[&str]) -> String {
    let mut node = Command::new("node");
    node.arg(scripts().join(script)).args(arguments);
    node.env("WEIR_CHROMIUM", CHROMIUM).env("WEIR_PICTURES", pictures());
    let output = node.output().unwrap_or_else(|error| panic!("node (is it installed?): {error}"));
    let (told, complaints) =
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}:\n{told}\n{complaints}");
    told
}

/// A provider of OpenID Connect: `oidc-provider` of npm, on loopback.
pub struct Provider {
    child: Child,
    /// What it calls itself.
    pub issuer: String,
}

impl Provider {
    /// Starts it; `back`: where it may lead browsers back to.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(port: u16, back: &str) -> Provider {
        let mut node = Command::new("node");
        node.arg(scripts().join("provider.mjs")).args([&port.to_string(), back]);
        let mut child = node.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("node is installed");
        let mut said =
            BufReader::new(child.stdout.take().expect("it was asked for")).lines().map_while(Result::ok);
        let is_ready = said.by_ref().any(|line| line == "ready");
        assert!(is_ready, "the provider of sign-ins did not start");
        // Goes on listening, or it would end with its first word.
        std::thread::spawn(move || said.for_each(drop));
        Provider { child, issuer: format!("http://localhost:{port}") }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The one-time link for the first administrator, as a server told it.
#[must_use]
pub fn first_link(up: &Up) -> String {
    for _ in 0..200 {
        let said = up.said();
        let records = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        if let Some(link) = records.filter_map(|record| record["link"].as_str().map(str::to_owned)).next() {
            return link;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("no link was told: {}", up.said());
}
