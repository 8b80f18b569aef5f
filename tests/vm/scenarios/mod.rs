//! What is played on every kernel. A scenario is a function and a golden file
//! of its name; `tests/vm/run -k 6.18 --bless` writes the latter.

mod calls;
mod clock;
pub mod coverage;
mod cpus;
mod ends;
mod evasion;
mod filters;
mod identity;
mod outcomes;
mod seccomp;
mod senders;
mod uncalled;
mod ways;

use crate::stage::Stage;

/// A scenario's name and what it does.
pub type Scenario = (&'static str, fn(&mut Stage));

/// The end of the tracer that is shared, as if it were a scenario.
pub const END: &str = "end_of_the_shared_tracer";

/// Compared with a table of KERNELS.md instead of a golden file.
pub const COVERAGE: &str = "coverage";

/// As that, in the columns of the table for `--attach light`.
pub const COVERAGE_OF_LIGHT: &str = "coverage_of_light";

/// In the order in which they are played.
pub const ALL: &[Scenario] = &[
    (
        "calls_to_processes_and_threads",
        calls::processes_and_threads,
    ),
    ("calls_to_groups", calls::groups),
    ("calls_that_fail", calls::failures),
    ("calls_that_end_the_caller", calls::last_words),
    ("senders_of_queued_signals", senders::queued),
    ("senders_with_a_pidfd", senders::pidfds),
    ("senders_of_32_bits", senders::narrow),
    ("outcomes_of_signals", outcomes::signals),
    ("outcomes_of_real_time_signals", outcomes::real_time),
    (
        "outcomes_for_the_dead_and_stopped",
        outcomes::dead_and_stopped,
    ),
    ("outcomes_in_a_group", outcomes::group),
    ("identity_of_another_user", identity::users),
    ("identity_after_exec", identity::exec),
    ("identity_in_a_pid_namespace", identity::pid_namespace),
    ("identity_in_a_unit", identity::unit),
];

/// Those with tracers of their own, played when the shared one has ended.
pub const ALONE: &[Scenario] = &[
    (COVERAGE, coverage::all),
    (COVERAGE_OF_LIGHT, coverage::light),
    ("seccomp", seccomp::refused),
    ("filters", filters::all),
    ("ends_by_signals", ends::by_signals),
    ("ends_of_each_kind", ends::of_each_kind),
    ("signals_without_a_call", uncalled::all),
    ("ways_to_hook", ways::each),
    ("ways_that_are_refused", ways::refused),
    ("clock_that_is_set", clock::set),
    ("cpus_that_come_and_go", cpus::come_and_go),
    ("evasion_by_preemption", evasion::preempted),
    ("evasion_by_crowding", evasion::crowded),
];
