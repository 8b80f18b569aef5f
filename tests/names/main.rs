//! Names of containers and pods, from the files of runtimes and the kubelet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod containerd;
mod cri;
mod docker;
mod filters;
mod hostile;
mod podman;
mod room;
mod secrets;
mod sources;
mod trees;
mod users;
