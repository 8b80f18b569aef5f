//! Which files tell of which container.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    bundle, conmon, docker,
    files::{Directory, Files, Reader},
    kubelet,
    names::ContainerNames,
    places::Places,
    storage,
    subject::Subject,
};
use crate::identity::path::Runtime;

/// Most bytes of a container's own file.
const FILE_MAX: usize = 1 << 20;
/// Most bytes of a list of containers.
const LIST_MAX: usize = 16 << 20;
/// Most bytes of `/etc/passwd`.
const PASSWD_MAX: usize = 1 << 20;
/// The drivers of containers/storage, in whose directories the lists are.
const DRIVERS: [&str; 3] = ["overlay", "vfs", "btrfs"];
/// Where containerd keeps bundles, by namespace.
const BUNDLES: &str = "io.containerd.runtime.v2.task";
/// The namespace of containerd that its CRI plugin has.
const CRI_NAMESPACE: &str = "k8s.io";
/// Most namespaces of containerd that are looked into.
const NAMESPACES: usize = 64;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) names: ContainerNames,
    /// The runtime's own file was there: there is no more to come.
    pub(super) complete: bool,
}

/// Looks names up.
#[derive(Debug)]
pub(super) struct Search {
    files: Files,
    places: Places,
}

impl Search {
    /// A search in these places.
    ///
    /// # Errors
    /// The root of all places cannot be opened.
    pub(super) fn new(places: Places) -> io::Result<Self> {
        Ok(Self {
            files: Files::below(&places.root)?,
            places,
        })
    }

    /// All that there is of a container and its pod.
    pub(super) fn look_up(&mut self, subject: &Subject) -> Answer {
        let mut names = ContainerNames::default();
        let mut complete = false;
        if let Some((id, runtime)) = &subject.container {
            if let Some(found) = self.of_runtime(id, *runtime, subject) {
                names = found;
                complete = true;
            } else if matches!(runtime, Runtime::Podman | Runtime::Crio) {
                let found = conmon::find(&mut self.files, id, subject.owner);
                let found = found.map(|name| match runtime {
                    Runtime::Crio => conmon::pod_names(&name),
                    _ => ContainerNames {
                        container_name: Some(name),
                        ..ContainerNames::default()
                    },
                });
                names.fill(found.unwrap_or_default());
            }
        }
        if subject.may_have_logs() && (names.pod.is_none() || names.pod_container.is_none()) {
            names.fill(self.of_kubelet(subject));
        }
        Answer {
            names: names.tidy(),
            complete,
        }
    }

    /// What the runtime's own files say.
    fn of_runtime(&mut self, id: &str, by: Runtime, subject: &Subject) -> Option<ContainerNames> {
        let home = match subject.owner {
            0 => None,
            uid => Some(self.home(uid)?),
        };
        let (home, owner) = (home.as_deref(), subject.owner);
        let in_pod = subject.pod_uid.is_some();
        match by {
            Runtime::Docker | Runtime::Ecs => self.of_docker(id, home, owner, in_pod),
            Runtime::Podman => self.of_storage(id, home, owner, false),
            Runtime::Containerd => self.of_containerd(id, owner),
            Runtime::Crio => {
                (self.of_crio(id, owner)).or_else(|| self.of_storage(id, home, owner, true))
            }
            Runtime::Cri => (self.of_containerd(id, owner))
                .or_else(|| self.of_crio(id, owner))
                .or_else(|| self.of_docker(id, home, owner, in_pod)),
            Runtime::Lxc | Runtime::Nspawn => None,
        }
    }

    fn of_docker(
        &mut self,
        id: &str,
        home: Option<&Path>,
        owner: u32,
        in_pod: bool,
    ) -> Option<ContainerNames> {
        let file = Path::new("containers").join(id).join("config.v2.json");
        let parse = |reader: Reader<'_>| docker::names(reader, in_pod);
        self.first(self.places.docker(home), owner, &file, FILE_MAX, parse)
    }

