//! An SDK of another version than the plugin.
//!
//! It is this checkout's SDK with one input under another name, as the generators make it from a schema with that name: so it has one
//! input that the plugin does not know, and lacks one that the plugin has.

use std::fs;
use std::path::Path;

use e2e::{Stack, image_content, lab};

use crate::program::{Language, Program};

/// A Python program beside the SDK of another version, which it finds first.
fn with_sdk(version: &str) -> (Program, Stack) {
    let program = Program::example(Language::Python, "image");
    let (package, other) = ("pulumi_fastcontainer", program.project.at("other"));
    copy(
        &sdk::root().join("sdk/python").join(package),
        &other.join(package),
        &[("triggers", "revisions"), (sdk::VERSION, version)],
    );
    let dev = program.dev.with("PYTHONPATH", &other.display().to_string());
    (program, dev)
}

fn copy(from: &Path, to: &Path, changes: &[(&str, &str)]) {
    fs::create_dir_all(to).expect("folder");
    for entry in fs::read_dir(from).expect("the SDK").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target, changes);
            continue;
        }
        let mut text = fs::read_to_string(&path).expect("a text");
        for (from, to) in changes {
            text = text.replace(from, to);
        }
        fs::write(target, text).expect("a file");
    }
}

/// The CLI takes exactly the version that the SDK names, unless the project names a folder: then SDK and plugin may differ.
#[test]
fn an_input_that_only_the_sdk_knows_is_named_with_the_version_of_the_plugin() {
    let (program, dev) = with_sdk("0.0.9");
    let plugin = lab().pulumi_home().join("plugins/resource-fastcontainer-v0.1.0");
    let manifest = fs::read_to_string(program.project.at("Pulumi.yaml")).expect("Pulumi.yaml");
    let plugins = format!(
        "plugins:\n  providers:\n    - name: fastcontainer\n      path: {}\n",
        plugin.display()
    );
    program.project.write("Pulumi.yaml", &(manifest + &plugins));
    let context = "context=\"./api\",";
    program.become_example("image", &[(context, &format!("{context} revisions=[\"1\"],"))]);
    dev.preview(&[]).fails().says("property revisions").says(concat!(
        "there is no property `revisions` in version ",
        env!("CARGO_PKG_VERSION"),
        "; remove it, or use SDK and plugin of one version"
    ));
    program.become_example("image", &[]);
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("imageUri")), "one");
}

#[test]
fn an_sdk_of_another_version_asks_for_the_plugin_of_its_own() {
    let (_program, dev) = with_sdk("0.2.0");
    dev.preview(&[])
        .fails()
        .says("no resource plugin 'pulumi-resource-fastcontainer' found in the workspace at version v0.2.0")
        .says("github://api.github.com/");
}
