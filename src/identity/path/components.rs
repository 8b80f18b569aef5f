//! The names between a path's slashes.

/// The names in a path, outermost first. A name that is not UTF-8 becomes an
/// empty one: it keeps its position between the others, and matches no pattern.
#[derive(Clone, Debug)]
pub(super) struct Components<'a> {
    rest: &'a [u8],
}

pub(super) fn components(path: &[u8]) -> Components<'_> {
    Components { rest: path }
}

impl<'a> Iterator for Components<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.rest.iter().position(|&byte| byte != b'/')?;
        let (_, named) = self.rest.split_at_checked(start)?;
        let end = named
            .iter()
            .position(|&byte| byte == b'/')
            .unwrap_or(named.len());
        let (name, rest) = named.split_at_checked(end)?;
        self.rest = rest;
        Some(std::str::from_utf8(name).unwrap_or_default())
    }
}

/// Whether a text is exactly that many lower-case hexadecimal digits.
pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_the_names_between_the_slashes() {
        let names: Vec<_> = components(b"//a/\xff/b//c/").collect();
        assert_eq!(names, ["a", "", "b", "c"]);
        assert_eq!(components(b"/").count() + components(b"").count(), 0);
    }
}
