//! The names of numbers that the kernel defines: signals, errnos and
//! `si_code`s.
//!
//! Pure, and without knowledge of events. All names stand in static tables, so
//! that writing one never allocates. A signal or errno without a name is
//! written in decimal.

mod code;
mod errno;
mod name;
mod signal;

pub use self::{
    code::code_name,
    errno::errno_name,
    name::Name,
    signal::{SignalSet, signal_name},
};
