//! The cache folder: where a tool is, whether it is whole, and how a new one gets there.
//!
//! One lock for each tool, so that two set-ups at once build each tool once. A new tool grows in `<folder>.partial` and is
//! renamed when its stamp is written; a Python environment cannot be moved and grows in place, without a stamp until it is whole.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{LabError, Result, cannot};
use crate::gateway;
use crate::images::BaseImage;
use crate::progress::say;
use crate::tools::{Recipe, Source, Tool, node, python};

/// Changes whenever the layout of the folder does.
const LAYOUT: &str = "pulumi-fastcontainer/tools-v1";

/// The environment variable that replaces the user's cache folder.
pub(crate) const CACHE_VARIABLE: &str = "PULUMI_FASTCONTAINER_TOOLS";

/// What [`Tools::install`] found or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// It was there and whole.
    Already,
    /// It was built now.
    Now,
}

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Stamp {
    recipe: String,
    files: BTreeMap<String, String>,
}

/// The folder of installed tools and base images.
#[derive(Debug, Clone)]
pub struct Tools {
    root: PathBuf,
}

impl Tools {
    /// The folder of this user: below `PULUMI_FASTCONTAINER_TOOLS`, `XDG_CACHE_HOME` or `~/.cache`.
    ///
    /// # Errors
    /// When none of the three is known.
    pub fn locate() -> Result<Self> {
        let named = [CACHE_VARIABLE, "XDG_CACHE_HOME"]
            .into_iter()
            .find_map(|name| env::var_os(name).filter(|v| !v.is_empty()));
        let cache = named
            .map(PathBuf::from)
            .or_else(|| env::home_dir().map(|home| home.join(".cache")));
        let cache =
            cache.ok_or_else(|| LabError::missing("a cache folder", format!("set HOME or {CACHE_VARIABLE}")))?;
        Ok(Self {
            root: cache.join(LAYOUT),
        })
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The value of `PULUMI_FASTCONTAINER_TOOLS` that leads to this folder.
    #[must_use]
    pub fn cache(&self) -> &Path {
        self.root.ancestors().nth(2).unwrap_or(&self.root)
    }

    /// Folder of a tool, whether it is there or not.
    #[must_use]
    pub fn directory(&self, tool: Tool) -> PathBuf {
        self.root.join(tool.recipe().folder())
    }

    /// Folder of an installed tool.
    ///
    /// # Errors
    /// [`LabError::Missing`] when it is not installed.
    pub fn require(&self, tool: Tool) -> Result<PathBuf> {
        self.require_folder(&tool.recipe())
    }

    /// The OCI layout archive of a base image.
    ///
    /// # Errors
    /// [`LabError::Missing`] when it is not installed.
    pub fn image_archive(&self, image: BaseImage) -> Result<PathBuf> {
        Ok(self.require_folder(&image.recipe())?.join(crate::images::ARCHIVE))
    }

    fn require_folder(&self, recipe: &Recipe) -> Result<PathBuf> {
        let directory = self.root.join(recipe.folder());
        if read_stamp(&directory).is_some() {
            return Ok(directory);
        }
        Err(LabError::missing(
            format!("`{}`", recipe.folder()),
            "run `cargo xtask setup`",
        ))
    }

    /// Unpacked root of Debian's packages.
    ///
    /// # Errors
    /// [`LabError::Missing`] when they are not there.
    pub fn debian_root(&self) -> Result<PathBuf> {
        Ok(self.require(Tool::Debian)?.join("root"))
    }

    /// `PATH` and `LD_LIBRARY_PATH` under which Debian's unpacked programs run.
    ///
    /// # Errors
    /// [`LabError::Missing`] when they are not there.
    pub fn debian_environment(&self) -> Result<[(&'static str, OsString); 2]> {
        let root = self.debian_root()?;
        let triplet = format!("{}-linux-gnu", env::consts::ARCH);
        let libraries = [root.join("usr/lib").join(&triplet), root.join("lib").join(&triplet)];
        let programs = [root.join("usr/sbin"), root.join("usr/bin")];
        let path = env::var_os("PATH").unwrap_or_default();
        let join =
            |paths: Vec<PathBuf>| env::join_paths(paths).map_err(|error| LabError::malformed("the tools' path", error));
        Ok([
            (
                "PATH",
                join(programs.into_iter().chain(env::split_paths(&path)).collect())?,
            ),
            ("LD_LIBRARY_PATH", join(libraries.to_vec())?),
        ])
    }

    /// Makes sure that what the recipe describes is there and whole.
    ///
    /// # Errors
    /// Whatever goes wrong while it is built; an earlier, whole version of the folder then stays.
    pub fn install(&self, recipe: &Recipe) -> Result<Installed> {
        fs::create_dir_all(&self.root).map_err(cannot("create", &self.root))?;
        let _lock = self.lock(recipe)?;
        let directory = self.root.join(recipe.folder());
        if is_whole(&directory, recipe) {
            return Ok(Installed::Already);
        }
        say(&format!("{}: being made", recipe.folder()));
        let target = match recipe.source {
            Source::Python(_) => directory.clone(),
            _ => self.root.join(format!("{}.partial", recipe.folder())),
        };
        remove_if_there(&target)?;
        fs::create_dir_all(&target).map_err(cannot("create", &target))?;
        self.make(recipe, &target)?;
        write_stamp(&target, recipe)?;
        if target != directory {
            self.swap_in(&target, &directory)?;
        }
        Ok(Installed::Now)
    }

    fn make(&self, recipe: &Recipe, target: &Path) -> Result<()> {
        match &recipe.source {
            Source::Authority => gateway::create_authority(target),
            Source::Go(programs) => programs.iter().try_for_each(|program| program.build(target, &[])),
            Source::GoWithFiles(programs, files) => {
                programs.iter().try_for_each(|program| program.build(target, &[]))?;
                programs
                    .first()
                    .map_or(Ok(()), |program| program.copy_files(files, target))
            }
            Source::GoWithStubs(program, stubs) => program.build(target, stubs),
            Source::Debian(packages) => packages.unpack(target),
            Source::Python(requirements) => python::create_environment(target, requirements),
            Source::Node(packages) => node::install_packages(target, packages),
            Source::Image(image) => image.make(self, target),
        }
    }

    /// Readers of the old folder keep their open files; the moment without a folder is two renames long.
    fn swap_in(&self, target: &Path, directory: &Path) -> Result<()> {
        let retired = directory.with_added_extension("retired");
        remove_if_there(&retired)?;
        if directory.exists() {
            fs::rename(directory, &retired).map_err(cannot("rename", directory))?;
        }
        fs::rename(target, directory).map_err(cannot("rename", target))?;
        remove_if_there(&retired)
    }

    fn lock(&self, recipe: &Recipe) -> Result<File> {
        let path = self.root.join(format!("{}.lock", recipe.folder()));
        let file = File::create(&path).map_err(cannot("create", &path))?;
        if file.try_lock().is_err() {
            say(&format!("{}: another setup makes it, waiting …", recipe.folder()));
            file.lock().map_err(cannot("lock", &path))?;
        }
        Ok(file)
    }
}

fn remove_if_there(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot("remove", directory)(error)),
        _ => Ok(()),
    }
}

