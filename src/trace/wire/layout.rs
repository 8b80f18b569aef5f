//! How records lie in memory, and what both directions rely on.

use std::{
    mem::{align_of, offset_of},
    ptr, slice,
};

use super::super::{options::COMM_MAX, skel::types};

/// Bytes of a call's record without the recipient, which comes last.
pub const CALL_HEAD: usize = offset_of!(types::call, recipient);
/// Bytes of a recipient's record before the recipient, which comes last.
const RECIPIENT_HEAD: usize = offset_of!(types::recipient_record, recipient);
/// Bytes of a signal's record without its sender, which comes last.
pub const GENERATED_HEAD: usize = offset_of!(types::generated, sender);
/// Bytes of an exec's record before its names.
pub const EXEC_HEAD: usize = offset_of!(types::exec_record, data);
/// Bytes of a cgroup's record before its path.
pub const CGROUP_HEAD: usize = offset_of!(types::cgroup_record, path);

// Both sides always agree, because the structs are generated from the header
// that the programs are compiled from. What fails here is a change of the wire
// that was not meant; event.h asserts the sizes of the largest itself.
const _: () = {
    assert!(size_of::<types::header>() == 24);
    assert!(size_of::<types::filters>() == 40);
    assert!(size_of::<types::filter_key>() == 24);

    assert!(CALL_HEAD == size_of::<types::call>() - size_of::<types::recipient>());
    assert!(RECIPIENT_HEAD == size_of::<types::recipient_record>() - size_of::<types::recipient>());
    assert!(GENERATED_HEAD == size_of::<types::generated>() - size_of::<types::process>());
    assert!(EXEC_HEAD == 96);
    assert!(CGROUP_HEAD == 40);

    // `decode` reads the header before it knows the kind.
    assert!(offset_of!(types::call, header) == 0);
    assert!(offset_of!(types::recipient_record, header) == 0);
    assert!(offset_of!(types::generated, header) == 0);
    assert!(offset_of!(types::arranger_record, header) == 0);
    assert!(offset_of!(types::oom_record, header) == 0);
    assert!(offset_of!(types::exec_record, header) == 0);
    assert!(offset_of!(types::fork_record, header) == 0);
    assert!(offset_of!(types::end_record, header) == 0);
    assert!(offset_of!(types::ends_record, header) == 0);
    assert!(offset_of!(types::exit_record, header) == 0);
    assert!(offset_of!(types::cgroup_record, header) == 0);
    assert!(align_of::<types::call>() == 8);

    // A name and its NUL fill the value of a key.
    assert!(size_of::<types::filter_key>() - offset_of!(types::filter_key, value) == COMM_MAX + 1);
};

/// A struct of event.h.
///
/// # Safety
/// It consists of integers, and of structs and arrays of them, so that every
/// bit pattern is a value. It has no padding, so that every byte of it is
/// initialized.
pub unsafe trait Wire: Copy + Default {}

// SAFETY: event.h uses integers and enums only, which the skeleton makes
// structs of one integer, and names what would be padding.
unsafe impl Wire for types::header {}
// SAFETY: as for `header`.
unsafe impl Wire for types::call {}
// SAFETY: as for `header`.
unsafe impl Wire for types::recipient_record {}
// SAFETY: as for `header`.
unsafe impl Wire for types::generated {}
// SAFETY: as for `header`.
unsafe impl Wire for types::arranger_record {}
// SAFETY: as for `header`.
unsafe impl Wire for types::oom_record {}
// SAFETY: as for `header`.
unsafe impl Wire for types::exec_record {}
// SAFETY: as for `header`.
unsafe impl Wire for types::fork_record {}
// SAFETY: as for `header`.
unsafe impl Wire for types::end_record {}
// SAFETY: as for `header`.
unsafe impl Wire for types::ends_record {}
// SAFETY: as for `header`.
unsafe impl Wire for types::exit_record {}
// SAFETY: as for `header`.
unsafe impl Wire for types::cgroup_record {}
// SAFETY: as for `header`.
unsafe impl Wire for types::filter_key {}

/// Reads a record. Returns none if there are fewer than `needed` bytes. Fields
/// for which there are no bytes are zero. `bytes` may be longer than the
/// record, and need not be aligned.
pub fn read<T: Wire>(bytes: &[u8], needed: usize) -> Option<T> {
    if bytes.len() < needed {
        return None;
    }
    let mut record = T::default();
    let len = bytes.len().min(size_of::<T>());
    // SAFETY: `len` bytes are there to read, and they fit into `record`, for
    // which every bit pattern is a value. Bytes have no alignment.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut record).cast::<u8>(), len) };
    Some(record)
}

/// The bytes of a record.
pub fn bytes_of<T: Wire>(record: &T) -> &[u8] {
    // SAFETY: a reference is valid for as many bytes as its type has, and a
    // `Wire` has no padding, so all of them are initialized.
    unsafe { slice::from_raw_parts(ptr::from_ref(record).cast::<u8>(), size_of::<T>()) }
}
