//! Runs the generators: small Go programs on Pulumi's own libraries, in `sdk/generate/`.
//!
//! Each is a module of its own, because the libraries want different versions of each other. They print files as JSON; what the
//! libraries leave out for building a package is added here.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fastcontainer_lab::say;
use serde_json::Value;

use super::{Failure, tree::Tree};

/// Folders below `sdk/` that belong to the generators.
pub(super) const LANGUAGES: &[&str] = &["dotnet", "go", "java", "nodejs", "python"];

const GENERATORS: [&str; 3] = ["main", "dotnet", "java"];

/// Where the tools of each language look for what comes into a package; the documentation of Go modules is shown only with it.
const LICENCE: [&str; 5] = [
    "dotnet/LICENSE",
    "go/LICENSE",
    "java/src/main/resources/META-INF/LICENSE",
    "nodejs/LICENSE",
    "python/LICENSE",
];

/// How Maven builds the Java SDK.
const POM: &str = include_str!("pom.xml");

/// Everything that is generated from a schema.
pub(super) fn all(root: &Path, schema: &str) -> Result<Tree, Failure> {
    let mut tree = Tree::default();
    for generator in GENERATORS {
        say(&format!("sdk: generate/{generator}"));
        let answer = run(&root.join("sdk/generate").join(generator), schema)?;
        for (language, files) in answer {
            for (path, content) in files {
                tree.put(format!("{language}/{path}"), STANDARD.decode(content)?);
            }
        }
    }
    complete(&mut tree, schema)?;
    let licence = std::fs::read(root.join("LICENSE"))?;
    for place in LICENCE {
        tree.put(place.to_owned(), licence.clone());
    }
    Ok(tree)
}

fn run(module: &Path, schema: &str) -> Result<BTreeMap<String, BTreeMap<String, String>>, Failure> {
    let mut child = Command::new("go")
        .args(["run", "."])
        .current_dir(module)
        .env("GOFLAGS", "-mod=readonly -buildvcs=false")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`go`: {error}: install Go 1.26 or later"))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(schema.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("{} failed: {}", module.display(), output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Adds what packages need and the libraries do not write.
fn complete(tree: &mut Tree, schema: &str) -> Result<(), Failure> {
    let described: Value = serde_json::from_str(schema)?;
    tree.put("schema.json".to_owned(), schema.as_bytes().to_vec());
    // `pyproject.toml` names a README beside itself.
    let readme = tree.get("python/pulumi_fastcontainer/README.md").cloned();
    tree.put(
        "python/README.md".to_owned(),
        readme.ok_or("the Python SDK has no README")?,
    );
    tree.put("java/pom.xml".to_owned(), pom(&described)?.into_bytes());
    Ok(())
}

fn pom(schema: &Value) -> Result<String, Failure> {
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("the schema lacks a name");
    let filled = POM
        .replace("@GROUP@", &format!("io.github.{}", text(&schema["namespace"])?))
        .replace("@ARTIFACT@", &text(&schema["name"])?)
        .replace("@VERSION@", &text(&schema["version"])?)
        .replace("@DESCRIPTION@", &text(&schema["description"])?)
        .replace("@URL@", &text(&schema["repository"])?);
    Ok(filled)
}
