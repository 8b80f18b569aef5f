//! Who watches the watcher: calls to itself, the service manager, counters.

pub mod canary;
pub mod metrics;
pub mod service;
