//! How long texts may be, so that a line fits: fields are cut, never bytes of a
//! line.

/// Most bytes of text in the fields that a process or a user can make long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// All arguments of a process together.
    args: usize,
    /// A path: of an executable, of a cgroup.
    path: usize,
    /// Any other name.
    name: usize,
    /// Ancestors of a process.
    ancestors: usize,
    /// A name of a container, of which a process has seven.
    label: usize,
}

impl Limits {
    const LONGEST: Self = Self {
        args: 1024,
        path: 1024,
        name: 256,
        label: 253,
        ancestors: 0,
    };

    /// What a person reads at a glance.
    pub const GLANCE: Self = Self::STEPS[3];

    /// From limits that nearly every line meets down to those that make any line
    /// fit, although JSON may need six bytes for one.
    pub const STEPS: [Self; 6] = [
        Self {
            ancestors: 8,
            ..Self::LONGEST
        },
        Self {
            ancestors: 2,
            ..Self::LONGEST
        },
        Self::LONGEST,
        Self {
            args: 512,
            path: 400,
            name: 128,
            ancestors: 0,
            label: 128,
        },
        Self {
            args: 128,
            path: 160,
            name: 64,
            ancestors: 0,
            label: 40,
        },
        Self {
            args: 0,
            path: 40,
            name: 32,
            ancestors: 0,
            label: 8,
        },
    ];
}

/// Shortens texts to their limits, and notes whether any was longer.
#[derive(Debug, Clone, Copy)]
pub struct Cutter {
    limits: Limits,
    cut: bool,
}

impl Cutter {
    /// Has cut nothing yet.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, cut: false }
    }

    /// For texts that go into every line, however much the others take.
    pub(super) const fn shortest() -> Self {
        let [.., shortest] = Limits::STEPS;
        Self::new(shortest)
    }

    /// Whether some text is incomplete.
    pub const fn has_cut(&self) -> bool {
        self.cut
    }

    /// Notes that a text came incomplete, if it did.
    pub(super) fn note(&mut self, truncated: bool) {
        self.cut |= truncated;
    }

    /// The end of a path.
    pub(super) fn path<'a>(&mut self, path: &'a str) -> &'a str {
        self.cut |= path.len() > self.limits.path;
        cut_start(path, self.limits.path)
    }

    /// The start of a name.
    pub(super) fn name<'a>(&mut self, name: &'a str) -> &'a str {
        self.start_of(name, self.limits.name)
    }

    /// The start of a name of a container.
    pub(super) fn label<'a>(&mut self, label: &'a str) -> &'a str {
        self.start_of(label, self.limits.label)
    }

    /// As many arguments as there is room for, the last perhaps in part.
    pub(super) fn args<'a>(&mut self, args: &'a [Box<str>]) -> Vec<&'a str> {
        let mut left = self.limits.args;
        let mut kept = Vec::with_capacity(args.len());
        for arg in args {
            let arg = self.start_of(arg, left);
            if arg.is_empty() && left == 0 {
                break;
            }
            // Its quotes and its comma take room as well.
            left = left.saturating_sub(arg.len() + 3);
            kept.push(arg);
        }
        self.cut |= kept.len() < args.len();
        kept
    }

    /// The nearest ones.
    pub(super) fn ancestors<'a, T>(&mut self, ancestors: &'a [T]) -> &'a [T] {
        let shown = &ancestors[..ancestors.len().min(self.limits.ancestors)];
        self.cut |= shown.len() < ancestors.len();
        shown
    }

    /// All, unless the line has no room for any ancestor.
    pub(super) fn ancestors_or_all<'a, T>(&mut self, others: &'a [T]) -> &'a [T] {
        let shown = match self.limits.ancestors {
            0 => &[],
            _ => others,
        };
        self.cut |= shown.len() < others.len();
        shown
    }

    fn start_of<'a>(&mut self, text: &'a str, limit: usize) -> &'a str {
        let start = cut(text, limit);
        self.cut |= start.len() < text.len();
        start
    }
}

/// The first arguments of a process that is named in passing.
pub(super) fn first_args(args: &[Box<str>]) -> Vec<&str> {
    const MOST: usize = 4;
    let limits = Limits {
        args: 128,
        ..Limits::STEPS[0]
    };
    Cutter::new(limits).args(&args[..args.len().min(MOST)])
}

/// Cuts the end off a text so that the rest still decodes by the rule of
/// [`text`](mod@crate::text).
fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // Not inside `\xNN`.
    if let Some(start) = text[..end].rfind('\\')
        && end - start < 4
        && text[start..].starts_with("\\x")
    {
        end = start;
    }
    &text[..end]
}

/// Cuts the start off a path, likewise. The end says more, and it is all there
/// is of a path that was too long for the kernel side.
fn cut_start(path: &str, limit: usize) -> &str {
    let mut start = path.len().saturating_sub(limit);
    while !path.is_char_boundary(start) {
        start += 1;
    }
    for before in 1..4 {
        let escape = (start.checked_sub(before)).and_then(|at| path.get(at..));
        if escape.is_some_and(|escape| escape.starts_with("\\x")) {
            start += 4 - before;
            break;
        }
    }
    path.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::{decode, push_text};

    #[test]
    fn a_cut_text_has_no_half_escapes() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abc", 2), "ab");
        assert_eq!(cut(r"a\xff", 4), "a");
        assert_eq!(cut(r"a\xffb", 5), r"a\xff");
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut(r"a\b", 2), r"a\");
        assert_eq!(cut_start("abc", 3), "abc");
        assert_eq!(cut_start("abc", 2), "bc");
        assert_eq!(cut_start(r"a\xffb", 4), "b");
        assert_eq!(cut_start(r"a\xffb", 5), r"\xffb");
        assert_eq!(cut_start("éa", 2), "a");
    }

    proptest! {
        #[test]
        fn a_cut_text_decodes_to_one_end_of_the_bytes(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\\'), Just(b'x'), any::<u8>()], 0..40),
            limit in 0_usize..60,
        ) {
            let mut text = String::new();
            push_text(&mut text, &bytes);
            prop_assert!(bytes.starts_with(&decode(cut(&text, limit))));
            prop_assert!(bytes.ends_with(&decode(cut_start(&text, limit))));
        }
    }
}
