//! Outputs that are inputs, and outputs that are each other: refused before anything is created.
//!
//! Separate, because creating an output empties it, and by then its data is gone. Invariants: files are told apart by what
//! they are (device and inode, or where they will lie), never by how they are spelled; `-`, devices and pipes never clash.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// A file as the command line names it: the option (or `input`), and the name.
pub type Named<'a> = (&'a str, &'a str);

/// What a file is, however it is spelled.
#[derive(PartialEq, Eq)]
enum Identity {
    /// It exists.
    #[cfg(unix)]
    Inode(u64, u64),
    /// It is still to be made, or the system has no inodes.
    Path(PathBuf),
}

/// Refuses an output that is also an input, or another output.
pub fn refuse(inputs: &[Named<'_>], outputs: &[Named<'_>]) -> Result<(), Error> {
    for (place, output) in outputs.iter().enumerate() {
        let Some(identity) = identity(output.1) else { continue };
        let same = |other: &&Named<'_>| self::identity(other.1).is_some_and(|found| found == identity);
        let (option, name) = output;
        if let Some((what, other)) = inputs.iter().find(same) {
            return Err(Error::Usage(format!(
                "{option} {name} is the same file as {what} {other}, which would be lost: give another name"
            )));
        }
        if let Some((what, other)) = outputs[..place].iter().find(same) {
            return Err(Error::Usage(format!(
                "{option} {name} is the same file as {what} {other}: give each output a name of its own"
            )));
        }
    }
    Ok(())
}

fn identity(name: &str) -> Option<Identity> {
    if name == "-" {
        return None;
    }
    match std::fs::metadata(name) {
        Ok(found) if !found.is_file() => None,
        #[cfg(unix)]
        Ok(found) => {
            use std::os::unix::fs::MetadataExt as _;
            Some(Identity::Inode(found.dev(), found.ino()))
        }
        #[cfg(not(unix))]
        Ok(_) => Some(Identity::Path(std::fs::canonicalize(name).ok()?)),
        Err(_) => {
            let path = Path::new(name);
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
            Some(Identity::Path(folder.join(path.file_name()?)))
        }
    }
}

/// Options that were given, with their names.
pub fn given<'a>(options: &[(&'a str, &'a Option<String>)]) -> Vec<Named<'a>> {
    options.iter().filter_map(|(option, name)| Some((*option, name.as_deref()?))).collect()
}

/// Names under one word, for example `input`.
pub fn all<'a>(what: &'a str, names: &'a [String]) -> Vec<Named<'a>> {
    names.iter().map(|name| (what, name.as_str())).collect()
}
