//! The names in the names of the kubelet's logs. Nothing is opened: the lists of
//! two directories have it all, whatever the runtime, and hold no secrets.
//!
//! - `/var/log/pods/<namespace>_<pod>_<uid>/`
//! - `/var/log/containers/<pod>_<namespace>_<container>-<id>.log`, cut to 251
//!   bytes before `.log`, so that the id may be there in part or not at all

use super::{names::ContainerNames, pick::name};

/// Where the kubelet cuts: the longest name of a file, without `.log`.
const LONGEST: usize = 251;
/// Digits of an id that are enough to know it by.
const ENOUGH: usize = 12;

/// What a directory in `/var/log/pods` says, if it is the pod's.
pub(super) fn of_pod(entry: &str, uid: &str) -> Option<ContainerNames> {
    let rest = entry.strip_suffix(uid)?.strip_suffix('_')?;
    let (namespace, pod) = rest.split_once('_')?;
    // Of a pod whose name has no `_`, nothing is left over.
    (!pod.contains('_')).then_some(())?;
    Some(ContainerNames {
        pod: Some(name(pod.as_bytes())?),
        pod_namespace: Some(name(namespace.as_bytes())?),
        ..ContainerNames::default()
    })
}

/// What a link in `/var/log/containers` says, if it is the container's.
pub(super) fn of_container(entry: &str, id: &str) -> Option<ContainerNames> {
    let stem = entry.strip_suffix(".log")?;
    let (rest, last) = stem.rsplit_once('-')?;
    let cut = stem.len() == LONGEST && last.len() >= ENOUGH && id.starts_with(last);
    if last != id && !cut {
        return None;
    }
    let (pod, rest) = rest.split_once('_')?;
    let (namespace, container) = rest.split_once('_')?;
    Some(ContainerNames {
        pod: Some(name(pod.as_bytes())?),
        pod_namespace: Some(name(namespace.as_bytes())?),
        pod_container: Some(name(container.as_bytes())?),
        ..ContainerNames::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "66221e7d988e193822a3e8368b61ad9aeabf6b5276df76daebb7ea33bccc0b87";
    const UID: &str = "1858680e-b044-4fd5-9dd4-f137e30e2180";

    fn spelled(names: Option<ContainerNames>) -> Option<String> {
        let part = |part: Option<Box<str>>| part.unwrap_or("-".into());
        names.map(|names| {
            let pod = [names.pod_namespace, names.pod, names.pod_container];
            pod.map(part).join("/")
        })
    }

    #[test]
    fn a_directory_of_logs_names_its_pod() {
        let of = |entry: String| spelled(of_pod(&entry, UID));
        let pod = "web-7c9f-x2x.y".to_owned();
        assert_eq!(
            of(format!("shop_{pod}_{UID}")),
            Some(format!("shop/{pod}/-"))
        );
        // Static pods have a hash for a uid, and the node's name in their own.
        let hash = "1864dd0546310be9937c37cf88024cb8";
        let etcd = format!("kube-system_etcd-node1_{hash}");
        assert_eq!(
            spelled(of_pod(&etcd, hash)).unwrap(),
            "kube-system/etcd-node1/-"
        );
        for other in [
            UID.to_owned(),
            format!("_{UID}"),
            format!("shop_{UID}"),
            format!("shop__{UID}"),
            format!("_web_{UID}"),
            format!("a_b_c_{UID}"),
            format!("shop_web_{UID}x"),
        ] {
            assert_eq!(of(other.clone()), None, "{other}");
        }
    }

    #[test]
    fn a_log_names_its_container_even_if_the_id_was_cut() {
        let of = |entry: &str| spelled(of_container(entry, ID));
        let web = format!("web-7c9f_shop_front-end-{ID}.log");
        assert_eq!(of(&web).unwrap(), "shop/web-7c9f/front-end");
        let pod = "p".repeat(200);
        let mut long = format!("{pod}_shop_web-{ID}");
        long.truncate(LONGEST);
        let cut = format!("shop/{pod}/web");
        assert_eq!(of(&format!("{long}.log")), Some(cut));
        // Not enough digits are left, or none.
        let mut short = format!("{}_shop_web-{ID}", "p".repeat(235));
        short.truncate(LONGEST);
        assert_eq!(of(&format!("{short}.log")), None);
        for other in [
            format!("web_shop_front-{}.log", &ID[..12]),
            format!("web_shop_front-{ID}"),
            format!("web_shop-{ID}.log"),
            format!("_shop_front-{ID}.log"),
            format!("{ID}.log"),
            "-.log".to_owned(),
        ] {
            assert_eq!(of(&other), None, "{other}");
        }
    }
}
