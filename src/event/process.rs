//! A process, what runs in it, and where.

/// A process as the kernel read it from its task, in any context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// The process (tgid), in the initial pid namespace.
    pub pid: u32,
    /// The thread, in the initial pid namespace.
    pub tid: u32,
    /// When its leader started, in nanoseconds of `CLOCK_BOOTTIME`.
    pub start_ns: u64,
    /// +1 for each exec.
    pub exec_id: u32,
    /// Names its cgroup as long as the machine runs.
    pub cgroup_key: u64,
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Who logged in, whatever became of the user id since.
    pub loginuid: Option<u32>,
    /// The audit session of that login.
    pub session: Option<u32>,
    /// The parent process.
    pub ppid: u32,
    /// Its own number in its own pid namespace.
    pub ns_pid: u32,
    /// The inode of that namespace.
    pub pid_ns: u32,
    /// The namespace's depth; 0 is the initial one.
    pub ns_level: u32,
    /// It is on its way out.
    pub exiting: bool,
    /// It is dead and waits for its parent.
    pub zombie: bool,
    /// It is a thread of the kernel.
    pub kernel_thread: bool,
    /// The thread's name, any bytes up to the first NUL.
    pub comm: Comm,
    /// The parent process's name.
    pub parent_comm: Comm,
}

impl Process {
    /// Names what runs in it.
    pub const fn image_key(&self) -> ImageKey {
        ImageKey {
            pid: self.pid,
            exec_id: self.exec_id,
            start_ns: self.start_ns,
        }
    }
}

/// What a process is between two execs: its key in the table of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageKey {
    /// The process.
    pub pid: u32,
    /// +1 for each exec.
    pub exec_id: u32,
    /// When its leader started, in nanoseconds of `CLOCK_BOOTTIME`.
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

/// Who told what a record says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The kernel, at the moment of the call.
    Kernel,
    /// `/proc`, some time later, with the start time to tell a process from
    /// another of the same number.
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

/// What is the same for all calls of a process between two execs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Which process.
    pub key: ImageKey,
    /// The executable's path in its mount namespace.
    pub exe: Vec<u8>,
    /// The file has no name any more.
    pub exe_deleted: bool,
    /// Arguments, each with a NUL behind it.
    pub args: Vec<u8>,
    /// Some of the path or of the arguments is missing.
    pub truncated: bool,
    /// The arguments could not be read in the kernel: they were paged out.
    pub args_unreadable: bool,
    /// The controlling terminal's name; empty if there is none.
    pub tty: Vec<u8>,
}

/// A cgroup's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupPath {
    /// As the processes in it name it.
    pub key: u64,
    /// From the root of the hierarchy.
    pub path: Vec<u8>,
}
