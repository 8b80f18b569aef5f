//! What libbpf-rs has no safe call for: memory shared with the programs, and a
//! program's statistics.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use libbpf_sys as sys;

/// Reads what a BPF program may be writing at this moment. An aligned integer
/// is read whole; a struct may mix values of neighbouring moments.
pub(super) fn read_shared<T: Copy>(variable: &T) -> T {
    // SAFETY: a reference is valid and aligned. A volatile read keeps the
    // compiler from assuming that the value does not change.
    unsafe { std::ptr::read_volatile(variable) }
}

/// Writes what a BPF program may be reading at this moment.
pub(super) fn write_shared<T: Copy>(variable: &mut T, value: T) {
    // SAFETY: as in `read_shared`.
    unsafe { std::ptr::write_volatile(variable, value) }
}

/// How often the kernel skipped a program because it, or another of its kind,
/// was already running on that CPU. Kernels count this from 5.12 on, for
/// tracepoints from 6.7 on.
pub(super) fn recursion_misses(program: BorrowedFd<'_>) -> io::Result<u64> {
    let mut info = sys::bpf_prog_info::default();
    let mut len = size_of::<sys::bpf_prog_info>() as u32;
    // SAFETY: `info` is zeroed, so it asks for no arrays, and `len` is its
    // size.
    let result =
        unsafe { sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut len) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(info.recursion_misses)
}
