//! What user space does with an event: decode, correlate, emit and write,
//! together and one by one, in ns an event.

use std::{
    fs::File,
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use criterion::{Bencher, Criterion, Throughput};
use sigtrail::{
    Batch, Call, CgroupPath, Config, Correlator, Descent, Emitter, Event, Exec, Image, Output,
    Registry, Released, Signal, Sink, SinkConfig, Users, decode_record,
};

const CPUS: u32 = 2;
/// About what a quarter of a default ring holds: one wake-up's worth.
const EVENTS: usize = 3500;
const SAMPLE_LEN: usize = 344;
/// About what a line of such a call has.
const LINE_LEN: usize = 1200;
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
    let (mnt_ns, tty) = (4_026_531_841, 0);
    for word in [pid, pid_ns, level, flags, mnt_ns, tty] {
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
    let (threads, pad) = (1, 0);
    for word in [ns_pid, delivered, handler, blocked_and_fatal, threads, pad] {
        bytes.extend(u32::to_ne_bytes(word));
    }
    let mut sample = [0; SAMPLE_LEN];
    sample.copy_from_slice(&bytes);
    sample
}

/// What the kernel sends before the first call.
fn learn(registry: &mut Registry) {
    let execs = [
        (
            3880,
            "/usr/bin/python3.11",
            "/usr/bin/python3\0/usr/bin/supervisord\0-n\0",
        ),
        (3897, "/usr/sbin/nginx", "nginx: worker process\0"),
    ]
    .map(|(pid, exe, args)| Exec {
        process: Descent {
            pid,
            exec_id: 2,
            start_ns: 1 << 40,
            ..Descent::default()
        },
        image: Image {
            exe: exe.into(),
            args: args.into(),
            ..Image::default()
        },
    });
    let batch = Batch {
        execs: execs.into(),
        ..Batch::default()
    };
    registry.learn(&batch, 0, Instant::now());
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
    match decode_record(bytes) {
        Ok((_, Event::Call(call))) => Ok(call),
        other => bail!("not a call: {other:?}"),
    }
}

fn sink() -> Result<Sink> {
    let null = File::options().write(true).open("/dev/null")?;
    Sink::open(SinkConfig {
        output: Output::Descriptor(null.into()),
        queue_bytes: SinkConfig::QUEUE_BYTES,
    })
}

/// An emitter into nothing, with the names that the calls need.
fn emitter() -> Result<(Emitter, Registry)> {
    let users = Users::system();
    let config = Config::from_bytes(b"", &users)?;
    let mut registry = Registry::new(users, config.process_table as usize, usize::MAX);
    learn(&mut registry);
    Ok((Emitter::new(sink()?, &config), registry))
}

/// The same calls, each by another thread and to another child: what was
/// encoded before serves none of them.
fn each_different(calls: &[Call]) -> Vec<Call> {
    let mut calls = calls.to_vec();
    for (call, number) in calls.iter_mut().zip(1..) {
        call.sender.tid = number;
        if let Some(recipient) = &mut call.recipient {
            recipient.process.ppid = number;
        }
    }
    calls
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

    // Late ones cost the same, so the same batch can be taken again.
    let mut correlator = Correlator::new(false);
    let batch = Batch {
        calls: calls.clone(),
        ..Batch::default()
    };
    group.bench_function("correlate", |bencher| {
        per_event(bencher, || {
            correlator.take(black_box(&batch), 0);
            correlator.release(u64::MAX, |released, late| {
                black_box((released, late));
            });
        });
    });

    let mut lost = 0;
    for (name, calls) in [
        ("emit, the same pair", calls.clone()),
        ("emit, each different", each_different(&calls)),
    ] {
        let (mut emitter, mut registry) = emitter()?;
        let signals: Vec<_> = calls.into_iter().map(Signal::Call).collect();
        group.bench_function(name, |bencher| {
            per_event(bencher, || {
                emitter.start_batch();
                for signal in &signals {
                    emitter.signal(&mut registry, black_box(signal), &[], false);
                }
                let _ = emitter.pump();
            });
        });
        lost += emitter.losses().total();
    }

    let mut null = sink()?;
    let mut line = vec![b'x'; LINE_LEN];
    line.push(b'\n');
    group.bench_function("write", |bencher| {
        per_event(bencher, || {
            for _ in &calls {
                let _ = null.push(black_box(&line));
            }
            let _ = null.pump(Instant::now());
        });
    });

    let (mut emitter, mut registry) = emitter()?;
    let mut correlator = Correlator::new(false);
    let mut batch = Batch::default();
    group.bench_function("all", |bencher| {
        per_event(bencher, || {
            batch.calls.clear();
            let calls = samples
                .iter()
                .filter_map(|bytes| as_call(black_box(bytes)).ok());
            batch.calls.extend(calls);
            correlator.take(&batch, 0);
            emitter.start_batch();
            correlator.release(u64::MAX, |released, _| {
                if let Released::Signal(call, group) = released {
                    emitter.signal(&mut registry, call, group, false);
                }
            });
            let _ = emitter.pump();
        });
    });
    lost += emitter.losses().total();
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
