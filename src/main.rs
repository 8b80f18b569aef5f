//! Parse, run, print one error chain, exit code: nothing else.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use sigtrail::Cli;

fn main() -> ExitCode {
    match sigtrail::run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // If stderr is gone, the exit code has to do.
            let _ = writeln!(io::stderr(), "sigtrail: {error:#}");
            sigtrail::exit_code(&error)
        }
    }
}
