//! The Java SDK: a jar, made by Maven, and the class path of programs that use it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::VERSION;
use crate::made::{copy_sources, once};
use crate::tool::{ToolError, at, succeed};

const GOALS: [&str; 4] = [
    "package",
    "source:jar-no-fork",
    "javadoc:jar",
    "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath",
];

/// What a Java program needs to use the SDK.
#[derive(Debug)]
pub struct Java {
    class_path: String,
}

impl Java {
    /// Makes the jar and fetches what it depends on; does nothing when that was done.
    #[must_use]
    pub fn install() -> &'static Self {
        static INSTALLED: OnceLock<Java> = OnceLock::new();
        INSTALLED.get_or_init(|| Self::make().unwrap_or_else(|error| panic!("{error}")))
    }

    pub(crate) fn make() -> Result<Self, ToolError> {
        let (sdk, jar) = (folder()?, jar()?);
        let list = sdk.join("class-path");
        let others = fs::read_to_string(&list).map_err(at(list))?;
        Ok(Self {
            class_path: format!("{}:{}", jar.display(), others.trim()),
        })
    }

    /// The SDK and all that it depends on.
    #[must_use]
    pub fn class_path(&self) -> &str {
        &self.class_path
    }

    /// Compiles the classes of one file in its folder.
    pub fn compile(&self, file: &Path) {
        let folder = file.parent().expect("a folder");
        crate::run(
            Command::new("javac")
                .current_dir(folder)
                .args(["-cp", &self.class_path, "-d"])
                .arg(folder)
                .arg(file),
        );
    }
}

fn jar() -> Result<PathBuf, ToolError> {
    Ok(folder()?.join(format!("target/fastcontainer-{VERSION}.jar")))
}

/// The jars of classes, of sources and of documentation, which Maven Central wants beside each other.
pub(crate) fn pack() -> Result<[PathBuf; 3], ToolError> {
    let folder = folder()?.join("target");
    Ok(["", "-sources", "-javadoc"].map(|kind| folder.join(format!("fastcontainer-{VERSION}{kind}.jar"))))
}

fn folder() -> Result<PathBuf, ToolError> {
    once("java", "java", &format!("{GOALS:?}"), |sdk| {
        copy_sources("java", sdk, "")?;
        let mut maven = Command::new("mvn");
        maven.current_dir(sdk).args(["--quiet", "--batch-mode"]).args(GOALS);
        succeed(maven.arg("-Dmdep.outputFile=class-path")).map(drop)
    })
}
