//! What runs in processes, and from whom they descend: the table, and how it is
//! filled.

use std::{
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{
    cgroup::Cgroups,
    image::ImageText,
    key::Key,
    lineage::{Ancestor, ancestors},
    proc::{self, Scanned},
    scan::Scan,
    table::{Found, Table},
    titles::{Titles, title},
};
use crate::event::{Batch, Image, Process, Source};

/// Most readings of `/proc` in one batch, for processes that are not in the table.
const PROC_BUDGET: u32 = 64;
/// Most processes in one batch that a reading of all of `/proc` has found.
const SCANNED_PER_BATCH: usize = 256;
/// How long after a reading of all of `/proc` the next one may begin.
const SCAN_PAUSE: Duration = Duration::from_secs(5);
/// Most processes in one upkeep that are looked for in `/proc`, to see if they live.
const SWEPT: usize = 2048;

/// The processes of this machine.
#[derive(Debug)]
pub struct Processes {
    table: Table,
    titles: Titles,
    /// A reading of all of `/proc`, while it lasts: at the start, and after losses.
    scan: Option<Scan>,
    /// When the last one began, and whether there were losses since.
    scanned: Option<Instant>,
    incomplete: bool,
    cgroup_root: Option<PathBuf>,
    /// Where to go on looking for processes that have ended unnoticed.
    sweep: Option<Key>,
    gaps: u64,
    args: usize,
    /// Readings of `/proc` that this batch may still do.
    budget: u32,
}

impl Processes {
    /// None is known yet. Keeps so many. `args` is how many arguments of each may be
    /// read from `/proc`.
    pub fn new(capacity: usize, args: usize) -> Self {
        Self {
            table: Table::new(capacity),
            titles: Titles::new(),
            scan: None,
            scanned: None,
            incomplete: false,
            cgroup_root: None,
            sweep: None,
            gaps: 0,
            args,
            budget: PROC_BUDGET,
        }
    }

    /// How many are known.
    pub fn count(&self) -> usize {
        self.table.len()
    }

    /// Reads those that are there already. Waits for them for this long; the rest is
    /// taken between batches.
    pub fn scan(&mut self, patience: Duration, cgroups: &mut Cgroups) {
        self.cgroup_root = cgroups.root().map(Into::into);
        self.start_scan(Instant::now());
        self.take_scanned(usize::MAX, Instant::now() + patience, cgroups);
    }

    fn start_scan(&mut self, now: Instant) {
        self.incomplete = false;
        self.scanned = Some(now);
        self.scan = Scan::start(self.args, self.cgroup_root.clone());
    }

    fn take_scanned(&mut self, most: usize, deadline: Instant, cgroups: &mut Cgroups) {
        for _ in 0..most {
            let Some(scan) = &self.scan else {
                return;
            };
            match scan.next(deadline) {
                (Some(scanned), _) => {
                    self.learn_scanned(scanned, None, cgroups);
                }
                (None, true) => return,
                (None, false) => self.scan = None,
            }
        }
    }

    fn learn_scanned(&mut self, scanned: Scanned, exec_id: Option<u32>, cgroups: &mut Cgroups) {
        let now = Instant::now();
        let Scanned {
            key,
            ppid,
            comm,
            cgroup,
            image,
        } = scanned;
        (cgroup.iter()).for_each(|cgroup| cgroups.learn(cgroup.key, &cgroup.path));
        let cgroup_key = cgroup.map_or(0, |cgroup| cgroup.key);
        let (image, title) = image.map_or((None, None), |mut image| {
            let bare = ImageText::new(&Image::default(), Source::Proc);
            let title = title(&bare, &image.args).filter(|_| self.may_have_titles());
            if title.is_some() {
                image.args.clear();
            }
            (Some(Rc::new(ImageText::new(&image, Source::Proc))), title)
        });
        let found = Found {
            ppid,
            comm,
            cgroup_key,
            image,
            title,
        };
        let is_new = self.table.last_program(key).is_none();
        self.table.learn(key, found, exec_id, now);
        if is_new {
            self.titles.expect(key, now);
        }
    }

    /// Takes what the kernel has told of processes. `gaps` is how many of its records
    /// have not come so far.
    pub fn learn(&mut self, batch: &Batch, gaps: u64, now: Instant) {
        for child in &batch.forks {
            self.table.fork(child, now);
            self.titles.expect(Key::new(child.pid, child.start_ns), now);
        }
        for exec in &batch.execs {
            let key = Key::new(exec.process.pid, exec.process.start_ns);
            let mut image = ImageText::new(&exec.image, Source::Kernel);
            if exec.image.args_unreadable {
                image.args = self.read_args_of(key);
            }
            self.table.exec(&exec.process, image, now);
            self.titles.expect(key, now);
        }
        let asked = batch.ends.iter().map(|end| (end.pid, end.start_ns));
        let unasked = batch.unasked_ends.iter().map(|end| (end.pid, end.start_ns));
        for (pid, start_ns) in asked.chain(unasked) {
            self.table.end(Key::new(pid, start_ns), now);
        }
        // Some may have come, or ended, unnoticed.
        if gaps > self.gaps {
            self.gaps = gaps;
            self.incomplete = true;
            self.sweep.get_or_insert_default();
        }
    }

    fn read_args_of(&mut self, key: Key) -> Option<Vec<Box<str>>> {
        self.budget = self.budget.checked_sub(1)?;
        let scanned = proc::scan(key.pid, self.args, None)?;
        let image = scanned.image.filter(|_| scanned.key.is_like(key))?;
        ImageText::new(&image, Source::Proc).args
    }

    /// What runs in a process: from the table, or if that does not know, from `/proc`.
    pub fn image(&mut self, process: &Process, cgroups: &mut Cgroups) -> Option<Rc<ImageText>> {
        let key = Key::new(process.pid, process.start_ns);
        // What was found by its number in /proc has no count of execs.
        let known = match process.exec_id {
            0 => self.table.last_program(key),
            exec_id => self.table.program(key, exec_id),
        };
        if known.is_some() || process.zombie || self.table.has_gone_on(key, process.exec_id) {
            return known;
        }
        // Without budget, a later line tries again.
        self.budget = self.budget.checked_sub(1)?;
        let scanned = proc::scan(key.pid, self.args, cgroups.root());
        let exec_id = (process.exec_id != 0).then_some(process.exec_id);
        self.learn_scanned(
            scanned.filter(|found| found.key.is_like(key))?,
            exec_id,
            cgroups,
        );
        self.table.last_program(key)
    }

    /// What a process that runs this has written over its arguments.
    pub fn title(&mut self, process: &Process, image: Option<&ImageText>) -> Option<Rc<str>> {
        let key = Key::new(process.pid, process.start_ns);
        let now = Instant::now();
        if let Some(image) = image
            && self.may_have_titles()
            && !process.zombie
            && self.titles.is_stale(key, now)
            && let Some(budget) = self.budget.checked_sub(1)
        {
            self.budget = budget;
            self.titles.read(&mut self.table, key, image, now);
        }
        self.table.get(key)?.title.clone()
    }

    /// From whom a process descends, nearest first.
    pub fn ancestors(&self, process: &Process) -> Vec<Ancestor> {
        let key = Key::new(process.pid, process.start_ns);
        let parent = (self.table.parent(key)).or_else(|| self.table.parent_of(process.ppid, key));
        ancestors(&self.table, parent)
    }

    /// A title may have been made of any arguments.
    const fn may_have_titles(&self) -> bool {
        self.args == usize::MAX
    }

    /// After each batch: does a bounded part of the work that reads files.
    pub fn end_batch(&mut self, now: Instant, cgroups: &mut Cgroups) {
        self.budget = PROC_BUDGET;
        self.take_scanned(SCANNED_PER_BATCH, now, cgroups);
        if self.may_have_titles() {
            self.titles.end_batch(&mut self.table, now);
        }
    }

    /// About once a second: forgets those that ended long ago.
    pub fn refresh(&mut self, now: Instant) {
        self.table.trim(now);
        self.sweep(now);
        self.rescan(now);
    }

    /// Looks for processes that have come unnoticed. Nobody could read of them once a
    /// signal has ended them.
    fn rescan(&mut self, now: Instant) {
        let is_due = |began| now.duration_since(began) >= SCAN_PAUSE;
        if self.incomplete && self.scan.is_none() && self.scanned.is_none_or(is_due) {
            self.start_scan(now);
        }
    }

    /// Looks for processes whose ends have not been reported.
    fn sweep(&mut self, now: Instant) {
        let Some(from) = self.sweep.take() else {
            return;
        };
        let living: Vec<_> = self.table.living_from(from).take(SWEPT).collect();
        for key in &living {
            if !proc::has_started(*key) {
                self.table.end(*key, now);
            }
        }
        if living.len() == SWEPT {
            self.sweep = living.last().map(|key| key.next());
        }
    }
}
