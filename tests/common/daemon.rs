//! A sigtrail that writes to files, as a service does: nothing is read before it
//! has ended but what a test waits for. Whoever wants each line as it comes has
//! [`Sigtrail`](super::Sigtrail).

use std::{
    fs,
    io::{self, BufReader, Read, Seek, SeekFrom},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    vec,
};

use flate2::read::MultiGzDecoder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{Actor, Tally, command, lost, suspend, tally_lines, wait_until};

/// For a test's files, gone with its handle.
pub fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes a configuration in one step, as its owner would.
pub fn configure(directory: &Path, text: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join("sigtrail.toml");
    let fresh = directory.join("fresh");
    fs::write(&fresh, text).unwrap();
    fs::set_permissions(&fresh, PermissionsExt::from_mode(0o640)).unwrap();
    fs::rename(fresh, &path).unwrap();
    path
}

/// A running sigtrail. It is killed if a test forgets it.
#[derive(Debug)]
pub struct Daemon {
    child: Option<Child>,
    pub path: PathBuf,
}

impl Daemon {
    /// Traces what a named actor and its children send: see [`Self::start`].
    pub fn of(actor: &Actor, path: &Path, more: &[&str]) -> Self {
        Self::start(path, &[&actor.filter(), more].concat())
    }

    /// Traces into a file, and waits for the line that says so.
    pub fn start(path: &Path, args: &[&str]) -> Self {
        Self::run(path, command(args).arg("-o").arg(path))
    }

    /// As [`Self::start`], with any command that ends up as sigtrail.
    pub fn run(path: &Path, run: &mut Command) -> Self {
        let before = fs::metadata(path).map_or(0, |data| data.len());
        let daemon = Self::spawn(path, run);
        wait_until("the start", || count_from(path, before, "started") == 1);
        daemon
    }

