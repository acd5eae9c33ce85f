//! Imports point down: a module of the provider uses modules below it only.
//!
//! Between crates the compiler sees to it; within the provider this check does.

use std::path::Path;

use crate::shell::{Problems, rust_files};

/// Modules of the provider, top to bottom; modules on one line may use each other.
const LAYERS: &[&[&str]] = &[
    &["rpc"],
    &["image", "functions", "config", "session", "report", "schema"],
    &["backend", "registries", "reporter", "urn"],
    &["planning"],
    &["sharing", "untrusted"],
];

/// What nothing below the top layer may name: the wire.
const EDGE_ONLY: &str = "fastcontainer_proto";

/// Imports that point upwards.
pub(super) fn check(root: &Path) -> Problems {
    let source = root.join("provider/src");
    let mut found = Vec::new();
    for file in rust_files(&source)? {
        let inner = file.strip_prefix(&source).unwrap_or(&file);
        let module = inner
            .components()
            .next()
            .map(|part| part.as_os_str().to_string_lossy().into_owned());
        let Some(layer) = module
            .as_deref()
            .and_then(|module| layer_of(module.trim_end_matches(".rs")))
        else {
            continue;
        };
        for (number, line) in std::fs::read_to_string(&file)?.lines().enumerate() {
            if let Some(problem) = upward(line, layer) {
                found.push(format!("provider/src/{}:{}: {problem}", inner.display(), number + 1));
            }
        }
    }
    Ok(found)
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn upward(line: &str, layer: usize) -> Option<String> {
    if layer > 0 && line.contains(EDGE_ONLY) {
        return Some(format!("only `rpc` speaks the wire, but this names `{EDGE_ONLY}`"));
    }
    let (_, path) = line.split_once("crate::")?;
    let module = path.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (layer_of(module)? < layer).then(|| format!("`{module}` is in a layer above"))
}
