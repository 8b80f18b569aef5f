//! sigtrail(8), from the command line's own help.

use clap::{Arg, ArgAction, Command, CommandFactory};

use super::page::Page;
use crate::{cli::Cli, config::INSTALLED};

/// What the page has in addition to `--help`.
const SIGNALS: [(&str, &str); 3] = [
    (
        "`SIGTERM`, `SIGINT`",
        "Detach, write what is left, and exit with status 0. If the reader takes nothing for half \
         a second (10 s under a service manager), or has not taken all after 10 s, the rest is \
         lost and the status is 3. A second signal ends sigtrail at once.",
    ),
    (
        "`SIGHUP`",
        "Open the output file again. With `--config`, also read the configuration again: its \
         filters and intervals all take effect, or none of them does, and a status line says \
         which. In a terminal, and without `--config`, SIGHUP ends sigtrail.",
    ),
    (
        "`SIGPIPE`",
        "Ignored. When the reader of stdout goes away, sigtrail ends with status 0.",
    ),
];
const ENVIRONMENT: [(&str, &str); 2] = [
    (
        "`NO_COLOR`",
        "If it is set, `--pretty` prints without colour.",
    ),
    (
        "`NOTIFY_SOCKET`, `WATCHDOG_USEC`",
        "Set by systemd. sigtrail reports its start, reloads and end there, and at intervals that \
         records still arrive.",
    ),
];
const FILES: [(&str, &str); 6] = [
    (
        INSTALLED,
        "the service's configuration: see sigtrail.toml(5)",
    ),
    (
        "/var/log/sigtrail/signals.jsonl",
        "the service's log; `signals.jsonl.1`, `signals.jsonl.2.gz` and so on are older",
    ),
    (
        "/usr/share/sigtrail/schema.json",
        "the JSON Schema of the lines",
    ),
    (
        "/usr/share/sigtrail/",
        "settings for fluent-bit, Vector, rsyslog and journald; recipes for jq; conversion to the \
         Elastic Common Schema and to OCSF",
    ),
    (
        "/sys/kernel/btf/vmlinux",
        "the kernel's type information, which is needed",
    ),
    ("/sys/kernel/tracing", "tracefs, which is needed"),
];

/// The page.
pub fn page() -> String {
    let mut command = Cli::command();
    // Gives options their own `--help` and `--version`.
    command.build();
    let mut page = Page::new("sigtrail", 8, "record who or what signals each process");
    page.heading("Synopsis");
    page.paragraph("`sigtrail` [option...]");
    for sub in command.get_subcommands() {
        page.paragraph(&usage(sub));
    }
    page.heading("Description");
    let about = (command.get_long_about()).map_or(String::new(), ToString::to_string);
    for paragraph in about.split("\n\n") {
        page.paragraph(paragraph);
    }
    page.paragraph(
        "sigtrail-events(7) explains the lines. The number of calls made is exactly the number \
         of signal lines plus the counts in lost lines. An exit line says which signal ended a \
         process, or asked it to end, and who is behind that signal; signals before sigtrail's \
         start are not known.",
    );
    page.heading("Commands");
    for sub in command.get_subcommands() {
        let about = sub.get_about().map_or(String::new(), ToString::to_string);
        page.item(&usage(sub), &format!("{about}."));
        for option in sub.get_arguments().filter(|arg| !is_help(arg)) {
            page.nested(&head(option), &help(option));
        }
    }
    page.heading("Options");
    let mut heading = None;
    for option in command.get_arguments() {
        let this = option.get_help_heading().unwrap_or("Other");
        if heading != Some(this) {
            page.subheading(this);
            heading = Some(this);
        }
        page.item(&head(option), &help(option));
    }
    after(&mut page, &command);
    for (title, items) in [
        ("Signals", &SIGNALS[..]),
        ("Environment", &ENVIRONMENT),
        ("Files", &FILES),
    ] {
        page.heading(title);
        for (head, text) in items {
            let head = if head.contains('`') {
                (*head).to_owned()
            } else {
                format!("`{head}`")
            };
            page.item(&head, text);
        }
    }
    page.heading("See also");
    page.paragraph(
        "sigtrail.toml(5), sigtrail-events(7), kill(2), signal(7), jq(1), journalctl(1)",
    );
    page.finish()
}

/// What `--help` ends with.
fn after(page: &mut Page, command: &Command) {
    let text = (command.get_after_help()).map_or(String::new(), ToString::to_string);
    for block in text.split("\n\n") {
        let (title, rest) = block.split_once(':').unwrap_or(("Notes", block));
        page.heading(title);
        if rest.starts_with('\n') {
            page.example(rest.trim_start_matches('\n'));
        } else {
            page.paragraph(rest.trim());
        }
    }
}

fn usage(sub: &Command) -> String {
    let words = sub.get_arguments().filter(|arg| !is_help(arg)).map(|arg| {
        let name = arg
            .get_long()
            .map_or_else(|| value_name(arg), |long| format!("`--{long}`"));
        if arg.is_required_set() {
            format!(" {name}")
        } else {
            format!(" [{name}]")
        }
    });
    format!("`sigtrail {}`{}", sub.get_name(), words.collect::<String>())
}

fn head(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("`-{short}`"));
    let long = arg.get_long().map(|long| format!("`--{long}`"));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    match (names.is_empty(), takes_value(arg)) {
        (true, _) => value_name(arg),
        (false, true) => format!("{} {}", names.join(", "), value_name(arg)),
        (false, false) => names.join(", "),
    }
}

fn help(arg: &Arg) -> String {
    let text = arg.get_help().map_or(String::new(), ToString::to_string);
    let values: Vec<_> = if takes_value(arg) {
        arg.get_possible_values()
    } else {
        Vec::new()
    };
    let values: Vec<_> = (values.iter())
        .map(|value| match value.get_help() {
            Some(help) => format!("`{}` ({help})", value.get_name()),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    let dot = if text.ends_with(['.', ']']) { "" } else { "." };
    if values.is_empty() {
        format!("{text}{dot}")
    } else {
        format!("{text}{dot} One of {}.", values.join(", "))
    }
}

fn value_name(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names.first().map_or(String::new(), ToString::to_string)
}

fn takes_value(arg: &Arg) -> bool {
    (arg.get_num_args()).is_some_and(|values| values.takes_values())
}

fn is_help(arg: &Arg) -> bool {
    matches!(
        arg.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    )
}
