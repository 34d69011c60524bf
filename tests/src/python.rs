//! Servers that come as Python packages: each in a virtual environment of its own, made once.
//!
//! Separate from the servers. Invariants: what is installed lies under `target/servers`; several test binaries may want the same at
//! once, and one of them installs it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use crate::workspace;

/// Where servers of the tests are installed.
pub fn servers() -> PathBuf {
    workspace::file("target").join("servers")
}

/// The Python of an environment that has these packages (arguments of `pip install`), installed if they are not there.
pub fn with(name: &str, packages: &[&str]) -> PathBuf {
    let folder = servers().join(name);
    fs::create_dir_all(&folder).expect("target can be written");
    let lock = File::create(folder.join("lock")).expect("target can be written");
    lock.lock().expect("a file can be locked");
    let named: Vec<&str> = packages.iter().copied().filter(|package| !package.starts_with('-')).collect();
    let (python, done) = (folder.join("bin/python"), folder.join(named.join("+")));
    // Its scripts name the folder that they were installed in: an environment that was moved with `target` is made anew.
    let here = folder.display().to_string();
    if fs::read_to_string(&done).ok().as_ref() != Some(&here) {
        run(
            Command::new("python3").args(["-m", "venv"]).arg(&folder),
            "python3 -m venv (is Python 3 installed, with its venv module?)",
        );
        let mut pip = Command::new(&python);
        run(
            pip.args(["-m", "pip", "install", "--quiet", "--force-reinstall"]).args(packages),
            "pip install of a server",
        );
        fs::write(&done, here).expect("target can be written");
    }
    python
}

fn run(command: &mut Command, what: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(output.status.success(), "{what}:\n{}", String::from_utf8_lossy(&output.stderr));
}
