//! Base images for Dockerfiles under test, made from packages and served under their public names.
//!
//! They have what the public ones promise to Dockerfiles (programs, PATH, users, default command), not their bytes. Each is one OCI
//! image layout archive, the same bytes whenever the same packages go in; like the public ones they share the layers of those that they
//! are built on. Those with Debian trust the authority of
//! labs, so that RUN steps reach package registries through the gateway. Which images there are is in `catalogue`.

mod below;
mod busybox;
mod catalogue;
mod lambda;
mod layer;
mod layout;
mod parts;
mod rootfs;

use std::path::Path;

use serde_json::{Value, json};

use crate::error::Result;
use crate::tools::Tools;

use layer::LayerWriter;
use parts::Part;
use rootfs::Debian;

pub use catalogue::BaseImage;
pub(crate) use layer::decompress;
pub(crate) use layout::architecture;

/// File name of the OCI layout archive in an image's folder.
pub(crate) const ARCHIVE: &str = "image.tar";

/// What an image is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImageRecipe {
    base: Base,
    /// Debian's packages on top of it.
    debian: Option<Debian>,
    parts: &'static [Part],
    links: &'static [(&'static str, &'static str)],
    environment: &'static [&'static str],
    /// Program that takes the command as its arguments; empty for none.
    entrypoint: &'static str,
    /// What runs if nobody says otherwise; empty for nothing.
    command: &'static str,
    /// Folder in which it runs; empty for the root.
    folder: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Base {
    Empty,
    BusyBox,
    /// Another image.
    On(BaseImage),
}

impl ImageRecipe {
    /// Makes the image's layout archive in `directory`.
    ///
    /// # Errors
    /// When packages cannot be had or a file cannot be written.
    pub(crate) fn make(&self, tools: &Tools, directory: &Path) -> Result<()> {
        let mut layers = Vec::new();
        let mut layer = LayerWriter::create(&directory.join("layer.tar.gz"))?;
        match self.base {
            Base::Empty => {}
            Base::BusyBox => busybox::write(tools, &mut layer)?,
            Base::On(image) => {
                tools.install(&image.recipe())?;
                layers = layout::layers(&tools.image_archive(image)?, directory)?;
            }
        }
        if let Some(debian) = &self.debian {
            rootfs::write(tools, debian, &layers, (directory, &mut layer))?;
        }
        for part in self.parts {
            part.write(directory, &mut layer)?;
        }
        for (path, target) in self.links {
            layer.symlink(path, target)?;
        }
        layers.push(layer.finish()?);
        layout::write(&directory.join(ARCHIVE), &layers, &self.configuration())
    }

    /// How containers start, in the words of the OCI Image Specification.
    fn configuration(&self) -> Value {
        let mut configuration = json!({ "Env": self.environment });
        if !self.command.is_empty() {
            configuration["Cmd"] = json!([self.command]);
        }
        if !self.entrypoint.is_empty() {
            configuration["Entrypoint"] = json!([self.entrypoint]);
        }
        if !self.folder.is_empty() {
            configuration["WorkingDir"] = json!(self.folder);
        }
        configuration
    }
}
