//! The language of man pages, as far as ours need it.

use std::fmt::Write;

/// A page that grows from top to bottom.
#[derive(Debug)]
pub struct Page(String);

impl Page {
    /// A page's head. `about` is what `whatis` prints.
    pub fn new(name: &str, section: u8, about: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let title = name.to_uppercase();
        let mut page = Self(String::new());
        // No date: the page is the same whenever it is built.
        page.line(&format!(
            r#".TH "{title}" "{section}" "" "sigtrail {version}" "sigtrail""#
        ));
        // Texts are not hyphenated, nor stretched: they hold names to copy.
        page.line(".nh");
        page.line(".ad l");
        page.heading("Name");
        page.line(&format!(r"{name} \- {}", escaped(about)));
        page
    }

    /// The page's source.
    pub fn finish(self) -> String {
        self.0
    }

    /// A section's heading.
    pub fn heading(&mut self, text: &str) {
        self.line(&format!(".SH \"{}\"", escaped(&text.to_uppercase())));
    }

    /// A heading in a section.
    pub fn subheading(&mut self, text: &str) {
        self.line(&format!(".SS \"{}\"", marked(text)));
    }

    /// A paragraph; what stands in backquotes is printed bold.
    pub fn paragraph(&mut self, text: &str) {
        self.line(".PP");
        self.line(&protected(&marked(text)));
    }

    /// What is explained, and below it how.
    pub fn item(&mut self, head: &str, text: &str) {
        self.line(".TP");
        self.line(&protected(&marked(head)));
        self.line(&protected(&marked(text)));
    }

    /// What belongs to the item before it.
    pub fn nested(&mut self, head: &str, text: &str) {
        self.line(".RS");
        self.item(head, text);
        self.line(".RE");
    }

    /// Lines that stay as they are.
    pub fn example(&mut self, text: &str) {
        self.line(".PP");
        self.line(".RS 4");
        self.line(".nf");
        for line in text.trim_end().lines() {
            self.line(&protected(&escaped(line)));
        }
        self.line(".fi");
        self.line(".RE");
    }

    fn line(&mut self, text: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{text}");
    }
}

/// Backquotes as bold type. Text that has an odd one is left as it is.
fn marked(text: &str) -> String {
    let text = escaped(text);
    if text.matches('`').count() % 2 == 1 {
        return text;
    }
    let mut bold = false;
    (text.split('`').enumerate())
        .map(|(index, part)| {
            let font = match (index, bold) {
                (0, _) => "",
                (_, false) => r"\fB",
                (_, true) => r"\fR",
            };
            bold = index > 0 && !bold;
            format!("{font}{part}")
        })
        .collect()
}

/// Text in which nothing is a command. A hyphen stays one that can be copied.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str(r"\e"),
            '-' => out.push_str(r"\-"),
            '\'' => out.push_str(r"\(aq"),
            '"' => out.push_str(r"\(dq"),
            '^' => out.push_str(r"\(ha"),
            '~' => out.push_str(r"\(ti"),
            '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A line that begins like a command is none.
fn protected(line: &str) -> String {
    if line.starts_with('.') {
        format!(r"\&{line}")
    } else {
        line.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_a_command() {
        let mut page = Page::new("x", 8, "a - b");
        page.paragraph(".TH 'a' \\n `--b` \"c\"\nd ~ ^");
        page.item("`a`", ".b");
        page.example("'x\n.y");
        let text = page.finish();
        assert!(text.contains("\nx \\- a \\- b\n"), "{text}");
        let paragraph = "\n\\&.TH \\(aqa\\(aq \\en \\fB\\-\\-b\\fR \\(dqc\\(dq d \\(ti \\(ha\n";
        assert!(text.contains(paragraph), "{text}");
        assert!(text.contains("\n.TP\n\\fBa\\fR\n\\&.b\n"), "{text}");
        assert!(text.contains("\n.nf\n\\(aqx\n\\&.y\n.fi\n"), "{text}");
    }

    #[test]
    fn backquotes_are_bold_type() {
        assert_eq!(marked("a `b` c `d`"), r"a \fBb\fR c \fBd\fR");
        assert_eq!(marked("`b`"), r"\fBb\fR");
        assert_eq!(marked("it`s"), "it`s");
    }
}
