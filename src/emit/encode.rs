//! Records -> bytes, in the format that was asked for.

use serde_json::value::RawValue;

use super::{
    fit::{fitting, push_fitting},
    format::Format,
    json_cache::JsonCache,
    pretty::Pretty,
};
use crate::record::{
    Context, Endpoints, Exit, ExitContext, Head, LINE_MAX, Limits, Lost, Signal, Status, push_line,
};

/// Encodes records.
#[derive(Debug)]
pub struct Encoder {
    format: Format,
    cache: JsonCache,
}

impl Encoder {
    /// For lines of this format.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            cache: JsonCache::default(),
        }
    }

    /// Names may have changed.
    pub fn forget(&mut self) {
        self.cache.forget();
    }

    /// Appends a signal with as many of its group's recipients as fit. Returns
    /// those that need lines of their own.
    pub fn signal<'g>(
        &mut self,
        line: &mut Vec<u8>,
        head: Head<'_>,
        context: Context<'_>,
        group: &'g [Box<RawValue>],
    ) -> &'g [Box<RawValue>] {
        if let Format::Pretty { colour } = self.format {
            let endpoints = Endpoints::new(context, Limits::GLANCE);
            Pretty { colour }.signal(line, &Signal::new(head, context, endpoints, &[]));
            return &[];
        }
        let room = push_fitting(line, &mut self.cache, head, context, &[]);
        if group.is_empty() {
            return group;
        }
        let (here, later) = group.split_at(fitting(group, room));
        push_fitting(line, &mut self.cache, head, context, here);
        later
    }

    /// Appends an exit.
    pub fn exit(&self, line: &mut Vec<u8>, head: Head<'_>, context: ExitContext<'_>) {
        if let Format::Pretty { colour } = self.format {
            Pretty { colour }.exit(line, &Exit::new(head, context, Limits::GLANCE));
            return;
        }
        for limits in Limits::STEPS {
            line.clear();
            push_line(line, &Exit::new(head, context, limits));
            if line.len() <= LINE_MAX {
                break;
            }
        }
    }

    /// Appends a loss.
    pub fn lost(&self, line: &mut Vec<u8>, record: &Lost<'_>) {
        match self.format {
            Format::Json => push_line(line, record),
            Format::Pretty { colour } => Pretty { colour }.lost(line, record),
        }
    }

    /// Appends a status.
    pub fn status(&self, line: &mut Vec<u8>, record: &Status<'_>) {
        match self.format {
            Format::Json => push_line(line, record),
            Format::Pretty { colour } => Pretty { colour }.status(line, record),
        }
    }
}
