//! Names behind numbers: users, groups, cgroups, units and containers.
//!
//! The only code that reads `/proc`, `/etc/passwd` and cgroupfs.

mod user;

pub use user::Users;
