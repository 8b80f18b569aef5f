//! Line by line into the sink: numbers, and what the sink refuses.

use std::time::Instant;

use crate::{
    loss::Reason,
    record::LINE_MAX,
    sink::{Closed, Patience, Refused, Sink, SinkGone},
};

/// Bytes of lines after which the output is offered some within a batch.
const PUMP_AT: usize = 256 << 10;

/// A sink that numbers its lines.
#[derive(Debug)]
pub struct Outlet {
    sink: Sink,
    queue_bytes: usize,
    /// The line that is pushed next.
    line: Vec<u8>,
    /// Bytes of lines since the output was offered some.
    unpumped: usize,
    seq: u64,
}

impl Outlet {
    /// Into a sink with a queue of `queue_bytes`.
    pub fn new(sink: Sink, queue_bytes: usize) -> Self {
        Self {
            sink,
            queue_bytes,
            line: Vec::with_capacity(LINE_MAX),
            unpumped: 0,
            seq: 0,
        }
    }

    /// The sink itself.
    pub fn sink(&mut self) -> &mut Sink {
        &mut self.sink
    }

    /// The number of the line before.
    pub const fn last_seq(&self) -> u64 {
        self.seq
    }

    /// The number of the line that is pushed next.
    pub const fn next_seq(&self) -> u64 {
        self.seq + 1
    }

    /// An empty line, to be filled and then pushed.
    pub fn start_line(&mut self) -> &mut Vec<u8> {
        self.line.clear();
        &mut self.line
    }

    /// Whether the queue has room enough to take lines again after it refused
    /// one. Half of the queue: enough for the lost lines, and enough hysteresis
    /// that a slow reader does not make it flap.
    pub fn has_room(&self) -> bool {
        self.sink.room() >= self.queue_bytes / 2
    }

    /// Pushes the line.
    ///
    /// # Errors
    /// Why the sink refused it. Its number goes to the next line.
    pub fn push(&mut self) -> Result<(), Reason> {
        // One reading can bring more than the queue holds, to an output that
        // would take it; and what the output takes at once need not be kept in
        // memory. If the output is gone, the next pump reports that again.
        if self.unpumped >= PUMP_AT || self.sink.room() < LINE_MAX {
            self.unpumped = 0;
            let _ = self.pump();
        }
        match self.sink.push(&self.line) {
            Ok(()) => {
                self.unpumped += self.line.len();
                self.seq += 1;
                Ok(())
            }
            Err(Refused::Full) => Err(Reason::SinkFull),
            Err(Refused::Failing) => Err(Reason::SinkError),
            Err(Refused::Malformed) => Err(Reason::Malformed),
        }
    }

    /// Writes what the output takes now.
    ///
    /// # Errors
    /// When nothing can be written to it any more.
    pub fn pump(&mut self) -> Result<(), SinkGone> {
        self.sink.pump(Instant::now())
    }

    /// Writes the rest.
    pub fn close(self, patience: Patience) -> Closed {
        self.sink.close(patience)
    }
}
