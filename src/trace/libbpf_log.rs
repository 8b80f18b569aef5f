//! libbpf's warnings, kept for error messages.

use std::{collections::VecDeque, sync::Mutex};

use anyhow::anyhow;
use libbpf_rs::PrintLevel;

/// The last warnings. A static, because libbpf calls a plain function.
static WARNINGS: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());
const WARNINGS_KEPT: usize = 8;

/// Keeps libbpf's warnings instead of printing them.
pub(super) fn capture_warnings() {
    libbpf_rs::set_print(Some((PrintLevel::Warn, |_, text| {
        if let Ok(mut warnings) = WARNINGS.lock() {
            if warnings.len() == WARNINGS_KEPT {
                warnings.pop_front();
            }
            // The verifier's log has thousands of lines. The reason is at the
            // end.
            let text = text.trim();
            let last = (text.lines().rev())
                .find(|line| !line.starts_with("-- END") && !line.starts_with("processed "));
            let short = match last {
                Some(last) if text.lines().nth(1).is_some() => last,
                _ => text,
            };
            warnings.push_back(short.chars().take(300).collect());
        }
    })));
}

fn take_warnings() -> Vec<String> {
    WARNINGS
        .lock()
        .map(|mut warnings| Vec::from(std::mem::take(&mut *warnings)))
        .unwrap_or_default()
}

/// Adds libbpf's warnings to its error, which alone is a bare errno.
pub(super) fn explain(error: libbpf_rs::Error) -> anyhow::Error {
    let warnings = take_warnings();
    let error = anyhow!("{error:#}");
    if warnings.is_empty() {
        error
    } else {
        error.context(warnings.join("; "))
    }
}

/// Adds to an error what helps against it: the kernel refused the rings.
pub(super) fn explain_rings(error: anyhow::Error) -> anyhow::Error {
    let code = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::raw_os_error);
    // Two calls can fail with the same error. The warning names the one that
    // did.
    let mapped = (take_warnings().iter()).any(|text| text.contains("failed to mmap"));
    let hint = match code.map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::PERM) if mapped => {
            "the rings take more locked memory than the limit (ulimit -l) leaves; choose a smaller \
             --ring-size, raise the limit, or give sigtrail CAP_IPC_LOCK"
        }
        Some(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => {
            "perf_event_open was refused: where kernel.perf_event_paranoid is above 2 (Debian's \
             default) CAP_SYS_ADMIN is needed; run sigtrail as root"
        }
        Some(rustix::io::Errno::NOMEM) => "choose a smaller --ring-size",
        _ => return error,
    };
    error.context(hint)
}
