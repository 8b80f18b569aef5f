//! `sigtrail schema`: what the lines are, for programs and for people.

mod fields;
mod json;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Context, Result};

pub use self::{
    fields::{Field, Table, markdown, tables},
    json::{VERSION, schema},
};

/// Prints the JSON Schema, or the tables that are made from it, on stdout.
///
/// # Errors
/// When stdout takes nothing, other than for lack of a reader.
pub fn print(as_markdown: bool) -> Result<ExitCode> {
    let text = if as_markdown {
        markdown()
    } else {
        format!("{:#}\n", schema())
    };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to stdout")
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
