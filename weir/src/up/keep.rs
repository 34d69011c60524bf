//! The data folder: one process at a time.
//!
//! Separate from the journal that lies in it. Invariants: two processes never share a folder; a demonstration, whose clock
//! runs ahead, never touches a journal that is there, and its own folder is removed at the end.

use std::fs::File;
use std::path::PathBuf;

use super::Plan;
use crate::environment;
use crate::error::Error;

/// The data folder, held.
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    passing: bool,
    _lock: File,
}

impl Folder {
    /// Makes the folder if there is none, and holds it until the process ends.
    pub fn take(plan: &Plan) -> Result<Folder, Error> {
        let passing = plan.demo.as_ref().is_some_and(|demo| !demo.keeps_data);
        let path = if passing { environment::scratch("demo") } else { PathBuf::from(&plan.config.data.dir) };
        let name = path.display().to_string();
        if plan.demo.is_some() && path.join("journal.db").exists() {
            let detail = "a demonstration's clock runs ahead, so it needs a folder without a journal";
            return Err(Error::file(&name, detail));
        }
        std::fs::create_dir_all(&path).map_err(|error| Error::file(&name, error))?;
        let lock = File::create(path.join("lock")).map_err(|error| Error::file(&name, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Folder { path, passing, _lock: lock }),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::file(
                &name,
                "another weir uses this folder: stop it, or give another one with --data",
            )),
            Err(std::fs::TryLockError::Error(error)) => Err(Error::file(&name, error)),
        }
    }

    /// Lets go; removes the folder if it was only for a demonstration.
    pub fn release(self) {
        if self.passing
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, folder = %self.path.display(), "the demonstration's folder stays");
        }
    }
}
