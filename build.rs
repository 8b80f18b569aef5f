//! Compiles the BPF program and generates its skeleton.

use std::{env, path::PathBuf};

use anyhow::{Context, Result};
use libbpf_cargo::SkeletonBuilder;

const SOURCE: &str = "bpf/sigtrail.bpf.c";

fn main() -> Result<()> {
    println!("cargo:rerun-if-changed=bpf");
    let out = PathBuf::from(env::var_os("OUT_DIR").context("cargo did not set OUT_DIR")?)
        .join("sigtrail.skel.rs");
    // The program's line numbers name their files: the same ones wherever the
    // sources lie.
    let here = env::var("CARGO_MANIFEST_DIR").context("cargo did not set CARGO_MANIFEST_DIR")?;
    SkeletonBuilder::new()
        .source(SOURCE)
        // libbpf-cargo prints no warning of clang's unless it is an error.
        // v2 is what the oldest supported kernel (5.10) is sure to take.
        .clang_args([
            "-Wall",
            "-Wextra",
            "-Werror",
            "-mcpu=v2",
            &format!("-ffile-prefix-map={here}=."),
        ])
        // The generated file is included, never read. A formatter that is not
        // there is passed over; one that is might lack its component.
        .rustfmt("/nonexistent/rustfmt")
        .build_and_generate(&out)
        .with_context(|| format!("building {SOURCE} (clang is needed: apt-get install clang)"))
}
