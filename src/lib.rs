//! sigtrail records every signal that one process sends another.

pub mod identity;
pub mod names;
pub mod sink;
pub mod text;
