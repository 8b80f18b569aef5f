//! The tables of KERNELS.md: the kinds of call that some kernel does not show
//! in full. A kind that a table does not list is seen in full on each of the
//! table's kernels.

/// A kind of call, such as "`kill`, 32-bit", and what is seen of it.
pub type Cell = (String, String);

/// What is seen of a kind that the table does not list.
const IN_FULL: &str = "in full";
/// Stands in a row for every system call.
const EVERY_CALL: &str = "all";

/// The sentence that KERNELS.md has above the tables.
pub fn rule(kinds: usize) -> String {
    format!(
        "Each of the {kinds} kinds of call is seen in full on every kernel below, except where a \
         table says otherwise:"
    )
}

/// How what a kernel showed differs from what the document says of it: a kind
/// that is seen worse, better, or that only one of the two knows.
pub fn differences(document: &str, column: &str, cells: &[Cell]) -> Vec<String> {
    let Some(rows) = rows(document, column) else {
        return vec![format!("KERNELS.md has no column {column}")];
    };
    let mut wrong = Vec::new();
    if !document.contains(&rule(cells.len())) {
        wrong.push(format!("KERNELS.md does not say: {}", rule(cells.len())));
    }
    for (kind, seen) in cells {
        let row = rows.iter().find(|row| row.lists(kind));
        let must = row.map_or(IN_FULL, |row| row.seen);
        if seen != must {
            wrong.push(format!("{kind} is {seen:?}, must be {must:?}"));
        }
    }
    for row in &rows {
        if !cells.iter().any(|(kind, _)| row.lists(kind)) {
            wrong.push(format!("no call was made as {:?}", row.way));
        }
    }
    wrong
}

/// A row of a table, as one of its columns has it.
struct Row<'a> {
    calls: &'a str,
    /// How these calls are made.
    way: &'a str,
    seen: &'a str,
}

impl Row<'_> {
    fn lists(&self, kind: &str) -> bool {
        let (call, way) = parts(kind);
        way == self.way
            && (self.calls == EVERY_CALL || self.calls.split(", ").any(|one| one == call))
    }
}

/// The rows of the table that has this column.
fn rows<'a>(document: &'a str, column: &str) -> Option<Vec<Row<'a>>> {
    let mut lines = document.lines();
    let at =
        (lines.by_ref()).find_map(|line| fields(line)?.iter().position(|name| *name == column))?;
    // The line below the head has no texts.
    let rows = lines.map_while(fields).skip(1).map(|fields| Row {
        calls: fields[0],
        way: fields.get(1).copied().unwrap_or_default(),
        seen: fields.get(at).copied().unwrap_or_default(),
    });
    Some(rows.collect())
}

/// The fields of a line of a table.
fn fields(line: &str) -> Option<Vec<&str>> {
    let fields = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(fields.split('|').map(str::trim).collect())
}

/// A kind's system call and the way it is made.
fn parts(kind: &str) -> (&str, &str) {
    kind.split_once(", ").unwrap_or((kind, ""))
}

/// The table as it should be; a column is a kernel. Calls that differ from
/// "in full" in the same way share a row.
pub fn of<S: AsRef<str>>(columns: &[(S, &[Cell])]) -> String {
    let mut text = String::from("| Call | How it is made |");
    for (name, _) in columns {
        text += &format!(" {} |", name.as_ref());
    }
    text += &format!("\n|---|---|{}\n", "---|".repeat(columns.len()));
    let kinds = || columns.iter().flat_map(|(_, cells)| cells.iter());
    let calls = distinct(kinds().map(|(kind, _)| parts(kind).0));
    for way in distinct(kinds().map(|(kind, _)| parts(kind).1)) {
        // What each kernel shows, and of which calls.
        let mut groups: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
        for &call in &calls {
            let seen = columns.iter().map(|(_, cells)| {
                let cell = cells.iter().find(|(kind, _)| parts(kind) == (call, way));
                cell.map_or("", |(_, seen)| seen.as_str())
            });
            let seen: Vec<_> = seen.collect();
            match groups.iter_mut().find(|(known, _)| *known == seen) {
                Some((_, group)) => group.push(call),
                None => groups.push((seen, vec![call])),
            }
        }
        for (seen, group) in groups {
            if seen.iter().all(|seen| *seen == IN_FULL) {
                continue;
            }
            let group = if group.len() == calls.len() {
                EVERY_CALL.to_owned()
            } else {
                group.join(", ")
            };
            text += &format!("| {group} | {way} | {} |\n", seen.join(" | "));
        }
    }
    text
}

fn distinct<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for one in all {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}
