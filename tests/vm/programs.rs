//! The BPF programs that the kernel holds, and what they cost its verifier.

use libbpf_rs::query::ProgInfoIter;
use libbpf_sys as sys;

use crate::protocol::Message;

/// Those of sigtrail, which runs meanwhile: nobody else has any here.
pub fn describe() -> Vec<Message> {
    ProgInfoIter::default()
        .map(|program| Message::Program {
            name: program.name.to_string_lossy().into_owned(),
            verified: (program.verified_insns > 0).then_some(program.verified_insns),
            instructions: translated(program.id),
        })
        .collect()
}

/// Instructions after the verifier's rewriting. The iterator gives the length
/// only with the code itself.
fn translated(id: u32) -> u32 {
    const INSTRUCTION: u32 = 8;
    let mut info = sys::bpf_prog_info::default();
    let mut len = size_of::<sys::bpf_prog_info>() as u32;
    // SAFETY: `info` is zeroed, so it asks for no arrays, and `len` is its
    // size; the descriptor is closed once.
    unsafe {
        let fd = sys::bpf_prog_get_fd_by_id(id);
        assert!(fd >= 0, "the program {id} is gone");
        let result = sys::bpf_prog_get_info_by_fd(fd, &raw mut info, &raw mut len);
        assert_eq!(result, 0, "the program {id} tells nothing");
        drop(<std::os::fd::OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(fd));
    }
    info.xlated_prog_len / INSTRUCTION
}
