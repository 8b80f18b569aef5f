//! What user space does with an event: decode -> order -> encode -> write,
//! together and one by one, in ns an event.

use std::{
    fs::File,
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use clap::Parser;
use criterion::{Bencher, Criterion, Throughput};
use sigtrail::{
    cli::Cli,
    clock::Clock,
    config::Config,
    emit::Emitter,
    event::{Call, CgroupPath, Event, Image, ImageKey},
    identity::{Registry, Users},
    order::Orderer,
    record::{Head, Limits, Sides, Signal, Told, push_line},
    sink::{Output, Sink, SinkConfig},
    trace::decode,
};

const CPUS: u32 = 2;
/// About what a quarter of a default ring holds: one wake-up's worth.
const EVENTS: usize = 3500;
const SAMPLE_LEN: usize = 320;
/// From the ABI to the claimed sender: a plain kill has none of that.
const UNUSED_LEN: usize = 40;

fn push_process(bytes: &mut Vec<u8>, pid: u32, comm: &[u8; 16]) {
    let (start_ns, cgroup_key) = (1_u64 << 40, 4242_u64);
    bytes.extend(start_ns.to_ne_bytes());
    bytes.extend(cgroup_key.to_ne_bytes());
    let (exec_id, root, loginuid, session, parent) = (2, 0, 1000, 3, 1);
    for word in [
        pid, pid, exec_id, root, root, root, root, loginuid, session, parent,
    ] {
        bytes.extend(u32::to_ne_bytes(word));
    }
    let (pid_ns, level, flags) = (4_026_531_836_u32, 0_u32, 0_u32);
    for word in [pid, pid_ns, level, flags] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(comm);
    bytes.extend(b"systemd\0\0\0\0\0\0\0\0\0");
}

/// A call with its recipient as the exit probe sends it: see bpf/event.h.
fn sample(index: usize) -> [u8; SAMPLE_LEN] {
    let index = index as u64;
    let mut bytes = Vec::with_capacity(SAMPLE_LEN);
    bytes.extend(index.wrapping_mul(1_200).to_ne_bytes());
    bytes.extend((index / u64::from(CPUS) + 1).to_ne_bytes());
    let cpu = index as u32 % CPUS;
    let (is_call, kill, has_recipient) = (1, 0, 2);
    for word in [cpu, is_call, kill, has_recipient] {
        bytes.extend(u32::to_ne_bytes(word));
    }
    let (target, target_tid, sig, ret, recipients, refused) = (3897, 0, 15, 0, 1, 0);
    for word in [target, target_tid, sig, ret, recipients, refused] {
        bytes.extend(i32::to_ne_bytes(word));
    }
    bytes.extend([0; UNUSED_LEN]);
    push_process(&mut bytes, 3880, b"supervisord\0\0\0\0\0");
    push_process(&mut bytes, 3897, b"nginx: worker\0\0\0");
    let (ns_pid, delivered, handler, blocked_and_fatal) = (3897, 0, 2, 0);
    for word in [ns_pid, delivered, handler, blocked_and_fatal] {
        bytes.extend(u32::to_ne_bytes(word));
    }
    let mut sample = [0; SAMPLE_LEN];
    sample.copy_from_slice(&bytes);
    sample
}

/// What the kernel tells before the first call.
fn learn(registry: &mut Registry) {
    for (pid, exe, args) in [
        (
            3880,
            "/usr/bin/python3.11",
            "/usr/bin/python3\0/usr/bin/supervisord\0-n\0",
        ),
        (3897, "/usr/sbin/nginx", "nginx: worker process\0"),
    ] {
        registry.learn_image(&Image {
            key: ImageKey {
                pid,
                exec_id: 2,
                start_ns: 1 << 40,
            },
            exe: exe.into(),
            exe_deleted: false,
            args: args.into(),
            truncated: false,
            args_unreadable: false,
            tty: Vec::new(),
        });
    }
    registry.learn_cgroup(&CgroupPath {
        key: 4242,
        path: b"/system.slice/nginx.service".to_vec(),
    });
}

/// The rings' content: one CPU's after the other's, each in order.
fn samples() -> Vec<[u8; SAMPLE_LEN]> {
    let of_cpu = |cpu: u32| (cpu as usize..EVENTS).step_by(CPUS as usize).map(sample);
    (0..CPUS).flat_map(of_cpu).collect()
}

fn calls() -> Result<Vec<Call>> {
    (samples().iter()).map(|bytes| as_call(bytes)).collect()
}

fn as_call(bytes: &[u8]) -> Result<Call> {
    match decode(bytes) {
        Ok((_, Event::Call(call))) => Ok(call),
        other => bail!("not a call: {other:?}"),
    }
}

fn sink() -> Result<(Sink, usize)> {
    let null = File::options().write(true).open("/dev/null")?;
    let config = SinkConfig::new(Output::Descriptor(null.into()));
    let queue_bytes = config.queue_bytes;
    Ok((Sink::open(config)?, queue_bytes))
}

/// Times whole batches and tells criterion of events, so that it speaks in ns
/// an event.
fn per_event(bencher: &mut Bencher<'_>, mut batch: impl FnMut()) {
    bencher.iter_custom(|events| {
        let batches = events.div_ceil(EVENTS as u64);
        let start = Instant::now();
        for _ in 0..batches {
            batch();
        }
        let each = start.elapsed().as_secs_f64() / (batches * EVENTS as u64) as f64;
        Duration::from_secs_f64(each * events as f64)
    });
}

fn pipeline(c: &mut Criterion) -> Result<()> {
    let samples = samples();
    let calls = calls()?;
    let users = Users::system();
    let mut group = c.benchmark_group("pipeline");
    group.throughput(Throughput::Elements(1));

    let mut decoded = Vec::with_capacity(EVENTS);
    group.bench_function("decode", |bencher| {
        per_event(bencher, || {
            decoded.clear();
            let calls = samples
                .iter()
                .filter_map(|bytes| as_call(black_box(bytes)).ok());
            decoded.extend(calls);
            black_box(&decoded);
        });
    });

    // Late ones cost the same, so one orderer can take the same batch again.
    let mut orderer = Orderer::new();
    group.bench_function("order", |bencher| {
        per_event(bencher, || {
            for call in &calls {
                orderer.push(*black_box(call));
            }
            orderer.release(u64::MAX, |call, late| {
                black_box((call, late));
            });
        });
    });

    let mut clock = Clock::new();
    let mut registry = Registry::new(users, true);
    learn(&mut registry);
    let mut line = Vec::with_capacity(4096);
    group.bench_function("encode, nothing kept", |bencher| {
        per_event(bencher, || {
            for (call, seq) in calls.iter().zip(1..) {
                let timestamp = clock.late_timestamp(call.time_ns);
                let sender = registry.sender(&call.sender);
                let target = registry.sender(&call.sender);
                let head = Head {
                    timestamp,
                    seq,
                    hostname: "web-1",
                };
                let told = Told {
                    call: black_box(call),
                    late: false,
                    sender: &sender,
                    target: call.recipient.as_ref().map(|found| (found, &target)),
                    users: &registry.users,
                    clock: &clock,
                    own_pid: 1,
                };
                let sides = Sides::new(told, Limits::STEPS[0]);
                let record = Signal::new(head, told, sides, &[]);
                line.clear();
                // It cannot fail: see push_line.
                let _ = push_line(&mut line, &record);
                black_box(&line);
            }
        });
    });

    let (mut null, _) = sink()?;
    group.bench_function("write", |bencher| {
        per_event(bencher, || {
            for _ in &calls {
                let _ = null.push(black_box(&line));
            }
            let _ = null.pump(Instant::now());
        });
    });

    let (null, queue_bytes) = sink()?;
    let users = Users::system();
    let config = Config::new(&Cli::parse_from(["sigtrail"]).trace, &users)?;
    let mut emitter = Emitter::new(null, queue_bytes, &config, users);
    learn(&mut emitter.registry);
    let mut orderer = Orderer::new();
    let mut batch = Vec::with_capacity(EVENTS);
    group.bench_function("all", |bencher| {
        per_event(bencher, || {
            batch.clear();
            let calls = samples
                .iter()
                .filter_map(|bytes| as_call(black_box(bytes)).ok());
            batch.extend(calls);
            for call in &batch {
                orderer.push(*call);
            }
            emitter.start_batch();
            orderer.release(u64::MAX, |call, _| {
                let _ = emitter.signal(call, &[], false);
            });
            let _ = emitter.pump();
        });
    });
    let lost = emitter.losses.total();
    group.finish();
    if lost > 0 {
        bail!("the sink refused {lost} lines, so this measured something else");
    }
    Ok(())
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    pipeline(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}
