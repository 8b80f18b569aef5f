//! What user space does with an event: decode -> order -> encode -> write,
//! together and one by one, in ns an event.

use std::{
    fs::File,
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use criterion::{Bencher, Criterion, Throughput};
use sigtrail::{
    clock::Clock,
    config::Format,
    emit::Emitter,
    event::Call,
    identity::Users,
    order::Orderer,
    record::{Head, Signal, push_line},
    sink::{Output, Sink, SinkConfig},
    trace::decode,
};

const CPUS: u32 = 2;
/// About what a quarter of a default ring holds: one wake-up's worth.
const EVENTS: usize = 2600;
const ENCODED_LEN: usize = 80;

/// A record as the exit probe sends it: see bpf/event.h.
fn sample(index: usize) -> [u8; ENCODED_LEN] {
    let index = index as u64;
    let mut bytes = Vec::with_capacity(ENCODED_LEN);
    bytes.extend(index.wrapping_mul(1_200).to_ne_bytes());
    bytes.extend((index / u64::from(CPUS) + 1).to_ne_bytes());
    let cpu = index as u32 % CPUS;
    let (kill, flags, tgid, tid, uid, gid) = (0, 0, 3880, 3880, 0, 0);
    for word in [cpu, kill, flags, tgid, tid, uid, gid] {
        bytes.extend(word.to_ne_bytes());
    }
    let (target, target_tid, sig, ret, pad) = (3897, 0, 15, 0, 0);
    for word in [target, target_tid, sig, ret, pad] {
        bytes.extend(i32::to_ne_bytes(word));
    }
    bytes.extend(b"nginx: worker\0\0\0");
    let mut sample = [0; ENCODED_LEN];
    sample.copy_from_slice(&bytes);
    sample
}

/// The rings' content: one CPU's after the other's, each in order.
fn samples() -> Vec<[u8; ENCODED_LEN]> {
    let of_cpu = |cpu: u32| (cpu as usize..EVENTS).step_by(CPUS as usize).map(sample);
    (0..CPUS).flat_map(of_cpu).collect()
}

fn calls() -> Result<Vec<Call>> {
    (samples().iter())
        .map(|bytes| decode(bytes).map_err(|why| anyhow!("{why:?}")))
        .collect()
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
                .filter_map(|bytes| decode(black_box(bytes)).ok());
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
    let mut line = Vec::with_capacity(4096);
    group.bench_function("encode", |bencher| {
        per_event(bencher, || {
            for (call, seq) in calls.iter().zip(1..) {
                let head = Head {
                    timestamp: clock.late_timestamp(call.time_ns),
                    seq,
                    hostname: "web-1",
                };
                let record = Signal::new(head, black_box(call), false, &users);
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
    let mut emitter = Emitter::new(null, queue_bytes, Format::Json, users);
    let mut orderer = Orderer::new();
    let mut batch = Vec::with_capacity(EVENTS);
    group.bench_function("all", |bencher| {
        per_event(bencher, || {
            batch.clear();
            let calls = samples
                .iter()
                .filter_map(|bytes| decode(black_box(bytes)).ok());
            batch.extend(calls);
            for call in &batch {
                orderer.push(*call);
            }
            emitter.sync_clock();
            orderer.release(u64::MAX, |call, _| {
                let _ = emitter.signal(call, false);
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