fn stamp_path(directory: &Path) -> PathBuf {
    directory.join("stamp.json")
}

fn read_stamp(directory: &Path) -> Option<Stamp> {
    serde_json::from_slice(&fs::read(stamp_path(directory)).ok()?).ok()
}

fn stamp_of(directory: &Path, recipe: &Recipe) -> Result<Stamp> {
    let hash = |name: &&str| Ok(((*name).to_owned(), sha256_of(&directory.join(name))?));
    Ok(Stamp {
        recipe: format!("{:?}", recipe.source),
        files: recipe.proof.iter().map(hash).collect::<Result<_>>()?,
    })
}

fn is_whole(directory: &Path, recipe: &Recipe) -> bool {
    let Some(stamp) = read_stamp(directory) else {
        return false;
    };
    stamp_of(directory, recipe).is_ok_and(|now| now == stamp)
}

fn write_stamp(directory: &Path, recipe: &Recipe) -> Result<()> {
    let path = stamp_path(directory);
    let text = serde_json::to_vec_pretty(&stamp_of(directory, recipe)?)
        .map_err(|error| LabError::malformed("the stamp", error))?;
    fs::write(&path, text).map_err(cannot("write", &path))
}

/// SHA-256 of a file in hex.
pub(crate) fn sha256_of(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(cannot("open", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(cannot("read", path))?;
        if read == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::DebianPackages;

    fn recipe() -> Recipe {
        Recipe {
            name: "thing".into(),
            version: "1".into(),
            source: Source::Debian(DebianPackages(&["thing"])),
            proof: vec!["program"],
        }
    }

    fn made(folder: &Path) {
        fs::write(folder.join("program"), "bytes").unwrap();
        write_stamp(folder, &recipe()).unwrap();
    }

    #[test]
    fn folder_with_a_matching_stamp_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_whole(folder.path(), &recipe()));
        made(folder.path());
        assert!(is_whole(folder.path(), &recipe()));
    }

    #[test]
    fn damaged_program_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        made(folder.path());
        fs::write(folder.path().join("program"), "other").unwrap();
        assert!(!is_whole(folder.path(), &recipe()));
    }

    #[test]
    fn folder_made_by_another_recipe_is_not_whole() {
        let folder = tempfile::tempdir().unwrap();
        made(folder.path());
        let changed = Recipe {
            source: Source::Debian(DebianPackages(&["thing", "more"])),
            ..recipe()
        };
        assert!(!is_whole(folder.path(), &changed));
    }

    #[test]
    fn installed_folder_is_left_alone_by_a_second_install() {
        let cache = tempfile::tempdir().unwrap();
        let tools = Tools {
            root: cache.path().to_owned(),
        };
        let folder = cache.path().join(recipe().folder());
        fs::create_dir(&folder).unwrap();
        made(&folder);
        assert_eq!(tools.install(&recipe()).unwrap(), Installed::Already);
    }
}
