//! Servers of Debian, each with files of its own.

use std::{
    fs::{self, File},
    io::Write,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use common::{Killed, copy_executable, output_of, wait_until};
use rustix::{
    fs::{Mode, OFlags},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

/// A server that can be started.
pub struct Server {
    /// The name of its process.
    pub comm: &'static str,
    /// What is executed, links aside, as lines have it.
    pub exe: PathBuf,
    pub command: Vec<String>,
    /// Where it says its pid when it is there.
    pub pid_file: PathBuf,
    /// What that file has then.
    ready: &'static str,
    /// Its user and group.
    owner: Option<(u32, u32)>,
    directory: PathBuf,
}

/// A server that runs.
pub struct Running {
    /// It, or what started it.
    pub started: Killed,
    pub pid: i64,
    /// What is typed on its terminal goes there.
    keyboard: File,
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Links aside, as lines have it.
pub fn canonical(program: &str) -> PathBuf {
    fs::canonicalize(program).unwrap_or_else(|why| panic!("{program} is needed: {why}"))
}

/// Number and group of a user.
fn user(name: &str) -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let found = users.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        (fields[0] == name).then(|| (fields[2].parse().unwrap(), fields[3].parse().unwrap()))
    });
    found.unwrap_or_else(|| panic!("{name} is needed"))
}

impl Server {
    fn new(comm: &'static str, exe: &str, directory: &Path, command: &str) -> Self {
        Self {
            comm,
            exe: canonical(exe),
            command: words(command),
            pid_file: directory.join("pid"),
            ready: "\n",
            owner: None,
            directory: directory.to_owned(),
        }
    }

    pub fn nginx(directory: &Path) -> Self {
        let path = directory.display();
        let text = format!(
            "daemon off;\nworker_processes 2;\npid {path}/pid;\nevents {{}}\n\
             http {{\naccess_log off;\nserver {{ listen unix:{path}/socket; }}\n}}\n"
        );
        fs::write(directory.join("conf"), text).unwrap();
        let command = format!("/usr/sbin/nginx -e {path}/log -c {path}/conf");
        Self::new("nginx", "/usr/sbin/nginx", directory, &command)
    }

    pub fn redis(directory: &Path) -> Self {
        let path = directory.display();
        let command = format!(
            "/usr/bin/redis-server --port 0 --unixsocket {path}/socket --dir {path} \
             --pidfile {path}/pid --set-proc-title no --save"
        );
        let mut redis = Self::new("redis-server", "/usr/bin/redis-server", directory, &command);
        redis.command.push(String::new());
        redis
    }

    /// In a network of its own, so that no port is another's, and with a `/run` of its
    /// own, where it wants an empty directory.
    pub fn sshd(directory: &Path) -> Self {
        let path = directory.display();
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
        let made = output_of(keygen.arg(directory.join("key")));
        assert!(made.status.success(), "{made:?}");
        let text = format!("HostKey {path}/key\nPidFile {path}/pid\nListenAddress 0.0.0.0\n");
        fs::write(directory.join("conf"), text).unwrap();
        let script = "mount -t tmpfs none /run && mkdir /run/sshd && exec /usr/sbin/sshd";
        let mut sshd = Self::new("sshd", "/usr/sbin/sshd", directory, "unshare --net --mount");
        let script = format!("{script} -D -e -f {path}/conf");
        sshd.command
            .extend(["sh", "-c", &script].map(str::to_owned));
        sshd
    }

    pub fn postgres(directory: &Path) -> Self {
        let versions = fs::read_dir("/usr/lib/postgresql").expect("postgresql is needed");
        let version = versions.map(|entry| entry.unwrap().path()).max().unwrap();
        let path = directory.display();
        let program = |name: &str| version.join("bin").join(name).display().to_string();
        let owner = user("postgres");
        std::os::unix::fs::chown(directory, Some(owner.0), Some(owner.1)).unwrap();
        let mut initdb = Command::new(program("initdb"));
        initdb
            .args(["-A", "trust", "-N", "-D"])
            .arg(directory.join("data"));
        initdb.uid(owner.0).gid(owner.1).current_dir(directory);
        let made = output_of(&mut initdb);
        assert!(made.status.success(), "{made:?}");
        let exe = program("postgres");
        let command = format!("{exe} -D {path}/data -h  -k {path}");
        let mut postgres = Self::new("postgres", &exe, directory, &command);
        postgres.command.insert(4, String::new());
        postgres.pid_file = directory.join("data/postmaster.pid");
        postgres.ready = "ready";
        postgres.owner = Some(owner);
        postgres
    }

    /// With tables of its own, none of which has a job. It is a copy, by whose path it
    /// is told from the system's.
    pub fn cron(directory: &Path) -> Self {
        let path = directory.display();
        let exe = format!("{path}/cron");
        copy_executable("/usr/sbin/cron", &exe);
        fs::write(directory.join("crontab"), "").unwrap();
        for name in ["empty", "run"] {
            fs::create_dir(directory.join(name)).unwrap();
        }
        let mounts = format!(
            "cd {path} && mount --bind crontab /etc/crontab && mount --bind empty /etc/cron.d && \
             mount --bind empty /var/spool/cron/crontabs && mount --bind run /run && exec {exe} -f"
        );
        let mut cron = Self::new("cron", &exe, directory, "unshare --mount sh -c");
        cron.command.push(mounts);
        cron.pid_file = directory.join("run/crond.pid");
        cron
    }

    /// A command that runs as its user.
    pub fn as_owner(&self, words: &[String]) -> Command {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(&self.directory);
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    /// Starts it, by a wrapper of these words, on a terminal of its own.
    pub fn start(&self, wrapper: &[&str]) -> Running {
        let _ = fs::remove_file(&self.pid_file);
        let (keyboard, terminal) = terminal();
        let session = ["setsid", "--ctty"].iter().chain(wrapper);
        let session = session.map(|&word| word.to_owned());
        let all: Vec<_> = session.chain(self.command.iter().cloned()).collect();
        let mut command = self.as_owner(&all);
        command.stdin(terminal);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let started = Killed(command.spawn().unwrap());
        let mut said = String::new();
        wait_until("the server", || {
            said = fs::read_to_string(&self.pid_file).unwrap_or_default();
            said.contains(self.ready)
        });
        Running {
            started,
            pid: said.lines().next().unwrap().trim().parse().unwrap(),
            keyboard: File::from(keyboard),
        }
    }
}

impl Running {
    /// Types Ctrl-C.
    pub fn interrupt(&mut self) {
        self.keyboard.write_all(b"\x03").unwrap();
    }

    /// How it, or its wrapper, ended.
    pub fn end(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the server's end", || {
            status = self.started.0.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Running {
    /// Its wrapper may not take it along.
    fn drop(&mut self) {
        if self
            .started
            .0
            .try_wait()
            .is_ok_and(|status| status.is_none())
        {
            let pid = Pid::from_raw(i32::try_from(self.pid).unwrap()).unwrap();
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// A terminal's two ends.
fn terminal() -> (OwnedFd, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = rustix::fs::open(&name, flags, Mode::empty()).unwrap();
    (master, terminal)
}
