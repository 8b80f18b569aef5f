//! A number that belongs to one process, and a moment later to another.

use common::{nanoseconds, process::looked_up_by};

use crate::{ATTACH, assert_each, record};

#[test]
fn a_number_that_is_used_again_means_who_has_it() {
    const PAIRS: u64 = 50;
    const CLOCK_ERROR_NS: i64 = 2_000_000;
    // Elsewhere it is looked up when both are gone.
    let at_once = looked_up_by() == "kernel";
    for attach in ATTACH {
        let recording = record(&format!("reuse {PAIRS}"), &[&attach]);
        let (end, truth) = recording.truth.split_last().unwrap();
        assert!(end["quick"].as_u64() >= Some(PAIRS), "{end}");
        let truth: Vec<_> = truth.iter().collect();
        assert_each(&recording.calls(), &truth, |line, truth| {
            let target = &line["target"];
            if !at_once && target.get("pid").is_none() {
                return line["ret"] != 0;
            }
            let start = nanoseconds(target["start_time"].as_str().unwrap_or_default());
            let time = |key: &str| truth[key].as_i64().unwrap();
            let began = time("after") - CLOCK_ERROR_NS..time("before") + CLOCK_ERROR_NS;
            line["ret"] != 0
                || target["pid"] != truth["pid"]
                || target["comm"] != truth["comm"]
                || !start.is_some_and(|start| began.contains(&start))
        });
    }
}
