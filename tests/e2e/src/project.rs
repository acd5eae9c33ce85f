//! A throw-away Pulumi project: a YAML program and the directories that it builds.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use fastcontainer_lab::ECR_HOST;
use tempfile::TempDir;

use crate::{Checkout, Stack, admin};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A project in a directory of its own.
pub struct Project {
    directory: TempDir,
    name: String,
}

impl Project {
    /// A project whose program is `program` without its `name` and `runtime`. Each project has a name of its own.
    #[must_use]
    pub fn new(fact: &str, program: &str) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{fact}-{}-{number}", std::process::id());
        let directory = tempfile::Builder::new()
            .prefix(&format!("{fact}-"))
            .tempdir()
            .expect("temporary directory");
        let project = Self { directory, name };
        project.program(program);
        project
    }

    /// Replaces the program.
    pub fn program(&self, program: &str) {
        self.write("Pulumi.yaml", &format!("name: {}\nruntime: yaml\n{program}", self.name));
    }

    /// A project with the image `api` built from `app/`: a Dockerfile that copies everything, and one source file.
    /// `more` are further lines of the image's properties, each beginning with six spaces.
    #[must_use]
    pub fn with_image(fact: &str, more: &str) -> Self {
        let project = Self::new(fact, "");
        project.image_program(more);
        project.write(
            "app/Dockerfile",
            "FROM busybox:1.36\nWORKDIR /app\nCOPY . .\nCMD [\"cat\", \"/app/src.txt\"]\n",
        );
        project.write("app/src.txt", "one");
        project
    }

    /// Writes the program of [`Self::with_image`] anew.
    pub fn image_program(&self, more: &str) {
        let repository = self.repository("api");
        self.program(&format!(
            "resources:\n  api:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: \
             {repository}\n      context: ./app\n{more}outputs:\n  uri: ${{api.imageUri}}\n  digest: ${{api.digest}}\n  \
             contentTag: ${{api.contentTag}}\n  build: ${{api.build}}\n"
        ));
    }

    /// Makes sure that this project's repository `name` exists in ECR, and returns its URI.
    #[must_use]
    pub fn repository(&self, name: &str) -> String {
        let uri = format!("{ECR_HOST}/{}/{name}", self.name);
        admin("PUT", &format!("repository?repository={uri}"));
        uri
    }

    /// The project's directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The project's name, unique in the lab.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes a file, with its parent directories.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Replaces a file's content and puts its modification time back.
    pub fn write_keeping_time(&self, path: &str, content: &str) {
        let file = self.at(path);
        let before = fs::metadata(&file)
            .and_then(|metadata| metadata.modified())
            .expect("modification time");
        self.write(path, content);
        set_time(&file, before);
    }

    /// Sets the modification time of a file to `age` before now.
    pub fn age(&self, path: &str, age: Duration) {
        set_time(&self.at(path), SystemTime::now() - age);
    }

    /// Makes a file executable or not.
    pub fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode)).expect("permissions");
    }

    /// A path in the project.
    #[must_use]
    pub fn at(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// A copy of the project in another directory, with the present time on every file.
    #[must_use]
    pub fn checkout(&self) -> Checkout {
        Checkout::of(self.path(), "checkout")
    }

    /// Makes a stack of the project.
    #[must_use]
    pub fn stack(&self, name: &str) -> Stack {
        Stack::init(self.path(), name)
    }
}

fn set_time(path: &Path, time: SystemTime) {
    let file = fs::File::options().write(true).open(path).expect("file");
    file.set_modified(time).expect("modification time");
}
