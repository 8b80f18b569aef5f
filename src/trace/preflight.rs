//! What tracing needs of the machine. It is checked before it is tried, so that
//! a refusal names what is missing and how to get it.

use std::{fs, io, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use rustix::{
    fs::{CWD, statfs},
    mount::{MountFlags, mount},
    thread::{CapabilitySet, capabilities},
};

const BTF: &str = "/sys/kernel/btf/vmlinux";
const TRACEFS: &str = "/sys/kernel/tracing";
const TRACEFS_MAGIC: u64 = 0x7472_6163;
/// The oldest kernel whose verifier takes the programs.
const OLDEST: (u32, u32) = (5, 10);

/// One thing that tracing needs.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// Its name in `sigtrail doctor`.
    pub name: &'static str,
    /// Returns what was found. The error is what is wrong and how to repair it.
    pub check: fn() -> Result<String>,
}

/// In the order in which they are checked: one that fails may explain the next.
pub const NEEDS: [Need; 4] = [
    Need {
        name: "kernel",
        check: kernel,
    },
    Need {
        name: "privilege",
        check: privilege,
    },
    Need {
        name: "BTF",
        check: btf,
    },
    Need {
        name: "tracefs",
        check: tracefs,
    },
];

/// Checks all of them.
///
/// # Errors
/// The first that is not met.
pub fn check() -> Result<()> {
    NEEDS.iter().try_for_each(|need| (need.check)().map(drop))
}

fn kernel() -> Result<String> {
    let release = release();
    match version(&release) {
        Some(found) if found < OLDEST => bail!(
            "kernel {release} is too old: sigtrail needs Linux {}.{} or later",
            OLDEST.0,
            OLDEST.1
        ),
        _ => Ok(format!("Linux {release}")),
    }
}

/// The running kernel's release, as `uname -r` prints it.
pub fn release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

/// The two numbers at the start of a release.
pub fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn privilege() -> Result<String> {
    let held = capabilities(None)
        .context("asking for this process's capabilities")?
        .effective;
    missing_privilege(held)
}

fn missing_privilege(held: CapabilitySet) -> Result<String> {
    if held.contains(CapabilitySet::SYS_ADMIN) {
        return Ok("CAP_SYS_ADMIN".to_owned());
    }
    let needed = [
        ("CAP_BPF", CapabilitySet::BPF),
        ("CAP_PERFMON", CapabilitySet::PERFMON),
    ];
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(_, capability)| !held.contains(*capability))
        .map(|&(name, _)| name)
        .collect();
    if missing.is_empty() {
        return Ok("CAP_BPF and CAP_PERFMON".to_owned());
    }
    bail!(
        "missing privilege: {}. Run it as root (sudo sigtrail), or give it CAP_BPF, CAP_PERFMON \
         and CAP_DAC_READ_SEARCH",
        missing.join(" and ")
    )
}

fn btf() -> Result<String> {
    match fs::metadata(BTF) {
        Ok(_) => Ok(BTF.to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
            "{BTF} is missing: the kernel's type information (BTF) is needed. Boot a kernel built \
             with CONFIG_DEBUG_INFO_BTF=y (those of Debian 11, Ubuntu 20.10, RHEL 8.2 and later \
             are), or make /sys visible in this container"
        ),
        Err(error) => Err(anyhow!(error).context(format!("reading {BTF}"))),
    }
}

fn is_tracefs(path: &str) -> bool {
    statfs(path).is_ok_and(|found| found.f_type as u64 == TRACEFS_MAGIC)
}

fn tracefs() -> Result<String> {
    // libbpf looks in both directories.
    for directory in [TRACEFS, "/sys/kernel/debug/tracing"] {
        if is_tracefs(directory) {
            return tracepoints(directory);
        }
    }
    mount("tracefs", TRACEFS, "tracefs", MountFlags::empty(), None).map_err(|error| {
        anyhow!(
            "tracefs is not mounted, and mounting it failed ({error}). As root, run: \
             mount -t tracefs tracefs {TRACEFS}"
        )
    })?;
    tracepoints(TRACEFS).map(|found| format!("{found} (mounted just now)"))
}

fn tracepoints(tracefs: &str) -> Result<String> {
    let id = Path::new(tracefs).join("events/syscalls/sys_enter_kill/id");
    match rustix::fs::accessat(
        CWD,
        &id,
        rustix::fs::Access::READ_OK,
        rustix::fs::AtFlags::EACCESS,
    ) {
        Ok(()) => Ok(tracefs.to_owned()),
        Err(rustix::io::Errno::NOENT) => bail!(
            "{tracefs} has no system call tracepoints: the kernel was built without \
             CONFIG_FTRACE_SYSCALLS; boot one that has it"
        ),
        Err(error) => bail!(
            "{} cannot be read ({error}): run sigtrail as root, or give it CAP_DAC_READ_SEARCH",
            id.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_distributions_are_understood() {
        for (release, expected) in [
            ("6.18.44-fc", Some((6, 18))),
            ("5.10.0-46-cloud-amd64", Some((5, 10))),
            ("7.0+", Some((7, 0))),
            ("4.18.0-553.el8_10.x86_64", Some((4, 18))),
            ("strange", None),
        ] {
            assert_eq!(version(release), expected, "{release}");
        }
    }

    #[test]
    fn a_missing_capability_is_named() {
        let message = missing_privilege(CapabilitySet::BPF)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("missing privilege: CAP_PERFMON."),
            "{message}"
        );
        assert!(missing_privilege(CapabilitySet::BPF | CapabilitySet::PERFMON).is_ok());
        assert!(missing_privilege(CapabilitySet::SYS_ADMIN).is_ok());
    }
}
