//! The names of `si_code`s.

/// The name of an `si_code` that any signal may have, as in sigaction(2).
pub const fn code_name(code: i32) -> Option<&'static str> {
    Some(match code {
        0 => "SI_USER",
        -1 => "SI_QUEUE",
        -2 => "SI_TIMER",
        -3 => "SI_MESGQ",
        -4 => "SI_ASYNCIO",
        -5 => "SI_SIGIO",
        -6 => "SI_TKILL",
        -7 => "SI_DETHREAD",
        -60 => "SI_ASYNCNL",
        0x80 => "SI_KERNEL",
        _ => return None,
    })
}

/// The name of an `si_code` that the kernel gives with a signal, as in sigaction(2).
pub const fn kernel_code_name(signal: i32, code: i32) -> Option<&'static str> {
    if code <= 0 || code == 0x80 {
        return code_name(code);
    }
    let names: &[&str] = match signal {
        4 => &[
            "ILL_ILLOPC",
            "ILL_ILLOPN",
            "ILL_ILLADR",
            "ILL_ILLTRP",
            "ILL_PRVOPC",
            "ILL_PRVREG",
            "ILL_COPROC",
            "ILL_BADSTK",
            "ILL_BADIADDR",
        ],
        5 => &[
            "TRAP_BRKPT",
            "TRAP_TRACE",
            "TRAP_BRANCH",
            "TRAP_HWBKPT",
            "TRAP_UNK",
            "TRAP_PERF",
        ],
        7 => &[
            "BUS_ADRALN",
            "BUS_ADRERR",
            "BUS_OBJERR",
            "BUS_MCEERR_AR",
            "BUS_MCEERR_AO",
        ],
        8 => &[
            "FPE_INTDIV",
            "FPE_INTOVF",
            "FPE_FLTDIV",
            "FPE_FLTOVF",
            "FPE_FLTUND",
            "FPE_FLTRES",
            "FPE_FLTINV",
            "FPE_FLTSUB",
        ],
        11 => &[
            "SEGV_MAPERR",
            "SEGV_ACCERR",
            "SEGV_BNDERR",
            "SEGV_PKUERR",
            "SEGV_ACCADI",
            "SEGV_ADIDERR",
            "SEGV_ADIPERR",
            "SEGV_MTEAERR",
            "SEGV_MTESERR",
            "SEGV_CPERR",
        ],
        17 => &[
            "CLD_EXITED",
            "CLD_KILLED",
            "CLD_DUMPED",
            "CLD_TRAPPED",
            "CLD_STOPPED",
            "CLD_CONTINUED",
        ],
        29 => &[
            "POLL_IN", "POLL_OUT", "POLL_MSG", "POLL_ERR", "POLL_PRI", "POLL_HUP",
        ],
        31 => &["SYS_SECCOMP", "SYS_USER_DISPATCH"],
        _ => return None,
    };
    let index = code as usize - 1;
    if index < names.len() {
        Some(names[index])
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_means_what_its_signal_says() {
        for (signal, code, name) in [
            (11, 1, Some("SEGV_MAPERR")),
            (11, 10, Some("SEGV_CPERR")),
            (11, 11, None),
            (7, 2, Some("BUS_ADRERR")),
            (5, 6, Some("TRAP_PERF")),
            (31, 2, Some("SYS_USER_DISPATCH")),
            (17, 3, Some("CLD_DUMPED")),
            (11, 0x80, Some("SI_KERNEL")),
            (14, -2, Some("SI_TIMER")),
            (29, 6, Some("POLL_HUP")),
            (10, 1, None),
        ] {
            assert_eq!(kernel_code_name(signal, code), name, "{signal} {code}");
        }
    }
}
