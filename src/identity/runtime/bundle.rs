//! An OCI bundle's `config.json`: what containerd and CRI-O give to runc.
//!
//! Names are in the annotations; environment and arguments, which may be secrets,
//! are in `process`. Docker and podman put no names there.

use std::io::Read;

use serde::Deserialize;

use super::{names::ContainerNames, pick::Labels};

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    annotations: Labels,
}

/// The names in the file. `of_cri` is whether a CRI runtime wrote it: then it is
/// of a pod. Elsewhere annotations can come from an image.
pub(super) fn names(file: impl Read, of_cri: bool) -> Option<ContainerNames> {
    let Spec { annotations } = serde_json::from_reader(file).ok()?;
    Some(if of_cri {
        annotations.pod
    } else {
        annotations.plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINERD: &str = include_str!("../../../tests/golden/runtimes/containerd.json");
    const CRIO: &str = include_str!("../../../tests/golden/runtimes/crio.json");
    const NERDCTL: &str = include_str!("../../../tests/golden/runtimes/nerdctl.json");

    #[test]
    fn a_cri_runtimes_bundle_has_the_pods_names() {
        let web = ContainerNames {
            image: Some("registry.example/shop/web:1.2".into()),
            pod: Some("web-7c9f-x2x".into()),
            pod_namespace: Some("shop".into()),
            pod_container: Some("front-end".into()),
            ..ContainerNames::default()
        };
        for bundle in [CONTAINERD, CRIO] {
            assert_eq!(names(bundle.as_bytes(), true), Some(web.clone()));
        }
    }

    #[test]
    fn elsewhere_a_bundle_has_no_say_about_pods() {
        let web = ContainerNames {
            container_name: Some("web-1".into()),
            compose_project: Some("shop".into()),
            compose_service: Some("web".into()),
            ..ContainerNames::default()
        };
        assert_eq!(names(NERDCTL.as_bytes(), false), Some(web));
        assert!(names(CONTAINERD.as_bytes(), false).unwrap().is_empty());
        for none in [
            "{}",
            r#"{"annotations":null}"#,
            r#"{"annotations":["a"],"process":1}"#,
        ] {
            assert!(names(none.as_bytes(), true).unwrap().is_empty());
        }
        assert_eq!(names(&b"{\"annotations\":{\"a\":\"b\"}"[..], true), None);
    }
}
