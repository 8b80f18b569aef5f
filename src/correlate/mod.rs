//! Records of many CPUs -> whole events in the order of time.

pub mod join;
pub mod order;
pub mod witness;
