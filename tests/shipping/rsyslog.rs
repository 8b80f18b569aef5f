//! rsyslog itself, with what is shipped for it.

use std::{
    fs,
    io::Read,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use common::{Killed, wait_until};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    CONFIG,
    log::{Log, signals},
    replace, text,
};

/// Where it forwards to: keeps what comes.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<String>>);

impl Collector {
    /// Listens; gives the port.
    fn start() -> (Self, u16) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let into = collector.clone();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (mut from, into) = (connection.unwrap(), into.clone());
                thread::spawn(move || {
                    let mut part = vec![0; 1 << 16];
                    // What is cut between two reads is ASCII, or not valid at all.
                    let mut rest = Vec::new();
                    while let Ok(count @ 1..) = from.read(&mut part) {
                        rest.extend_from_slice(&part[..count]);
                        if rest.ends_with(b"\n") {
                            let text = String::from_utf8(std::mem::take(&mut rest)).unwrap();
                            into.0.lock().unwrap().push_str(&text);
                        }
                    }
                });
            }
        });
        (collector, port)
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn wait_for_signals(&self, wanted: usize) {
        wait_until("all lines", || signals(&self.0.lock().unwrap()) >= wanted);
    }
}

/// A running rsyslogd, which has nothing of the machine's own.
struct Rsyslogd(Killed);

impl Rsyslogd {
    fn start(room: &Path) -> Self {
        let pid = room.join("pid");
        let mut command = Command::new("rsyslogd");
        let child = command
            .args(["-n", "-f", "rsyslog.conf", "-i"])
            .arg(&pid)
            .current_dir(room)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(room.join("said")).unwrap())
            .spawn()
            .expect("rsyslogd is needed: apt-get install rsyslog");
        let rsyslogd = Self(Killed(child));
        wait_until("rsyslogd", || pid.exists());
        rsyslogd
    }

    fn stop(mut self) {
        kill_process(Pid::from_child(&self.0.0), Signal::TERM).unwrap();
        let mut status = None;
        wait_until("rsyslogd's end", || {
            status = self.0.0.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.unwrap().success(), "{status:?}");
    }
}

#[test]
fn rsyslog_forwards_each_line_once_and_as_it_is() {
    let mut log = Log::start("rsyslog");
    let room = log.room.path().to_owned();
    let (collector, port) = Collector::start();
    let shipped = text(format!("{CONFIG}/rsyslog/sigtrail.conf"));
    let config = replace(
        &shipped,
        &[
            ("/var/log/sigtrail", log.directory()),
            ("logs.example.com", "127.0.0.1".to_owned()),
            (r#"Port="6514""#, format!(r#"Port="{port}""#)),
        ],
    );
    // A drop-in has this from Debian's and others' own file.
    let work = format!("global(workDirectory=\"{}\")\n", room.display());
    fs::write(room.join("rsyslog.conf"), work + &config).unwrap();
    let check = Command::new("rsyslogd")
        .args(["-N1", "-f", "rsyslog.conf"])
        .current_dir(&room)
        .output()
        .expect("rsyslogd is needed: apt-get install rsyslog");
    assert!(check.status.success(), "{check:?}");

    // Over many rotations: one at a time, as in life.
    let rsyslogd = Rsyslogd::start(&room);
    for _ in 0..50 {
        log.flood(40);
        collector.wait_for_signals(log.calls());
    }
    log.rotate();
    collector.wait_for_signals(log.calls());
    rsyslogd.stop();

    // What is written meanwhile is read later, if it is in the same file.
    log.flood(20);
    let rsyslogd = Rsyslogd::start(&room);
    log.flood(40);
    collector.wait_for_signals(log.calls());
    let (_room, lines) = log.finish();
    wait_until("the last line", || {
        collector.text().contains(lines.last().unwrap())
    });
    rsyslogd.stop();

    let came = collector.text();
    assert_eq!(came.lines().count(), lines.len());
    for (came, line) in came.lines().zip(&lines) {
        assert_eq!(came, line);
    }
}
