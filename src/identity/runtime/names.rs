//! What is looked for.

/// What its runtime and the kubelet call a container. Texts are by the rule of
/// [`text`](mod@crate::text).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerNames {
    /// The name that its runtime has for it. Not of a pod's containers.
    pub container_name: Option<Box<str>>,
    /// The image, as it was asked for.
    pub image: Option<Box<str>>,
    /// The pod's name.
    pub pod: Option<Box<str>>,
    /// The pod's namespace.
    pub pod_namespace: Option<Box<str>>,
    /// The container's name in the pod.
    pub pod_container: Option<Box<str>>,
    /// The compose project, or swarm's stack.
    pub compose_project: Option<Box<str>>,
    /// The compose service, or swarm's.
    pub compose_service: Option<Box<str>>,
}

impl ContainerNames {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes what is not known yet.
    pub(super) fn fill(&mut self, from: Self) {
        let fill = |to: &mut Option<Box<str>>, from| {
            if to.is_none() {
                *to = from;
            }
        };
        fill(&mut self.container_name, from.container_name);
        fill(&mut self.image, from.image);
        fill(&mut self.pod, from.pod);
        fill(&mut self.pod_namespace, from.pod_namespace);
        fill(&mut self.pod_container, from.pod_container);
        fill(&mut self.compose_project, from.compose_project);
        fill(&mut self.compose_service, from.compose_service);
    }

    /// Without what is another spelling of the rest: to a runtime, a pod's
    /// container is called by all of its names in one.
    pub(super) fn tidy(mut self) -> Self {
        if self.pod.is_some() {
            self.container_name = None;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_container_has_no_other_name() {
        let of = |pod: Option<&str>| ContainerNames {
            container_name: Some("k8s_web_shop_default_1".into()),
            pod: pod.map(Box::from),
            ..ContainerNames::default()
        };
        assert_eq!(of(Some("shop")).tidy().container_name, None);
        assert_eq!(of(None).tidy(), of(None));
    }
}
