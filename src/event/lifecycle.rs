//! What becomes of processes: forks, execs and ends.

use super::process::Comm;

/// A process and its parent, when it was forked or had executed a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Descent {
    /// The process.
    pub pid: u32,
    /// When it started, in nanoseconds of `CLOCK_BOOTTIME`.
    pub start_ns: u64,
    /// The parent process.
    pub ppid: u32,
    /// When that started.
    pub parent_start_ns: u64,
    /// The kernel's count of execs: +1 for each; a child goes on with its parent's.
    pub exec_id: u32,
    /// The key of its cgroup.
    pub cgroup_key: u64,
    /// Its main thread's name.
    pub comm: Comm,
}

/// A program that a process executed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exec {
    /// The process.
    pub process: Descent,
    /// What it runs from now on.
    pub image: Image,
}

/// The program that a process runs, from one exec to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// The executable's path in its mount namespace.
    pub exe: Vec<u8>,
    /// The arguments, each followed by a NUL.
    pub args: Vec<u8>,
    /// Where the arguments are in the process's memory, which is elsewhere after
    /// another exec; 0 if that is not known.
    pub arg_start: u64,
    /// The path or the arguments were too long and are cut.
    pub truncated: bool,
    /// The arguments could not be read.
    pub args_unreadable: bool,
}

/// A process that has ended without having been asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The process.
    pub pid: u32,
    /// When it started, in nanoseconds of `CLOCK_BOOTTIME`.
    pub start_ns: u64,
}

/// The end of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// When it ended, in nanoseconds of `CLOCK_MONOTONIC`.
    pub time_ns: u64,
    /// The process.
    pub pid: u32,
    /// When it started, in nanoseconds of `CLOCK_BOOTTIME`.
    pub start_ns: u64,
    /// How, as `wait` gives it.
    pub status: u32,
}
