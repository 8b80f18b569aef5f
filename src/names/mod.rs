//! The names of numbers that the kernel defines: signals, errnos, `si_code`s and
//! resource limits.
//!
//! Pure, and without knowledge of events. All names stand in static tables, so
//! that writing one never allocates. A signal or errno without a name is
//! written in decimal.

mod code;
mod errno;
mod limit;
mod name;
mod signal;

pub use self::{
    code::{code_name, kernel_code_name},
    errno::errno_name,
    limit::limit_name,
    name::Name,
    signal::{SignalSet, signal_name},
};
