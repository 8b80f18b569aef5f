//! Names behind numbers: users, groups, cgroups, units and containers.
//!
//! The only code that reads `/proc`, `/etc/passwd` and cgroupfs. [`place()`] is pure: what a
//! cgroup's path says about unit, container and pod. [`Cgroups`] and [`Users`] hold tables that a
//! lookup never leaves; whatever reads a file is a call of its own, for the caller to make off the
//! hot path.

mod cgroup;
mod image;
mod path;
mod proc;
mod recent;
mod registry;
mod user;

pub use cgroup::{Cgroup, Cgroups};
pub use image::{ImageText, Images};
pub use path::{Container, Place, Pod, Qos, Runtime, place};
pub use recent::Recent;
pub use registry::{Names, Registry};
pub use user::Users;
