//! The perf buffer: one ring a CPU, with a byte watermark.
//!
//! libbpf-rs's builder asks for a wake-up for each record, which costs seven
//! times more than all the rest; only `perf_buffer__new_raw` takes the
//! attributes, so this file calls libbpf itself.

use std::{
    ffi::{c_int, c_void},
    io,
    os::fd::{AsRawFd, BorrowedFd},
    ptr::{self, NonNull},
    slice,
};

use anyhow::{Context, Result, bail};
use libbpf_sys as sys;

use super::wire;
use crate::event::{Batch, Event, RecordNumber};

/// As event.h has it.
const MAX_CPUS: usize = 1024;

/// What the callback writes to: the events of this drain, and the sequence
/// numbers of all drains.
#[derive(Debug, Default)]
struct Received {
    batch: Batch,
    streams: Streams,
}

impl Received {
    /// Takes a sample, which fills so many bytes of its ring.
    fn take(&mut self, sample: &[u8], size: usize) {
        let batch = &mut self.batch;
        let Ok((number, event)) = wire::decode(sample) else {
            batch.malformed += 1;
            return;
        };
        self.streams.note(number, size);
        match event {
            Event::Call(call) => batch.calls.push(call),
            Event::Witness(call) => batch.witnesses.push(call),
            Event::Recipient(recipient) => batch.recipients.push(recipient),
            Event::Image(image) => batch.images.push(image),
            Event::Cgroup(cgroup) => batch.cgroups.push(cgroup),
            Event::Canary => batch.canaries += 1,
        }
    }

    fn start_drain(&mut self) {
        self.batch.clear();
        self.streams.start_drain();
    }
}

/// The sequence numbers of each CPU's records: a gap is a loss.
#[derive(Debug, Default)]
pub struct Streams {
    cpus: Vec<Stream>,
    fullest: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Stream {
    last: u64,
    received: u64,
    /// Bytes that this drain found in its ring.
    bytes: u64,
}

impl Streams {
    fn note(&mut self, number: RecordNumber, bytes: usize) {
        let cpu = number.cpu as usize;
        if cpu >= self.cpus.len() && cpu < MAX_CPUS {
            self.cpus.resize(cpu + 1, Stream::default());
        }
        if let Some(stream) = self.cpus.get_mut(cpu) {
            stream.last = stream.last.max(number.seq);
            stream.received += 1;
            stream.bytes += bytes as u64;
            self.fullest = self.fullest.max(stream.bytes);
        }
    }

    fn start_drain(&mut self) {
        self.cpus.iter_mut().for_each(|cpu| cpu.bytes = 0);
    }

    /// The most bytes that a drain ever found in one ring.
    pub const fn fullest(&self) -> u64 {
        self.fullest
    }

    /// Records that a CPU tried to send and that did not come, up to the last
    /// that did.
    pub fn gaps(&self) -> u64 {
        (self.cpus.iter())
            .map(|cpu| cpu.last.saturating_sub(cpu.received))
            .sum()
    }

    /// Records that came.
    pub fn received(&self) -> u64 {
        self.cpus.iter().map(|cpu| cpu.received).sum()
    }
}

/// The rings of all CPUs that were online when it was made.
#[derive(Debug)]
pub struct Ring {
    buffer: NonNull<sys::perf_buffer>,
    /// Boxed: libbpf keeps its address. Touched by the callback during
    /// [`Ring::drain`] only.
    received: Box<Received>,
}

impl Ring {
    /// Makes rings of `bytes` (a power of two of pages) for each CPU online
    /// and puts them into the map.
    ///
    /// # Errors
    /// When the kernel refuses: privilege (`perf_event_open`), locked memory.
    pub fn new(map: BorrowedFd<'_>, bytes: usize) -> Result<Self> {
        let page = rustix::param::page_size();
        let mut attr = sys::perf_event_attr {
            size: size_of::<sys::perf_event_attr>() as u32,
            type_: sys::PERF_TYPE_SOFTWARE,
            config: sys::PERF_COUNT_SW_BPF_OUTPUT as u64,
            sample_type: sys::PERF_SAMPLE_RAW as u64,
            ..Default::default()
        };
        attr.__bindgen_anon_1.sample_period = 1;
        attr.set_watermark(1);
        attr.__bindgen_anon_2.wakeup_watermark = u32::try_from(bytes / 4)?;
        let mut received = Box::<Received>::default();
        // SAFETY: `attr` outlives the call, which copies it. The context is the
        // heap address of `received`, which the returned Ring keeps as long as the
        // buffer; `sample` fits perf_buffer_event_fn and never unwinds.
        let buffer = unsafe {
            sys::perf_buffer__new_raw(
                map.as_raw_fd(),
                (bytes / page).max(1) as sys::size_t,
                &raw mut attr,
                Some(sample),
                (&raw mut *received).cast::<c_void>(),
                ptr::null(),
            )
        };
        let error = io::Error::last_os_error();
        match NonNull::new(buffer) {
            Some(buffer) => Ok(Self { buffer, received }),
            None => Err(error).with_context(|| {
                format!("making a ring of {bytes} bytes for each CPU (perf_event_open, mmap)")
            }),
        }
    }

