//! Versions that users copy: those in commands and in what examples require are this one.

use std::fs;
use std::path::PathBuf;

use docs::files;
use fastcontainer_lab::workspace_root;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What stands before a version of the plugin or of an SDK.
const BEFORE: [&str; 7] = [
    "plugin install resource fastcontainer ",
    "resource-fastcontainer-v",
    "\"pulumi-fastcontainer\": \"^",
    "pulumi-fastcontainer>=",
    "pulumi-fastcontainer/sdk/go v",
    "packages/pulumi-fastcontainer-",
    "packages/pulumi_fastcontainer-",
];

#[test]
fn every_version_that_users_copy_is_this_one() {
    let is_copied = |path: &PathBuf| {
        ["README.md", "docs", "examples"]
            .iter()
            .any(|place| path.starts_with(place))
    };
    let mut seen = [0; BEFORE.len()];
    for file in files().into_iter().filter(is_copied) {
        let Ok(text) = fs::read_to_string(workspace_root().join(&file)) else {
            continue;
        };
        for (before, seen) in BEFORE.iter().zip(&mut seen) {
            let versions = text.split(before).skip(1);
            for found in versions.filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
                let right = found
                    .strip_prefix(VERSION)
                    .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
                let shown: String = found.chars().take(12).collect();
                assert!(
                    right,
                    "{}: `{before}{shown}`, and the version is {VERSION}",
                    file.display()
                );
                *seen += 1;
            }
        }
    }
    for (before, seen) in BEFORE.iter().zip(seen) {
        assert!(seen > 0, "nothing has `{before}`");
    }
}
