//! What else is in the files that hold the names never gets out of them.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
};

use common::{Actor, Sigtrail};

use super::trees::{Host, fresh_id, fresh_uid, golden, named_in};

/// Whether a text is anywhere in a process's memory.
pub fn is_in_memory(pid: i32, wanted: &str) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut found = false;
    for line in maps.lines() {
        let mut fields = line.split(' ');
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        // The kernel's own pages cannot be read there, and hold nothing of it.
        if !rights.starts_with('r') || line.ends_with("[vvar]") || line.ends_with("[vsyscall]") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|at| u64::from_str_radix(at, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        // Some mappings have less behind them than they are long.
        let Ok(count) = memory.read_at(&mut bytes, start) else {
            continue;
        };
        found |= bytes[..count]
            .windows(wanted.len())
            .any(|part| part == wanted.as_bytes());
    }
    found
}

/// That no secret is in the lines or in the memory, and a name is in both.
#[track_caller]
pub fn assert_kept(sigtrail: Sigtrail, secret: &str, name: &str) {
    let pid = sigtrail.pid().as_raw_nonzero().get();
    assert!(is_in_memory(pid, name), "the search finds nothing");
    assert!(!is_in_memory(pid, secret), "a secret was kept");
    let ended = sigtrail.stop();
    ended.assert_clean();
    let has = |text: &str| {
        ended
            .lines
            .iter()
            .any(|line| line.value.to_string().contains(text))
    };
    assert!(has(name) && !has(secret));
}

#[test]
fn environment_and_arguments_are_not_read_in() {
    let host = Host::new();
    let mut actor = Actor::start();
    let mut sigtrail = host.sigtrail(&[&actor], &[]);
    let (docker, containerd, crio, uid) = (fresh_id(), fresh_id(), fresh_id(), fresh_uid());
    let secret = format!("st-secret-{docker}");
    let name = format!("st-name-{uid}");
    let file = |kind: &str, id: &str| {
        let text = golden(kind, id, &uid).replace("SECRET", &secret);
        // Longer than any buffer, and in other places, too.
        let more = format!(
            r#"{{"more":["{secret}",{{"a":"{}"}}],"#,
            secret.repeat(3000)
        );
        assert!(text.matches(&secret).count() >= 2, "{kind}");
        text.replacen('{', &more, 1)
            .replace("web-1", &name)
            .replace("front-end", &name)
    };
    host.write_docker(&docker, file("docker.json", &docker));
    let tasks = "/run/containerd/io.containerd.runtime.v2.task/k8s.io";
    host.write(
        format!("{tasks}/{containerd}/config.json"),
        file("containerd.json", &containerd),
    );
    let storage = "/run/containers/storage/overlay-containers";
    host.write(
        format!("{storage}/{crio}/userdata/config.json"),
        file("crio.json", &crio),
    );
    let pod = format!("/kubepods-pod{}.slice", uid.replace('-', "_"));
    for (below, key) in [
        (format!("/docker-{docker}.scope"), "container_name"),
        (
            format!("{pod}/cri-containerd-{containerd}.scope"),
            "pod_container",
        ),
        (format!("{pod}/crio-{crio}.scope"), "pod_container"),
    ] {
        assert_eq!(
            named_in(&mut sigtrail, &mut actor, &below)[key],
            name.as_str()
        );
    }
    assert_kept(sigtrail, &secret, &name);
}