    /// The sequence numbers of these rings' records, and of earlier ones'.
    pub fn streams(&self) -> &Streams {
        &self.received.streams
    }

    /// Counts on from what earlier rings counted.
    pub fn go_on_from(&mut self, streams: Streams) {
        self.received.streams = streams;
    }

    /// Hands over what the next rings go on from.
    pub fn take_streams(&mut self) -> Streams {
        std::mem::take(&mut self.received.streams)
    }

    /// Becomes readable when a ring is a quarter full.
    pub fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: `buffer` is live until drop, and its epoll descriptor with
        // it; the result borrows from self.
        unsafe { BorrowedFd::borrow_raw(sys::perf_buffer__epoll_fd(self.buffer.as_ptr())) }
    }

    /// Reads all rings to where they stood when each one's turn came.
    ///
    /// # Errors
    /// When libbpf cannot read a ring.
    pub fn drain(&mut self) -> Result<&Batch> {
        self.received.start_drain();
        // SAFETY: `buffer` is live. The callbacks run inside this call only,
        // and nobody else uses `received` meanwhile, since self is borrowed.
        let result = unsafe { sys::perf_buffer__consume(self.buffer.as_ptr()) };
        if result < 0 {
            bail!(
                "reading the rings: {}",
                io::Error::from_raw_os_error(-result)
            );
        }
        Ok(&self.received.batch)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: made by perf_buffer__new_raw, freed once.
        unsafe { sys::perf_buffer__free(self.buffer.as_ptr()) }
    }
}

/// Takes one record of a ring. Lost-records are passed over: they come only
/// with a later record, so the probes' own counters are the truth.
unsafe extern "C" fn sample(
    received: *mut c_void,
    _cpu: c_int,
    event: *mut sys::perf_event_header,
) -> sys::bpf_perf_event_ret {
    // SAFETY: libbpf hands over the context of `Ring::new`, alive and unshared
    // during `drain`, and an event whose header's size counts its bytes. A
    // sample is a header, a u32 length, and as many bytes; that length is
    // checked against the event's before use.
    unsafe {
        let header = ptr::read_unaligned(event);
        let size = usize::from(header.size);
        let start = size_of::<sys::perf_event_header>();
        if header.type_ == sys::PERF_RECORD_SAMPLE && size >= start + size_of::<u32>() {
            let data = event.cast::<u8>().add(start);
            let len = ptr::read_unaligned(data.cast::<u32>()) as usize;
            let len = len.min(size - start - size_of::<u32>());
            let bytes = slice::from_raw_parts(data.add(size_of::<u32>()), len);
            (*received.cast::<Received>()).take(bytes, size);
        }
    }
    sys::LIBBPF_PERF_EVENT_CONT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_in_a_sequence_is_a_loss() {
        let mut streams = Streams::default();
        for (cpu, seq) in [(0, 1), (0, 5), (2, 3), (u32::MAX, 9)] {
            streams.note(RecordNumber { cpu, seq }, 8);
        }
        assert_eq!(streams.gaps(), 3 + 2);
        assert_eq!(streams.received(), 3);
    }

    #[test]
    fn the_fullest_ring_is_that_of_one_drain() {
        let mut streams = Streams::default();
        for (cpu, seq) in [(0, 1), (1, 1), (1, 2)] {
            streams.note(RecordNumber { cpu, seq }, 100);
        }
        streams.start_drain();
        streams.note(RecordNumber { cpu: 1, seq: 3 }, 100);
        assert_eq!(streams.fullest(), 200);
    }
}
