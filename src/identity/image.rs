//! What runs in a process: executable, arguments and terminal, as text.

use std::rc::Rc;

use super::{proc, recent::Recent};
use crate::{
    event::{Image, ImageKey, Process, Source},
    text::text,
};

/// Most images kept: up to 3 KB each, typically 200 bytes.
const CAPACITY: usize = 8192;
/// Most readings of `/proc` in one batch.
const PROC_BUDGET: u32 = 64;

/// What runs in a process, as text by the rule of [`text`](mod@crate::text).
#[derive(Debug, PartialEq, Eq)]
pub struct ImageText {
    /// The executable's path, if it has one.
    pub exe: Option<Box<str>>,
    /// The executable's file was deleted.
    pub exe_deleted: bool,
    /// The arguments, if there are any and they were readable.
    pub args: Option<Vec<Box<str>>>,
    /// The controlling terminal's name.
    pub tty: Option<Box<str>>,
    /// Some of this was too long and was cut.
    pub truncated: bool,
    /// Where it was read.
    pub source: Source,
}

impl ImageText {
    fn new(image: &Image, source: Source) -> Self {
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

/// The images seen recently.
#[derive(Debug)]
pub struct Images {
    known: Recent<ImageKey, Option<Rc<ImageText>>>,
    read_args: bool,
    /// Readings of `/proc` that this batch may still do.
    budget: u32,
    /// See [`Self::take_missed`].
    missed: bool,
}

impl Images {
    /// An empty table. `read_args` is whether arguments may be read from
    /// `/proc`.
    pub fn new(read_args: bool) -> Self {
        Self {
            known: Recent::new(CAPACITY),
            read_args,
            budget: PROC_BUDGET,
            missed: false,
        }
    }

    /// How many images are kept.
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// Takes an image from the kernel.
    pub fn learn(&mut self, image: &Image) {
        let mut new = ImageText::new(image, Source::Kernel);
        if image.args_unreadable && self.read_args {
            new.args = self.look_up(image.key).and_then(|known| known.args.clone());
        }
        self.known.insert(image.key, Some(Rc::new(new)));
    }

    /// What runs in a sender. The kernel sends a sender's image before its
    /// first call. An image that is not here was lost or forgotten, so the
    /// kernel must send all of them again, see [`Self::take_missed`].
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

    /// What runs in a target: known if it made calls itself, else read from
    /// `/proc` if it still runs.
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
        // Without budget nothing is stored, so a later call tries again.
        self.budget = self.budget.checked_sub(1)?;
        let found = self.read_proc(key).map(Rc::new);
        self.known.insert(key, found.clone());
        found
    }

    fn read_proc(&self, key: ImageKey) -> Option<ImageText> {
        proc::image(key, self.read_args).map(|image| ImageText::new(&image, Source::Proc))
    }

    /// After each batch: renews the budget for reading `/proc`.
    pub fn end_batch(&mut self) {
        self.budget = PROC_BUDGET;
    }

    /// Whether an image was missed since the last call that the kernel had
    /// sent.
    pub fn take_missed(&mut self) -> bool {
        std::mem::take(&mut self.missed)
    }
}
