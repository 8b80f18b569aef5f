//! Who started a process, and who started that.

use std::rc::Rc;

use super::{image::ImageText, key::Key, table::Table};
use crate::event::Comm;

/// Most ancestors that are looked at.
const DEPTH: usize = 32;

/// A process from which another one descends.
#[derive(Debug, Clone)]
pub struct Ancestor {
    /// The process.
    pub pid: u32,
    /// Its name at its fork or last exec.
    pub comm: Comm,
    /// What it runs, or ran last.
    pub image: Option<Rc<ImageText>>,
    pub(super) key: Key,
    pub(super) cgroup_key: u64,
}

/// The ancestors of a process, nearest first, as far as they are known. Process 1 is
/// left out: everything descends from it.
pub(super) fn ancestors(table: &Table, parent: Option<Key>) -> Vec<Ancestor> {
    let mut found: Vec<Ancestor> = Vec::new();
    let mut next = parent;
    while let Some(key) = next.filter(|key| key.pid > 1 && found.len() < DEPTH) {
        let Some(entry) = table.get(key) else {
            break;
        };
        found.push(Ancestor {
            pid: key.pid,
            comm: entry.comm,
            image: table.last_program(key),
            key,
            cgroup_key: entry.cgroup_key,
        });
        next = table.parent(key).filter(|parent| *parent != key);
    }
    found
}
