//! The wire between the programs in the kernel and this process, in both
//! directions. Pure and total: no bytes make it panic.
//!
//! # Format
//!
//! `bpf/event.h` is the only contract. The programs are compiled from it, and
//! the build makes the Rust structs of the same types from the object's type
//! information (BTF), so there is no second description that could differ.
//! Numbers have the machine's byte order, for both sides run on one machine.
//!
//! Each record starts with a `header`: when, on which CPU, as which of that
//! CPU's records, and of which kind. A CPU counts each record that it tries to
//! send, and counts on where a ring refuses one, so a gap in the numbers shows a
//! loss.
//!
//! A record may end early. A `call` carries its recipient, the last and largest
//! part, only if `CALL_HAS_RECIPIENT` is set. An `image` and a `cgroup_record`
//! end in text of a length that the record gives, and only that much is sent.
//!
//! A record may also be longer than it says, and it is not aligned: the kernel
//! puts a length of 4 bytes before it and rounds both up to 8 bytes, so
//! its 64-bit fields lie 4 bytes off. [`layout`] therefore copies what is there
//! into a struct, and never points one into the ring.
//!
//! # Directions
//!
//! [`decode()`] makes an event of a record. It checks each length and each number
//! and refuses what the programs of this build cannot have sent. [`encode`]
//! makes the numbers, bits and map keys that the programs read of what the
//! caller asked for. [`numbers`] holds the C enums and those of [`event`] to the
//! same order, when it is compiled.
//!
//! [`event`]: crate::event

mod decode;
mod encode;
mod layout;
mod numbers;

pub use self::decode::{Malformed, decode};
pub(super) use self::{
    encode::{abi_bits, args_mode, attach_mode, bank_of, filter_keys, filters},
    layout::bytes_of,
};
