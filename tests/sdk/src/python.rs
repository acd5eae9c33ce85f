//! The Python SDK, made into a wheel and a source distribution, and installed into a virtual environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::made::{copy_sources, once};
use crate::tool::{ToolError, succeed};
use crate::{VERSION, run, work};

const REQUIREMENTS: [&str; 4] = ["pulumi==3.272.0", "parver==0.5", "semver==3.0.4", "setuptools==80.9.0"];

/// Calls the build backend that the package names. It gives source distributions the time of day; the same sources are to give the same
/// bytes.
const BUILD: &str = "
import gzip, io, os, tarfile
from setuptools import build_meta as build
build.build_wheel('dist')
path = os.path.join('dist', build.build_sdist('dist'))
plain = io.BytesIO()
with tarfile.open(path) as made, tarfile.open(fileobj=plain, mode='w', format=tarfile.PAX_FORMAT) as archive:
    for entry in sorted(made.getmembers(), key=lambda entry: entry.name):
        entry.mtime, entry.pax_headers = int(os.environ['SOURCE_DATE_EPOCH']), {}
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ''
        archive.addfile(entry, made.extractfile(entry) if entry.isfile() else None)
with open(path, 'wb') as file, gzip.GzipFile('', 'wb', fileobj=file, mtime=0) as archive:
    archive.write(plain.getvalue())
";

/// A virtual environment that the SDK is installed in.
#[derive(Debug)]
pub struct Python {
    environment: PathBuf,
}

impl Python {
    /// Makes the wheel and installs it; does nothing when that was done.
    #[must_use]
    pub fn install() -> &'static Self {
        static INSTALLED: OnceLock<Python> = OnceLock::new();
        INSTALLED.get_or_init(|| Self::make().unwrap_or_else(|error| panic!("{error}")))
    }

    pub(crate) fn make() -> Result<Self, ToolError> {
        let python = Self {
            environment: environment()?,
        };
        let [wheel, _] = python.pack()?;
        once(
            "python-installed",
            "python",
            &format!("{REQUIREMENTS:?}{BUILD}"),
            |_| {
                python.pip(&[
                    "install",
                    "--force-reinstall",
                    "--no-deps",
                    &wheel.display().to_string(),
                ])
            },
        )?;
        Ok(python)
    }

    /// The environment's folder.
    #[must_use]
    pub fn environment(&self) -> &Path {
        &self.environment
    }

    /// A program of the environment.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.environment.join("bin").join(name)
    }

    /// The folders that the SDK is in the environment: the package, and what pip noted about it.
    #[must_use]
    pub fn package(&self) -> Vec<PathBuf> {
        let script = "import sysconfig; print(sysconfig.get_path('purelib'))";
        let folder = run(Command::new(self.program("python")).args(["-c", script]));
        let entries = fs::read_dir(folder.trim()).expect("site-packages");
        let entries = entries.map(|entry| entry.expect("site-packages").path());
        let is_own = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("pulumi_fastcontainer"))
        };
        entries.filter(is_own).collect()
    }

    /// The wheel and the source distribution.
    fn pack(&self) -> Result<[PathBuf; 2], ToolError> {
        let folder = once("python", "python", &format!("{REQUIREMENTS:?}{BUILD}"), |sdk| {
            copy_sources("python", sdk, "")?;
            succeed(
                Command::new(self.program("python"))
                    .current_dir(sdk)
                    // Zip archives know no time before 1980.
                    .env("SOURCE_DATE_EPOCH", "315619200")
                    .args(["-W", "ignore", "-c", BUILD]),
            )
            .map(drop)
        })?;
        let name = format!("pulumi_fastcontainer-{VERSION}");
        Ok(["-py3-none-any.whl", ".tar.gz"].map(|ending| folder.join("dist").join(format!("{name}{ending}"))))
    }

    fn pip(&self, arguments: &[&str]) -> Result<(), ToolError> {
        succeed(
            Command::new(self.program("python"))
                .args(["-m", "pip", "--quiet", "--disable-pip-version-check"])
                .args(arguments),
        )
        .map(drop)
    }
}

/// The wheel and the source distribution.
pub(crate) fn pack() -> Result<[PathBuf; 2], ToolError> {
    let python = Python {
        environment: environment()?,
    };
    python.pack()
}

/// A virtual environment with what the SDK needs. It depends on no file of the SDK.
fn environment() -> Result<PathBuf, ToolError> {
    let environment = work("python-environment");
    let installed = environment.join("requirements");
    let wanted = REQUIREMENTS.join("\n");
    if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(environment);
    }
    succeed(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let python = Python { environment };
    python.pip(&[&["install"], &REQUIREMENTS[..]].concat())?;
    fs::write(&installed, wanted).map_err(crate::tool::at(installed))?;
    Ok(python.environment)
}
