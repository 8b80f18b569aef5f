//! The drop-in by which the service writes to the journal.

use crate::{CONFIG, UNIT, text};

#[test]
fn the_journals_drop_in_changes_the_units_command_and_nothing_else() {
    let unit = text(UNIT);
    let command = |text: &str| {
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("ExecStart="));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let drop_in = text(format!("{CONFIG}/journald/journald.conf"));
    let [run] = &command(&unit)[..] else {
        panic!("{unit}")
    };
    assert_eq!(
        command(&drop_in),
        [
            String::new(),
            format!("{run} --output stdout --queue-size 64M")
        ]
    );
    // Without both, bursts are dropped: 0 does not lift the limit.
    for setting in ["LogRateLimitIntervalSec=1s", "LogRateLimitBurst=1000000"] {
        assert!(unit.contains(&format!("\n{setting}\n")), "{setting}");
    }
}
