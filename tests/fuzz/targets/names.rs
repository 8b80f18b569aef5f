//! Whatever stands in a container's file, its names are short text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigtrail::{ContainerNames, names_of_any};

const ID: &str = "66221e7d988e193822a3e8368b61ad9aeabf6b5276df76daebb7ea33bccc0b87";

fuzz_target!(|bytes: &[u8]| {
    for names in names_of_any(bytes, ID) {
        let ContainerNames {
            container_name,
            image,
            pod,
            pod_namespace,
            pod_container,
            compose_project,
            compose_service,
        } = names;
        let pod = [pod, pod_namespace, pod_container];
        let others = [container_name, image, compose_project, compose_service];
        for name in pod.iter().chain(&others).flatten() {
            assert!((1..=512).contains(&name.len()));
        }
    }
});
