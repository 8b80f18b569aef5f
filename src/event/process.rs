//! A process and its cgroup.

/// A process at one moment, as read from its `task_struct` or from `/proc`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Process {
    /// The process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// When it started, in nanoseconds of `CLOCK_BOOTTIME`.
    pub start_ns: u64,
    /// The kernel's count of execs: +1 for each.
    pub exec_id: u32,
    /// The key of its cgroup, which no other cgroup gets until the next boot.
    pub cgroup_key: u64,
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// The user id of the login that it descends from; none if there was none.
    pub loginuid: Option<u32>,
    /// The audit session of that login.
    pub session: Option<u32>,
    /// The parent process.
    pub ppid: u32,
    /// Its pid in its own pid namespace.
    pub ns_pid: u32,
    /// The inode of that namespace.
    pub pid_ns: u32,
    /// The namespace's depth; 0 is the initial one.
    pub ns_level: u32,
    /// The inode of its mount namespace; 0 if it has left it.
    pub mnt_ns: u32,
    /// Its controlling terminal: major << 20 | minor; 0 if it has none.
    pub tty: u32,
    /// The file that it runs has no name any more.
    pub exe_deleted: bool,
    /// It has begun to exit.
    pub exiting: bool,
    /// It has exited, and its parent has not waited for it yet.
    pub zombie: bool,
    /// It is a kernel thread.
    pub kernel_thread: bool,
    /// Of a recipient: it is in the session of the thread that ran when it was
    /// signalled.
    pub in_same_session: bool,
    /// The thread's name: any bytes up to the first NUL.
    pub comm: Comm,
    /// The parent process's name.
    pub parent_comm: Comm,
}

impl Process {
    /// The key of the program that it runs.
    pub const fn image_key(&self) -> ImageKey {
        ImageKey {
            pid: self.pid,
            exec_id: self.exec_id,
            start_ns: self.start_ns,
        }
    }
}

/// Identifies a process between two execs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageKey {
    /// The process.
    pub pid: u32,
    /// The kernel's count of execs: +1 for each.
    pub exec_id: u32,
    /// When it started, in nanoseconds of `CLOCK_BOOTTIME`.
    pub start_ns: u64,
}

/// A thread's name: the kernel keeps 15 bytes and a NUL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Comm(pub [u8; 16]);

impl Comm {
    /// Without its padding.
    pub fn bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|&byte| byte == 0);
        &self.0[..end.unwrap_or(self.0.len())]
    }
}

/// Where the data about a process comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The kernel, at the moment of the call.
    Kernel,
    /// `/proc`, some time later. The start time shows that it is still the same
    /// process.
    Proc,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Kernel, Self::Proc];

    /// The name in the records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Proc => "proc",
        }
    }
}

/// A cgroup's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupPath {
    /// The key by which its processes refer to it.
    pub key: u64,
    /// The path from the root of the hierarchy.
    pub path: Vec<u8>,
}
