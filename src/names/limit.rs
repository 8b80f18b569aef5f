//! The names of resource limits.

/// The name of a limit that the kernel enforces by a signal, as in getrlimit(2).
pub const fn limit_name(number: u32) -> Option<&'static str> {
    Some(match number {
        0 => "RLIMIT_CPU",
        1 => "RLIMIT_FSIZE",
        15 => "RLIMIT_RTTIME",
        _ => return None,
    })
}
