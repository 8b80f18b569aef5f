//! Where programs are attached.

use anyhow::Result;
use libbpf_rs::{Link, ProgramMut, TracepointCategory};

use super::libbpf_log::explain;
use crate::event::Syscall;

/// A program and where it is hooked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttachPoint {
    /// The program.
    pub(super) program: &'static str,
    /// The name in messages: that of the hook, if it differs from the
    /// program's.
    pub(super) name: String,
    hook: Hook,
    /// For 32-bit callers. If the kernel refuses it, tracing goes on without.
    pub(super) optional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hook {
    /// The one that the program's section names.
    Section,
    /// The system call tracepoint of that name.
    Tracepoint,
    /// The kernel function of that name.
    Kprobe { exit: bool },
}

impl AttachPoint {
    /// The hook that the program's section names.
    pub(super) fn section(program: &'static str) -> Self {
        Self {
            program,
            name: program.to_owned(),
            hook: Hook::Section,
            optional: false,
        }
    }

    /// The tracepoint at a system call's exit.
    pub(super) fn syscall_exit(syscall: Syscall) -> Self {
        Self {
            program: "syscall_exit",
            name: format!("sys_exit_{}", syscall.name()),
            hook: Hook::Tracepoint,
            optional: false,
        }
    }

    /// The entry of a kernel function, for a program of its own.
    pub(super) fn function(program: &'static str, function: &str) -> Self {
        Self {
            program,
            ..Self::kprobe(function, true)
        }
    }

    /// The entry of a kernel function.
    pub(super) fn kprobe(function: &str, optional: bool) -> Self {
        Self {
            program: "kprobe_enter",
            name: function.to_owned(),
            hook: Hook::Kprobe { exit: false },
            optional,
        }
    }

    /// The exit of a kernel function.
    pub(super) fn kretprobe(function: &str, optional: bool) -> Self {
        Self {
            program: "kprobe_exit",
            hook: Hook::Kprobe { exit: true },
            ..Self::kprobe(function, optional)
        }
    }

    /// Attaches the program.
    pub(super) fn attach(&self, program: &ProgramMut<'_>) -> Result<Link> {
        match self.hook {
            Hook::Section => program.attach(),
            Hook::Tracepoint => program.attach_tracepoint(TracepointCategory::Syscalls, &self.name),
            Hook::Kprobe { exit } => program.attach_kprobe(exit, &self.name),
        }
        .map_err(explain)
    }
}

/// The prefixes of the kernel's functions behind system calls: those for native
/// callers, those for 32-bit callers, and those for 32-bit callers whose
/// arguments need translation. On arm64 the first two are the same functions.
#[cfg(target_arch = "x86_64")]
const PREFIXES: [&str; 3] = ["__x64_sys_", "__ia32_sys_", "__ia32_compat_sys_"];
#[cfg(not(target_arch = "x86_64"))]
const PREFIXES: [&str; 3] = ["__arm64_sys_", "__arm64_sys_", "__arm64_compat_sys_"];

/// The functions behind a system call that has one for native callers and one for
/// 32-bit callers.
pub(super) fn functions_of(syscall: &str) -> [String; 2] {
    let [native, _, translated] = PREFIXES;
    [native, translated].map(|prefix| format!("{prefix}{syscall}"))
}

/// The functions behind native callers' system calls.
pub(super) fn native_functions() -> Vec<String> {
    let [native, ..] = PREFIXES;
    let function = |syscall: Syscall| format!("{native}{}", syscall.name());
    Syscall::ALL.map(function).into()
}

/// The functions behind 32-bit callers' system calls. On arm64 some are behind
/// native callers' as well.
pub(super) fn compat_functions() -> Vec<String> {
    let [_, same, translated] = PREFIXES;
    let function = |syscall: Syscall| {
        let prefix = match syscall {
            Syscall::RtSigqueueinfo | Syscall::RtTgsigqueueinfo => translated,
            _ => same,
        };
        format!("{prefix}{}", syscall.name())
    };
    Syscall::ALL.map(function).into()
}
