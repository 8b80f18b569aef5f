//! The skeleton, generated from `bpf/sigtrail.bpf.c` by `build.rs`.

#![allow(missing_docs, clippy::all, clippy::pedantic, clippy::restriction)]
#![allow(unused_qualifications, unsafe_op_in_unsafe_fn)]

include!(concat!(env!("OUT_DIR"), "/sigtrail.skel.rs"));
