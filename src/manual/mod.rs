//! `sigtrail generate`: man pages and shells' completions, from the command
//! line, the configuration file and the schema that they tell of.

mod command;
mod events;
mod file;
mod page;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;

use crate::cli::Cli;

/// What can be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// sigtrail(8), the command
    #[value(name = "sigtrail.8")]
    Command,
    /// sigtrail.toml(5), the configuration file
    #[value(name = "sigtrail.toml.5")]
    File,
    /// sigtrail-events(7), the lines
    #[value(name = "sigtrail-events.7")]
    Events,
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
}

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
