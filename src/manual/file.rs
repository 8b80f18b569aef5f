//! sigtrail.toml(5), from the default file's own comments.

use super::page::Page;
use crate::config::SAMPLE;

/// The page.
pub fn page() -> String {
    let mut page = Page::new(
        "sigtrail.toml",
        5,
        "configuration file of sigtrail, the tracer of signals",
    );
    page.heading("Synopsis");
    page.paragraph("`/etc/sigtrail/sigtrail.toml`");
    page.heading("Description");
    page.paragraph(
        "A TOML file that `sigtrail --config` reads. Each of the keys below is also an option of \
         sigtrail(8). sigtrail refuses an unknown key, a value out of range, and a file that \
         anybody but its owner can write to; the error gives the line and the reason.",
    );
    page.paragraph(
        "`sigtrail check-config` checks a file and prints the configuration that it results in. \
         The packages install a file that makes sigtrail write to \
         `/var/log/sigtrail/signals.jsonl` and rotate it.",
    );
    for paragraph in blocks(head(SAMPLE)) {
        page.paragraph(&paragraph.join(" "));
    }
    keys(&mut page, SAMPLE);
    page.heading("Files");
    page.item(
        "`/etc/sigtrail/sigtrail.toml`",
        "the service's configuration",
    );
    page.heading("See also");
    page.paragraph("sigtrail(8), sigtrail-events(7)");
    page.finish()
}

/// The text above the first section, without the title.
fn head(text: &str) -> &str {
    let head = text.split("\n## ").next().unwrap_or_default();
    head.split_once("\n#\n").map_or("", |(_, rest)| rest)
}

/// Comments' paragraphs.
fn blocks(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.trim_start_matches('#').trim())
        .collect();
    (lines.split(|line| line.is_empty()))
        .filter(|block| !block.is_empty())
        .map(<[_]>::to_vec)
        .collect()
}

fn keys(page: &mut Page, text: &str) {
    let mut comment = String::new();
    for line in text.split_inclusive('\n') {
        if let Some(title) = line.strip_prefix("## ") {
            // The text after the colon is about all keys of the section.
            let (title, about) = title.split_once(':').unwrap_or((title, ""));
            page.heading(title.trim());
            if !about.trim().is_empty() {
                page.paragraph(&sentence(about.trim()));
            }
            comment.clear();
        } else if line.starts_with('#') {
            comment.push_str(line);
        } else if let Some((key, default)) = line.split_once(" = ") {
            let text = blocks(&comment).concat().join(" ");
            page.item(
                &format!("`{key}`"),
                &format!("{text} Default: `{}`.", default.trim()),
            );
            comment.clear();
        }
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    let end = if text.ends_with('.') { "" } else { "." };
    format!(
        "{}{}{end}",
        first.into_iter().collect::<String>(),
        chars.as_str()
    )
}
