//! `sigtrail generate`: man pages and shells' completions, from the command
//! line, the configuration file and the schema that they describe.

mod command;
mod events;
mod file;
mod page;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{Cli, What};

/// Prints it on stdout.
///
/// # Errors
/// When stdout takes nothing, other than for lack of a reader.
pub fn print(what: What) -> Result<ExitCode> {
    let text = match what {
        What::Command => command::page().into_bytes(),
        What::File => file::page().into_bytes(),
        What::Events => events::page().into_bytes(),
        What::Bash => completions(Shell::Bash),
        What::Zsh => completions(Shell::Zsh),
        What::Fish => completions(Shell::Fish),
    };
    match io::stdout().write_all(&text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to stdout")
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn completions(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sigtrail", &mut text);
    text
}
