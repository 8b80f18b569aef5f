//! What a record says of the names of a process's container.

use schemars::JsonSchema;
use serde::Serialize;

use super::limits::Cutter;
use crate::identity;

/// The names of a container and its pod, from the files of its runtime and the
/// kubelet.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct ContainerNames<'a> {
    /// The container's name. Present if it is known by now and the container is no
    /// pod's: see `pod_container`. Of `lxc` and `nspawn`, `container` is the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_name: Option<&'a str>,
    /// The container's image, as it was asked for. Present if it is known by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<&'a str>,
    /// The Kubernetes pod's name. Present if it is known by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<&'a str>,
    /// The pod's namespace. Present with `pod`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_namespace: Option<&'a str>,
    /// The container's name in the pod. Present if it is known by now; the container
    /// that holds the pod's namespaces has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_container: Option<&'a str>,
    /// The compose project, or the stack in a swarm. Present if it is known by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compose_project: Option<&'a str>,
    /// The compose service, or the service in a swarm. Present if it is known by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compose_service: Option<&'a str>,
}

impl<'a> ContainerNames<'a> {
    /// What is known, if anything is.
    pub(super) fn new(known: Option<&'a identity::ContainerNames>, cutter: &mut Cutter) -> Self {
        let Some(known) = known else {
            return Self::default();
        };
        let mut name = |name: &'a Option<Box<str>>| name.as_deref().map(|name| cutter.label(name));
        Self {
            container_name: name(&known.container_name),
            image: name(&known.image),
            pod: name(&known.pod),
            pod_namespace: name(&known.pod_namespace),
            pod_container: name(&known.pod_container),
            compose_project: name(&known.compose_project),
            compose_service: name(&known.compose_service),
        }
    }
}
