//! What we link: licences that are compatible with ours, and no crate that we ban.

use std::process::Command;

use serde_json::Value;

use crate::shell::{Problems, output};

/// Licences that may be linked into an Apache-2.0 binary.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that must not come in, with the reason.
const BANNED: &[(&str, &str)] = &[
    (
        "openssl-sys",
        "TLS is rustls with ring: static, and the same everywhere",
    ),
    (
        "aws-lc-sys",
        "needs a C toolchain and minutes of build time; ring serves",
    ),
];

/// Dependencies that must not be there.
pub(super) fn check() -> Problems {
    let metadata = output(Command::new("cargo").args(["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        if let Some((_, reason)) = BANNED.iter().find(|(banned, _)| *banned == name) {
            found.push(format!("`{name}` is banned: {reason}"));
        }
        let licence = package["license"].as_str().unwrap_or_default();
        if !is_allowed(licence) && package["license_file"].is_null() {
            found.push(format!(
                "`{name}` has the licence `{licence}`, which is not on the list"
            ));
        }
    }
    Ok(found)
}

/// An SPDX expression with an allowed choice: every `AND` part has an allowed `OR` alternative.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace(['(', ')'], "").replace('/', " OR ");
    expression
        .split(" AND ")
        .all(|part| part.split(" OR ").any(|licence| LICENCES.contains(&licence.trim())))
}
