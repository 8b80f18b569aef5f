//! The steps of a rotation, planned from the rotated files that exist.
//!
//! Planning touches no file, so every state that a crash can leave is an
//! ordinary input of a test.

use super::slot::Slot;

/// A rotated file.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct RotatedFile {
    pub(super) slot: Slot,
    pub(super) bytes: u64,
    pub(super) inode: u64,
}

/// One operation in the directory. The next file is already prepared under a
/// hidden name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Remove a rotated file.
    Drop(Slot),
    /// Rename a rotated file; no file has the new name.
    Shift { from: Slot, to: Slot },
    /// Rename the file being written to `NAME.1`.
    Retire,
    /// Give the prepared file its name, which no file has.
    Publish,
    /// Give the prepared file its name, in place of the file being written.
    Replace,
}

/// The steps that make room at `NAME.1` and put the next file in place.
///
/// `rotated` are the rotated files, in any order, and `current` is the size of
/// the file being written. Only what `keep` and `max_total` exclude is dropped,
/// oldest first. The file being written is kept unless `keep` is 0, even if it
/// alone is larger than `max_total`.
///
/// After any prefix of the steps, each kept file has exactly one name, and the
/// order of the indices is the order of age. So a plan made after a crash goes
/// on correctly.
pub(super) fn plan(
    rotated: &[RotatedFile],
    current: u64,
    keep: u32,
    max_total: Option<u64>,
) -> Vec<Step> {
    let mut files = rotated.to_vec();
    files.sort_unstable();
    let mut drops = Vec::new();
    // A plain file beside its .gz: compressing was interrupted between two
    // renames. The plain one is certainly complete.
    let mut kept: Vec<RotatedFile> = Vec::new();
    for file in files {
        match kept.last() {
            Some(last) if last.slot.index == file.slot.index => drops.push(file.slot),
            _ => kept.push(file),
        }
    }
    if keep == 0 {
        drops.extend(kept.iter().map(|file| file.slot));
        return dropping(drops).chain([Step::Replace]).collect();
    }

    // Files move up only as far as the first gap.
    let moving = (1..)
        .zip(&kept)
        .take_while(|(index, file)| *index == file.slot.index)
        .count();
    let mut total = current;
    let mut shifts = Vec::new();
    for (position, RotatedFile { slot, bytes, .. }) in kept.into_iter().enumerate() {
        let moves = position < moving;
        total = total.saturating_add(bytes);
        let too_old = slot.index > keep || (moves && slot.index == keep);
        if too_old || max_total.is_some_and(|most| total > most) {
            drops.push(slot);
        } else if moves {
            let index = slot.index + 1;
            let to = Slot { index, ..slot };
            shifts.push(Step::Shift { from: slot, to });
        }
    }
    dropping(drops)
        .chain(shifts.into_iter().rev())
        .chain([Step::Retire, Step::Publish])
        .collect()
}

/// The steps that remove these files, oldest first.
fn dropping(mut slots: Vec<Slot>) -> impl Iterator<Item = Step> {
    slots.sort_unstable_by(|a, b| b.cmp(a));
    slots.into_iter().map(Step::Drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

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
                assert_eq!(
                    directory.insert(Name::Current, u64::MAX),
                    None,
                    "overwritten"
                );
            }
            Step::Replace => {
                directory.insert(Name::Current, u64::MAX);
            }
        }
    }

    fn file(slot: Slot, bytes: u64) -> RotatedFile {
        RotatedFile {
            slot,
            bytes,
            inode: 0,
        }
    }

    fn rotated(directory: &Directory, bytes: u64) -> Vec<RotatedFile> {
        let rotated = directory.keys().filter_map(|name| match name {
            Name::Rotated(slot) => Some(file(*slot, bytes)),
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
            let steps = plan(&rotated(&directory, 10), 10, keep, total);
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
            for step in plan(&rotated(&directory, 10), 10, keep, total) {
                apply(&mut after, step);
            }
            prop_assert_eq!(after.remove(&Name::Current), Some(u64::MAX));
            let files = rotated(&after, 10);
            prop_assert!(files.iter().all(|file| file.slot.index <= keep));
            prop_assert!(total.is_none_or(|most| files.len() as u64 * 10 <= most.max(10)));
            prop_assert_eq!(after.contains_key(&Name::Rotated(Slot::plain(1))), keep > 0);
            // Oldest first: nothing older than a dropped file remains.
            let gone = directory.values().filter(|age| !after.values().any(|a| a == *age)).min();
            if let (Some(gone), true) = (gone, keep > 0) {
                prop_assert!(after.values().all(|age| age < gone));
            }
        }
    }

    #[test]
    fn a_third_rotation_shifts_from_the_oldest_down() {
        let rotated = [file(Slot::plain(1), 5), file(Slot::compressed(2), 1)];
        let shift = |from: Slot, to| Step::Shift { from, to };
        assert_eq!(
            plan(&rotated, 5, 7, None),
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
        let rotated = [file(Slot::plain(2), 9), file(Slot::compressed(2), 1)];
        let steps = plan(&rotated, 5, 7, None);
        assert_eq!(
            steps,
            [Step::Drop(Slot::compressed(2)), Step::Retire, Step::Publish]
        );
    }

    #[test]
    fn keeping_none_replaces_the_file_in_one_step() {
        assert_eq!(plan(&[], 5, 0, None), [Step::Replace]);
        let old = [file(Slot::plain(1), 1), file(Slot::compressed(2), 1)];
        let drops = [Step::Drop(Slot::compressed(2)), Step::Drop(Slot::plain(1))];
        assert_eq!(
            plan(&old, 5, 0, None),
            [&drops[..], &[Step::Replace]].concat()
        );
    }
}
