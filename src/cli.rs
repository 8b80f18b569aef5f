//! The command line. Doc comments are the help text.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{INSTALLED, TraceArgs};

const AFTER_HELP: &str = "\
Exit status: 0 after a clean end, also when the reader of stdout goes away; \
1 if tracing cannot start or cannot go on; 2 if the command line or the \
configuration is wrong; 3 if the output did not take the last lines, so that \
they are lost.

Examples:
  sigtrail | jq 'select(.type==\"signal\")'      everything, as JSON
  sigtrail --pretty -s KILL,TERM               who ends what, for people
  sigtrail -t 4711 -n 1                        who signals process 4711 next
  sigtrail -s '!URG,!CHLD' -o signals.jsonl    all but two signals, to a file";

/// Records what signals processes, as one JSON line each, on stdout: system calls
/// (kill, tgkill and the like), and what the kernel sends that ends or stops a process
/// (faults, the OOM killer, terminals and so on).
///
/// Traces until it is stopped. Needs root, or CAP_BPF, CAP_PERFMON and
/// CAP_DAC_READ_SEARCH; `sigtrail doctor` says what is missing.
#[derive(Debug, Parser)]
#[command(
    name = "sigtrail",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = AFTER_HELP,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do instead of tracing.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// What to trace and where to write it.
    #[command(flatten)]
    pub trace: TraceArgs,
}

/// Something other than tracing.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check whether tracing works here, and say how to fix what does not
    Doctor,
    /// Print the configuration that a file results in, or what is wrong with it
    CheckConfig {
        /// The file
        #[arg(value_name = "FILE", default_value = INSTALLED)]
        file: PathBuf,
    },
    /// Print the JSON Schema of all lines
    Schema {
        /// Print it as tables for people
        #[arg(long)]
        markdown: bool,
    },
    /// Print a man page, or the completions of a shell
    Generate {
        /// What to print
        what: What,
    },
}

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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
