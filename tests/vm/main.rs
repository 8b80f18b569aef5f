//! The kernel matrix: the product's own binary traces scenarios in virtual
//! machines, and each line is compared with a golden file. `tests/vm/run`
//! drives it.
//!
//! This program has three roles: in the guest it is process 1 and plays the
//! scenarios; there, too, it is `unshare`; on the host it compares.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod golden;
mod guest;
mod normal;
mod programs;
mod protocol;
mod report;
mod scenarios;
mod stage;
mod table;

use std::{env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().collect();
    let role = Path::new(&args[0]).file_name().unwrap();
    if std::process::id() == 1 {
        guest::main();
    }
    if role == "unshare" {
        return guest::unshare(&args[1..]);
    }
    report::main(&args[1..])
}
