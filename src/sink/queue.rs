//! The lines that wait to be written.
//!
//! One contiguous buffer that is filled at its end and emptied at its front, so
//! that one `write` can write all that waits. A line leaves the buffer when its
//! last byte is written. Until then it can be sent again from its first byte.

/// The longest line that a queue takes, in bytes, including its newline.
pub(super) const LINE_MAX: usize = 4096;

/// A bounded queue of complete lines in one buffer, which is used again.
#[derive(Debug)]
pub(super) struct Queue {
    buffer: Vec<u8>,
    /// The index of the first line that is not completely written.
    head: usize,
    /// How many bytes of that line are written.
    sent: usize,
    limit: usize,
    lines: u64,
    /// The most bytes ever held.
    highest: usize,
}

impl Queue {
    /// A queue of up to `limit` bytes, and at least one line.
    ///
    /// Its memory grows with what waits, up to one and a half times the limit.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            buffer: Vec::new(),
            head: 0,
            sent: 0,
            limit: limit.max(LINE_MAX),
            lines: 0,
            highest: 0,
        }
    }

    /// Bytes held, including the written part of the first line.
    pub(super) fn len(&self) -> usize {
        self.buffer.len() - self.head
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// The most bytes ever held.
    pub(super) fn highest(&self) -> usize {
        self.highest
    }

    pub(super) fn room(&self) -> usize {
        self.limit - self.len()
    }

    /// Takes one line, or returns false if it has no room for all of it.
    pub(super) fn push(&mut self, line: &[u8]) -> bool {
        if line.len() > self.room() {
            return false;
        }
        self.reclaim();
        self.buffer.extend_from_slice(line);
        self.lines += 1;
        self.highest = self.highest.max(self.len());
        true
    }

    /// Bytes of the first line that are written.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    /// The first line, from its first byte even if that is written. Empty if
    /// nothing waits.
    pub(super) fn front(&self) -> &[u8] {
        let waiting = &self.buffer[self.head..];
        &waiting[..line_length(waiting)]
    }

    /// What to write next: as many complete lines as fit into `max` bytes, and
    /// at least one.
    ///
    /// The rest of a partly written line comes alone, so that a rotation can
    /// follow.
    pub(super) fn batch(&self, max: usize) -> &[u8] {
        let waiting = &self.buffer[self.head..];
        if self.sent > 0 {
            return &waiting[self.sent..line_length(waiting)];
        }
        if waiting.len() <= max {
            return waiting;
        }
        let end = waiting[..max].iter().rposition(|byte| *byte == b'\n');
        &waiting[..end.map_or_else(|| line_length(waiting), |newline| newline + 1)]
    }

    /// Notes that the next `count` bytes are written, and returns how many
    /// lines that completed.
    pub(super) fn advance(&mut self, count: usize) -> u64 {
        let start = self.head + self.sent;
        // Mostly all of it was written, and then the number of lines is known.
        if start + count == self.buffer.len() && count > 0 {
            let complete = self.lines;
            self.head = self.buffer.len();
            self.sent = 0;
            self.lines = 0;
            return complete;
        }
        let written = &self.buffer[start..start + count];
        let Some(last) = written.iter().rposition(|byte| *byte == b'\n') else {
            self.sent += count;
            return 0;
        };
        let complete = written[..=last].iter().filter(|b| **b == b'\n').count() as u64;
        self.head = start + last + 1;
        self.sent = count - last - 1;
        self.lines -= complete;
        complete
    }

    /// Forgets that a part of the first line is written, so that all of it is
    /// sent again.
    pub(super) fn rewind(&mut self) {
        self.sent = 0;
    }

    /// Frees the space of written lines. It waits until that is half of the
    /// queue, so moving the rest costs at most two bytes for each byte written.
    fn reclaim(&mut self) {
        if self.is_empty() {
            self.buffer.clear();
            self.head = 0;
        } else if self.head >= self.limit / 2 {
            self.buffer.drain(..self.head);
            self.head = 0;
        }
    }
}

fn line_length(bytes: &[u8]) -> usize {
    let newline = bytes.iter().position(|byte| *byte == b'\n');
    newline.map_or(bytes.len(), |newline| newline + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a test does to the queue, one step at a time.
    #[derive(Clone, Debug)]
    enum Act {
        Push(usize),
        /// Offer a batch of at most so many bytes to a writer that takes so
        /// many of them.
        Write {
            max: usize,
            takes: usize,
        },
        /// The output is cut back to its last line end and the line sent again.
        CutBack,
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            4 => (0usize..300).prop_map(Act::Push),
            4 => (1usize..700, 0usize..700).prop_map(|(max, takes)| Act::Write { max, takes }),
            1 => Just(Act::CutBack),
        ];
        prop::collection::vec(act, 0..120)
    }

    fn line(number: usize, length: usize) -> Vec<u8> {
        let mut line = format!("{number}:").into_bytes();
        line.resize(line.len() + length, b'x');
        line.push(b'\n');
        line
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn a_writer_that_writes_short_gets_every_accepted_line_once(acts in acts()) {
            let mut queue = Queue::new(LINE_MAX);
            let (mut accepted, mut written) = (Vec::new(), Vec::new());
            let (mut pushed, mut completed) = (0u64, 0u64);
            for (number, act) in acts.into_iter().enumerate() {
                match act {
                    Act::Push(length) => {
                        let line = line(number, length);
                        let fits = line.len() <= queue.room();
                        prop_assert_eq!(queue.push(&line), fits);
                        if fits {
                            accepted.extend_from_slice(&line);
                            pushed += 1;
                        }
                    }
                    Act::Write { max, takes } => {
                        let batch = queue.batch(max);
                        prop_assert!(batch.is_empty() || batch.ends_with(b"\n"));
                        prop_assert_eq!(batch.is_empty(), queue.is_empty());
                        let takes = takes.min(batch.len());
                        written.extend_from_slice(&batch[..takes]);
                        completed += queue.advance(takes);
                    }
                    Act::CutBack => {
                        written.truncate(written.len() - queue.sent());
                        queue.rewind();
                    }
                }
                prop_assert_eq!(queue.lines(), pushed - completed);
                prop_assert!(queue.buffer.len() <= LINE_MAX + LINE_MAX / 2);
                prop_assert!(queue.front().starts_with(
                    &written[written.len() - queue.sent()..]
                ));
            }
            while !queue.is_empty() {
                let batch = queue.batch(64).to_vec();
                queue.advance(batch.len());
                written.extend_from_slice(&batch);
            }
            prop_assert_eq!(written, accepted);
        }
    }

    #[test]
    fn a_batch_never_ends_inside_a_line() {
        let mut queue = Queue::new(LINE_MAX);
        for text in ["one\n", "two\n", "three\n"] {
            assert!(queue.push(text.as_bytes()));
        }
        assert_eq!(queue.batch(9), b"one\ntwo\n");
        assert_eq!(
            queue.batch(1),
            b"one\n",
            "a line longer than asked goes alone"
        );
        assert_eq!(queue.advance(5), 1);
        assert_eq!(
            queue.batch(100),
            b"wo\n",
            "a started line is finished alone"
        );
        queue.rewind();
        assert_eq!(queue.batch(100), b"two\nthree\n");
    }

    #[test]
    fn a_full_queue_refuses_and_takes_again_after_a_write() {
        let mut queue = Queue::new(LINE_MAX);
        let line = line(0, 1000);
        while queue.push(&line) {}
        assert!(queue.room() < line.len());
        let before = queue.lines();
        assert_eq!(queue.advance(line.len()), 1);
        assert!(queue.push(&line));
        assert_eq!(queue.lines(), before);
    }
}
