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

use super::wire::{self, Malformed};
use crate::event::Call;

/// What a drain of the rings brought.
#[derive(Debug, Default)]
pub struct Batch {
    /// Decoded records, each CPU's in its order.
    pub calls: Vec<Call>,
    /// Samples that are not ours. Zero unless something is badly wrong.
    pub malformed: u64,
    /// Why the last of them was refused.
    pub last_malformed: Option<Malformed>,
}

impl Batch {
    fn take(&mut self, sample: &[u8]) {
        match wire::decode(sample) {
            Ok(call) => self.calls.push(call),
            Err(why) => {
                self.malformed += 1;
                self.last_malformed = Some(why);
            }
        }
    }
}

/// The rings of all CPUs that were online when it was made.
#[derive(Debug)]
pub struct Ring {
    buffer: NonNull<sys::perf_buffer>,
    /// Boxed: libbpf keeps its address. Touched by the callback during
    /// [`Ring::drain`] only.
    batch: Box<Batch>,
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
        let mut batch = Box::<Batch>::default();
        // SAFETY: `attr` outlives the call, which copies it. The context is the
        // heap address of `batch`, which the returned Ring keeps as long as the
        // buffer; `sample` fits perf_buffer_event_fn and never unwinds.
        let buffer = unsafe {
            sys::perf_buffer__new_raw(
                map.as_raw_fd(),
                (bytes / page).max(1) as sys::size_t,
                &raw mut attr,
                Some(sample),
                (&raw mut *batch).cast::<c_void>(),
                ptr::null(),
            )
        };
        let error = io::Error::last_os_error();
        match NonNull::new(buffer) {
            Some(buffer) => Ok(Self { buffer, batch }),
            None => Err(error).with_context(|| {
                format!("making a ring of {bytes} bytes for each CPU (perf_event_open, mmap)")
            }),
        }
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
    pub fn drain(&mut self) -> Result<&mut Batch> {
        self.batch.calls.clear();
        self.batch.malformed = 0;
        // SAFETY: `buffer` is live. The callbacks run inside this call only,
        // and nobody else uses `batch` meanwhile, since self is borrowed.
        let result = unsafe { sys::perf_buffer__consume(self.buffer.as_ptr()) };
        if result < 0 {
            bail!(
                "reading the rings: {}",
                io::Error::from_raw_os_error(-result)
            );
        }
        Ok(&mut self.batch)
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
    batch: *mut c_void,
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
            (*batch.cast::<Batch>()).take(bytes);
        }
    }
    sys::LIBBPF_PERF_EVENT_CONT
}
