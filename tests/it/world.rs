//! A small simulated world, made once for all tests that need traffic.
//!
//! Separate from the tests that read it. Invariant: nobody writes into its folder after it was made.

use std::path::PathBuf;
use std::sync::OnceLock;

use harness::weir::run;
use tempfile::TempDir;

/// Where the world lies.
pub struct World {
    folder: TempDir,
}

impl World {
    /// The folder.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Path of one of `events.ndjson`, `truth.ndjson`, `exempt.txt`.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }
}

/// 300 people over two days, one account in ten abusive.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = run(folder.path(), &simulation("events.ndjson"));
        assert_eq!(run.code, 0, "{}", run.stderr);
        World { folder }
    })
}

/// Arguments that make the world again, its events under another name.
pub fn simulation(events: &str) -> Vec<&str> {
    let fixed = "--accounts 300 --hours 48 --seed 5 --base-rate 0.1 --truth truth.ndjson --exempt exempt.txt";
    ["simulate", "--out", events].into_iter().chain(fixed.split(' ')).collect()
}
