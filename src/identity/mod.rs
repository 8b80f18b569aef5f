//! The names behind numbers: users, executables, cgroups, units and containers.
//!
//! The only code that reads `/proc`, `/etc/passwd`, cgroupfs and the files of
//! container runtimes. [`path`] is pure: it reads unit, container and pod from a
//! cgroup's path. [`Cgroups`] and [`Users`] are tables in memory, and a lookup
//! never reads a file. Files are read by calls of their own, which the caller
//! makes between batches, and those of container runtimes by a thread of their
//! own ([`runtime`]).

mod cgroup;
mod image;
mod key;
mod lineage;
mod path;
mod proc;
mod processes;
mod program;
mod recent;
mod registry;
mod runtime;
mod scan;
mod table;
mod terminal;
mod titles;
mod user;

pub use self::{
    cgroup::{Cgroup, Cgroups},
    lineage::Ancestor,
    path::{Qos, Runtime},
    proc::is_running,
    registry::{Names, Registry},
    runtime::{ContainerNames, Places, Runtimes, names_of_any},
    user::Users,
};
