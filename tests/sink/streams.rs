//! Pipes, sockets, terminals and whatever else stands behind a descriptor.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, Write},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::{fs::OpenOptionsExt, net::UnixStream},
    },
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sigtrail::{Output, Refused, Sink, SinkGone};

use crate::{
    PATIENCE, again, append, close, config, directory, fill, in_child, line, lines, open,
    open_with_queue, push, read, refusal, until,
};

fn drain(reader: &mut impl Read) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

/// Pushes and pumps until neither the output nor the queue takes more; gives the lines taken.
fn fill_up(sink: &mut Sink) -> usize {
    let mut accepted = 0;
    loop {
        let (count, refused) = fill(sink, accepted);
        assert_eq!(refused, Refused::Full);
        accepted += count;
        sink.pump(Instant::now()).unwrap();
        if count == 0 {
            return accepted;
        }
    }
}

/// Fills an output nobody reads, checks that nothing blocks, then reads: all accepted lines come.
fn survives_a_stopped_reader(output: Output, mut reader: impl Read + Send + 'static) {
    let mut sink = open_with_queue(output, 64 * 1024);
    let start = Instant::now();
    let accepted = fill_up(&mut sink);
    assert!(start.elapsed() < PATIENCE);
    let waiting = sink.writable_fd().expect("it waits for the reader");
    let mut fds = [PollFd::from_borrowed_fd(waiting, PollFlags::OUT)];
    assert_eq!(
        poll(&mut fds, Some(&Timespec::default())).unwrap(),
        0,
        "no reason to spin"
    );
    assert_ne!(sink.next_wake(Instant::now()), Some(Duration::ZERO));
    let reader = std::thread::spawn(move || drain(&mut reader));
    let stats = close(sink).stats;
    assert_eq!(stats.lines_written, accepted as u64);
    assert!(reader.join().unwrap() == lines(0..accepted));
}

#[test]
fn a_stopped_pipe_reader_blocks_nothing_and_gets_everything_later() {
    let (reader, writer) = std::io::pipe().unwrap();
    survives_a_stopped_reader(Output::Descriptor(writer.into()), reader);
}

#[test]
fn another_users_pipe_is_polled_before_each_write() {
    // It can't be opened again, so it stays blocking: no write may be more than surely fits.
    let (reader, writer) = std::io::pipe().unwrap();
    let other_user = std::thread::spawn(|| {
        let nobody = rustix::fs::Uid::from_raw(65534);
        // Of this thread alone.
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
        assert!(OpenOptions::new().write(true).open(path).is_err());
        survives_a_stopped_reader(Output::Descriptor(writer.into()), reader);
    });
    other_user.join().unwrap();
}

#[test]
fn a_stopped_socket_reader_blocks_nothing_and_gets_everything_later() {
    let (reader, writer) = UnixStream::pair().unwrap();
    survives_a_stopped_reader(Output::Descriptor(writer.into()), reader);
}

#[test]
fn the_inherited_description_stays_blocking() {
    let (_reader, writer) = std::io::pipe().unwrap();
    let shared = writer.try_clone().unwrap();
    let mut sink = open_with_queue(Output::Descriptor(writer.into()), 64 * 1024);
    while fill(&mut sink, 0).0 > 0 {
        sink.pump(Instant::now()).unwrap();
    }
    let flags = rustix::fs::fcntl_getfl(&shared).unwrap();
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
}

#[test]
fn a_pipe_holds_whole_lines_at_every_moment() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut sink = open_with_queue(Output::Descriptor(writer.into()), 256 * 1024);
    fill(&mut sink, 0);
    sink.pump(Instant::now()).unwrap();
    drop(sink);
    let text = drain(&mut reader);
    assert!(text.len() > 32 * 1024 && text.ends_with('\n') && lines(0..5000).starts_with(&text));
}

#[test]
fn a_reader_that_goes_away_ends_the_sink() {
    let pipe = || {
        let (reader, writer) = std::io::pipe().unwrap();
        (OwnedFd::from(reader), OwnedFd::from(writer))
    };
    let socket = || {
        let (reader, writer) = UnixStream::pair().unwrap();
        (OwnedFd::from(reader), OwnedFd::from(writer))
    };
    for (reader, writer) in [pipe(), socket()] {
        let mut sink = open(Output::Descriptor(writer));
        push(&mut sink, "one\n");
        sink.pump(Instant::now()).unwrap();
        drop(reader);
        push(&mut sink, "two\n");
        assert_eq!(sink.pump(Instant::now()), Err(SinkGone));
        assert_eq!(sink.next_wake(Instant::now()), None);
        let closed = sink.close(until(Instant::now() + PATIENCE));
        assert_eq!((closed.gone, closed.unwritten_lines), (Some(SinkGone), 1));
    }
    for (reader, writer) in [pipe(), socket()] {
        drop(reader);
        let mut sink = open(Output::Descriptor(writer));
        push(&mut sink, "one\n");
        assert_eq!(
            sink.pump(Instant::now()),
            Err(SinkGone),
            "gone before we came"
        );
    }
    for (reader, writer) in [pipe(), socket()] {
        let mut sink = open(Output::Descriptor(writer));
        let now = Instant::now();
        drop(reader);
        let wake = sink.next_wake(now).unwrap();
        assert!(
            wake <= Duration::from_secs(1),
            "an idle sink looks after its reader"
        );
        assert_eq!(
            sink.pump(now + wake + Duration::from_millis(1)),
            Err(SinkGone)
        );
    }
}

