//! The perf buffer: a ring for each CPU, out of which the records are read.
//!
//! # Why libbpf is called directly
//!
//! libbpf-rs builds a perf buffer, too, but one that wakes its reader for each
//! record. A process that signals itself in a loop then pays 13,000 ns a call
//! instead of 1,780. `perf_buffer__new_raw` takes the attributes that make the
//! difference: `watermark`, and `wakeup_watermark` at a quarter of the ring. It
//! has no safe wrapper, so the unsafe code of reading is here, all of it.
//!
//! # How a ring is read
//!
//! `perf_buffer__consume` calls [`sample`] for each entry of each ring, one
//! ring after the other. So what a drain brings is in order for one CPU, but
//! not across CPUs; `correlate` sorts it. The callback must not panic, for a
//! panic cannot pass through libbpf and would end the process: it decodes into
//! a [`Batch`] and returns.
//!
//! An entry is a perf header, a length of 4 bytes, and the record. The kernel
//! pads it, and the length counts the padding: see [`wire`] for what follows
//! from that.
//!
//! # When CPUs come and go
//!
//! libbpf makes rings for the CPUs that are online at that moment. The kernel
//! discards a ring with its CPU, and makes none for a new one. So the list of
//! CPUs is compared now and then, and all rings are made again if it differs. A
//! CPU that went and came back in between leaves the list as it was, but its
//! records are refused, which is counted: that is compared as well. The
//! sequence numbers are kept over this, so that what was sent between the old
//! rings and the new ones shows up as a gap.

use std::{
    ffi::{c_int, c_void},
    fs, io,
    os::fd::{AsRawFd, BorrowedFd},
    ptr::{self, NonNull},
    slice,
};

use anyhow::{Context, Result, bail};
use libbpf_sys as sys;

use super::{libbpf_log::explain_rings, sequence::Sequences, wire};
use crate::event::{Batch, Event};

/// What the callback writes to: the events of this drain, and the sequence
/// numbers of all drains.
#[derive(Debug)]
struct Received {
    batch: Batch,
    sequences: Sequences,
}

impl Received {
    /// Takes a sample, which fills `size` bytes of its ring.
    fn take(&mut self, sample: &[u8], size: usize) {
        let batch = &mut self.batch;
        let Ok((number, event)) = wire::decode(sample) else {
            batch.malformed += 1;
            return;
        };
        self.sequences.note(number, size);
        match event {
            Event::Call(call) => batch.calls.push(call),
            Event::Witness(call) => batch.witnesses.push(call),
            Event::Recipient(recipient) => batch.recipients.push(recipient),
            Event::Generated(signal) => batch.generated.push(signal),
            Event::Arranger(arranger) => batch.arrangers.push(arranger),
            Event::Oom(victim) => batch.oom_victims.push(victim),
            Event::Exec(exec) => batch.execs.push(exec),
            Event::Fork(child) => batch.forks.push(child),
            Event::End(end) => batch.ends.push(end),
            Event::Ends(ends) => batch.unasked_ends.extend(ends),
            Event::Exit(exit) => batch.exits.push(exit),
            Event::Cgroup(cgroup) => batch.cgroups.push(cgroup),
            Event::Canary => batch.canaries += 1,
        }
    }

    fn start_drain(&mut self) {
        self.batch.clear();
        self.sequences.start_drain();
    }
}

/// The rings of all CPUs that were online when they were made.
#[derive(Debug)]
pub(super) struct Rings {
    /// None while they could not be made again.
    buffer: Option<Buffer>,
    /// On the heap, because libbpf keeps the address. Not a `Box`, because that
    /// would claim that no other pointer is used to write to it.
    received: NonNull<Received>,
    /// Size of each ring.
    bytes: usize,
    /// The CPUs that were online.
    online: String,
    /// Records refused for want of a ring before these rings were made.
    absent: u64,
}

impl Rings {
    /// No rings yet. Each will have `bytes`, a power of two of pages; `cpus` is
    /// how many CPUs the machine can have.
    pub(super) fn new(bytes: usize, cpus: usize) -> Self {
        let received = Box::new(Received {
            batch: Batch::default(),
            sequences: Sequences::new(cpus),
        });
        Self {
            buffer: None,
            received: NonNull::from(Box::leak(received)),
            bytes,
            online: String::new(),
            absent: 0,
        }
    }

    /// Makes a ring for each CPU that is online and puts them into the map.
    /// `absent` returns how many records were refused for want of a ring.
    ///
    /// # Errors
    /// When the kernel refuses: privilege (`perf_event_open`), locked memory.
    pub(super) fn make(&mut self, map: BorrowedFd<'_>, absent: impl Fn() -> u64) -> Result<()> {
        // Freeing the old rings empties the map, so they must go first. What is
        // sent before the new ones are there is counted as `ring_absent`.
        self.buffer = None;
        self.online = online_cpus()?;
        // SAFETY: `received` is freed in `drop`, after the buffer.
        let buffer = unsafe { Buffer::new(map, self.bytes, self.received) };
        self.buffer = Some(buffer.map_err(explain_rings)?);
        self.absent = absent();
        Ok(())
    }

