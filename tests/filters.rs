//! Filters: what does and what does not come out. Each run is compared as a
//! whole, so whatever a filter lets slip fails.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use common::{
    Actor, Call, EINVAL, EPERM, ESRCH, Sender, Sigtrail, assert_lines, kill, tgkill, tkill,
};
use serde_json::{Value, json};

const USR1: i64 = 10;

/// A call, its result, and whether its line is wanted.
type Case = (Call, i64, bool);

/// Makes the calls while sigtrail runs with these arguments; the last must be
/// wanted, and shows that all came before it.
#[track_caller]
fn check(args: &[&str], actor: &mut Actor, cases: &[Case]) {
    let mut sigtrail = Sigtrail::start(args);
    let sender = Sender::of(actor);
    let expected = perform(actor, &sender, cases);
    finish(&mut sigtrail, &expected);
    assert_lines(&sigtrail.stop().signals(), &expected);
}

#[track_caller]
fn perform(actor: &mut Actor, sender: &Sender, cases: &[Case]) -> Vec<Value> {
    let mut expected = Vec::new();
    for &(call, ret, wanted) in cases {
        let line = wanted.then(|| call.line(sender, ret));
        let made = actor.get(&format!("call {}", call.command()));
        assert_eq!(made, ret, "{call:?}");
        expected.extend(line);
    }
    expected
}

/// Waits until as many lines as expected came by themselves.
#[track_caller]
fn finish(sigtrail: &mut Sigtrail, expected: &[Value]) {
    for _ in expected {
        sigtrail.wait_for(|line| line["type"] == "signal");
    }
}

fn text(number: i64) -> String {
    number.to_string()
}

#[test]
fn a_sender_is_chosen_by_its_pid_and_never_by_its_targets() {
    let mut actors: [Actor; 3] = std::array::from_fn(|_| Actor::start());
    let pids = actors.each_ref().map(|actor| actor.pid);
    let forms = [
        vec!["-p".to_owned(), text(pids[0])],
        vec![format!("--sender-pid={},{}", pids[0], pids[1])],
        vec!["-p".into(), text(pids[0]), "-p".into(), text(pids[1])],
    ];
    for (args, chosen) in forms.iter().zip([1, 2, 2]) {
        let mut sigtrail = Sigtrail::start(args);
        let mut expected = Vec::new();
        for (place, actor) in actors.iter_mut().enumerate().rev() {
            // Everyone signals everyone.
            let sender = Sender::of(actor);
            let cases = pids.map(|pid| (kill(pid, USR1), 0, place < chosen));
            expected.extend(perform(actor, &sender, &cases));
        }
        finish(&mut sigtrail, &expected);
        assert_lines(&sigtrail.stop().signals(), &expected);
    }
}

#[test]
fn a_thread_belongs_to_the_pid_of_its_process() {
    let mut actor = Actor::start();
    let mut sigtrail = Sigtrail::start(&["-p", &text(actor.pid)]);
    let call = kill(actor.pid, USR1);
    let mut line = call.line(&Sender::of(&actor), 0);
    let answer = actor.ask(&format!("threadcall {}", call.command()));
    line["sender"]["tid"] = answer[1].into();
    let expected = [line];
    finish(&mut sigtrail, &expected);
    assert_lines(&sigtrail.stop().signals(), &expected);
}

#[test]
fn a_target_is_chosen_by_whom_the_call_reaches_and_never_by_the_sender() {
    let mut actor = Actor::start();
    let children = [actor.get("child"), actor.get("child"), actor.get("child")];
    let [first, second, third] = children;
    let pid = actor.pid;
    let one = |wanted: [bool; 3]| {
        let [is_first, is_second, is_third] = wanted;
        vec![
            (kill(pid, 0), 0, false),
            (kill(third, USR1), 0, is_third),
            (kill(-first, USR1), 0, is_first),
            (tkill(second, USR1), 0, is_second),
            (tgkill(second, second, USR1), 0, is_second),
            (kill(first, 65), EINVAL, is_first),
            (kill(first, USR1), 0, is_first),
        ]
    };
    let cases = one([true, false, false]);
    check(&["-t", &text(first)], &mut actor, &cases);
    let cases = one([true, true, false]);
    check(
        &["--target-pid", &format!("{first},{second}")],
        &mut actor,
        &cases,
    );
    check(
        &["-t", &text(second), "-t", &text(first)],
        &mut actor,
        &cases,
    );
}

