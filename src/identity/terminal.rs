//! Names of terminals.

use std::{collections::HashMap, fs, rc::Rc};

/// The major number of the terminals that programs make (pty(7)).
const PTS_MAJOR: u32 = 136;
/// Most names that are kept.
const CAPACITY: usize = 4096;

/// Terminals, by number: major << 20 | minor.
#[derive(Debug, Default)]
pub struct Terminals(HashMap<u32, Option<Rc<str>>>);

impl Terminals {
    /// The name that the kernel has for a terminal. 0 stands for none.
    pub fn name(&mut self, number: u32) -> Option<Rc<str>> {
        if number == 0 {
            return None;
        }
        if self.0.len() >= CAPACITY {
            self.0.clear();
        }
        let name = (self.0.entry(number)).or_insert_with(|| find(number >> 20, number & 0xf_ffff));
        name.clone()
    }
}

fn find(major: u32, minor: u32) -> Option<Rc<str>> {
    // These have no device in sysfs.
    if major == PTS_MAJOR {
        return Some(format!("pts{minor}").into());
    }
    let device = fs::read_link(format!("/sys/dev/char/{major}:{minor}")).ok()?;
    Some(device.file_name()?.to_str()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_has_the_name_of_its_device() {
        let mut terminals = Terminals::default();
        let found = [(136, 3), (136, 300), (5, 0), (0, 0), (4095, 9)]
            .map(|(major, minor)| terminals.name(major << 20 | minor));
        let expected = [Some("pts3"), Some("pts300"), Some("tty"), None, None];
        assert_eq!(found.each_ref().map(Option::as_deref), expected);
    }
}
