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
