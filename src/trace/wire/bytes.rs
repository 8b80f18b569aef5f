//! What the decoding of all records shares.

use super::layout::{self, Wire};

/// Why a record was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Fewer bytes than the record has.
    Short,
    /// A kind of record that event.h does not know.
    Kind(u32),
    /// A system call number that event.h does not know.
    Syscall(u32),
    /// An ABI that event.h does not know.
    Abi(u32),
    /// A disposition's number that event.h does not know.
    Disposition(u32),
    /// An origin's number that event.h does not know, or that of a call.
    Origin(u32),
    /// A role's number that event.h does not know.
    Role(u32),
}

/// Reads a record of at least `needed` bytes.
pub(super) fn read<T: Wire>(bytes: &[u8], needed: usize) -> Result<T, Malformed> {
    layout::read(bytes, needed).ok_or(Malformed::Short)
}

/// Turns names, the last one first and each with a NUL after it, into a path.
pub(super) fn path(names: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(names.len() + 1);
    let names = names.strip_suffix(&[0]).unwrap_or(names);
    if names.is_empty() {
        return b"/".to_vec();
    }
    for name in names.rsplit(|&byte| byte == 0) {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    path
}
