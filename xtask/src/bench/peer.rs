//! The provider of `docker-build` resources, which stands beside ours: its program, and how the lab's builder is known to it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use e2e::lab;
use fastcontainer_lab::Tool;
use serde_json::json;

/// The version that is installed.
pub(super) const VERSION: &str = "0.0.22";
/// The name under which it knows the lab's builder.
pub(super) const BUILDER: &str = "lab";

/// Its program, when it could be installed.
pub(super) fn program() -> Option<PathBuf> {
    let folder = lab().tools().require(Tool::DockerBuildPeer).ok()?;
    Some(folder.join("pulumi-resource-docker-build"))
}

/// Puts `program` where the CLI finds it.
pub(super) fn install(program: &Path) {
    let plugins = lab().pulumi_home().join("plugins");
    let folder = plugins.join(format!("resource-docker-build-v{VERSION}"));
    let plugin = folder.join("pulumi-resource-docker-build");
    fs::create_dir_all(&folder).expect("the folder of the plugin");
    fs::copy(program, &plugin).expect("the plugin");
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).expect("the plugin's mode");
}

/// Names it the lab's builder.
pub(super) fn show_builder() {
    let (_, address) = lab().builder().expect("a builder").variable();
    let builder = json!({
        "Name": BUILDER, "Driver": "remote", "Dynamic": false,
        "Nodes": [{ "Name": format!("{BUILDER}0"), "Endpoint": address, "Platforms": null,
            "DriverOpts": null, "Flags": null, "Files": null }],
    });
    let config = std::env::var_os("DOCKER_CONFIG").expect("a lab sets DOCKER_CONFIG");
    let instances = Path::new(&config).join("buildx/instances");
    fs::create_dir_all(&instances).expect("the folder of builders");
    fs::write(instances.join(BUILDER), builder.to_string()).expect("the builder's entry");
}
