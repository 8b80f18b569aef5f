//! All names in one place: what a record's numbers stand for.

use std::{rc::Rc, time::Instant};

use super::{
    cgroup::{Cgroup, Cgroups},
    image::{ImageText, Images},
    proc,
    recent::Recent,
    user::Users,
};
use crate::event::{Call, CgroupPath, Image, ImageKey, Process, Recipient, Scope, Source};

/// How long what `/proc` said of a number is taken for true, as calls that
/// signal nobody come in floods.
const PROC_TTL_NS: u64 = 1_000_000_000;
const PROC_KEPT: usize = 1024;

/// Who a process is.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// What runs in it.
    pub image: Option<Rc<ImageText>>,
    /// Where it runs.
    pub cgroup: Option<Rc<Cgroup>>,
}

/// The tables behind the numbers.
#[derive(Debug)]
pub struct Registry {
    /// Users and groups.
    pub users: Users,
    images: Images,
    cgroups: Cgroups,
    looked_up: Recent<(u32, bool), (u64, Option<Process>)>,
    /// A flood is by one process to one other.
    last_sender: Option<(ImageKey, u64, Names)>,
    last_target: Option<(ImageKey, u64, Names)>,
    missed_cgroup: bool,
}

impl Registry {
    /// This machine's; `args` says whether arguments may be read.
    pub fn new(users: Users, args: bool) -> Self {
        Self {
            users,
            images: Images::new(args),
            cgroups: Cgroups::system(),
            looked_up: Recent::new(PROC_KEPT),
            last_sender: None,
            last_target: None,
            missed_cgroup: false,
        }
    }

    /// Images held.
    pub fn images_cached(&self) -> usize {
        self.images.held()
    }

    /// Cgroups held.
    pub fn cgroups_cached(&self) -> usize {
        self.cgroups.held()
    }

    /// Takes what the kernel said of a process.
    pub fn learn_image(&mut self, image: &Image) {
        self.images.learn(image);
    }

    /// Takes what the kernel said of a cgroup.
    pub fn learn_cgroup(&mut self, cgroup: &CgroupPath) {
        self.cgroups.learn(cgroup.key, &cgroup.path);
    }

    /// Who made a call.
    pub fn sender(&mut self, process: &Process) -> Names {
        if let Some(known) = remembered(&self.last_sender, process) {
            return known;
        }
        let names = Names {
            image: self.images.of_sender(process),
            cgroup: self.cgroup(process.cgroup_key),
        };
        self.last_sender = remember(process, &names);
        names
    }

    /// Who was meant by one.
    pub fn target(&mut self, process: &Process) -> Names {
        if let Some(known) = remembered(&self.last_target, process) {
            return known;
        }
        let names = Names {
            image: self.images.of_target(process),
            cgroup: self.cgroup(process.cgroup_key),
        };
        self.last_target = remember(process, &names);
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

    /// Who a call's argument means, where the kernel could not tell: a process
    /// that has that number and is older than the call. Only for numbers of
    /// the initial pid namespace, which `/proc` has.
    pub fn look_up(&mut self, call: &Call, boottime_ns: u64) -> Option<Recipient> {
        // A pidfd's number is the initial namespace's.
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
        let fresh = |&(then_ns, found): &(u64, Option<Process>)| {
            (boottime_ns.saturating_sub(then_ns) < PROC_TTL_NS).then_some(found)
        };
        let whole = call.scope() == Scope::Process;
        let process = match self.looked_up.get((pid, whole)).and_then(fresh) {
            Some(known) => known,
            None => {
                let found = proc::process(pid, whole, boottime_ns, self.cgroups.root());
                let process = found.map(|(process, cgroup)| {
                    cgroup.iter().for_each(|cgroup| self.learn_cgroup(cgroup));
                    process
                });
                self.looked_up.insert((pid, whole), (boottime_ns, process));
                process
            }
        }?;
        Some(Recipient {
            process,
            source: Source::Proc,
            sender_ns_pid: (call.sender.ns_level == 0).then_some(process.pid),
            fate: None,
        })
    }

    /// Between batches: a bounded step of what takes files to be read.
    pub fn tend(&mut self, now: Instant) {
        self.last_sender = None;
        self.last_target = None;
        self.images.refill();
        self.cgroups.heal(now);
    }

    /// About once a second. True: a record of the kernel's was missed, and it
    /// should tell all again.
    pub fn refresh(&mut self) -> bool {
        self.users.refresh();
        let missed = std::mem::take(&mut self.missed_cgroup);
        self.images.take_missed() || missed
    }
}

fn remembered(last: &Option<(ImageKey, u64, Names)>, process: &Process) -> Option<Names> {
    let (key, cgroup, names) = last.as_ref()?;
    (*key == process.image_key() && *cgroup == process.cgroup_key).then(|| names.clone())
}

fn remember(process: &Process, names: &Names) -> Option<(ImageKey, u64, Names)> {
    Some((process.image_key(), process.cgroup_key, names.clone()))
}
