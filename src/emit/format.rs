//! JSON or columns.

use std::{
    env,
    io::{self, IsTerminal},
};

use crate::config::Config;

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON object.
    Json,
    /// Columns for people.
    Pretty {
        /// With terminal escapes.
        colour: bool,
    },
}

impl Format {
    /// The one that is asked for; in colour on a terminal, unless NO_COLOR is set.
    pub fn of(config: &Config) -> Self {
        let colour = || {
            config.output.file().is_none()
                && io::stdout().is_terminal()
                && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        };
        if config.pretty {
            Self::Pretty { colour: colour() }
        } else {
            Self::Json
        }
    }
}
