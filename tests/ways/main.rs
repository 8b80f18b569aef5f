//! Every way that the kernel has to signal a process, or end it, without a call
//! that sends: each is gone for real, and the line compared with what the actors
//! and the wait status say. `table.tsv` has the ways.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use common::ways::{self, Way};

#[test]
fn the_table_has_each_way_once() {
    let rows: Vec<_> = Way::all().iter().map(|way| way.name.to_owned()).collect();
    let once: BTreeSet<_> = rows.iter().collect();
    assert_eq!(once.len(), rows.len());
    assert_eq!(once, ways::known().iter().collect());
}

/// The program itself holds what it says against the table in it: how each way
/// ends for the victim.
#[test]
fn each_way_ends_as_it_must() {
    let ways = Way::all();
    let gone = ways.iter().filter_map(Way::go).count();
    assert!(gone >= 90, "{gone} of {} ways", ways.len());
}
