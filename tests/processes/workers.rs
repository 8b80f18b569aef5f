//! Servers whose workers execute nothing, and say by their titles what they are.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{net::UnixStream, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use common::{DEADLINE, Sigtrail, directory, process, wait_until};
use rustix::process::Signal;

use crate::{
    ROOM, children_titled,
    server::{Server, Witnesses},
};

/// By what the sender or target is, so that other tests' are left out.
fn trace(comm: &str) -> Sigtrail {
    Sigtrail::start(&[&ROOM[..], &["--target-comm", comm]].concat())
}

fn postgres() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("postgresql is needed");
    let version = versions.map(|entry| entry.unwrap().path()).max().unwrap();
    version.join("bin")
}

#[test]
fn workers_of_postgresql_have_arguments_and_titles() {
    let directory = directory();
    let path = directory.path();
    let owner = user("postgres");
    std::os::unix::fs::chown(path, Some(owner.0), Some(owner.1)).unwrap();
    let data = path.join("data");
    let command = |name: &str| {
        let mut command = Command::new(postgres().join(name));
        command.uid(owner.0).gid(owner.1).current_dir(path);
        command.arg("-D").arg(&data);
        command
    };
    let output = common::output_of(command("initdb").args(["-A", "trust", "-N"]));
    assert!(output.status.success(), "{output:?}");

    let older = trace("postgres");
    let mut server = Server::start(command("postgres").args(["-h", "", "-k"]).arg(path));
    server.wait_for_worker("postgres: logical replication launcher");
    let mut witnesses = Witnesses {
        older,
        younger: trace("postgres"),
    };
    server.kill_worker(
        &mut witnesses,
        "postgres: logical replication launcher",
        Signal::TERM,
    );
    // The master ends the others, and starts new ones.
    server.kill_worker(&mut witnesses, "postgres: walwriter", Signal::KILL);
    server.wait_for_worker("postgres: walwriter");
    server.wait_for_worker("postgres: logical replication launcher");
    server.kill_worker(&mut witnesses, "postgres: checkpointer", Signal::KILL);
    server.wait_for_worker("postgres: walwriter");
    server.kill_master(Signal::INT, None);
    server.check(witnesses);
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

#[test]
fn workers_of_nginx_have_arguments_and_titles() {
    const MASTER: &str = "nginx: master process";
    const WORKER: &str = "nginx: worker process";
    let directory = directory();
    let path = directory.path().to_str().unwrap();
    let conf = format!("{path}/conf");
    let text = format!("daemon off;\nworker_processes 2;\npid {path}/pid;\nevents {{}}\n");
    fs::write(&conf, text).unwrap();
    let log = format!("{path}/log");
    let mut command = Command::new("/usr/sbin/nginx");
    command.args(["-e", &log, "-c", &conf]);

    let older = trace("nginx");
    let mut server = Server::start(&mut command);
    server.wait_for_worker(WORKER);
    let mut witnesses = Witnesses {
        older,
        younger: trace("nginx"),
    };
    server.kill_worker(&mut witnesses, WORKER, Signal::TERM);
    server.kill_worker(&mut witnesses, WORKER, Signal::KILL);
    server.wait_for_worker(WORKER);
    server.kill_worker(&mut witnesses, WORKER, Signal::KILL);
    // Its workers outlive it if it is killed.
    let mut workers = Vec::new();
    wait_until("two workers", || {
        workers = children_titled(server.pid(), WORKER);
        workers.len() == 2
    });
    witnesses.wait_for_title(server.pid(), MASTER);
    for worker in &workers {
        witnesses.wait_for_title(*worker, WORKER);
    }
    server.kill_master(Signal::KILL, Some(MASTER));
    for worker in workers {
        server.kill(worker, Signal::TERM, Some(WORKER));
        wait_until("its end", || {
            process::stat(worker).is_none_or(|stat| stat[0] == "Z")
        });
    }
    server.check(witnesses);
}

/// A title is 15 bytes of a thread's name, too.
fn trace_gunicorn() -> Sigtrail {
    let comms = ["gunicorn", "gunicorn: maste", "gunicorn: worke"];
    Sigtrail::start(
        &[
            &ROOM[..],
            &comms.map(|comm| ["--target-comm", comm]).concat(),
        ]
        .concat(),
    )
}

/// Asks the server for a page: its worker is ready to be signalled if it answers.
fn wait_for_answer(socket: &Path) {
    let mut stream = None;
    wait_until("the server", || {
        stream = UnixStream::connect(socket).ok();
        stream.is_some()
    });
    let mut stream = stream.unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
}

/// Runs gunicorn with a module of that text in place of what sets its titles, if
/// there is one, and ends its worker twice and then its master.
fn end_gunicorn(setproctitle: Option<&str>) {
    const APP: &str = "def app(environ, start_response):
    start_response('200 OK', [])
    return []
";
    const WORKER: &str = "gunicorn: worker [app:app]";
    const PYTHON: &str = "/usr/bin/python3";
    let directory = directory();
    let path = directory.path();
    fs::write(path.join("app.py"), APP).unwrap();
    if let Some(text) = setproctitle {
        fs::write(path.join("setproctitle.py"), text).unwrap();
    }
    let mut command = Command::new("/usr/bin/gunicorn");
    command.args(["-w", "1", "-b", "unix:socket", "app:app"]);
    command.current_dir(path).env("PYTHONPATH", path);

    let older = trace_gunicorn();
    let mut server = Server::start_script(PYTHON, &mut command);
    wait_for_answer(&path.join("socket"));
    let mut witnesses = Witnesses {
        older,
        younger: trace_gunicorn(),
    };
    for signal in [Signal::TERM, Signal::KILL] {
        match setproctitle {
            None => server.kill_worker(&mut witnesses, WORKER, signal),
            Some(_) => {
                let pid = server.wait_for_worker(PYTHON);
                server.kill(pid, signal, None);
                wait_until("its end", || process::stat(pid).is_none());
            }
        }
        wait_for_answer(&path.join("socket"));
    }
    let title = "gunicorn: master [app:app]";
    server.kill_master(Signal::TERM, setproctitle.is_none().then_some(title));
    server.check(witnesses);
}

#[test]
fn workers_of_gunicorn_have_arguments_and_titles() {
    end_gunicorn(None);
}

#[test]
fn workers_of_gunicorn_without_titles_have_arguments() {
    end_gunicorn(Some("raise ImportError"));
}
