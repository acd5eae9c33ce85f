//! The Go SDK: a module beside a program that uses it, and the files that a module proxy serves.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::made::{copy_sources, once};
use crate::tool::{ToolError, at, succeed};
use crate::{EXAMPLES, VERSION, example, write};

/// Path of the module.
pub const MODULE: &str = "github.com/pulumi-fastcontainer/pulumi-fastcontainer/sdk/go";

/// Release of Pulumi's own module.
const PULUMI: &str = "v3.259.0";

/// Writes a module's files as zip archives of modules have them: no folders, names behind `MODULE@VERSION/`.
const ZIP: &str = "
import os, sys, zipfile
target, prefix, folder = sys.argv[1:]
names = [os.path.join(at, name) for at, _, files in os.walk(folder) for name in files]
with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as archive:
    for name in sorted(name for name in names if not os.path.basename(name).startswith('.')):
        entry = zipfile.ZipInfo(prefix + os.path.relpath(name, folder).replace(os.sep, '/'))
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, open(name, 'rb').read())
";

/// A module whose programs use the SDK.
#[derive(Debug)]
pub struct Go {
    project: PathBuf,
}

impl Go {
    /// Checks the SDK and compiles the examples of the schema against it; does nothing when that was done.
    #[must_use]
    pub fn install() -> &'static Self {
        static INSTALLED: OnceLock<Go> = OnceLock::new();
        INSTALLED.get_or_init(|| Self::make().unwrap_or_else(|error| panic!("{error}")))
    }

    pub(crate) fn make() -> Result<Self, ToolError> {
        let module = once("go", "go", PULUMI, |sdk| {
            copy_sources("go", sdk, "")?;
            go(sdk, &["vet", "./..."])
        })?;
        let examples = EXAMPLES.map(|name| example(name, "main.go"));
        let project = once("go-project", "go", &format!("{PULUMI}{examples:?}"), |project| {
            let manifest = format!(
                "module program\n\ngo 1.25\n\nrequire (\n\t{MODULE} v{VERSION}\n\tgithub.com/pulumi/pulumi/sdk/v3 {PULUMI}\n)\n\n\
                 replace {MODULE} => {}\n",
                module.display()
            );
            write(&project.join("go.mod"), &manifest);
            for (name, text) in EXAMPLES.iter().zip(&examples) {
                write(&project.join(name).join("main.go"), text);
            }
            go(project, &["vet", "./..."])
        })?;
        Ok(Self { project })
    }

    /// The module's folder: its `go.mod` and `go.sum` serve any program that uses the SDK only.
    #[must_use]
    pub fn project(&self) -> &Path {
        &self.project
    }
}

/// The three files of a version, as module proxies serve them, below `folder`.
pub(crate) fn pack(folder: &Path) -> Result<PathBuf, ToolError> {
    let versions = folder.join(MODULE).join("@v");
    std::fs::create_dir_all(&versions).map_err(at(&versions))?;
    let sources = crate::root().join("sdk/go");
    let file = |ending: &str| versions.join(format!("v{VERSION}.{ending}"));
    write(&file("info"), &format!("{{\"Version\":\"v{VERSION}\"}}\n"));
    std::fs::copy(sources.join("go.mod"), file("mod")).map_err(at(file("mod")))?;
    let prefix = format!("{MODULE}@v{VERSION}/");
    let zip = file("zip");
    succeed(
        Command::new("python3")
            .args(["-c", ZIP])
            .arg(&zip)
            .arg(prefix)
            .arg(sources),
    )?;
    Ok(zip)
}

fn go(directory: &Path, arguments: &[&str]) -> Result<(), ToolError> {
    let flags = "-mod=mod -buildvcs=false";
    succeed(
        Command::new("go")
            .current_dir(directory)
            .env("GOFLAGS", flags)
            .args(arguments),
    )
    .map(drop)
}
