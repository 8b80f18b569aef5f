//! The names of errnos.
//!
//! The numbers are Linux's generic ones, as those of signals are.

use super::name::Name;

/// Linux's generic errnos by number. 41 and 58 were never assigned.
#[rustfmt::skip]
static ERRNOS: [&str; 134] = [
    "", "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "ENOEXEC", "EBADF",
    "ECHILD", "EAGAIN", "ENOMEM", "EACCES", "EFAULT", "ENOTBLK", "EBUSY", "EEXIST", "EXDEV",
    "ENODEV", "ENOTDIR", "EISDIR", "EINVAL", "ENFILE", "EMFILE", "ENOTTY", "ETXTBSY", "EFBIG",
    "ENOSPC", "ESPIPE", "EROFS", "EMLINK", "EPIPE", "EDOM", "ERANGE", "EDEADLK", "ENAMETOOLONG",
    "ENOLCK", "ENOSYS", "ENOTEMPTY", "ELOOP", "", "ENOMSG", "EIDRM", "ECHRNG", "EL2NSYNC",
    "EL3HLT", "EL3RST", "ELNRNG", "EUNATCH", "ENOCSI", "EL2HLT", "EBADE", "EBADR", "EXFULL",
    "ENOANO", "EBADRQC", "EBADSLT", "", "EBFONT", "ENOSTR", "ENODATA", "ETIME", "ENOSR", "ENONET",
    "ENOPKG", "EREMOTE", "ENOLINK", "EADV", "ESRMNT", "ECOMM", "EPROTO", "EMULTIHOP", "EDOTDOT",
    "EBADMSG", "EOVERFLOW", "ENOTUNIQ", "EBADFD", "EREMCHG", "ELIBACC", "ELIBBAD", "ELIBSCN",
    "ELIBMAX", "ELIBEXEC", "EILSEQ", "ERESTART", "ESTRPIPE", "EUSERS", "ENOTSOCK", "EDESTADDRREQ",
    "EMSGSIZE", "EPROTOTYPE", "ENOPROTOOPT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EOPNOTSUPP",
    "EPFNOSUPPORT", "EAFNOSUPPORT", "EADDRINUSE", "EADDRNOTAVAIL", "ENETDOWN", "ENETUNREACH",
    "ENETRESET", "ECONNABORTED", "ECONNRESET", "ENOBUFS", "EISCONN", "ENOTCONN", "ESHUTDOWN",
    "ETOOMANYREFS", "ETIMEDOUT", "ECONNREFUSED", "EHOSTDOWN", "EHOSTUNREACH", "EALREADY",
    "EINPROGRESS", "ESTALE", "EUCLEAN", "ENOTNAM", "ENAVAIL", "EISNAM", "EREMOTEIO", "EDQUOT",
    "ENOMEDIUM", "EMEDIUMTYPE", "ECANCELED", "ENOKEY", "EKEYEXPIRED", "EKEYREVOKED",
    "EKEYREJECTED", "EOWNERDEAD", "ENOTRECOVERABLE", "ERFKILL", "EHWPOISON",
];

/// The name of an errno, given as a positive number: `ESRCH`.
pub fn errno_name(number: i64) -> Name {
    usize::try_from(number)
        .ok()
        .and_then(|index| ERRNOS.get(index))
        .filter(|name| !name.is_empty())
        .map_or(Name::Number(number), |name| Name::Known(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errnos_have_the_names_of_the_manual() {
        use rustix::io::Errno;
        for (errno, name) in [
            (Errno::PERM, "EPERM"),
            (Errno::SRCH, "ESRCH"),
            (Errno::AGAIN, "EAGAIN"),
            (Errno::INVAL, "EINVAL"),
            (Errno::DEADLK, "EDEADLK"),
            (Errno::NOSYS, "ENOSYS"),
            (Errno::NOMSG, "ENOMSG"),
            (Errno::BFONT, "EBFONT"),
            (Errno::OPNOTSUPP, "EOPNOTSUPP"),
            (Errno::TIMEDOUT, "ETIMEDOUT"),
            (Errno::CANCELED, "ECANCELED"),
            (Errno::HWPOISON, "EHWPOISON"),
        ] {
            assert_eq!(
                errno_name(i64::from(errno.raw_os_error())).to_string(),
                name
            );
        }
    }

    #[test]
    fn errnos_without_a_name_print_as_decimals() {
        for number in [0, 41, 58, 134, 512, 4096, -1, i64::MIN] {
            assert_eq!(errno_name(number).to_string(), number.to_string());
        }
    }
}
