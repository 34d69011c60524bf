//! Small file systems of a test's own, to be filled or frozen.
//!
//! Separate from what is tested on it. Invariant: they are unmounted when the test forgets them, and thawed before.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
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

/// An ext4 in a file, whose writers can be held up.
pub struct Freezer(tempfile::TempDir);

impl Freezer {
    /// A file system of some room, or `None` where we may not make one.
    ///
    /// # Panics
    /// If there is no temporary folder.
    #[must_use]
    pub fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (image, place) = (folder.path().join("image"), folder.path().join("data"));
        std::fs::create_dir(&place).expect("a temporary folder can be written");
        File::create(&image).and_then(|file| file.set_len(64 << 20)).expect("a file without blocks");
        let done = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
        let made = done(Command::new("mkfs.ext4").arg("-q").arg(&image));
        let mounted = made && done(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&place));
        mounted.then_some(Self(folder))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// From now on whoever writes waits.
    ///
    /// # Panics
    /// If it cannot be frozen.
    pub fn freeze(&self) {
        let frozen = Command::new("fsfreeze").arg("-f").arg(self.path()).status();
        assert!(frozen.is_ok_and(|status| status.success()), "a mounted ext4 can be frozen");
    }

    /// Those who wait go on.
    pub fn thaw(&self) {
        drop(Command::new("fsfreeze").arg("-u").arg(self.path()).output());
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        self.thaw();
        drop(Command::new("umount").arg("-l").arg(self.path()).status());
    }
}
