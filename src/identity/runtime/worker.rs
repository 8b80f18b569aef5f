//! The thread that reads the files, so that nobody else waits for a slow disk.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::Builder,
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    places::Places,
    search::{Answer, Search},
    subject::Subject,
};
use crate::privilege::drop_start_capabilities;

/// Most questions, and most answers, that wait.
const WAITING: usize = 256;
/// The thread's nice value: lines come first.
const NICE: i32 = 10;

/// The handle to the thread, which ends with it.
#[derive(Debug)]
pub(super) struct Worker {
    questions: SyncSender<Arc<Subject>>,
    answers: Receiver<(Arc<Subject>, Answer)>,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The root of all places cannot be opened, or there is no thread.
    pub(super) fn start(places: Places) -> Result<Self> {
        let root = places.root.display().to_string();
        let mut search = Search::new(places)
            .with_context(|| format!("cannot look for the names of containers below {root}"))?;
        let (questions, asked) = sync_channel::<Arc<Subject>>(WAITING);
        let (done, answers) = sync_channel(WAITING);
        let work = move || {
            // The thread may start before the process has dropped its capabilities.
            let _ = drop_start_capabilities();
            let _ = rustix::process::nice(NICE);
            while let Ok(subject) = asked.recv() {
                let answer = search.look_up(&subject);
                if done.send((subject, answer)).is_err() {
                    return;
                }
            }
        };
        Builder::new()
            .name("names".into())
            .spawn(work)
            .context("cannot start the thread that looks for the names of containers")?;
        Ok(Self { questions, answers })
    }

    /// Asks. False if too many questions wait.
    pub(super) fn ask(&self, subject: &Arc<Subject>) -> bool {
        let asked = self.questions.try_send(Arc::clone(subject));
        !matches!(asked, Err(TrySendError::Full(_)))
    }

    /// The next answer, if there is one.
    pub(super) fn answer(&self) -> Option<(Arc<Subject>, Answer)> {
        self.answers.try_recv().ok()
    }

    /// Waits for the next answer.
    pub(super) fn wait(&self, time: Duration) -> Result<(Arc<Subject>, Answer), RecvTimeoutError> {
        self.answers.recv_timeout(time)
    }
}
