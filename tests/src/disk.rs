//! A small file system of a test's own, to be filled.
//!
//! Separate from what is tested on it. Invariant: it is unmounted when the test forgets it.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// A tmpfs.
pub struct Small(tempfile::TempDir);

impl Small {
    /// A file system of this size (`6m`), or `None` where we may not make one.
    ///
    /// # Panics
    /// If there is no temporary folder.
    #[must_use]
    pub fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder.path());
        command.output().is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file until there is no room for another byte.
    ///
    /// # Panics
    /// If the file cannot be made.
    pub fn fill(&self, file: &Path) {
        let mut file = File::create(file).expect("a file without bytes needs no room");
        let block = [0; 4_096];
        while file.write_all(&block).is_ok() {}
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}
