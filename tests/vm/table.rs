//! The tables of KERNELS.md: kinds of calls, kernels, and what tells of each.

use std::{fs, path::Path};

use crate::scenarios::coverage::Cell;

/// What is not as the table that has a column of that name says there.
pub fn differences(column: &str, cells: &[Cell]) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("KERNELS.md");
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines();
    let place =
        (lines.by_ref()).find_map(|line| row(line)?.iter().position(|name| *name == column));
    let Some(place) = place else {
        return vec![format!("KERNELS.md has no column {column}")];
    };
    // A table ends with its last row.
    let rows: Vec<_> = lines.map_while(row).collect();
    (cells.iter())
        .filter_map(|(kind, how)| {
            let row = rows.iter().find(|row| row[0] == kind);
            let must = row.and_then(|row| row.get(place)).unwrap_or(&"");
            (how != must).then(|| format!("{kind} is {how:?}, must be {must:?}"))
        })
        .collect()
}

/// The fields of a line of a table.
fn row(line: &str) -> Option<Vec<&str>> {
    let fields = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(fields.split('|').map(str::trim).collect())
}

/// The table as it should be.
pub fn of<S: AsRef<str>>(columns: &[(S, &[Cell])]) -> String {
    let mut text = String::from("| Call |");
    for (name, _) in columns {
        text += &format!(" {} |", name.as_ref());
    }
    text += &format!("\n|---|{}\n", "---|".repeat(columns.len()));
    let kinds = columns.first().map_or(&[][..], |(_, cells)| cells);
    for (kind, _) in kinds {
        text += &format!("| {kind} |");
        for (_, cells) in columns {
            let how = cells.iter().find(|(other, _)| other == kind);
            text += &format!(" {} |", how.map_or("", |(_, how)| how));
        }
        text.push('\n');
    }
    text
}
