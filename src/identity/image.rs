//! What runs in a process: its executable and arguments, as text.

use std::rc::Rc;

use super::{proc, recent::Recent};
use crate::{
    event::{Image, ImageKey, Process, Source},
    text::text,
};

/// Images kept. At most 3 KB each, typically 200 bytes.
const CAPACITY: usize = 8192;
/// Readings of `/proc` between two refills of the budget.
const PROC_BUDGET: u32 = 64;

/// What runs in a process, as text by the rule of [`crate::text`].
#[derive(Debug, PartialEq, Eq)]
pub struct ImageText {
    /// The executable's path, if it has one.
    pub exe: Option<Box<str>>,
    /// The file has no name any more.
    pub exe_deleted: bool,
    /// The arguments, if there are any and they could be read.
    pub args: Option<Vec<Box<str>>>,
    /// The controlling terminal.
    pub tty: Option<Box<str>>,
    /// Some of it is missing.
    pub truncated: bool,
    /// Who told.
    pub source: Source,
}

impl ImageText {
    /// Reads what the kernel or `/proc` gave.
    pub(super) fn new(image: &Image, source: Source) -> Self {
        let some = |bytes: &[u8]| (!bytes.is_empty()).then(|| text(bytes).into());
        let args = image.args.strip_suffix(&[0]).unwrap_or(&image.args);
        Self {
            exe: some(&image.exe),
            exe_deleted: image.exe_deleted,
            args: (!image.args.is_empty())
                .then(|| args.split(|&byte| byte == 0).map(|arg| text(arg).into()))
                .map(Iterator::collect),
            tty: some(&image.tty),
            truncated: image.truncated,
            source,
        }
    }
}

/// The images lately seen.
#[derive(Debug)]
pub struct Images {
    known: Recent<ImageKey, Option<Rc<ImageText>>>,
    /// Arguments are wanted.
    args: bool,
    budget: u32,
    missed: bool,
}

impl Images {
    /// An empty table; `args` says whether arguments may be read from `/proc`.
    pub fn new(args: bool) -> Self {
        Self {
            known: Recent::new(CAPACITY),
            args,
            budget: PROC_BUDGET,
            missed: false,
        }
    }

    /// How many are held.
    pub fn held(&self) -> usize {
        self.known.len()
    }

    /// Takes what the kernel said.
    pub fn learn(&mut self, image: &Image) {
        let mut new = ImageText::new(image, Source::Kernel);
        if image.args_unreadable && self.args {
            new.args = self.look_up(image.key).and_then(|known| known.args.clone());
        }
        self.known.insert(image.key, Some(Rc::new(new)));
    }

    /// What runs in a sender. The kernel tells it before the first call: if it
    /// is not here, a record was lost or forgotten, and the kernel is to be
    /// asked for all of them again (see [`Self::take_missed`]).
    pub fn of_sender(&mut self, process: &Process) -> Option<Rc<ImageText>> {
        let key = process.image_key();
        match self.known.get(key) {
            Some(Some(found)) if found.source == Source::Kernel => Some(Rc::clone(found)),
            _ => {
                self.missed = true;
                self.look_up(key)
            }
        }
    }

    /// What runs in a target: known from its own calls, else best effort.
    pub fn of_target(&mut self, process: &Process) -> Option<Rc<ImageText>> {
        if process.kernel_thread || process.zombie {
            return None;
        }
        self.look_up(process.image_key())
    }

    fn look_up(&mut self, key: ImageKey) -> Option<Rc<ImageText>> {
        if let Some(known) = self.known.get(key) {
            return known.clone();
        }
        // Out of budget: nothing is remembered, so a later call asks again.
        self.budget = self.budget.checked_sub(1)?;
        let found = self.read_proc(key).map(Rc::new);
        self.known.insert(key, found.clone());
        found
    }

    fn read_proc(&self, key: ImageKey) -> Option<ImageText> {
        proc::image(key, self.args).map(|image| ImageText::new(&image, Source::Proc))
    }

    /// Between batches: allows some more readings of `/proc`.
    pub fn refill(&mut self) {
        self.budget = PROC_BUDGET;
    }

    /// Was an image missed that the kernel had told?
    pub fn take_missed(&mut self) -> bool {
        std::mem::take(&mut self.missed)
    }
}
