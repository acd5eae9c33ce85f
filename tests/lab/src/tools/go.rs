//! Programs compiled from the Go module proxy.
//!
//! Each is built in a throw-away module with a single requirement: `go install PKG@VERSION` is refused for modules with replace or
//! exclude lines and asks for version lists that a proxy may not serve. Versions are exact; nothing is resolved to "latest".

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::error::{LabError, Result, cannot};
use crate::process::{capture, run_watched};

/// A package of one's own in place of a module of which a program needs only a few types, and which no registry serves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GoStub {
    /// Path of the module that is replaced.
    pub(crate) module: &'static str,
    /// The one package of it that is used, below the module.
    pub(crate) package: &'static str,
    /// Go source of that package.
    pub(crate) source: &'static str,
}

impl GoStub {
    /// Writes the module below `directory` and returns the directive that replaces the real one.
    fn write(&self, directory: &Path) -> Result<String> {
        let name = self.module.replace('/', "-");
        let module = directory.join(&name);
        let package = module.join(self.package);
        fs::create_dir_all(&package).map_err(cannot("create", &package))?;
        let manifest = format!("module {}\n\ngo 1.26\n", self.module);
        for (path, text) in [
            (module.join("go.mod"), manifest.as_str()),
            (package.join("stub.go"), self.source),
        ] {
            fs::write(&path, text).map_err(cannot("write", &path))?;
        }
        Ok(format!("replace {} => ./{name}\n", self.module))
    }
}

/// A Go command and how it is compiled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GoProgram {
    /// Module path.
    pub(crate) module: &'static str,
    /// Module version.
    pub(crate) version: &'static str,
    /// Package below the module; its last part is the program's name.
    pub(crate) package: &'static str,
    /// Extra linker flags; empty for none.
    pub(crate) ldflags: &'static str,
    /// A `replace` directive; empty for none.
    pub(crate) replace: &'static str,
    /// False to compile without C.
    pub(crate) cgo: bool,
}

impl GoProgram {
    /// A program without special flags.
    #[must_use]
    pub(crate) const fn new(module: &'static str, version: &'static str, package: &'static str) -> Self {
        Self {
            module,
            version,
            package,
            ldflags: "",
            replace: "",
            cgo: true,
        }
    }

    /// File name of the program.
    #[must_use]
    pub(crate) fn name(&self) -> &'static str {
        self.package.rsplit('/').next().unwrap_or(self.package)
    }

    /// Compiles the program into `directory`, with `stubs` in place of their modules.
    ///
    /// # Errors
    /// When Go is missing, a module is not served or the compilation fails.
    pub(crate) fn build(&self, directory: &Path, stubs: &[GoStub]) -> Result<()> {
        let module = tempfile::tempdir().map_err(cannot("create", &std::env::temp_dir()))?;
        self.write_module(module.path(), stubs)?;
        let mut command = Command::new("go");
        command
            .current_dir(module.path())
            .env("GOFLAGS", "-mod=mod -buildvcs=false")
            .args([
                "build",
                "-trimpath",
                "-ldflags",
                &format!("-s -w {}", self.ldflags),
                "-o",
            ])
            .arg(directory.join(self.name()))
            .arg(format!("{}/{}", self.module, self.package));
        if !self.cgo {
            command.env("CGO_ENABLED", "0");
        }
        let label = format!("go build {} {}", self.name(), self.version);
        run_watched(&label, &mut command, &directory.join("build.log")).map_err(|error| match error {
            LabError::NotStarted { .. } => LabError::missing("`go`", "install Go 1.26 or later and put it on PATH"),
            other => other,
        })
    }

    /// Copies files of the module, made executable, into `directory`.
    ///
    /// # Errors
    /// When the module has no such file.
    pub(crate) fn copy_files(&self, files: &[&str], directory: &Path) -> Result<()> {
        let module = tempfile::tempdir().map_err(cannot("create", &std::env::temp_dir()))?;
        self.write_module(module.path(), &[])?;
        let mut command = Command::new("go");
        command.current_dir(module.path()).env("GOFLAGS", "-mod=mod");
        command.args(["list", "-m", "-f", "{{.Dir}}", self.module]);
        let folder = capture(&format!("go list -m {}", self.module), &mut command)?;
        for file in files {
            let from = Path::new(folder.trim()).join(file);
            let to = directory.join(from.file_name().unwrap_or_default());
            fs::copy(&from, &to).map_err(cannot("copy", &from))?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).map_err(cannot("change the mode of", &to))?;
        }
        Ok(())
    }

    fn write_module(&self, directory: &Path, stubs: &[GoStub]) -> Result<()> {
        let mut replace = if self.replace.is_empty() {
            String::new()
        } else {
            format!("\nreplace {}\n", self.replace)
        };
        for stub in stubs {
            replace.push_str(&stub.write(directory)?);
        }
        let manifest = format!(
            "module fastcontainer.invalid/tool\n\ngo 1.26\n\nrequire {} {}\n{replace}",
            self.module, self.version
        );
        let imports = format!(
            "//go:build tools\n\npackage tools\n\nimport _ \"{}/{}\"\n",
            self.module, self.package
        );
        for (name, text) in [("go.mod", manifest), ("tools.go", imports)] {
            let path = directory.join(name);
            fs::write(&path, text).map_err(cannot("write", &path))?;
        }
        Ok(())
    }
}
