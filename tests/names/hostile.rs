//! Files that are not what a runtime would write.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
    process::Command,
};

use common::{Actor, Cgroup, cgroup_root};
use serde_json::{Value, json};

use super::trees::{Host, fresh_id, named_in, once, short, until_named};

/// Makes a container's file into something else.
type Spoil = fn(&Host, &Path);

#[test]
fn files_that_are_not_to_be_trusted_name_nobody() {
    let host = Host::new();
    let mut actor = Actor::start();
    let spoils: [(&str, Spoil); 9] = [
        ("a link", |host, path| {
            let other = host.write("/other/config.v2.json", short("other"));
            fs::remove_file(path).unwrap();
            symlink(other, path).unwrap();
        }),
        ("behind a link", |host, path| {
            let directory = path.parent().unwrap();
            let moved = host.path("/moved");
            fs::rename(directory, &moved).unwrap();
            symlink("../../../../moved", directory).unwrap();
            assert!(fs::exists(path).unwrap());
        }),
        ("somebody's", |_, path| chown(path, Some(1), None).unwrap()),
        ("everybody's", |_, path| {
            fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap();
        }),
        ("too long", |_, path| {
            let long = json!({ "Name": "/long", "x": "x".repeat(1 << 20) });
            fs::write(path, long.to_string()).unwrap();
        }),
        ("a FIFO", |_, path| {
            fs::remove_file(path).unwrap();
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
        ("a directory", |_, path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        ("cut", |_, path| {
            let text = fs::read(path).unwrap();
            fs::write(path, &text[..text.len() - 1]).unwrap();
        }),
        ("deep", |_, path| {
            let deep = r#"{"Config":"#.repeat(100_000);
            fs::write(path, deep).unwrap();
        }),
    ];
    let cgroups = spoils.each_ref().map(|(_, spoil)| {
        let id = fresh_id();
        spoil(&host, &host.write_docker(&id, short("bad")));
        Cgroup::new(&format!("/docker-{id}.scope"))
    });
    let mut sigtrail = host.sigtrail(&[&actor], &[]);
    let all = |sigtrail: &mut _, actor: &mut Actor| -> Vec<Value> {
        let said = cgroups.iter().map(|cgroup| {
            actor.enter(cgroup.directory());
            once(sigtrail, actor)
        });
        said.collect()
    };
    all(&mut sigtrail, &mut actor);
    // Questions are answered in order: these were, then.
    let good = fresh_id();
    host.write_docker(&good, short("good"));
    let said = named_in(&mut sigtrail, &mut actor, &format!("/docker-{good}.scope"));
    assert_eq!(said["container_name"], "good");
    for (said, (what, _)) in all(&mut sigtrail, &mut actor).iter().zip(&spoils) {
        assert_eq!(*said, json!({}), "{what}");
    }
    actor.enter(&cgroup_root());
    sigtrail.stop().assert_clean();
}

/// The check of each line sees to the rest: no name breaks or steers one.
#[test]
fn names_that_are_not_names_are_short_text() {
    let host = Host::new();
    let mut actor = Actor::start();
    let long = "ö".repeat(200_000);
    let steering = "a\n\u{1b}[2J\u{202e}b\"\\\u{0}";
    let labels = |project: &str| json!({ "com.docker.compose.project": project, "x": [[{}]] });
    let cases = [
        (
            json!({ "Name": steering }),
            json!({ "container_name": steering }),
        ),
        (
            json!({ "Name": "/a", "Config": { "Image": long, "Labels": labels(steering) } }),
            json!({ "container_name": "a", "image": &long[..252], "compose_project": steering }),
        ),
        (
            json!({ "Name": 1, "Config": { "Image": {}, "Labels": labels("shop") } }),
            json!({ "compose_project": "shop" }),
        ),
        (
            json!({ "Name": r"a\x41", "Config": { "Labels": [1], "Image": null } }),
            json!({ "container_name": r"a\x5cx41" }),
        ),
    ];
    let mut sigtrail = host.sigtrail(&[&actor], &[]);
    for (file, said) in cases {
        let id = fresh_id();
        host.write_docker(&id, file.to_string());
        let cgroup = Cgroup::new(&format!("/docker-{id}.scope"));
        actor.enter(cgroup.directory());
        assert_eq!(until_named(&mut sigtrail, &mut actor), said);
        actor.enter(&cgroup_root());
    }
    let ended = sigtrail.stop();
    ended.assert_clean();
    let cut = |line: &Value| line["sender"]["compose_project"] == steering;
    for line in ended.signals() {
        assert_eq!(line["truncated"] == true, cut(&line), "{line}");
    }
}

/// Both sides have everything that is long: the line is cut, and comes.
#[test]
fn a_line_with_the_longest_names_fits() {
    let host = Host::new();
    let (mut actor, id) = (Actor::start(), fresh_id());
    let long = "\u{1}".repeat(300);
    let labels = json!({ "com.docker.compose.project": long, "com.docker.compose.service": long });
    let file = json!({ "Name": long, "Config": { "Image": long, "Labels": labels } });
    host.write_docker(&id, file.to_string());
    let below = format!("/docker-{id}.scope/{}/{}", "x".repeat(250), "y".repeat(250));
    let cgroup = Cgroup::new(&below);
    actor.enter(cgroup.directory());
    let mut sigtrail = host.sigtrail(&[&actor], &[]);
    let said = until_named(&mut sigtrail, &mut actor);
    let name = said["container_name"].as_str().unwrap();
    assert!(long.starts_with(name) && !name.is_empty());
    let ended = sigtrail.stop();
    ended.assert_clean();
    assert_eq!(ended.signals().last().unwrap()["truncated"], true);
}
