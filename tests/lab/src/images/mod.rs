//! Base images for Dockerfiles under test, made from Debian packages and served under their public names.
//!
//! They have what the public ones promise to Dockerfiles (programs, PATH, default command), not their bytes. Each is one OCI image
//! layout archive with one layer, the same bytes whenever the same packages go in.

mod busybox;
mod layer;
mod layout;

mod rootfs;

use std::path::Path;

use crate::error::Result;
use crate::tools::{Recipe, Source, Tools};

use layer::LayerWriter;

pub(crate) use layout::architecture;

/// File name of the OCI layout archive in an image's folder.
pub(crate) const ARCHIVE: &str = "image.tar";

const SYSTEM_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A base image that labs serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseImage {
    /// `busybox:1.36`.
    BusyBox,
    /// `debian:bookworm-slim`.
    DebianSlim,
    /// `python:3.11-slim`.
    PythonSlim,
    /// `buildpack-deps:bookworm` with gcc, make, Rust, Node.js with TypeScript, and Python; big, so made on request only.
    Toolchain,
}

/// What an image is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImageRecipe {
    base: Base,
    links: &'static [(&'static str, &'static str)],
    environment: &'static [&'static str],
    command: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Base {
    BusyBox,
    Debian { packages: &'static str },
}

impl BaseImage {
    /// All base images.
    pub const ALL: [Self; 4] = [Self::BusyBox, Self::DebianSlim, Self::PythonSlim, Self::Toolchain];

    /// The full reference under which it is served.
    #[must_use]
    pub const fn reference(self) -> &'static str {
        match self {
            Self::BusyBox => "docker.io/library/busybox:1.36",
            Self::DebianSlim => "docker.io/library/debian:bookworm-slim",
            Self::PythonSlim => "docker.io/library/python:3.11-slim",
            Self::Toolchain => "docker.io/library/buildpack-deps:bookworm",
        }
    }

    /// True for images that are made on request only.
    #[must_use]
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::Toolchain)
    }

    /// The entry of the tools' cache that holds it.
    #[must_use]
    pub fn recipe(self) -> Recipe {
        let (name, image) = match self {
            Self::BusyBox => (
                "image-busybox",
                ImageRecipe {
                    base: Base::BusyBox,
                    ..ImageRecipe::debian("")
                },
            ),
            Self::DebianSlim => ("image-debian", ImageRecipe::debian("ca-certificates")),
            Self::PythonSlim => (
                "image-python",
                ImageRecipe {
                    links: &[
                        ("usr/local/bin/python3", "/usr/bin/python3.11"),
                        ("usr/local/bin/python", "/usr/bin/python3.11"),
                    ],
                    environment: &[SYSTEM_PATH, "LANG=C.UTF-8", "PYTHON_VERSION=3.11"],
                    command: "python3",
                    ..ImageRecipe::debian("ca-certificates,python3")
                },
            ),
            Self::Toolchain => (
                "image-toolchain",
                ImageRecipe::debian(
                    "ca-certificates,gcc,g++,libc6-dev,make,ninja-build,cargo,rustc,nodejs,node-typescript,python3",
                ),
            ),
        };
        Recipe {
            name: name.to_owned(),
            version: "1".to_owned(),
            source: Source::Image(image),
            proof: vec![ARCHIVE],
        }
    }
}

impl ImageRecipe {
    const fn debian(packages: &'static str) -> Self {
        Self {
            base: Base::Debian { packages },
            links: &[],
            environment: &[SYSTEM_PATH],
            command: "sh",
        }
    }

    /// Makes the image's layout archive in `directory`.
    ///
    /// # Errors
    /// When Debian's packages cannot be had or a file cannot be written.
    pub(crate) fn make(&self, tools: &Tools, directory: &Path) -> Result<()> {
        let mut layer = LayerWriter::create(&directory.join("layer.tar.gz"))?;
        match self.base {
            Base::BusyBox => busybox::write(tools, &mut layer)?,
            Base::Debian { packages } => rootfs::write(tools, packages, directory, &mut layer)?,
        }
        for (path, target) in self.links {
            layer.symlink(path, target)?;
        }
        let layer = layer.finish()?;
        layout::write(&directory.join(ARCHIVE), &layer, self.environment, self.command)
    }
}
