//! What the guest tells the host: JSON objects, one a line of the console,
//! among whatever else is printed there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::table::Cell;

const MARK: &str = "@sigtrail ";

/// What a machine is, by Debian's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    #[default]
    Amd64,
    Arm64,
}

impl Arch {
    /// What this program is built for.
    pub const OWN: Self = if cfg!(target_arch = "aarch64") {
        Self::Arm64
    } else {
        Self::Amd64
    };
}

/// One thing that the guest says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// It runs, on this kernel of that architecture, after so many seconds
    /// since boot.
    Booted {
        release: String,
        arch: Arch,
        seconds: f64,
    },
    /// A line of `sigtrail doctor`'s.
    Doctor { line: String },
    /// `sigtrail doctor` succeeded or not.
    DoctorEnded { success: bool },
    /// A program that sigtrail loaded, and what the verifier went through;
    /// before 5.16 that is not told, but its instructions are.
    Program {
        name: String,
        verified: Option<u32>,
        instructions: u32,
    },
    /// What a scenario made sigtrail say, with the names of numbers in it.
    Played {
        scenario: String,
        lines: Vec<Value>,
        names: BTreeMap<i64, String>,
        doomed: Vec<i64>,
        cells: Vec<Cell>,
        seconds: f64,
    },
    /// What may interest a reader, and is compared with nothing.
    Note { text: String },
    /// What went wrong in a scenario.
    Failed { scenario: String, why: String },
    /// All is over.
    Ended,
}

impl Message {
    /// Prints it as a line of its own.
    pub fn say(&self) {
        println!("\n{MARK}{}", serde_json::to_string(self).unwrap());
    }

    /// What this line of the console says, if it is the guest's: an error if
    /// it came mangled.
    pub fn heard(line: &str) -> Option<Result<Self, String>> {
        let text = line.trim_end().strip_prefix(MARK)?;
        Some(serde_json::from_str(text).map_err(|error| format!("{error} in {text}")))
    }
}
