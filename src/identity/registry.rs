//! All tables of names together.

use std::{
    mem,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{
    cgroup::{Cgroup, Cgroups},
    image::ImageText,
    key::Key,
    lineage::Ancestor,
    proc::{self, Id},
    processes::Processes,
    recent::Recent,
    runtime::{ContainerNames, Runtimes},
    terminal::Terminals,
    user::Users,
};
use crate::event::{Batch, Call, CgroupPath, ImageKey, Process, Recipient, Scope, Source};

/// Most ancestors in a line.
const ANCESTORS: usize = 8;
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
    /// What it has written over its arguments.
    pub title: Option<Rc<str>>,
    /// Its controlling terminal.
    pub tty: Option<Rc<str>>,
    /// Its cgroup.
    pub cgroup: Option<Rc<Cgroup>>,
    /// What its container is called, if that is known by now.
    pub container: Option<Rc<ContainerNames>>,
    /// From whom it descends, nearest first.
    pub ancestors: Rc<[Ancestor]>,
    /// How many of these belong to its unit; not more than a line shows.
    pub near: usize,
}

impl Names {
    /// Whether a process is one of the ancestors.
    pub fn descends_from(&self, process: &Process) -> bool {
        let key = Key::new(process.pid, process.start_ns);
        self.ancestors
            .iter()
            .any(|ancestor| ancestor.key.is_like(key))
    }
}

/// The tables of names.
#[derive(Debug)]
pub struct Registry {
    /// Users.
    pub users: Users,
    /// The inode of process 1's mount namespace; 0 as long as it is not known.
    pub host_mnt_ns: u32,
    processes: Processes,
    terminals: Terminals,
    cgroups: Cgroups,
    /// None: nobody wants the names of containers.
    runtimes: Option<Runtimes>,
    /// Whether names are worth a wait.
    waits_for_names: bool,
    answers: Recent<Id, Answer>,
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
    tty: u32,
    names: Names,
}

impl Last {
    fn new(process: &Process, names: &Names) -> Self {
        Self {
            image_key: process.image_key(),
            cgroup_key: process.cgroup_key,
            tty: process.tty,
            names: names.clone(),
        }
    }

    /// The names, if this was the same process in the same cgroup, at the same terminal.
    fn names_of(&self, process: &Process) -> Option<Names> {
        (self.image_key == process.image_key()
            && self.cgroup_key == process.cgroup_key
            && self.tty == process.tty)
            .then(|| self.names.clone())
    }
}

impl Registry {
    /// The tables of this machine, for so many processes. `args` is how
    /// many arguments of each may be read from `/proc`.
    pub fn new(users: Users, processes: usize, args: usize) -> Self {
        Self {
            users,
            host_mnt_ns: 0,
            processes: Processes::new(processes, args),
            terminals: Terminals::default(),
            cgroups: Cgroups::system(),
            runtimes: None,
            waits_for_names: false,
            answers: Recent::new(PROC_CAPACITY),
            last_sender: None,
            last_target: None,
            missed_cgroup: false,
        }
    }

    /// Looks the names of containers up in a table.
    #[must_use]
    pub fn with_runtimes(self, runtimes: Option<Runtimes>) -> Self {
        Self { runtimes, ..self }
    }

    /// Whether lines should wait a moment for the name of a container that is
    /// new: filters may depend on it.
    pub fn wait_for_names(&mut self, wait: bool) {
        self.waits_for_names = wait;
    }

    /// How many processes are known.
    pub fn processes_known(&self) -> usize {
        self.processes.count()
    }

    /// How many cgroups are kept.
    pub fn cgroups_cached(&self) -> usize {
        self.cgroups.count()
    }

    /// Reads the processes that are there already. Waits for them for this long; the
    /// rest is taken between batches. To be called once the kernel reports those that
    /// come and go.
    pub fn scan(&mut self, patience: Duration) {
        self.processes.scan(patience, &mut self.cgroups);
    }

    /// Takes what the kernel has told of processes. `gaps` is how many of its records
    /// have not come so far.
    pub fn learn(&mut self, batch: &Batch, gaps: u64, now: Instant) {
        self.processes.learn(batch, gaps, now);
    }

