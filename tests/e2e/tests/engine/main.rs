//! How the image behaves in the hands of Pulumi's engine: plans, generated contexts, `ignoreChanges`, several stacks,
//! secrets, previews that cannot ask, and the rules of reuse. Each test is one fact, run with the real CLI.

#![expect(clippy::expect_used, reason = "tests: a panic is a finding")]

mod generated_context;
mod ignore_changes;
mod plans;
mod previews;
mod reuse;
mod stacks;
mod values;

use std::path::Path;
use std::sync::Once;

use e2e::{Project, admin, install_plugin};

/// A project with the resource type `writer:File`, which writes `content` to `path`.
fn with_writer(fact: &str) -> Project {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| install_plugin(Path::new(env!("CARGO_BIN_EXE_pulumi-resource-writer")), "0.1.0"));
    Project::new(fact, "")
}

/// The resource `generator` of type `writer:File`.
fn generator(path: &str, content: &str) -> String {
    format!("  generator:\n    type: writer:File\n    properties:\n      path: {path}\n      content: {content}\n")
}

/// An image; `more` are further lines of its properties, each beginning with six spaces.
fn image(name: &str, repository: &str, more: &str) -> String {
    format!(
        "  {name}:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: {repository}\n{more}"
    )
}

/// How many images a repository holds.
fn images_in(repository: &str) -> usize {
    let answer = admin("GET", &format!("repository?repository={repository}"));
    answer["images"].as_object().expect("images").len()
}
