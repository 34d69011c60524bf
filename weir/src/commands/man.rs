//! `weir man`: the manual in roff, made from the command line itself.
//!
//! Separate, because it only prints. Invariant: no page is written by hand, so none can be out of date.

use std::io::Write as _;
use std::path::Path;

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::error::{Error, Outcome};

/// Arguments of `weir man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  weir man | man -l -\n  weir man --out /usr/local/share/man/man1")]
pub struct ManArgs {
    /// A folder to write one page a command to, instead of printing the main page.
    #[arg(long, value_name = "FOLDER")]
    out: Option<String>,
}

/// Prints or writes the manual.
pub fn run(args: &ManArgs) -> Result<Outcome, Error> {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = &args.out else {
        // A reader that has seen enough is no error.
        let _ = std::io::stdout().write_all(&page(&command, "weir"));
        return Ok(Outcome::Done);
    };
    std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
    write_all(&command, "weir", Path::new(folder))?;
    Ok(Outcome::Done)
}

fn write_all(command: &Command, name: &str, folder: &Path) -> Result<(), Error> {
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, page(command, name))
        .map_err(|error| Error::file(&path.display().to_string(), error))?;
    let shown = |sub: &&Command| sub.get_name() != "help" && !sub.is_hide_set();
    for sub in command.get_subcommands().filter(shown) {
        write_all(sub, &format!("{name}-{}", sub.get_name()), folder)?;
    }
    Ok(())
}

fn page(command: &Command, name: &str) -> Vec<u8> {
    let mut text = Vec::new();
    let command = command.clone().name(name.to_owned());
    Man::new(command).render(&mut text).expect("writing into memory does not fail");
    text
}
