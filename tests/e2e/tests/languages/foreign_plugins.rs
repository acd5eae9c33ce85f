//! A plugin that this machine cannot run: an archive for another system was installed by hand.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use e2e::Project;

/// The beginning of a program for macOS on Apple silicon.
const MACOS: [u8; 16] = [0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 0x01, 0, 0, 0, 0, 0x02, 0, 0, 0];

#[test]
fn a_plugin_for_another_system_is_named_with_its_path() {
    let project = Project::with_image("foreign-plugin", "");
    let folder = project.at("pulumi-home/plugins/resource-fastcontainer-v0.1.0");
    let file = folder.join("pulumi-resource-fastcontainer");
    fs::create_dir_all(&folder).expect("folder");
    fs::write(&file, MACOS).expect("plugin");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("mode");
    let home = project.at("pulumi-home").display().to_string();
    let dev = project.stack("dev").with("PULUMI_HOME", &home);
    dev.preview(&[])
        .fails()
        .says("exec format error")
        .says(&file.display().to_string());
}
