//! The end of a process, as far as a signal has to do with it.

use super::{lifecycle::End, process::Process};

/// The end of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The end itself.
    pub end: End,
    /// The process, if a signal ended it. Of others the kernel tells no more than that
    /// they have ended.
    pub process: Option<Process>,
    /// What the kernel says of the reason, without any signal.
    pub by: Option<EndedBy>,
}

/// What can end a process as if by a signal, though none was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// Seccomp: a filter, or its strict mode.
    Seccomp,
    /// `reboot` in its pid namespace.
    Reboot,
    /// Its tracer, if no signal did: it was traced.
    Tracer,
}

impl Exit {
    /// The number of the signal that ended it; none if it ended by itself.
    pub const fn signal(&self) -> Option<i32> {
        match self.end.status & 0x7f {
            0 => None,
            signal => Some(signal.cast_signed()),
        }
    }

    /// Whether a core was dumped.
    pub const fn is_dumped(&self) -> bool {
        self.end.status & 0x80 != 0
    }

    /// What it gave to `exit`.
    pub const fn code(&self) -> u8 {
        (self.end.status >> 8) as u8
    }
}

#[cfg(test)]
mod tests {
    use crate::event::samples::exit;

    #[test]
    fn a_status_is_read_as_wait_gives_it() {
        for (status, signal, dumped, code) in [
            (0x0f, Some(15), false, 0),
            (0x8b, Some(11), true, 0),
            (0x8f00, None, false, 143),
            (0, None, false, 0),
            (0xff00, None, false, 255),
        ] {
            let exit = exit(1, 2, status);
            assert_eq!(exit.signal(), signal);
            assert_eq!(exit.is_dumped(), dumped);
            assert_eq!(exit.code(), code);
        }
    }
}
