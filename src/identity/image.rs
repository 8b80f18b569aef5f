//! What runs in a process: executable and arguments, as text.

use crate::{
    event::{Image, Source},
    text::text,
};

/// What runs in a process, as text by the rule of [`text`](mod@crate::text).
#[derive(Debug, PartialEq, Eq)]
pub struct ImageText {
    /// The executable's path, if it has one.
    pub exe: Option<Box<str>>,
    /// The arguments, if there are any and they were readable.
    pub args: Option<Vec<Box<str>>>,
    /// Where the arguments are in the process's memory; 0 if that is not known.
    pub arg_start: u64,
    /// Some of this was too long and was cut.
    pub truncated: bool,
    /// Where it was read.
    pub source: Source,
}

impl ImageText {
    /// The text of what was read there.
    pub fn new(image: &Image, source: Source) -> Self {
        let some = |bytes: &[u8]| (!bytes.is_empty()).then(|| text(bytes).into());
        Self {
            exe: some(&image.exe),
            args: (!image.args.is_empty()).then(|| args_text(&image.args)),
            arg_start: image.arg_start,
            truncated: image.truncated,
            source,
        }
    }

    /// Whether this, as `/proc` had it, is what that exec ran.
    pub fn is_of_exec(&self, exec: &Self) -> bool {
        self.arg_start == exec.arg_start && self.exe == exec.exe
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let texts = self.exe.iter().chain(self.args.iter().flatten());
        let bytes: usize = texts.map(|text| text.len() + size_of_val(text)).sum();
        size_of::<Self>() + bytes
    }

    /// What `/proc/PID/cmdline` has, if the process has put something else there than
    /// its arguments. Of a title nothing counts but what is before the padding.
    pub fn title_in(&self, cmdline: &[u8]) -> Option<Box<str>> {
        let args = self.args.as_ref()?;
        let now = args_text(cmdline);
        let is_start = |shorter: &[Box<str>], longer: &[Box<str>]| {
            let Some((last, whole)) = shorter.split_last() else {
                return true;
            };
            longer.starts_with(whole)
                && (longer.get(whole.len())).is_some_and(|arg| arg.starts_with(&**last))
        };
        // Each side may have been cut.
        let unchanged = now == *args || self.truncated && is_start(args, &now);
        (!cmdline.is_empty() && !unchanged).then(|| title(cmdline))
    }
}

/// The title in what `/proc/PID/cmdline` has of a process whose arguments nobody has
/// seen, if it is sure to be one. Such a text has no NUL at its end, because it is
/// longer than the arguments were, or it is padded with NULs.
pub fn certain_title(cmdline: &[u8]) -> Option<Box<str>> {
    let end = cmdline.iter().position(|&byte| byte == 0);
    let is_title = match end {
        None => true,
        Some(end) => end > 0 && end + 1 < cmdline.len() && cmdline[end..].iter().all(|&b| b == 0),
    };
    (is_title && !cmdline.is_empty()).then(|| title(cmdline))
}

fn title(cmdline: &[u8]) -> Box<str> {
    let end = cmdline.iter().rposition(|&byte| byte != 0 && byte != b' ');
    let shown = &cmdline[..end.map_or(0, |end| end + 1)];
    // Some write several words, each with a NUL behind it.
    let words: Vec<_> = shown.split(|&byte| byte == 0).map(text).collect();
    words.join(" ").into()
}

fn args_text(args: &[u8]) -> Vec<Box<str>> {
    let args = args.strip_suffix(&[0]).unwrap_or(args);
    (args.split(|&byte| byte == 0))
        .map(|arg| text(arg).into())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(args: &[u8]) -> ImageText {
        let image = Image {
            args: args.to_vec(),
            ..Image::default()
        };
        ImageText::new(&image, Source::Kernel)
    }

    #[test]
    fn a_title_is_what_stands_in_place_of_the_arguments() {
        let postgres = image(b"/usr/bin/postgres\0-D\0/var/lib\0");
        let title = |cmdline: &[u8]| postgres.title_in(cmdline).map(String::from);
        assert_eq!(title(b"/usr/bin/postgres\0-D\0/var/lib\0"), None);
        assert_eq!(title(b""), None);
        assert_eq!(
            title(b"postgres: checkpointer \0\0\0\0\0\0").as_deref(),
            Some("postgres: checkpointer")
        );
        assert_eq!(title(b"nginx: worker").as_deref(), Some("nginx: worker"));
        assert_eq!(title(b"two\0words\0\0").as_deref(), Some("two words"));
        assert_eq!(image(b"").title_in(b"something"), None);
    }

    #[test]
    fn arguments_that_were_cut_are_no_title() {
        let cut = ImageText {
            truncated: true,
            ..image(b"sh\0-c\0echo lon")
        };
        assert_eq!(cut.title_in(b"sh\0-c\0echo long\0more\0"), None);
        let title = cut.title_in(b"sh\0-c\0else\0");
        assert_eq!(title.as_deref(), Some("sh -c else"));
    }

    #[test]
    fn without_the_arguments_only_a_certain_title_is_one() {
        let certain = |cmdline: &[u8]| certain_title(cmdline).map(String::from);
        assert_eq!(certain(b"sleep\x00100\0"), None);
        assert_eq!(certain(b"bash\0"), None);
        assert_eq!(certain(b"printf\0\0text\0"), None);
        assert_eq!(certain(b"\0\0"), None);
        assert_eq!(certain(b""), None);
        assert_eq!(
            certain(b"nginx: worker\0\0\0").as_deref(),
            Some("nginx: worker")
        );
        assert_eq!(
            certain(b"sshd: root@pts/0").as_deref(),
            Some("sshd: root@pts/0")
        );
    }
}
