//! sigtrail records who or what signals each process, one JSON line a signal.
//!
//! The BPF programs note a call at its entry and send it at its exit; a signal that
//! no call sent they send at once. `trace`
//! reads the rings and decodes the records, `correlate` makes whole events in the
//! order of time, `emit` makes lines (`record`) with UTC times (`clock`) and the
//! names of `identity` and `names`, and `sink` writes them. `run` is the loop. What
//! has no line is accounted for in `loss`. ARCHITECTURE.md draws the rooms
//! and the direction of imports.

mod cli;
mod clock;
mod config;
mod correlate;
mod doctor;
mod emit;
mod event;
mod health;
mod identity;
mod loss;
mod manual;
mod names;
mod privilege;
mod record;
mod run;
mod schema;
mod select;
mod sink;
mod text;
mod trace;
mod wait;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Result;

use crate::cli::Command;
/// What the program, the tests, the benches and the fuzz targets use.
pub use crate::{
    cli::Cli,
    clock::monotonic_ns,
    config::{Config, TraceArgs, shown},
    correlate::{Correlator, Released},
    emit::Emitter,
    event::{Batch, Call, CgroupPath, Descent, Event, Exec, Image, Signal},
    identity::{Cgroup, Cgroups, ContainerNames, Qos, Registry, Runtime, Users, names_of_any},
    schema::schema,
    sink::{
        Closed, FileConfig, Fsync, Output, Patience, Refused, Rotation, Sink, SinkConfig, SinkGone,
    },
    text::{decode as decode_text, text},
    trace::decode as decode_record,
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
            let text = shown(&config);
            // If stdout is gone, the exit code has to do.
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

/// The exit code that an error ends with.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<config::Invalid>() {
        ExitCode::from(2)
    } else if error.is::<run::SinkLost>() {
        ExitCode::from(3)
    } else {
        ExitCode::FAILURE
    }
}
