//! All tables of names together.

use std::{mem, rc::Rc, time::Instant};

use super::{
    cgroup::{Cgroup, Cgroups},
    image::{ImageText, Images},
    proc::{self, Id},
    recent::Recent,
    user::Users,
};
use crate::event::{Call, CgroupPath, Image, ImageKey, Process, Recipient, Scope, Source};

/// How long an answer from `/proc` is used again, as calls that signal nobody
/// come in floods.
const PROC_TTL_NS: u64 = 1_000_000_000;
/// Most answers from `/proc` that are kept.
const PROC_CAPACITY: usize = 1024;

/// The names of a process.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// What runs in it.
    pub image: Option<Rc<ImageText>>,
    /// Its cgroup.
    pub cgroup: Option<Rc<Cgroup>>,
}

/// The tables of names.
#[derive(Debug)]
pub struct Registry {
    /// Users.
    pub users: Users,
    /// The inode of process 1's mount namespace; 0 as long as it is not known.
    pub host_mnt_ns: u32,
    images: Images,
    cgroups: Cgroups,
    processes: Recent<Id, Answer>,
    /// Floods have one sender and one target.
    last_sender: Option<Last>,
    last_target: Option<Last>,
    /// A cgroup was missed that the kernel had sent.
    missed_cgroup: bool,
}

/// What `/proc` had of a number at `boottime_ns`.
#[derive(Debug, Clone, Copy)]
struct Answer {
    boottime_ns: u64,
    process: Option<Process>,
    /// When what had the number started; none if nothing had it.
    start_ticks: Option<u64>,
}

/// The process that was last asked for.
#[derive(Debug)]
struct Last {
    image_key: ImageKey,
    cgroup_key: u64,
    names: Names,
}

impl Last {
    fn new(process: &Process, names: &Names) -> Self {
        Self {
            image_key: process.image_key(),
            cgroup_key: process.cgroup_key,
            names: names.clone(),
        }
    }

    /// The names, if this was the same process in the same cgroup.
    fn names_of(&self, process: &Process) -> Option<Names> {
        (self.image_key == process.image_key() && self.cgroup_key == process.cgroup_key)
            .then(|| self.names.clone())
    }
}

impl Registry {
    /// The tables of this machine. `read_args` is whether processes' arguments
    /// may be read from `/proc`.
    pub fn new(users: Users, read_args: bool) -> Self {
        Self {
            users,
            host_mnt_ns: 0,
            images: Images::new(read_args),
            cgroups: Cgroups::system(),
            processes: Recent::new(PROC_CAPACITY),
            last_sender: None,
            last_target: None,
            missed_cgroup: false,
        }
    }

    /// How many images are kept.
    pub fn images_cached(&self) -> usize {
        self.images.count()
    }

    /// How many cgroups are kept.
    pub fn cgroups_cached(&self) -> usize {
        self.cgroups.count()
    }

    /// Takes an image from the kernel.
    pub fn learn_image(&mut self, image: &Image) {
        self.images.learn(image);
    }

    /// Takes a cgroup's path from the kernel.
    pub fn learn_cgroup(&mut self, cgroup: &CgroupPath) {
        self.cgroups.learn(cgroup.key, &cgroup.path);
    }

    /// The names of a call's sender.
    pub fn sender(&mut self, process: &Process) -> Names {
        if let Some(names) = (self.last_sender.as_ref()).and_then(|last| last.names_of(process)) {
            return names;
        }
        let names = Names {
            image: self.images.of_sender(process),
            cgroup: self.cgroup(process.cgroup_key),
        };
        self.last_sender = Some(Last::new(process, &names));
        names
    }

    /// The names of a call's target or recipient.
    pub fn target(&mut self, process: &Process) -> Names {
        if let Some(names) = (self.last_target.as_ref()).and_then(|last| last.names_of(process)) {
            return names;
        }
        let names = Names {
            image: self.images.of_target(process),
            cgroup: self.cgroup(process.cgroup_key),
        };
        self.last_target = Some(Last::new(process, &names));
        names
    }

    fn cgroup(&mut self, key: u64) -> Option<Rc<Cgroup>> {
        if key == 0 {
            return None;
        }
        let found = self.cgroups.get(key);
        self.missed_cgroup |= found.is_none();
        found
    }

    /// Looks up a call's target in `/proc`, for calls whose target the kernel
    /// side could not read: a process that has the number in the call's
    /// arguments, and started before `boottime_ns`. Returns None for a number
    /// of another pid namespace than the initial one, which is the one of
    /// `/proc`.
    pub fn look_up(&mut self, call: &Call, boottime_ns: u64) -> Option<Recipient> {
        // A pidfd's number is one of the initial namespace.
        let pid = match (call.pidfd, call.scope()) {
            (_, scope) if scope.is_group() => return None,
            (Some(pidfd), _) => pidfd.pid?,
            (None, _) if call.sender.ns_level > 0 => return None,
            _ if call.syscall.names_two() => u32::try_from(call.arg_tid).ok()?,
            _ => u32::try_from(call.arg).ok()?,
        };
        if pid == 0 {
            return None;
        }
        let id = match call.scope() {
            Scope::Process => Id::Pid(pid),
            _ => Id::Tid(pid),
        };
        let process = self.process(id, boottime_ns)?;
        Some(Recipient {
            process,
            source: Source::Proc,
            sender_ns_pid: (call.sender.ns_level == 0).then_some(process.pid),
            fate: None,
        })
    }

    /// The process of a number, from an answer that is fresh or else from
    /// `/proc`.
    fn process(&mut self, id: Id, boottime_ns: u64) -> Option<Process> {
        if let Some(answer) = self.processes.get(id)
            && boottime_ns.saturating_sub(answer.boottime_ns) < PROC_TTL_NS
            // Another may have the number by now.
            && answer.start_ticks == proc::start_ticks(id)
        {
            return answer.process;
        }
        let found = proc::process(id, boottime_ns, self.cgroups.root());
        (found.iter().flat_map(|found| &found.cgroup)).for_each(|cgroup| self.learn_cgroup(cgroup));
        let process = found.as_ref().map(|found| found.process);
        let answer = Answer {
            boottime_ns,
            process,
            start_ticks: found.map(|found| found.start_ticks),
        };
        self.processes.insert(id, answer);
        process
    }

    /// After each batch: does a bounded part of the work that reads files.
    pub fn end_batch(&mut self, now: Instant) {
        self.last_sender = None;
        self.last_target = None;
        self.images.end_batch();
        self.cgroups.search(now);
    }

    /// About once a second: reads changed files again. Returns true if a record
    /// of the kernel's was missed, so that it must send images and cgroups
    /// again.
    #[must_use]
    pub fn refresh(&mut self) -> bool {
        self.users.refresh();
        let missed = mem::take(&mut self.missed_cgroup);
        self.images.take_missed() || missed
    }
}