#[test]
fn signals_are_chosen_by_name_and_number_and_left_out() {
    let lists: [(&str, &[i64]); 9] = [
        ("USR1", &[10]),
        ("SIGKILL,term", &[9, 15]),
        ("0", &[0]),
        ("9,0,64", &[0, 9, 64]),
        ("SIGRTMIN+3", &[37]),
        ("RTMAX", &[64]),
        ("KILL,TERM,!TERM", &[9]),
        ("!USR1,!0", &[1, 9, 15, 32, 37, 64, 65, -1]),
        ("!RTMIN+3", &[0, 1, 9, 10, 15, 32, 64, 65, -1]),
    ];
    let mut actor = Actor::start();
    let sent = [0, 1, 9, 10, 15, 32, 37, 64, 65, -1];
    for (list, wanted) in lists {
        let gone = actor.get("gone");
        let cases = sent.map(|signal| (kill(gone, signal), ESRCH, wanted.contains(&signal)));
        check(&["-p", &text(actor.pid), "-s", list], &mut actor, &cases);
    }
}

#[test]
fn only_failed_calls_pass_when_asked_for() {
    let mut actor = Actor::start();
    let (pid, gone) = (actor.pid, actor.get("gone"));
    let cases = [
        (kill(pid, 0), 0, false),
        (kill(pid, 65), EINVAL, true),
        (kill(pid, USR1), 0, false),
        (tgkill(pid, pid, USR1), 0, false),
        (tgkill(pid, gone, USR1), ESRCH, true),
        (tkill(gone, 0), ESRCH, true),
    ];
    check(&["-p", &text(pid), "-x"], &mut actor, &cases);
    check(&["-p", &text(pid), "--failed"], &mut actor, &cases);
}

#[test]
fn system_calls_are_chosen_by_name() {
    let mut actor = Actor::start();
    let pid = actor.pid;
    let lists: [&[&str]; 4] = [&["kill"], &["tkill"], &["tgkill"], &["tgkill", "kill"]];
    for list in lists {
        let chosen = |call, name| (call, 0, list.contains(&name));
        let cases = [
            chosen(tkill(pid, USR1), "tkill"),
            chosen(tgkill(pid, pid, USR1), "tgkill"),
            chosen(kill(pid, USR1), "kill"),
            chosen(tgkill(pid, pid, 0), "tgkill"),
            chosen(tkill(pid, 0), "tkill"),
        ];
        let args = ["-p", &text(pid), "--syscall", &list.join(",")];
        check(&args, &mut actor, &cases);
    }
}

#[test]
fn a_sender_is_chosen_by_its_whole_name() {
    let mut actor = Actor::start();
    let pid = actor.pid;
    let full = "fifteen bytes !";
    let names = [
        "st-one",
        "st-on",
        "st-one2",
        "ST-ONE",
        full,
        "st-größe",
        "st \"two\"",
    ];
    let chosen = ["st-one", full, "st-größe", "st \"two\""];
    let mut args = chosen.map(|name| ["--sender-comm", name]).concat();
    // Whoever tests the same at this time is called the same.
    let own = text(pid);
    args.extend(["-p", &own]);
    let mut sigtrail = Sigtrail::start(&args);
    let mut expected = Vec::new();
    for name in names {
        actor.set_comm(name.as_bytes());
        let sender = Sender {
            comm: name.to_owned(),
            ..Sender::of(&actor)
        };
        let wanted = chosen.contains(&name);
        expected.extend(perform(
            &mut actor,
            &sender,
            &[(kill(pid, USR1), 0, wanted)],
        ));
    }
    finish(&mut sigtrail, &expected);
    assert_lines(&sigtrail.stop().signals(), &expected);
}

#[test]
fn a_sender_is_chosen_by_its_user_number_or_name() {
    // Numbers that nobody else here has, but for nobody's own.
    const STRANGERS: [u32; 2] = [3_999_000_001, 3_999_000_002];
    const NOBODY: u32 = 65534;
    let forms: [(&[&str], [bool; 4]); 4] = [
        (&["3999000001"], [false, true, false, false]),
        (&["3999000001,3999000002"], [false, true, true, false]),
        (&["nobody", "3999000001"], [false, true, false, true]),
        (&["65534"], [false, false, false, true]),
    ];
    let mut actors: [Actor; 4] = std::array::from_fn(|_| Actor::start());
    let pids = actors.each_ref().map(|actor| text(actor.pid)).join(",");
    let uids = [0, STRANGERS[0], STRANGERS[1], NOBODY];
    for (actor, uid) in actors.iter_mut().zip(uids).skip(1) {
        actor.make(&format!("ids {uid} {uid}"));
    }
    for (users, wanted) in forms {
        let mut args = vec!["-p", pids.as_str()];
        args.extend(users.iter().flat_map(|user| ["--sender-uid", *user]));
        let mut sigtrail = Sigtrail::start(&args);
        let mut expected = Vec::new();
        for ((actor, uid), wanted) in actors.iter_mut().zip(uids).zip(wanted) {
            let sender = Sender {
                uid,
                gid: uid,
                ..Sender::of(actor)
            };
            let own = std::process::id().into();
            let cases = [
                (kill(actor.pid, 0), 0, wanted),
                (kill(own, 0), EPERM, wanted),
            ];
            // Root may signal anyone.
            let cases = if uid == 0 { &cases[..1] } else { &cases };
            expected.extend(perform(actor, &sender, cases));
        }
        finish(&mut sigtrail, &expected);
        assert_lines(&sigtrail.stop().signals(), &expected);
    }
}

