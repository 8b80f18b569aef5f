//! Rotation of a file, and what becomes of rotated files.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use rustix::{
    fs::{Dir, Mode, OFlags, RenameFlags},
    io::Errno,
};

use super::{
    compress::Source,
    directory::{GZ_TEMPORARY, NEXT},
    file::LogFile,
    rotate::{RotatedFile, Step, plan},
    slot::{Slot, hidden},
    worker::Job,
};

impl LogFile {
    /// Replaces the file by the next one. If that fails, the old file stays in
    /// use under whatever name it has by then, and the next try starts from the
    /// names that exist.
    pub(super) fn rotate(&mut self, now: Instant) -> Result<()> {
        let Some(rotation) = self.rotation() else {
            return Ok(());
        };
        let (keep, max_total) = (rotation.keep, rotation.max_total);
        // First what can fail for lack of space, before any name changes.
        let next = self.directory.create_next(&self.config)?;
        let prepared = hidden(&self.directory.log_name, NEXT);
        let result = self.rotated_files().and_then(|rotated| {
            let steps = plan(&rotated, self.size, keep, max_total);
            steps.into_iter().try_for_each(|step| self.apply(step))
        });
        if let Err(error) = result {
            let _ = self.directory.remove(&prepared);
            return Err(error);
        }
        self.switch_to(next, now);
        self.born = now;
        self.compress_next();
        Ok(())
    }

    fn apply(&mut self, step: Step) -> Result<()> {
        let base = self.directory.log_name.clone();
        match step {
            Step::Drop(slot) => self.remove_file(&slot.name(&base)),
            Step::Shift { from, to } => self.rename(&from.name(&base), &to.name(&base)),
            Step::Retire => match self.rename(&base, &Slot::plain(1).name(&base)) {
                // Somebody has moved it, or an earlier try stopped after this
                // step.
                Err(error) if error.downcast_ref() == Some(&Errno::NOENT) => Ok(()),
                result => result,
            },
            Step::Publish => self.rename(&hidden(&base, NEXT), &base),
            Step::Replace => {
                let directory = &*self.directory.fd;
                rustix::fs::renameat(directory, hidden(&base, NEXT), directory, &base)
                    .context("cannot put the next file in place")
            }
        }
    }

