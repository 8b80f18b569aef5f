//! Siginfos that change, or are nowhere, while a call is made; and calls that follow
//! each other where only the witness sees them.

use serde_json::{Value, json};

use crate::{ATTACH, assert_each, is_whole, record};

/// A signal as if by no process.
const NOBODYS: [i64; 2] = [-2, -5];
const FATAL: [&[&str]; 2] = [&[], &["--fatal"]];

/// With and without all that narrows a run down.
fn runs(narrow: bool) -> impl Iterator<Item = (&'static [&'static str], [&'static str; 2])> {
    let attach = if narrow { &ATTACH[..1] } else { &ATTACH[..] };
    (attach.iter()).flat_map(|&attach| FATAL.map(|fatal| (fatal, attach)))
}

fn suffix(narrow: bool) -> &'static str {
    if narrow { " narrow" } else { "" }
}

/// Those calls that the filter lets through.
fn wanted<'a>(truth: &'a [Value], filter: &[&str]) -> Vec<&'a Value> {
    let all = filter.is_empty();
    (truth.iter())
        .filter(|truth| all || truth["fatal"] != false)
        .collect()
}

/// What each line must say, whatever the siginfo.
fn is_of(line: &Value, truth: &Value, narrow: bool) -> bool {
    is_whole(line, narrow)
        && line["syscall"] == truth["syscall"]
        && line["signal_number"] == truth["signal"]
        && line["target"]["pid"] == truth["to"]
        && line["target"]["outcome"].is_string()
}

fn check_cold(narrow: bool) {
    for (fatal, attach) in runs(narrow) {
        let words = format!("cold{}", suffix(narrow));
        let recording = record(&words, &[fatal, &attach]);
        let truth = wanted(&recording.truth, fatal);
        assert_each(&recording.calls(), &truth, |line, truth| {
            let nobodys = NOBODYS.map(Value::from).contains(&truth["code"]);
            let claim = |value: Value| if nobodys { Value::Null } else { value };
            let spoofed = nobodys || truth["honest"] == false;
            !is_of(line, truth, narrow)
                || line["si_code"] != truth["code"]
                || line["si_pid"] != claim(truth["pid"].clone())
                || line["si_uid"] != claim(json!(0))
                || line["si_value"] != claim(json!(7))
                || (line["spoofed"] == true) != spoofed
                || line["target"]["fatal"] != truth["fatal"]
        });
    }
}

#[test]
fn a_siginfo_that_is_not_in_memory_hides_nothing() {
    check_cold(false);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_32_bit_siginfo_that_is_not_in_memory_hides_nothing() {
    check_cold(true);
}

/// Refused calls have a line where their exit is seen.
fn check_flip(calls: u32, narrow: bool) {
    for (codes, calls) in [([-60, -1], calls), ([-1, 1], 200), ([5, -60], 200)] {
        let [first, second] = codes;
        for (fatal, attach) in runs(narrow) {
            let words = format!("flip {first} {second} {calls}{}", suffix(narrow));
            let recording = record(&words, &[fatal, &attach]);
            let seen = |truth: &&Value| !narrow || truth["ret"] == 0;
            let truth = wanted(&recording.truth, fatal).into_iter().filter(seen);
            assert_each(
                &recording.calls(),
                &truth.collect::<Vec<_>>(),
                |line, truth| {
                    if truth["ret"] != 0 {
                        return line["ret"] != truth["ret"]
                            || line["target"]["pid"] != truth["to"]
                            || line["target"].get("outcome").is_some();
                    }
                    let is_one = codes.map(Value::from).contains(&line["si_code"]);
                    let is_it = truth["code"].is_null() || line["si_code"] == truth["code"];
                    !is_of(line, truth, narrow)
                        || !is_one
                        || !is_it
                        || line["target"]["fatal"] != truth["fatal"]
                },
            );
        }
    }
}

#[test]
fn a_code_that_changes_during_the_call_is_that_which_was_sent() {
    check_flip(400, false);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_code_that_changes_during_a_32_bit_call_is_that_which_was_sent() {
    // Every other one is fatal.
    check_flip(1000, true);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_32_bit_call_to_itself_has_any_code() {
    for attach in ATTACH {
        let recording = record("own_codes narrow", &[&attach]);
        let truth: Vec<_> = recording.truth.iter().collect();
        assert_each(&recording.calls(), &truth, |line, truth| {
            !is_of(line, truth, true) || line["si_code"] != truth["code"]
        });
    }
}

/// One right after the other, to another group and to the same.
#[cfg(target_arch = "x86_64")]
#[test]
fn two_32_bit_calls_to_groups_are_two_lines() {
    for attach in ATTACH {
        let recording = record("groups 30 narrow", &[&attach]);
        let truth: Vec<_> = recording.truth.iter().collect();
        assert_each(&recording.calls(), &truth, |line, truth| {
            let members = crate::members(truth);
            !is_whole(line, true)
                || line["target"]["arg"] != truth["to"]
                || line["recipient_count"] != members.len()
                || crate::recipients(line) != members
        });
    }
}