#[test]
fn a_call_must_pass_all_filters_together() {
    let (mut actor, mut other) = (Actor::start(), Actor::start());
    let (pid, other_pid) = (text(actor.pid), other.pid);
    actor.set_comm(b"st-all");
    other.set_comm(b"st-all");
    let gone = actor.get("gone");
    let target = format!("{gone},{other_pid}");
    let sender = Sender {
        comm: "st-all".to_owned(),
        ..Sender::of(&actor)
    };
    let mut sigtrail = Sigtrail::start(&[
        "-p",
        &pid,
        "-t",
        &target,
        "-s",
        "USR1,0",
        "-x",
        "--syscall",
        "kill,tkill",
        "--sender-comm",
        "st-all",
        "--sender-uid",
        "root",
    ]);
    // Each misses by one filter.
    let misses = [
        (kill(other_pid, USR1), 0, false),
        (kill(gone, 12), ESRCH, false),
        (tgkill(gone, gone, USR1), ESRCH, false),
        (kill(-gone, USR1), ESRCH, false),
    ];
    perform(&mut actor, &sender, &misses);
    perform(&mut other, &sender, &[(kill(gone, USR1), ESRCH, false)]);
    actor.set_comm(b"st-al");
    perform(&mut actor, &sender, &[(kill(gone, USR1), ESRCH, false)]);
    actor.set_comm(b"st-all");
    let hits = [
        (kill(gone, USR1), ESRCH, true),
        // Nobody can tell whose thread it was.
        (tkill(gone, 0), ESRCH, false),
        (kill(gone, 0), ESRCH, true),
    ];
    let expected = perform(&mut actor, &sender, &hits);
    actor.make("ids 65534 65534");
    perform(&mut actor, &sender, &[(kill(gone, USR1), ESRCH, false)]);
    finish(&mut sigtrail, &expected);
    assert_lines(&sigtrail.stop().signals(), &expected);
}

#[test]
fn a_call_that_seccomp_refuses_is_recorded_without_its_entry() {
    let mut actor = Actor::start();
    let pid = actor.pid;
    actor.make("deny tgkill 1");
    let cases = [
        (tgkill(pid, pid, USR1), EPERM, true),
        (tgkill(pid, -7, 65), EPERM, true),
        (kill(pid, USR1), 0, true),
    ];
    let mut sigtrail = Sigtrail::start(&["-p", &text(pid)]);
    let sender = Sender::of(&actor);
    let mut expected = perform(&mut actor, &sender, &cases);
    for line in &mut expected[..2] {
        line["entry_missing"] = json!(true);
    }
    finish(&mut sigtrail, &expected);
    let ended = sigtrail.stop();
    ended.assert_clean();
    assert_lines(&ended.signals(), &expected);
}

#[test]
fn a_call_that_seccomp_refuses_is_filtered_too() {
    let mut actor = Actor::start();
    let (pid, child) = (actor.pid, actor.get("child"));
    actor.make("deny kill 1");
    let refused = kill(child, USR1);
    let forms: [(&[&str], i64, bool); 7] = [
        (&[], EPERM, true),
        (&["-s", "USR1"], EPERM, true),
        (&["-s", "!USR1"], EPERM, false),
        (&["-t", &text(pid)], EPERM, false),
        (&["--syscall", "tkill,tgkill"], EPERM, false),
        (&["-x"], EPERM, true),
        (&["--sender-comm", "st-nobody"], EPERM, false),
    ];
    for (args, ret, wanted) in forms {
        let mut sigtrail = Sigtrail::start(&[&["-p", &text(pid)], args].concat());
        let sender = Sender::of(&actor);
        let mut expected = perform(&mut actor, &sender, &[(refused, ret, wanted)]);
        for line in &mut expected {
            line["entry_missing"] = json!(true);
        }
        finish(&mut sigtrail, &expected);
        assert_lines(&sigtrail.stop().signals(), &expected);
    }
}