    /// Takes a cgroup's path from the kernel. What its container is called is
    /// asked for at once: its first line may be some milliseconds away.
    pub fn learn_cgroup(&mut self, cgroup: &CgroupPath) {
        self.cgroups.learn(cgroup.key, &cgroup.path);
        if let Some(runtimes) = &mut self.runtimes
            && let Some(known) = self.cgroups.get(cgroup.key)
            && let Some(subject) = &known.subject
        {
            runtimes.get(subject);
        }
    }

    /// The names of the process behind a signal.
    pub fn sender(&mut self, process: &Process) -> Names {
        if let Some(names) = (self.last_sender.as_ref()).and_then(|last| last.names_of(process)) {
            return names;
        }
        let names = self.names(process);
        self.last_sender = Some(Last::new(process, &names));
        names
    }

    /// The names of a signal's target or recipient.
    pub fn target(&mut self, process: &Process) -> Names {
        if let Some(names) = (self.last_target.as_ref()).and_then(|last| last.names_of(process)) {
            return names;
        }
        let names = self.names(process);
        self.last_target = Some(Last::new(process, &names));
        names
    }

    fn names(&mut self, process: &Process) -> Names {
        let cgroup = self.cgroup(process.cgroup_key);
        if process.kernel_thread {
            return Names {
                cgroup,
                ..Names::default()
            };
        }
        let container = self.container(cgroup.as_deref());
        let image = self.processes.image(process, &mut self.cgroups);
        let title = self.processes.title(process, image.as_deref());
        let ancestors = self.processes.ancestors(process);
        Names {
            image,
            title,
            tty: self.terminals.name(process.tty),
            near: self.near(cgroup.as_deref(), &ancestors),
            cgroup,
            container,
            ancestors: ancestors.into(),
        }
    }

    /// How many ancestors belong to the unit of a process. Beyond is who started that:
    /// a manager of services.
    fn near(&mut self, cgroup: Option<&Cgroup>, ancestors: &[Ancestor]) -> usize {
        let unit = cgroup.and_then(|cgroup| cgroup.unit.as_deref());
        (ancestors.iter().take(ANCESTORS))
            .take_while(|ancestor| {
                let other = self.cgroups.get(ancestor.cgroup_key);
                let other = other.as_ref().and_then(|cgroup| cgroup.unit.as_deref());
                unit.is_none() || other.is_none() || unit == other
            })
            .count()
    }

    fn container(&mut self, cgroup: Option<&Cgroup>) -> Option<Rc<ContainerNames>> {
        let subject = cgroup.and_then(|cgroup| cgroup.subject.as_ref())?;
        let runtimes = self.runtimes.as_mut()?;
        match self.waits_for_names {
            true => runtimes.get_or_wait(subject),
            false => runtimes.get(subject),
        }
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
        if let Some(answer) = self.answers.get(id)
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
        self.answers.insert(id, answer);
        process
    }

    /// Before each batch: takes what was looked up meanwhile.
    pub fn start_batch(&mut self, now: Instant) {
        if let Some(runtimes) = &mut self.runtimes {
            runtimes.start_batch(now);
        }
    }

    /// Once a batch's cgroups are learned: waits a moment for the names of new
    /// containers.
    pub fn wait_for_new(&mut self) {
        if let Some(runtimes) = &mut self.runtimes {
            runtimes.wait_for_new();
        }
    }

    /// After each batch: does a bounded part of the work that reads files.
    pub fn end_batch(&mut self, now: Instant) {
        self.last_sender = None;
        self.last_target = None;
        self.processes.end_batch(now, &mut self.cgroups);
        self.cgroups.search(now);
    }

    /// About once a second: reads changed files again. Returns true if a record
    /// of the kernel's was missed, so that it must send cgroups again.
    #[must_use]
    pub fn refresh(&mut self, now: Instant) -> bool {
        self.users.refresh();
        self.processes.refresh(now);
        mem::take(&mut self.missed_cgroup)
    }
}
