//! The sources as a plugin: `pulumi package add` of a checkout's folder, or of a repository's address.
//!
//! Programs here stand for what takes minutes: the release build is the tests' own binary, and where it has to be made, a script
//! takes cargo's place. Everything between the CLI and them is real.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use e2e::{Run, Stack, image_content, lab};
use fastcontainer_lab::{Tool, workspace_root};
use tempfile::TempDir;

use crate::forge::Forge;
use crate::{PROGRAM, User, provider};

/// A user with a checkout of the provider and a language host for Python that can start plugins.
struct Developer {
    user: User,
    checkout: TempDir,
}

impl Developer {
    fn new(fact: &str) -> Self {
        let user = User::new(fact, "");
        let checkout = TempDir::new().expect("a directory");
        for file in ["PulumiPlugin.yaml", "__main__.py"] {
            fs::copy(workspace_root().join(file), checkout.path().join(file)).expect("a file of the checkout");
        }
        let host = workspace_root().join("tests/e2e/tests/install/language_host.py");
        let python = lab().tools().require(Tool::Python).expect("Python").join("bin/python");
        let folder = user.home.path().join("plugins/language-python-v3.259.0");
        fs::create_dir_all(&folder).expect("a directory");
        script(
            &folder.join("pulumi-language-python"),
            &format!("exec '{}' '{}'", python.display(), host.display()),
        );
        Self { user, checkout }
    }

    /// Programs on PATH, of which `cargo` is this script; without one there is no cargo.
    fn with_cargo(&self, text: Option<&str>) -> Stack {
        let programs = self.checkout.path().join("programs");
        fs::create_dir_all(&programs).expect("a directory");
        let pulumi = lab().tools().require(Tool::Pulumi).expect("the CLI");
        let mut path = format!("{}:{}", programs.display(), pulumi.display());
        if let Some(text) = text {
            script(&programs.join("cargo"), text);
            path.push_str(":/usr/bin:/bin");
        }
        self.user.stack.with("PATH", &path)
    }

    fn add(&self, stack: &Stack) -> Run {
        stack.run(&["package", "add", self.checkout.path().to_str().expect("a path")])
    }

    fn release_build(&self) -> std::path::PathBuf {
        self.checkout.path().join("target/release").join(PROGRAM)
    }
}

/// What a cargo says and does that compiles the provider.
fn compiles() -> String {
    format!(
        "echo 'compiling on standard output'\necho 'compiling on standard error' >&2\nmkdir -p target/release\ncp '{}' target/release/",
        provider().display()
    )
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("permissions");
}

#[test]
fn package_added_from_a_checkout_builds_an_image() {
    let developer = Developer::new("sources-add");
    let binary = developer.release_build();
    fs::create_dir_all(binary.parent().expect("a parent")).expect("a directory");
    symlink(provider(), &binary).expect("a link");
    developer.add(&developer.user.stack).ok();
    let program = fs::read_to_string(developer.user.project.at("Pulumi.yaml")).expect("the program");
    assert!(program.contains("packages:"), "{program}");
    let stack = &developer.user.stack;
    stack.up(&[]).ok();
    assert_eq!(image_content(&stack.output("uri")), "one");
    stack.destroy().ok();
}

#[test]
fn checkout_without_a_build_makes_one_and_keeps_what_cargo_said() {
    let developer = Developer::new("sources-build");
    developer.add(&developer.with_cargo(Some(&compiles()))).ok();
    assert!(developer.release_build().is_file());
    let log = fs::read_to_string(developer.checkout.path().join("target/plugin-build.log")).expect("the log");
    assert!(
        log.contains("on standard output") && log.contains("on standard error"),
        "{log}"
    );
}

#[test]
fn package_added_from_a_repository_builds_an_image() {
    let developer = Developer::new("sources-git");
    let forge = Forge::start();
    let address = forge.publish(developer.checkout.path());
    let stack = developer.with_cargo(Some(&compiles()));
    stack.run(&["package", "add", &address]).ok();
    stack.up(&[]).ok();
    assert_eq!(image_content(&stack.output("uri")), "one");
    stack.destroy().ok();
}

#[test]
fn checkout_without_rust_says_what_to_install() {
    let developer = Developer::new("sources-rust");
    developer
        .add(&developer.with_cargo(None))
        .fails()
        .says("cargo was not found")
        .says("install Rust (https://rustup.rs)")
        .says(developer.checkout.path().to_str().expect("a path"));
}

#[test]
fn failed_build_of_a_checkout_names_the_log() {
    let developer = Developer::new("sources-failed");
    developer
        .add(&developer.with_cargo(Some("echo 'error: no such crate'; exit 101")))
        .fails()
        .says("the provider could not be built")
        .says("target/plugin-build.log");
    let log = fs::read_to_string(developer.checkout.path().join("target/plugin-build.log")).expect("the log");
    assert!(log.contains("no such crate"), "{log}");
}
