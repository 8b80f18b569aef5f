//! The names of containers and pods, which no cgroup's path has.
//!
//! They are read from files that runtimes and the kubelet keep, so no runtime's
//! socket is needed. [`Runtimes`] is the table of what is known; a thread of its
//! own reads the files ([`worker`], [`search`]), once for each container. It is
//! asked when a container's cgroup is learned. A batch in which a container is new
//! waits for the answer for a few milliseconds, and so no slow disk delays lines: a
//! line that is written before the answer has no names.
//!
//! Some of these files hold secrets beside the names: environment and arguments.
//! [`pick`] takes out the wanted texts and copies nothing else, and the buffer
//! through which a file is read is wiped ([`files`]).
//!
//! Whose word is it? A container of the system is looked up in files that belong
//! to root; one below a user's own manager in those of that user alone. A
//! container inside another one is not looked up: only the outer container's
//! files could tell of it, and whoever made its cgroup could claim any id.

mod bundle;
mod conmon;
mod docker;
mod files;
mod kubelet;
mod names;
mod pick;
mod places;
mod search;
mod storage;
mod subject;
mod table;
mod worker;

pub use self::{names::ContainerNames, places::Places, subject::Subject, table::Runtimes};

/// What a file says, whichever kind of file it is taken for; for the fuzzer.
pub fn names_of_any(file: &[u8], id: &str) -> Vec<ContainerNames> {
    let text = String::from_utf8_lossy(file);
    [
        docker::names(file, true),
        bundle::names(file, true),
        bundle::names(file, false),
        storage::names(file, id, true),
        storage::names(file, id, false),
        kubelet::of_pod(&text, id),
        kubelet::of_container(&text, id),
        Some(conmon::pod_names(&text)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