    /// Makes them again if a CPU has gone off line or come on line.
    ///
    /// # Errors
    /// As [`Self::make`]; the next call tries again.
    pub(super) fn follow_cpus(
        &mut self,
        map: BorrowedFd<'_>,
        absent: impl Fn() -> u64,
    ) -> Result<()> {
        // A CPU that was away for a moment is in the list again, but its ring
        // is gone. What was refused there since then shows it.
        let complete =
            self.buffer.is_some() && absent() == self.absent && online_cpus()? == self.online;
        if complete {
            return Ok(());
        }
        self.make(map, absent)
    }

    /// Becomes readable when a ring is a quarter full.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.buffer.as_ref().map(Buffer::fd)
    }

    /// Reads all rings, each to where it stood when its turn came. Returns an
    /// empty batch while there are none.
    ///
    /// # Errors
    /// When libbpf cannot read a ring.
    pub(super) fn drain(&mut self) -> Result<&Batch> {
        // SAFETY: `received` is live until drop, and nobody else uses it: self
        // is borrowed mutably, and the callback runs inside `consume` only.
        unsafe { self.received.as_mut() }.start_drain();
        if let Some(buffer) = &self.buffer {
            buffer.consume()?;
        }
        // SAFETY: as above; the result borrows from self.
        Ok(unsafe { &self.received.as_ref().batch })
    }

    /// The sequence numbers of all records since the start.
    pub(super) fn sequences(&self) -> &Sequences {
        // SAFETY: `received` is live until drop, and no callback runs now: that
        // needs `drain`, which borrows self mutably.
        unsafe { &self.received.as_ref().sequences }
    }
}

impl Drop for Rings {
    fn drop(&mut self) {
        self.buffer = None;
        // SAFETY: it was a Box in `new`, it is freed once, and the buffer that
        // had its address is gone.
        drop(unsafe { Box::from_raw(self.received.as_ptr()) });
    }
}

/// libbpf's perf buffer.
#[derive(Debug)]
struct Buffer(NonNull<sys::perf_buffer>);

impl Buffer {
    /// # Safety
    /// `received` must be valid, and not be used elsewhere during
    /// [`Self::consume`], until this is dropped.
    unsafe fn new(map: BorrowedFd<'_>, bytes: usize, received: NonNull<Received>) -> Result<Self> {
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
        // SAFETY: `attr` outlives the call, which copies it. The context stays
        // valid as long as the buffer, as the caller promises; `sample` fits
        // perf_buffer_event_fn and never unwinds.
        let buffer = unsafe {
            sys::perf_buffer__new_raw(
                map.as_raw_fd(),
                (bytes / page).max(1) as sys::size_t,
                &raw mut attr,
                Some(sample),
                received.as_ptr().cast::<c_void>(),
                ptr::null(),
            )
        };
        let error = io::Error::last_os_error();
        match NonNull::new(buffer) {
            Some(buffer) => Ok(Self(buffer)),
            None => Err(error).with_context(|| {
                format!("making a ring of {bytes} bytes for each CPU (perf_event_open, mmap)")
            }),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the buffer is live until drop, and its epoll descriptor with
        // it; the result borrows from self.
        unsafe { BorrowedFd::borrow_raw(sys::perf_buffer__epoll_fd(self.0.as_ptr())) }
    }

    /// Calls [`sample`] for each record in the rings.
    fn consume(&self) -> Result<()> {
        // SAFETY: the buffer is live until drop; the promise of `new` holds for
        // what the callback writes to.
        let result = unsafe { sys::perf_buffer__consume(self.0.as_ptr()) };
        if result < 0 {
            bail!(
                "reading the rings: {}",
                io::Error::from_raw_os_error(-result)
            );
        }
        Ok(())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: made by perf_buffer__new_raw, freed once.
        unsafe { sys::perf_buffer__free(self.0.as_ptr()) }
    }
}

/// Takes one entry of a ring. The kernel's own entries about lost records are
/// ignored: they come late, and the programs count each refusal themselves.
unsafe extern "C" fn sample(
    received: *mut c_void,
    _cpu: c_int,
    event: *mut sys::perf_event_header,
) -> sys::bpf_perf_event_ret {
    // SAFETY: libbpf hands over the context of `Buffer::new`, valid and
    // unshared during `consume`, and an event whose header's size counts its
    // bytes. A sample is a header, a u32 length, and as many bytes; that length
    // is checked against the event's before use.
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

fn online_cpus() -> Result<String> {
    const ONLINE: &str = "/sys/devices/system/cpu/online";
    fs::read_to_string(ONLINE).with_context(|| format!("reading {ONLINE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_brings_nothing_while_there_are_no_rings() {
        let mut rings = Rings::new(1 << 16, 1);
        assert!(rings.fd().is_none());
        assert!(rings.drain().unwrap().calls.is_empty());
        assert_eq!(rings.sequences().received(), 0);
    }
}
