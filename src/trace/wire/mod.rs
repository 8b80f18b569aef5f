//! The wire between the programs in the kernel and this process, in both
//! directions. Pure and total: no bytes make it panic.
//!
//! # Format
//!
//! `bpf/event.h` is the only contract. The programs are compiled from it, and
//! the build makes the Rust structs of the same types from the object's type
//! information (BTF), so there is no second description that could differ.
//! Numbers have the machine's byte order: both sides run on one machine.
//!
//! Each record starts with a `header`: its time, its CPU, its number among that
//! CPU's records, and its kind. A number is used up even if the ring refuses
//! the record, so a gap shows a loss.
//!
//! A record may end early. A `call` carries its recipient, the last and largest
//! part, only if `CALL_HAS_RECIPIENT` is set. An `exec_record` and a `cgroup_record`
//! end in text of a length that the record gives, and only that much is sent.
//!
//! A record may also be longer than what was sent, and it is not aligned. The
//! kernel puts a length of 4 bytes before it and pads both together to a
//! multiple of 8, so the 64-bit fields lie 4 bytes off their alignment. For
//! both reasons [`layout`] copies what is there into a struct, and never makes
//! a reference into the ring.
//!
//! # Directions
//!
//! [`decode()`] turns a record into an event. It checks each length and each
//! number, and refuses what the programs of this build cannot have sent.
//! [`encode`] turns what the caller asks for into the numbers, bits and map
//! keys that the programs read. [`numbers`] pairs the C enums with those of
//! [`event`]; the compiler checks that their orders agree.
//!
//! [`event`]: crate::event

mod bytes;
mod decode;
mod encode;
mod layout;
mod lifecycle;
mod numbers;
mod process;

pub use self::decode::decode;
pub(super) use self::{
    encode::{abi_bits, args_mode, attach_mode, bank_of, filter_keys, filters},
    layout::bytes_of,
};