    pub fn spawn(path: &Path, run: &mut Command) -> Self {
        let child = run
            // Whatever becomes of the test, it ends.
            .args(["--duration", "20m"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            child: Some(child),
            path: path.to_owned(),
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Stops it until it is sent SIGCONT.
    pub fn suspend(&self) {
        suspend(self.pid());
    }

    /// Waits until its file has so many status lines of a state. It may not
    /// rotate: see [`count_in_files`].
    pub fn wait_for(&self, state: &str, times: usize) {
        wait_until(state, || count(&self.path, state) >= times);
    }

    /// Waits for such a line in a file that it writes to, whatever its name.
    pub fn wait_in(path: &Path, state: &str, times: usize) -> Value {
        wait_until(state, || count(path, state) >= times);
        last_of(path, state)
    }

    /// Ends it with a signal, and waits for that.
    pub fn end(mut self, signal: Signal) -> Output {
        self.signal(signal);
        let child = self.child.as_mut().unwrap();
        wait_until("its end", || child.try_wait().unwrap().is_some());
        self.child.take().unwrap().wait_with_output().unwrap()
    }

    /// Ends it well, and reads all that it wrote.
    #[track_caller]
    pub fn stop(self) -> Run {
        let path = self.path.clone();
        self.finish();
        Run::read(files(&path))
    }

    /// Ends it well.
    #[track_caller]
    pub fn finish(self) {
        let output = self.end(Signal::TERM);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((said.as_ref(), output.status.code()), ("", Some(0)));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How many status lines have this state.
pub fn count(path: &Path, state: &str) -> usize {
    count_from(path, 0, state)
}

/// Of those behind so many bytes.
fn count_from(path: &Path, start: u64, state: &str) -> usize {
    let read = || {
        let (mut file, mut bytes) = (fs::File::open(path)?, Vec::new());
        file.seek(SeekFrom::Start(start))?;
        file.read_to_end(&mut bytes).map(|_| bytes)
    };
    count_in(&read().unwrap_or_default(), state)
}

/// As [`count`], over all files of a rotated one: a line does not stay in the
/// first for long.
pub fn count_in_files(path: &Path, state: &str) -> usize {
    let count = |path: &PathBuf| {
        let (mut file, mut bytes) = (fs::File::open(path).ok()?, Vec::new());
        match is_compressed(path) {
            true => MultiGzDecoder::new(file).read_to_end(&mut bytes).ok()?,
            false => file.read_to_end(&mut bytes).ok()?,
        };
        Some(count_in(&bytes, state))
    };
    // One that is renamed meanwhile is found the next time.
    files(path).iter().filter_map(count).sum()
}

/// The last line may be half there.
fn count_in(bytes: &[u8], state: &str) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.matches(&format!(r#""state":"{state}""#)).count()
}

/// What a run wrote. Its signal lines are checked and counted, not kept.
#[derive(Debug)]
pub struct Run {
    pub signals: u64,
    pub lost: u64,
    /// The lines of other types.
    pub others: Vec<Value>,
}

impl Run {
    /// Reads its files, oldest first, as one stream: each line is there, whole,
    /// once and in order.
    #[track_caller]
    pub fn read<P: AsRef<Path>>(files: impl IntoIterator<Item = P>) -> Self {
        let files: Vec<_> = (files.into_iter())
            .map(|path| path.as_ref().to_owned())
            .collect();
        let all = Files {
            left: files.into_iter(),
            open: Box::new(io::empty()),
        };
        tally_lines(BufReader::new(all)).into()
    }

    /// The last line, which tells of the end.
    #[track_caller]
    pub fn end(&self) -> &Value {
        let end = self.others.last().unwrap();
        assert_eq!(end["state"], "stopped");
        end
    }

    /// The law: each call is a line or counted, and the end says the same.
    #[track_caller]
    pub fn assert_law(&self, calls: u64) -> &Self {
        println!(
            "{calls} calls = {} lines + {} lost",
            self.signals, self.lost
        );
        assert_eq!(self.signals + self.lost, calls);
        self.assert_totals()
    }

    /// The lines are as many as the end says, and so are the lost calls.
    #[track_caller]
    pub fn assert_totals(&self) -> &Self {
        let end = self.end();
        assert_eq!(
            (&end["events"], &end["lost"]),
            (&self.signals.into(), &self.lost.into())
        );
        let by_reason = end["lost_by_reason"].as_object();
        let by_reason = by_reason.into_iter().flat_map(|reasons| reasons.values());
        assert_eq!(by_reason.filter_map(Value::as_u64).sum::<u64>(), self.lost);
        self
    }

    /// All that was lost was lost for this reason.
    #[track_caller]
    pub fn assert_lost_by(&self, reason: &str) -> &Self {
        assert!(self.lost > 0);
        assert_eq!(self.end()["lost_by_reason"][reason], self.lost);
        self
    }

    /// So often the output failed with this error.
    #[track_caller]
    pub fn assert_failed_with(&self, errno: &str) -> &Self {
        let end = self.end();
        assert!(
            end["sink_errors"][errno]
                .as_u64()
                .is_some_and(|count| count > 0),
            "{end}"
        );
        self
    }
}

impl From<Tally> for Run {
    fn from(tally: Tally) -> Self {
        Self {
            signals: tally.signals,
            lost: lost(&tally.others),
            others: tally.others.into_iter().map(|line| line.value).collect(),
        }
    }
}

/// Files one after the other; thousands may not be open together.
struct Files {
    left: vec::IntoIter<PathBuf>,
    open: Box<dyn Read>,
}

impl Read for Files {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.open.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            match self.left.next() {
                Some(path) => self.open = open(&path),
                None => return Ok(0),
            }
        }
    }
}

fn open(path: &Path) -> Box<dyn Read> {
    let file = fs::File::open(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    match is_compressed(path) {
        true => Box::new(MultiGzDecoder::new(file)),
        false => Box::new(file),
    }
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// All files of a rotated one, oldest first.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let number = |found: &str| {
        let rest = found.strip_prefix(name)?.strip_prefix('.')?;
        rest.trim_end_matches(".gz").parse::<u32>().ok()
    };
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    let mut old: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            Some((number(path.file_name()?.to_str()?)?, path))
        })
        .collect();
    old.sort_unstable();
    let old = old.into_iter().rev().map(|(_, path)| path);
    old.chain([path.to_owned()]).collect()
}

/// The last status line of a state.
#[track_caller]
pub fn last_of(path: &Path, state: &str) -> Value {
    let text = fs::read_to_string(path).unwrap();
    let values = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let found = values.filter(|line| line["state"] == state);
    found.reduce(|_, later| later).unwrap()
}
