//! Events -> lines -> sink.
//!
//! A call becomes a line in five steps, each in a file of its own: it gets the
//! names behind its numbers ([`named`]), passes the filters that need names
//! ([`selection`]), is stamped with its time ([`stamp`]), encoded so that it fits
//! ([`encode`], [`fit`]), and pushed under the next number ([`outlet`]).
//!
//! # When the output does not keep up
//!
//! The sink has a queue of bounded size. Once it refuses a line, the emitter stops
//! making lines at all, and enters each call as lost, until half of the queue is
//! free again. The `lost` line comes first then: a reader meets the loss where it
//! happened. Lines about the stream itself (`lost`, `status`) are not lost when
//! they are refused: the next ones have the same totals and newer ones.
//!
//! Times of lines never go back, but for calls that came late: see
//! [`Stamp::stream`](stamp::Stamp::stream).

mod causes;
mod emitter;
mod encode;
mod exits;
mod fit;
mod format;
mod json_cache;
mod named;
mod outlet;
mod pretty;
mod selection;
mod stamp;
mod status;
mod waiting;

pub use self::{
    emitter::Emitter,
    status::{Coverage, Report},
};
