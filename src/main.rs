//! Parse, run, print one error chain, exit code: nothing else.

use std::process::ExitCode;

use clap::Parser;
use sigtrail::cli::Cli;

fn main() -> ExitCode {
    match sigtrail::run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sigtrail: {error:#}");
            ExitCode::FAILURE
        }
    }
}
