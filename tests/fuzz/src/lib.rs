//! What several fuzz targets share: how the bytes that the fuzzer invents become an input.
//!
//! A target is a file in `targets/`; it states what must hold for every input, and panics where it does not. Inputs are
//! kept readable, so that a corpus file can be written with an editor: the parts of an input are separated by a NUL
//! byte, and text is text.
//!
//! Refuses to know what is tested, with two exceptions: [`reference`] is a second, simpler matcher for ignore files, and
//! [`planning`] makes a part of the provider available without the rest of it.

use std::path::{Path, PathBuf};

pub mod planning;
pub mod reference;

/// The first `N` parts of an input; what is missing is empty, and the last part may hold NUL bytes.
#[must_use]
pub fn parts<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut parts = data.splitn(N, |byte| *byte == 0);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// The bytes as text; nothing if they are none.
#[must_use]
pub fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// An empty directory for a target that needs files, in the build output.
///
/// # Errors
/// Those of the file system.
pub fn scratch(target: &str) -> std::io::Result<PathBuf> {
    let output = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/fuzz/scratch");
    let directory = output.join(target);
    if directory.exists() {
        std::fs::remove_dir_all(&directory)?;
    }
    std::fs::create_dir_all(&directory)?;
    directory.canonicalize()
}
