//! sigtrail records every signal that one process sends another, one JSON line
//! each.
//!
//! The way of the data: the BPF probes note a call at its entry and send it at
//! its exit ([`trace`]); [`run`](mod@run) reads the rings, [`correlate`] sorts
//! what came, [`emit`] makes [`record`]s of it with the time of [`clock`] and the
//! names of [`identity`] and [`names`], and [`sink`] writes the lines. What is
//! lost on the way is kept in the books of [`loss`].

pub mod cli;
pub mod clock;
pub mod config;
pub mod correlate;
pub mod doctor;
pub mod emit;
pub mod event;
pub mod health;
pub mod identity;
pub mod loss;
pub mod manual;
pub mod names;
pub mod privilege;
pub mod record;
pub mod run;
pub mod schema;
pub mod select;
pub mod sink;
pub mod text;
pub mod trace;
mod wait;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Result;

use crate::{
    cli::{Cli, Command},
    config::{Config, TraceArgs},
    identity::Users,
};

/// Does what the command line asks for.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Some(Command::Doctor) => Ok(doctor::examine()),
        Some(Command::CheckConfig { file }) => {
            let args = TraceArgs {
                config: Some(file),
                ..TraceArgs::default()
            };
            let config = Config::new(&args, &Users::system())?;
            let text = config::shown(&config);
            // Where nobody listens, the exit code has to do.
            let _ = io::stdout().write_all(text.as_bytes());
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Schema { markdown }) => schema::print(markdown),
        Some(Command::Generate { what }) => manual::print(what),
        None => {
            let users = Users::system();
            let config = Config::new(&cli.trace, &users)?;
            run::trace(cli.trace, config, users)
        }
    }
}

/// What the process says of an error to whoever started it.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<config::Invalid>() {
        ExitCode::from(2)
    } else if error.is::<run::SinkLost>() {
        ExitCode::from(3)
    } else {
        ExitCode::FAILURE
    }
}
