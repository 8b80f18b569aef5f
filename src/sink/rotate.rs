//! What a rotation does, as a plan made from the names that are there.
//!
//! `NAME` is the file being written, `NAME.1` the newest rotated one (always plain: a reader may
//! still be at its end), `NAME.2.gz` and up are older. Planning touches nothing, so that every
//! state a crash can leave is a plain input of a test.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A rotated file.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Slot {
    /// Age: 1 is the newest.
    pub index: u32,
    pub gz: bool,
}

impl Slot {
    pub(super) fn plain(index: u32) -> Self {
        Self { index, gz: false }
    }

    pub(super) fn compressed(index: u32) -> Self {
        Self { index, gz: true }
    }

    /// `NAME.3` or `NAME.3.gz`.
    pub(super) fn name(self, base: &OsStr) -> OsString {
        let mut name = base.to_os_string();
        name.push(format!(
            ".{}{}",
            self.index,
            if self.gz { ".gz" } else { "" }
        ));
        name
    }

    /// The slot that a directory entry stands for, if it is one of `base`'s.
    pub(super) fn parse(base: &OsStr, entry: &[u8]) -> Option<Self> {
        let rest = entry.strip_prefix(base.as_bytes())?.strip_prefix(b".")?;
        let (digits, gz) = match rest.strip_suffix(b".gz") {
            Some(digits) => (digits, true),
            None => (rest, false),
        };
        // No sign, no leading zero: a name maps to one slot and back.
        if !matches!(digits.first(), Some(b'1'..=b'9')) {
            return None;
        }
        let index = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some(Self { index, gz })
    }
}

/// A hidden name beside the log, which no glob on `NAME*` matches.
pub(super) fn hidden(base: &OsStr, suffix: &str) -> OsString {
    let mut name = Vec::with_capacity(base.len() + suffix.len() + 1);
    name.push(b'.');
    name.extend_from_slice(base.as_bytes());
    name.extend_from_slice(suffix.as_bytes());
    OsString::from_vec(name)
}

/// One directory operation. The next file is already prepared under a hidden name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Remove a rotated file.
    Drop(Slot),
    /// Rename a rotated file; nothing has the new name.
    Shift { from: Slot, to: Slot },
    /// Rename the file being written to `NAME.1`.
    Retire,
    /// Give the prepared file its name. Without a `Retire` before it, it replaces the old one.
    Publish,
}

