//! Names behind numbers: users, groups, cgroups, units and containers.
//!
//! The only code that reads `/proc`, `/etc/passwd` and cgroupfs. [`place()`] is pure: what a
//! cgroup's path says about unit, container and pod.

mod container;
mod place;
mod pod;
mod unit;
mod user;

pub use container::{Container, Runtime};
pub use place::{Place, place};
pub use pod::{Pod, Qos};
pub use user::Users;
