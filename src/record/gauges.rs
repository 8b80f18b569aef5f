//! The figures of a run: one row each for the status line, the schema and the
//! metrics file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// How a figure moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GaugeKind {
    /// It only grows while a run lasts.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl GaugeKind {
    /// The word in Prometheus's text format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// The value of a figure, for metrics.
#[derive(Debug, Clone, Copy)]
pub enum GaugeValue<'a> {
    /// One number.
    Number(u64),
    /// A number for each errno's name.
    ByErrno(&'a BTreeMap<String, u64>),
}

impl From<&u64> for GaugeValue<'_> {
    fn from(value: &u64) -> Self {
        Self::Number(*value)
    }
}

impl<'a> From<&'a BTreeMap<String, u64>> for GaugeValue<'a> {
    fn from(value: &'a BTreeMap<String, u64>) -> Self {
        Self::ByErrno(value)
    }
}

/// A figure as metrics show it.
#[derive(Debug, Clone, Copy)]
pub struct Gauge<'a> {
    /// Its name, behind the program's.
    pub name: &'static str,
    /// How it moves.
    pub kind: GaugeKind,
    /// What it is, as in the schema.
    pub help: &'static str,
    /// What it is now.
    pub value: GaugeValue<'a>,
}

/// Makes [`Gauges`] of a table. A row is the description, the field of the
/// status line with its type, then the kind and the name of the metric.
macro_rules! gauges {
    ($(
        $(#[doc = $help:literal])+
        $(#[serde($($serde:tt)*)])?
        $field:ident: $type:ty => $kind:ident $name:literal,
    )*) => {
        /// What a run uses and what it has written: since the start where it is a
        /// count.
        #[derive(Debug, Default, Clone, Serialize, JsonSchema)]
        pub struct Gauges {
            $(
                $(#[doc = $help])+
                $(#[serde($($serde)*)])?
                pub $field: $type,
            )*
        }

        impl Gauges {
            /// All of them, for metrics.
            pub fn all(&self) -> impl Iterator<Item = Gauge<'_>> {
                [$(
                    Gauge {
                        name: $name,
                        kind: GaugeKind::$kind,
                        help: concat!($($help),+),
                        value: (&self.$field).into(),
                    },
                )*]
                .into_iter()
            }
        }
    };
}

gauges! {
    /// Lines that the output took, of all types.
    lines_written: u64 => Counter "lines_written_total",
    /// Their bytes.
    bytes_written: u64 => Counter "bytes_written_total",
    /// Bytes of lines that wait for the output.
    queue_bytes: u64 => Gauge "queue_bytes",
    /// The most bytes that ever waited.
    queue_bytes_max: u64 => Gauge "queue_bytes_max",
    /// Bytes of each CPU's ring.
    ring_bytes: u64 => Gauge "ring_bytes",
    /// The most bytes that a reading ever found in one ring.
    ring_bytes_max: u64 => Gauge "ring_bytes_max",
    /// The longest time between two readings of the rings, in milliseconds.
    gap_ms_max: u64 => Gauge "gap_milliseconds_max",
    /// Failures of the output, by errno.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sink_errors: BTreeMap<String, u64> => Counter "sink_errors_total",
    /// Files finished and replaced.
    rotations: u64 => Counter "rotations_total",
    /// Attempts to replace a file that failed; each is made again. Present if it is
    /// not 0.
    #[serde(skip_serializing_if = "is_zero")]
    rotation_errors: u64 => Counter "rotation_errors_total",
    /// Attempts to flush a file to the disk that failed. Present if it is not 0.
    #[serde(skip_serializing_if = "is_zero")]
    fsync_errors: u64 => Counter "fsync_errors_total",
    /// Torn lines that were ended or cut off.
    torn_tails_repaired: u64 => Counter "torn_tails_repaired_total",
    /// Calls of sigtrail to itself that came back through the kernel.
    canaries: u64 => Counter "canaries_total",
    /// Processes that are known by name, those that ended lately among them.
    processes_known: u64 => Gauge "processes_known",
    /// Control groups that are kept in memory.
    cgroups_cached: u64 => Gauge "cgroups_cached",
    /// Processor time, in milliseconds.
    cpu_ms: u64 => Counter "cpu_milliseconds_total",
    /// Resident memory, in KiB.
    rss_kib: u64 => Gauge "resident_kibibytes",
}