/// The steps that make room at `NAME.1` and put the next file in place.
///
/// `present` are the rotated files with their sizes in bytes, in any order; `current` is the size
/// of the file being written. Only what `keep` and `max_total` exclude is dropped, oldest first;
/// the file just rotated is always kept unless `keep` is 0, even if it alone exceeds `max_total`.
///
/// After any prefix of the steps, every kept file has exactly one name and the order by index is
/// the order by age, so a plan made from what a crash left behind continues correctly.
pub(super) fn plan(
    present: &[(Slot, u64)],
    current: u64,
    keep: u32,
    max_total: Option<u64>,
) -> Vec<Step> {
    let mut files = present.to_vec();
    files.sort_unstable();
    let mut drops = Vec::new();
    // A plain file beside its .gz: compressing was cut short between two renames. The plain one
    // is whole for certain.
    let mut kept: Vec<(Slot, u64)> = Vec::new();
    for (slot, size) in files {
        match kept.last() {
            Some((last, _)) if last.index == slot.index => drops.push(slot),
            _ => kept.push((slot, size)),
        }
    }
    if keep == 0 {
        drops.extend(kept.iter().map(|(slot, _)| *slot));
        drops.sort_unstable_by(|a, b| b.cmp(a));
        return drops
            .into_iter()
            .map(Step::Drop)
            .chain([Step::Publish])
            .collect();
    }

    // Files move up only as far as the first hole.
    let run = (1..)
        .zip(&kept)
        .take_while(|(n, (slot, _))| *n == slot.index)
        .count();
    let mut total = current;
    let mut shifts = Vec::new();
    for (position, (slot, size)) in kept.into_iter().enumerate() {
        let moves = position < run;
        total = total.saturating_add(size);
        let too_old = slot.index > keep || (moves && slot.index == keep);
        if too_old || max_total.is_some_and(|most| total > most) {
            drops.push(slot);
        } else if moves {
            let to = Slot {
                index: slot.index + 1,
                gz: slot.gz,
            };
            shifts.push(Step::Shift { from: slot, to });
        }
    }
    drops.sort_unstable_by(|a, b| b.cmp(a));
    let drops = drops.into_iter().map(Step::Drop);
    drops
        .chain(shifts.into_iter().rev())
        .chain([Step::Retire, Step::Publish])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// A directory: which file (by its age, 0 = being written) has which name.
    type Directory = BTreeMap<Name, u64>;

    #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
    enum Name {
        Current,
        Rotated(Slot),
    }

    fn apply(directory: &mut Directory, step: Step) {
        match step {
            Step::Drop(slot) => assert!(directory.remove(&Name::Rotated(slot)).is_some()),
            Step::Shift { from, to } => {
                let file = directory.remove(&Name::Rotated(from)).unwrap();
                assert_eq!(
                    directory.insert(Name::Rotated(to), file),
                    None,
                    "overwritten"
                );
            }
            Step::Retire => {
                let file = directory.remove(&Name::Current).unwrap();
                let to = Name::Rotated(Slot::plain(1));
                assert_eq!(directory.insert(to, file), None, "overwritten");
            }
            Step::Publish => {
                directory.insert(Name::Current, u64::MAX);
            }
        }
    }

    fn sizes(directory: &Directory, size: u64) -> Vec<(Slot, u64)> {
        let rotated = directory.keys().filter_map(|name| match name {
            Name::Rotated(slot) => Some((*slot, size)),
            Name::Current => None,
        });
        rotated.collect()
    }

    fn directories() -> impl Strategy<Value = Directory> {
        prop::collection::btree_map(1u32..12, any::<bool>(), 0..10).prop_map(|slots| {
            let mut directory: Directory = slots
                .into_iter()
                .map(|(index, gz)| (Name::Rotated(Slot { index, gz }), u64::from(index)))
                .collect();
            directory.insert(Name::Current, 0);
            directory
        })
    }

    proptest! {
        #[test]
        fn stopping_after_any_step_loses_and_reorders_nothing(
            directory in directories(), keep in 1u32..12, total in prop::option::of(0u64..80),
        ) {
            let steps = plan(&sizes(&directory, 10), 10, keep, total);
            let dropped: Vec<_> = steps.iter().filter_map(|step| match step {
                Step::Drop(slot) => Some(directory[&Name::Rotated(*slot)]),
                _ => None,
            }).collect();
            for stop in 0..=steps.len() {
                let mut left = directory.clone();
                steps[..stop].iter().for_each(|step| apply(&mut left, *step));
                let ages: Vec<_> = left.values().copied().filter(|age| *age != u64::MAX).collect();
                prop_assert!(ages.is_sorted(), "{left:?}");
                for age in directory.values().filter(|age| !dropped.contains(age)) {
                    prop_assert!(ages.contains(age), "{age} is gone after {stop} of {steps:?}");
                }
            }
        }

        #[test]
        fn a_rotation_keeps_what_was_asked_and_no_more(
            directory in directories(), keep in 0u32..12, total in prop::option::of(10u64..80),
        ) {
            let mut after = directory.clone();
            for step in plan(&sizes(&directory, 10), 10, keep, total) {
                apply(&mut after, step);
            }
            prop_assert_eq!(after.remove(&Name::Current), Some(u64::MAX));
            let slots = sizes(&after, 10);
            prop_assert!(slots.iter().all(|(slot, _)| slot.index <= keep));
            prop_assert!(total.is_none_or(|most| slots.len() as u64 * 10 <= most.max(10)));
            prop_assert_eq!(after.contains_key(&Name::Rotated(Slot::plain(1))), keep > 0);
            // Oldest first: nothing older than a dropped file remains.
            let gone = directory.values().filter(|age| !after.values().any(|a| a == *age)).min();
            if let (Some(gone), true) = (gone, keep > 0) {
                prop_assert!(after.values().all(|age| age < gone));
            }
        }

        #[test]
        fn a_name_is_read_back_as_its_slot(index in 1u32.., gz: bool) {
            let slot = Slot { index, gz };
            let base = OsStr::new("sigtrail.jsonl");
            prop_assert_eq!(Slot::parse(base, slot.name(base).as_bytes()), Some(slot));
        }
    }

    #[test]
    fn foreign_names_are_left_alone() {
        let base = OsStr::new("sigtrail.jsonl");
        for name in [
            "sigtrail.jsonl",
            "sigtrail.jsonl.",
            "sigtrail.jsonl.0",
            "sigtrail.jsonl.01",
            "sigtrail.jsonl.+1",
            "sigtrail.jsonl.1.gz.tmp",
            "sigtrail.jsonl.gz",
            "other.1",
            "sigtrail.jsonl.99999999999",
            "sigtrail.jsonl.bak",
            ".sigtrail.jsonl.next",
        ] {
            assert_eq!(Slot::parse(base, name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn a_third_rotation_shifts_from_the_oldest_down() {
        let present = [(Slot::plain(1), 5), (Slot::compressed(2), 1)];
        let shift = |from: Slot, to| Step::Shift { from, to };
        assert_eq!(
            plan(&present, 5, 7, None),
            [
                shift(Slot::compressed(2), Slot::compressed(3)),
                shift(Slot::plain(1), Slot::plain(2)),
                Step::Retire,
                Step::Publish
            ]
        );
    }

    #[test]
    fn a_half_finished_compression_keeps_the_plain_file() {
        let present = [(Slot::plain(2), 9), (Slot::compressed(2), 1)];
        let steps = plan(&present, 5, 7, None);
        assert_eq!(
            steps,
            [Step::Drop(Slot::compressed(2)), Step::Retire, Step::Publish]
        );
    }

    #[test]
    fn keeping_none_replaces_the_file_in_one_step() {
        assert_eq!(plan(&[], 5, 0, None), [Step::Publish]);
        let old = [(Slot::plain(1), 1), (Slot::compressed(2), 1)];
        let drops = [Step::Drop(Slot::compressed(2)), Step::Drop(Slot::plain(1))];
        assert_eq!(
            plan(&old, 5, 0, None),
            [&drops[..], &[Step::Publish]].concat()
        );
    }
}
