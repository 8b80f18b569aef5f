//! What one process runs, and what it ran before.

use std::rc::Rc;

use super::image::ImageText;

/// Most programs of one process that are kept: a signal's line comes a little after
/// the signal, and a shell's `exec` may come in between.
const MOST: usize = 4;

/// The programs of a process, in the order of its execs; none if they are not known.
#[derive(Debug, Default)]
pub struct Programs(Vec<Program>);

#[derive(Debug)]
struct Program {
    /// The count of execs; none if only `/proc` told of the program.
    exec_id: Option<u32>,
    /// It was not told with the program, but is the most that it can be.
    counted_back: bool,
    /// None for what the parent ran, as long as that is not found.
    image: Option<Rc<ImageText>>,
    /// The process executed it itself.
    own: bool,
}

impl Programs {
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is known what any of them is.
    pub fn is_known(&self) -> bool {
        self.0.iter().any(|program| program.image.is_some())
    }

    /// It was forked, and runs what its parent ran.
    pub fn inherit(&mut self, exec_id: u32, image: Option<Rc<ImageText>>) {
        self.0.push(Program {
            exec_id: Some(exec_id),
            counted_back: false,
            image,
            own: false,
        });
    }

    /// It executed a program. Returns the bytes of those that are forgotten for it.
    pub fn run(&mut self, exec_id: u32, image: Rc<ImageText>) -> usize {
        let mut forgotten = 0;
        // What /proc told of it is this program, or one before it. A later exec may
        // have been told of first.
        self.0.retain_mut(|known| {
            if known.exec_id.is_some() && !known.counted_back {
                return true;
            }
            let is_it = (known.image.as_ref()).is_some_and(|known| known.is_of_exec(&image));
            if is_it {
                forgotten += known.bytes();
                return false;
            }
            let before = exec_id.wrapping_sub(1);
            known.exec_id = Some(known.exec_id.map_or(before, |known| known.min(before)));
            known.counted_back = true;
            true
        });
        let at = (self.0).partition_point(|known| known.exec_id < Some(exec_id));
        let program = Program {
            exec_id: Some(exec_id),
            counted_back: false,
            image: Some(image),
            own: true,
        };
        self.0.insert(at, program);
        forgotten + self.shorten()
    }

    /// `/proc` told of a program. Returns the bytes of those that are forgotten for it.
    pub fn learn(&mut self, exec_id: Option<u32>, image: Option<Rc<ImageText>>) -> usize {
        self.0.retain(|program| program.image.is_some());
        self.0.push(Program {
            exec_id,
            counted_back: false,
            image,
            own: true,
        });
        self.shorten()
    }

    fn shorten(&mut self) -> usize {
        let surplus = self.0.len().saturating_sub(MOST);
        self.0.drain(..surplus).map(|program| program.bytes()).sum()
    }

    /// What ran at that count of execs: none if that is not known, and none inside if
    /// it is what the parent ran.
    pub fn of(&self, exec_id: u32) -> Option<Option<&Rc<ImageText>>> {
        let program = (self.0.iter())
            .rfind(|program| program.exec_id.is_none_or(|known| known == exec_id))?;
        Some(program.image.as_ref())
    }

    /// What ran at that count of execs, if that is sure.
    pub fn exactly(&self, exec_id: u32) -> Option<Rc<ImageText>> {
        let program = (self.0.iter()).find(|program| program.exec_id == Some(exec_id))?;
        program.image.clone()
    }

    /// The last one, with its count of execs.
    pub fn last(&self) -> Option<(Option<u32>, Option<&Rc<ImageText>>)> {
        let program = self.0.last()?;
        Some((program.exec_id, program.image.as_ref()))
    }

    /// Whether there is a later one than that.
    pub fn have_gone_on(&self, exec_id: u32) -> bool {
        (self.0.iter()).any(|later| later.exec_id > Some(exec_id))
    }

    /// What they add to the texts.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(Program::bytes).sum()
    }
}

impl Program {
    fn bytes(&self) -> usize {
        let own = self.image.as_deref().filter(|_| self.own);
        own.map_or(0, ImageText::bytes)
    }
}
