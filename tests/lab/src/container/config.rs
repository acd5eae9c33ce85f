//! The runtime configuration of a container: image configuration plus overrides, in the words of the OCI Runtime Specification.
//!
//! Namespaces are those of a Docker container but the network, which is the lab's own: a server in the image answers on the
//! lab's loopback address.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::container::ContainerOptions;
use crate::error::{LabError, Result};

const CAPABILITIES: &[&str] = &[
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// Builds `config.json` for a container with root file system `root`.
pub(super) fn runtime_config(image: &Value, options: &ContainerOptions, root: &Path, cgroup: &str) -> Result<Value> {
    let image = &image["config"];
    let (uid, gid) = user(image["User"].as_str().unwrap_or_default(), root)?;
    let folder = image["WorkingDir"]
        .as_str()
        .filter(|folder| !folder.is_empty())
        .unwrap_or("/");
    Ok(json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": uid, "gid": gid },
            "args": arguments(image, options)?,
            "env": environment(image, options),
            "cwd": folder,
            "capabilities": { "bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES },
        },
        "root": { "path": root, "readonly": false },
        "hostname": "lab",
        "mounts": mounts(),
        "linux": {
            "cgroupsPath": cgroup,
            "namespaces": [{ "type": "pid" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" }],
        },
    }))
}

fn mounts() -> Value {
    json!([
        { "destination": "/proc", "type": "proc", "source": "proc" },
        { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"] },
        { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
          "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"] },
        { "destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"] },
        { "destination": "/etc/hosts", "type": "bind", "source": "/etc/hosts", "options": ["rbind", "ro"] },
    ])
}

/// Entrypoint then command; arguments of the caller replace the command, an entrypoint of the caller both.
fn arguments(image: &Value, options: &ContainerOptions) -> Result<Vec<String>> {
    let mut arguments = options
        .entrypoint
        .clone()
        .map_or_else(|| texts(&image["Entrypoint"]), |program| vec![program]);
    if !options.arguments.is_empty() {
        arguments.extend(options.arguments.iter().cloned());
    } else if options.entrypoint.is_none() {
        arguments.extend(texts(&image["Cmd"]));
    }
    if arguments.is_empty() {
        return Err(LabError::malformed(
            "the image configuration",
            "it has no command, and none was given",
        ));
    }
    Ok(arguments)
}

fn environment(image: &Value, options: &ContainerOptions) -> Vec<String> {
    let mut all = texts(&image["Env"]);
    for (name, value) in &options.environment {
        let prefix = format!("{name}=");
        all.retain(|entry| !entry.starts_with(&prefix));
        all.push(format!("{prefix}{value}"));
    }
    all
}

fn texts(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.as_str().map(str::to_owned))
        .collect()
}

/// Ids of `USER name[:group]`: numbers, or names looked up in the image's own files.
fn user(text: &str, root: &Path) -> Result<(u32, u32)> {
    if text.is_empty() {
        return Ok((0, 0));
    }
    let (name, group) = text
        .split_once(':')
        .map_or((text, None), |(name, group)| (name, Some(group)));
    let row = look_up(&root.join("etc/passwd"), name);
    let field = |index: usize| row.as_ref().and_then(|row| row.split(':').nth(index)?.parse().ok());
    let unknown =
        |what: &str| LabError::malformed("the image configuration", format!("`{what}` is no user or group in it"));
    let uid = name.parse().ok().or_else(|| field(2)).ok_or_else(|| unknown(name))?;
    let Some(group) = group else {
        return Ok((uid, field(3).unwrap_or(0)));
    };
    let row = look_up(&root.join("etc/group"), group);
    let gid = group
        .parse()
        .ok()
        .or_else(|| row.and_then(|row| row.split(':').nth(2)?.parse().ok()));
    Ok((uid, gid.ok_or_else(|| unknown(group))?))
}

fn look_up(table: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(table).ok()?;
    text.lines()
        .find(|row| row.split(':').next() == Some(name))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Value {
        json!({ "Entrypoint": ["serve"], "Cmd": ["--all"], "Env": ["A=1", "B=2"] })
    }

    #[test]
    fn arguments_replace_the_command_and_keep_the_entrypoint() {
        let options = ContainerOptions {
            arguments: vec!["one".into()],
            ..ContainerOptions::default()
        };
        assert_eq!(arguments(&image(), &options).unwrap(), ["serve", "one"]);
        assert_eq!(
            arguments(&image(), &ContainerOptions::default()).unwrap(),
            ["serve", "--all"]
        );
    }

    #[test]
    fn entrypoint_of_the_caller_drops_the_command() {
        let options = ContainerOptions {
            entrypoint: Some("sh".into()),
            ..ContainerOptions::default()
        };
        assert_eq!(arguments(&image(), &options).unwrap(), ["sh"]);
    }

    #[test]
    fn variable_of_the_caller_replaces_the_one_of_the_image() {
        let options = ContainerOptions {
            environment: vec![("A".into(), "9".into())],
            ..ContainerOptions::default()
        };
        assert_eq!(environment(&image(), &options), ["B=2", "A=9"]);
    }

    #[test]
    fn user_names_are_looked_up_in_the_image() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/passwd"), "app:x:1000:1001::/:/bin/sh\n").unwrap();
        fs::write(root.path().join("etc/group"), "web:x:1002:\n").unwrap();
        assert_eq!(user("app", root.path()).unwrap(), (1000, 1001));
        assert_eq!(user("app:web", root.path()).unwrap(), (1000, 1002));
        assert_eq!(user("7:8", root.path()).unwrap(), (7, 8));
        assert!(user("nobody", root.path()).is_err());
    }
}