#[test]
fn a_redirected_file_is_written_at_its_offset() {
    let directory = directory();
    let path = directory.path().join("f");
    fs::write(&path, "AAAA\nBBBB\nCCCC\n").unwrap();
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(std::io::SeekFrom::Start(5)).unwrap();
    let mut sink = open(Output::Descriptor(
        file.as_fd().try_clone_to_owned().unwrap(),
    ));
    push(&mut sink, "bbbb\n");
    close(sink);
    file.write_all(b"cccc\n").unwrap();
    assert_eq!(
        read(&path),
        "AAAA\nbbbb\ncccc\n",
        "the shell's other commands go on behind us"
    );

    fs::write(&path, "torn").unwrap();
    let file = OpenOptions::new().append(true).open(&path).unwrap();
    let mut sink = open(Output::Descriptor(file.into()));
    assert_eq!(sink.stats().torn_tails_repaired, 1);
    push(&mut sink, "next\n");
    assert_eq!(close(sink).stats.torn_tails_repaired, 1);
    assert_eq!(read(&path), "torn\nnext\n");
}

#[test]
fn a_descriptor_without_write_access_is_refused() {
    let message = refusal(Output::Descriptor(File::open("/dev/null").unwrap().into()));
    assert!(message.contains("reading only"), "{message}");
}

#[test]
fn a_closed_stdout_is_refused_and_a_null_one_is_not() {
    if in_child() {
        let closed = std::env::var_os("SINK_CLOSED").is_some();
        match Sink::open(config(Output::Stdout)) {
            Err(error) => assert!(
                closed && format!("{error:#}").contains("-o FILE"),
                "{error:#}"
            ),
            Ok(_) => assert!(!closed),
        }
        return;
    }
    let test = "streams::a_closed_stdout_is_refused_and_a_null_one_is_not";
    for through in [
        r#"SINK_CLOSED=1 exec "$0" "$@" >&-"#,
        r#"SINK_CLOSED=1 exec "$0" "$@" >&- 2>&- <&-"#,
        r#"exec "$0" "$@" > /dev/null"#,
        r#"exec "$0" "$@" | cat"#,
    ] {
        let output = again(test, through);
        assert!(output.status.success(), "{through}: {output:?}");
    }
}

#[test]
fn a_terminal_is_written_through_its_own_description() {
    let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).unwrap();
    rustix::pty::grantpt(&master).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
    let terminal = OpenOptions::new()
        .write(true)
        .custom_flags(0o400)
        .open(name.to_str().unwrap())
        .unwrap();
    let mut sink = open_with_queue(Output::Descriptor(terminal.into()), 64 * 1024);
    // Nobody reads: it fills up and must not block.
    fill_up(&mut sink);
    let mut master = File::from(master);
    let mut text = vec![0; 1000];
    master.read_exact(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap().replace("\r\n", "\n");
    assert!(lines(0..100).starts_with(text.trim_end_matches('\r')));
    drop(master);
    assert_eq!(
        sink.pump(Instant::now()),
        Err(SinkGone),
        "the terminal hung up"
    );
}

#[test]
fn another_users_terminal_is_refused_because_it_could_block() {
    let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
    let open = |name: &str| {
        OpenOptions::new()
            .write(true)
            .custom_flags(0o400)
            .open(name)
            .unwrap()
    };
    let terminal = open(name.to_str().unwrap());
    let other_user = std::thread::spawn(|| {
        let nobody = rustix::fs::Uid::from_raw(65534);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        refusal(Output::Descriptor(terminal.into()))
    });
    let message = other_user.join().unwrap();
    assert!(
        message.contains("through cat") && message.contains("denied"),
        "{message}"
    );
}

#[test]
fn a_datagram_socket_gets_a_message_a_line() {
    let (reader, writer) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let mut sink = open(Output::Descriptor(writer.into()));
    (0..5).for_each(|number| sink.push(line(number).as_bytes()).unwrap());
    close(sink);
    let mut message = [0; 4096];
    for number in 0..5 {
        let length = reader.recv(&mut message).unwrap();
        assert_eq!(&message[..length], line(number).as_bytes());
    }
}

#[test]
fn only_one_whole_line_is_taken() {
    let mut sink = open(append("/dev/null"));
    let longest = "x".repeat(4095) + "\n";
    assert_eq!(sink.push(longest.as_bytes()), Ok(()));
    for bad in ["", "no newline", &("x".to_owned() + &longest)] {
        assert_eq!(sink.push(bad.as_bytes()), Err(Refused::Malformed));
    }
}
