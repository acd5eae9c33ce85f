//! What no Rust type knows about the package: its names in every language, where it comes from, how it is licensed.
//!
//! The one place for names: whatever can be derived from the repository's address is, and nobody else repeats them.

use serde_json::{Map, Value, json};

use super::{PACKAGE, VERSION};

/// Where the sources are; releases and the names of the SDKs follow from it.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");
const DESCRIPTION: &str = "Container images declared in Pulumi programs, rebuilt only when their content changed.";
/// Name of the SDK on npm and, as Python's registry normalises names, on PyPI.
const SDK: &str = "pulumi-fastcontainer";

/// The head of the schema.
pub(super) fn package() -> Map<String, Value> {
    let package = json!({
        "name": PACKAGE,
        "displayName": "Fast Container",
        "version": VERSION,
        "description": DESCRIPTION,
        "keywords": ["pulumi", "category/infrastructure", "kind/native", "docker", "buildkit", "ecr", "container", "image"],
        "homepage": REPOSITORY,
        "repository": REPOSITORY,
        "pluginDownloadURL": format!("github://api.github.com/{}", owner_and_name()),
        "license": "Apache-2.0",
        "publisher": owner(),
        "namespace": owner(),
        "meta": { "supportPack": true },
        "language": languages(),
    });
    match package {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn languages() -> Value {
    let module = format!("{}/sdk/go", REPOSITORY.trim_start_matches("https://"));
    json!({
        "nodejs": {
            "packageName": SDK,
            "packageDescription": DESCRIPTION,
            "readme": readme("npm install"),
            "respectSchemaVersion": true,
        },
        "python": {
            "packageName": SDK.replace('-', "_"),
            "readme": readme("pip install"),
            "pyproject": { "enabled": true },
            "inputTypes": "classes-and-dicts",
            "respectSchemaVersion": true,
        },
        "go": {
            "importBasePath": format!("{module}/{PACKAGE}"),
            "modulePath": module,
            "respectSchemaVersion": true,
        },
        "csharp": {
            "rootNamespace": "Pulumi",
            "namespaces": { PACKAGE: "Fastcontainer" },
            "packageReferences": { "Pulumi": "3.*" },
            "respectSchemaVersion": true,
        },
        "java": {
            // Packages cannot have dashes, groups can: `io.github.OWNER` is the group that Maven Central gives to OWNER.
            "basePackage": format!("io.github.{}", owner().replace('-', "")),
            "buildFiles": "none",
        },
    })
}

fn readme(install: &str) -> String {
    format!(
        "# {SDK}\n\n{DESCRIPTION}\n\n```sh\n{install} {SDK}\n```\n\nThe plugin is downloaded when it is first needed. \
         Documentation and examples: <{REPOSITORY}>.\n"
    )
}

/// `OWNER/NAME` of the repository.
fn owner_and_name() -> &'static str {
    REPOSITORY.trim_start_matches("https://github.com/")
}

fn owner() -> &'static str {
    owner_and_name().split('/').next().unwrap_or_default()
}
