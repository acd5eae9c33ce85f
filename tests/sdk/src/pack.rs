//! All packages in one folder, as their registries take them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tool::{ToolError, at};
use crate::{VERSION, alone, go, java, node, python, root};

/// Packs the SDKs into `folder` and returns what was made: a tarball for npm, a wheel and a source distribution for PyPI, jars with their
/// `pom` for Maven repositories, and below `go/` what a module proxy serves. There is no package for .NET: what it compiles against is on
/// NuGet only.
///
/// # Errors
/// When a tool is missing or fails.
pub fn pack(folder: &Path) -> Result<Vec<PathBuf>, ToolError> {
    let _alone = alone();
    fs::create_dir_all(folder).map_err(at(folder))?;
    let [wheel, sources] = python::pack()?;
    let mut made = Vec::new();
    let [jar, java_sources, javadoc] = java::pack()?;
    for file in [node::pack()?, wheel, sources, jar, java_sources, javadoc] {
        let target = folder.join(file.file_name().unwrap_or_default());
        fs::copy(&file, &target).map_err(at(file))?;
        made.push(target);
    }
    let pom = folder.join(format!("fastcontainer-{VERSION}.pom"));
    fs::copy(root().join("sdk/java/pom.xml"), &pom).map_err(at(&pom))?;
    made.push(pom);
    made.push(go::pack(&folder.join("go"))?);
    Ok(made)
}
