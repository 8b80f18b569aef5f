//! Names of what the kernel numbers: signals and errors.

mod signal;

pub use self::signal::{
    Name, SIGRTMAX, SIGRTMIN, SignalError, SignalSet, errno_name, parse_signal, signal_name,
};