    /// Renames without replacing a file, if the filesystem can do that.
    fn rename(&self, from: &OsStr, to: &OsStr) -> Result<()> {
        let directory = &*self.directory.fd;
        let result =
            rustix::fs::renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE);
        let result = match result {
            Err(Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::renameat(directory, from, directory, to)
            }
            result => result,
        };
        result.with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
    }

    /// Removes a file's name, and lets the worker free its blocks.
    fn remove_file(&mut self, name: &OsStr) -> Result<()> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = rustix::fs::openat(&*self.directory.fd, name, flags, Mode::empty());
        self.directory
            .remove(name)
            .with_context(|| format!("cannot remove {}", name.display()))?;
        if let Ok(held) = held {
            self.give(Job::Close(Arc::new(held)));
        }
        Ok(())
    }

    /// Lists the rotated files, in no order.
    fn rotated_files(&self) -> Result<Vec<RotatedFile>> {
        let list = || {
            let mut files = Vec::new();
            for entry in Dir::read_from(&*self.directory.fd)? {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                let Some(slot) = Slot::parse(&self.directory.log_name, name) else {
                    continue;
                };
                match self.directory.stat(OsStr::from_bytes(name)) {
                    Ok(stat) => files.push(RotatedFile {
                        slot,
                        bytes: u64::try_from(stat.st_size).unwrap_or(0),
                        inode: stat.st_ino,
                    }),
                    Err(Errno::NOENT) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(files)
        };
        list().context("cannot list the rotated files")
    }

    /// Removes the hidden files that an interrupted rotation has left, and
    /// continues compressing. If something fails, the next rotation tries it
    /// again.
    pub(super) fn clean_up(&mut self) {
        if self.rotates() {
            for suffix in [NEXT, GZ_TEMPORARY] {
                let _ = self
                    .directory
                    .remove(&hidden(&self.directory.log_name, suffix));
            }
            self.compress_next();
        }
    }

    /// Gives the worker the oldest plain file after `.1`, if there is one. One
    /// at a time, since files are renamed meanwhile. The inode number then
    /// finds the file.
    fn compress_next(&mut self) {
        if self.compressing || !self.rotation().is_some_and(|rotation| rotation.compress) {
            return;
        }
        let Ok(files) = self.rotated_files() else {
            return;
        };
        // After a rotation that failed between two steps, the file being
        // written may have such a name.
        let plain = files
            .into_iter()
            .filter(|file| file.slot.index > 1 && !file.slot.gz && file.inode != self.id.inode);
        let Some(RotatedFile { slot, .. }) = plain.max() else {
            return;
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let name = slot.name(&self.directory.log_name);
        let directory = Arc::clone(&self.directory.fd);
        let opened = rustix::fs::openat(&*directory, name, flags, Mode::empty());
        let opened = opened.and_then(|file| Ok((rustix::fs::fstat(&file)?.st_ino, file)));
        if let Ok((inode, file)) = opened {
            let temporary = hidden(&self.directory.log_name, GZ_TEMPORARY);
            self.compressing = self.give(Job::Compress(Source {
                directory,
                file,
                inode,
                temporary,
            }));
        }
    }

    /// Replaces a plain file, whatever its name by now, by its compressed copy.
    pub(super) fn finish_compression(&mut self, inode: u64, result: Result<()>) -> Result<()> {
        self.compressing = false;
        // If it failed, the next rotation tries again.
        result?;
        let temporary = hidden(&self.directory.log_name, GZ_TEMPORARY);
        let mut files = self.rotated_files()?.into_iter();
        let plain = files.find(|file| !file.slot.gz && file.slot.index > 1 && file.inode == inode);
        let Some(RotatedFile { slot, .. }) = plain else {
            // It was removed meanwhile.
            self.directory.remove(&temporary)?;
            self.compress_next();
            return Ok(());
        };
        let base = self.directory.log_name.clone();
        let to = Slot::compressed(slot.index).name(&base);
        let directory = &*self.directory.fd;
        // If there is a .gz of that name, it is a copy of the same file from
        // before a crash.
        rustix::fs::renameat(directory, &temporary, directory, &to)
            .with_context(|| format!("cannot put {} in place", to.display()))?;
        self.remove_file(&slot.name(&base))?;
        self.compress_next();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    use tempfile::TempDir;

    use super::*;
    use crate::sink::{
        config::{FileConfig, Rotation},
        queue::Queue,
    };

    fn directory() -> TempDir {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o750)).unwrap();
        directory
    }

    fn open(log: &Path, keep: u32) -> LogFile {
        let rotation = Some(Rotation {
            keep,
            ..Rotation::default()
        });
        let config = FileConfig {
            rotation,
            ..FileConfig::append(log)
        };
        LogFile::open(config, Instant::now()).unwrap()
    }

    fn write(file: &mut LogFile, text: &str) {
        assert_eq!(file.write(text.as_bytes()), Ok(text.len()));
    }

    /// All lines, oldest file first, and how many names there are.
    fn read_all(log: &Path) -> (String, usize) {
        let mut slots: Vec<_> = fs::read_dir(log.parent().unwrap())
            .unwrap()
            .filter_map(|entry| {
                let name = entry.unwrap().file_name();
                Slot::parse(log.file_name().unwrap(), name.as_bytes())
            })
            .collect();
        slots.sort_unstable_by(|a, b| b.cmp(a));
        let name = |slot: &Slot| log.with_file_name(slot.name(log.file_name().unwrap()));
        let rotated = slots
            .iter()
            .map(|slot| fs::read_to_string(name(slot)).unwrap());
        (
            rotated.chain(fs::read_to_string(log)).collect(),
            slots.len() + 1,
        )
    }

    /// The steps of the next rotation, with the next file prepared.
    fn prepare(file: &LogFile, keep: u32) -> Vec<Step> {
        file.directory.create_next(&file.config).unwrap();
        plan(&file.rotated_files().unwrap(), file.size, keep, None)
    }

    #[test]
    fn a_crash_after_any_step_loses_no_line_that_is_to_be_kept() {
        for keep in [1, 2, 3, 10] {
            for stop in 0.. {
                let directory = directory();
                let log = directory.path().join("f");
                let mut file = open(&log, keep);
                for text in ["a\n", "b\n", "c\n"] {
                    write(&mut file, text);
                    file.rotate(Instant::now()).unwrap();
                }
                write(&mut file, "d\n");
                let before = read_all(&log).0;
                let steps = prepare(&file, keep);
                let Some(done) = steps.get(..stop) else { break };
                for step in done {
                    file.apply(*step).unwrap();
                }
                let dropped = done
                    .iter()
                    .filter(|step| matches!(step, Step::Drop(_)))
                    .count();
                drop(file);

                let mut file = open(&log, keep);
                assert!(!directory.path().join(".f.next").exists());
                let (after, _) = read_all(&log);
                assert_eq!(
                    after,
                    before[2 * dropped..],
                    "keep {keep}, crash after {done:?}"
                );
                write(&mut file, "e\n");
                file.rotate(Instant::now()).unwrap();
                write(&mut file, "f\n");
                let (after, files) = read_all(&log);
                assert!((before + "e\nf\n").ends_with(&after), "{after:?}");
                assert!(after.ends_with("e\nf\n"));
                assert!(files <= keep as usize + 1, "no more than asked for");
            }
        }
    }

    #[test]
    fn a_rotation_that_fails_after_any_step_goes_on_in_the_same_file() {
        for stop in 0.. {
            let directory = directory();
            let log = directory.path().join("f");
            let mut file = open(&log, 5);
            write(&mut file, "a\n");
            file.rotate(Instant::now()).unwrap();
            write(&mut file, "b\n");
            let steps = prepare(&file, 5);
            // The last step ends it: there is nothing left to fail.
            if stop == steps.len() {
                break;
            }
            steps[..stop]
                .iter()
                .for_each(|step| file.apply(*step).unwrap());
            write(&mut file, "c\n");
            file.rotate(Instant::now()).unwrap();
            write(&mut file, "d\n");
            assert_eq!(
                read_all(&log).0,
                "a\nb\nc\nd\n",
                "failed after {:?}",
                &steps[..stop]
            );
            assert_eq!(fs::read_to_string(&log).unwrap(), "d\n");
        }
    }

    #[test]
    fn a_crash_while_compressing_leaves_each_line_once() {
        let directory = directory();
        let log = directory.path().join("f");
        fs::write(directory.path().join("f.2"), "a\n").unwrap();
        fs::write(directory.path().join("f.2.gz"), "cut short").unwrap();
        fs::write(directory.path().join(".f.gz.tmp"), "cut sh").unwrap();
        fs::write(directory.path().join("f.1"), "b\n").unwrap();
        let mut file = open(&log, 5);
        assert!(!directory.path().join(".f.gz.tmp").exists());
        write(&mut file, "c\n");
        file.rotate(Instant::now()).unwrap();
        assert_eq!(read_all(&log), ("a\nb\nc\n".to_owned(), 4));
        assert!(!directory.path().join("f.2.gz").exists());
    }

    #[test]
    fn somebody_else_at_the_name_is_not_overwritten() {
        let directory = directory();
        let log = directory.path().join("f");
        let mut file = open(&log, 5);
        write(&mut file, "a\n");
        let steps = prepare(&file, 5);
        assert_eq!(steps, [Step::Retire, Step::Publish]);
        file.apply(Step::Retire).unwrap();
        fs::write(&log, "theirs\n").unwrap();
        assert!(file.apply(Step::Publish).is_err());
        write(&mut file, "b\n");
        file.rotate(Instant::now()).unwrap();
        assert_eq!(read_all(&log).0, "a\nb\ntheirs\n");
        let mut queue = Queue::new(4096);
        file.reopen(&mut queue, Instant::now()).unwrap();
    }
}