    fn of_crio(&mut self, id: &str, owner: u32) -> Option<ContainerNames> {
        DRIVERS.into_iter().find_map(|driver| {
            let bundle = format!("{driver}-containers/{id}/userdata/config.json");
            let parse = |reader: Reader<'_>| bundle::names(reader, true);
            let places = self.places.storage(None);
            self.first(places, owner, Path::new(&bundle), FILE_MAX, parse)
        })
    }

    fn of_storage(
        &mut self,
        id: &str,
        home: Option<&Path>,
        owner: u32,
        of_cri: bool,
    ) -> Option<ContainerNames> {
        let lists = ["containers.json", "volatile-containers.json"];
        let mut lists = DRIVERS.into_iter().flat_map(|driver| {
            lists.map(|list| PathBuf::from(format!("{driver}-containers/{list}")))
        });
        lists.find_map(|list| {
            let parse = |reader: Reader<'_>| storage::names(reader, id, of_cri);
            self.first(self.places.storage(home), owner, &list, LIST_MAX, parse)
        })
    }

    fn of_containerd(&mut self, id: &str, owner: u32) -> Option<ContainerNames> {
        self.places.containerd().iter().find_map(|state| {
            let state = self.files.directory(state, owner)?;
            let bundles = state.directory(Path::new(BUNDLES))?;
            // The usual ones need no list.
            let usual = [CRI_NAMESPACE, "default"].map(str::to_owned);
            let known = usual.clone();
            let others = bundles.names().take(NAMESPACES);
            let others = others.filter(move |name| !name.starts_with('.') && !known.contains(name));
            (usual.into_iter().chain(others)).find_map(|namespace| {
                let file = Path::new(&namespace).join(id).join("config.json");
                let of_cri = namespace == CRI_NAMESPACE;
                let parse = |reader: Reader<'_>| bundle::names(reader, of_cri);
                self.files.read(&bundles, &file, FILE_MAX, parse)?
            })
        })
    }

    /// What the first directory says that has the file.
    fn first(
        &mut self,
        places: Vec<PathBuf>,
        owner: u32,
        file: &Path,
        most: usize,
        parse: impl Fn(Reader<'_>) -> Option<ContainerNames>,
    ) -> Option<ContainerNames> {
        places.iter().find_map(|place| {
            let directory = self.files.directory(place, owner)?;
            self.files.read(&directory, file, most, &parse)?
        })
    }

    /// What the names of logs say.
    fn of_kubelet(&self, subject: &Subject) -> ContainerNames {
        let mut names = ContainerNames::default();
        for place in self.places.kubelet() {
            let list = |below: &str| {
                let directory = self.files.directory(&place.join(below), 0);
                directory
                    .as_ref()
                    .map(Directory::names)
                    .into_iter()
                    .flatten()
            };
            if let Some((id, _)) = &subject.container {
                let found = list("containers").find_map(|entry| kubelet::of_container(&entry, id));
                names.fill(found.unwrap_or_default());
            }
            if names.pod.is_none()
                && let Some(uid) = &subject.pod_uid
            {
                let found = list("pods").find_map(|entry| kubelet::of_pod(&entry, uid));
                names.fill(found.unwrap_or_default());
            }
        }
        names
    }

    /// A user's home, from the file that belongs to root.
    fn home(&mut self, uid: u32) -> Option<PathBuf> {
        let etc = self.files.directory(Path::new("/etc"), 0)?;
        self.files
            .read(&etc, Path::new("passwd"), PASSWD_MAX, |reader| {
                let text = io::read_to_string(reader).ok()?;
                text.lines().find_map(|line| {
                    let mut fields = line.split(':').skip(2);
                    (fields.next()?.parse() == Ok(uid)).then_some(())?;
                    fields.nth(2).map(PathBuf::from)
                })
            })?
    }
}

impl Subject {
    /// Whether it may be of a pod.
    fn may_have_logs(&self) -> bool {
        let runtime = self.container.as_ref().map(|(_, runtime)| *runtime);
        let of_cri = [Runtime::Cri, Runtime::Containerd, Runtime::Crio];
        self.owner == 0
            && (self.pod_uid.is_some() || runtime.is_some_and(|runtime| of_cri.contains(&runtime)))
    }
}
