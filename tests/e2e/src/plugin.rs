//! Test providers, installed where the lab's Pulumi CLI finds them.

use std::fs;
use std::path::Path;

use crate::lab;

/// Installs the test provider `pulumi-resource-NAME` at `program` as this version of the package NAME.
///
/// # Panics
/// When it cannot be copied.
pub fn install_plugin(program: &Path, version: &str) {
    let file = program.file_name().and_then(|name| name.to_str()).expect("a program");
    let package = file.strip_prefix("pulumi-").expect("a plugin");
    let folder = lab()
        .pulumi_home()
        .join("plugins")
        .join(format!("{package}-v{version}"));
    fs::create_dir_all(&folder).expect("plugin folder");
    // Tests run side by side: whoever comes last gives the name to an equal file.
    let fresh = tempfile::NamedTempFile::new_in(&folder)
        .expect("temporary file")
        .into_temp_path();
    fs::copy(program, &fresh).expect("plugin");
    fresh.persist(folder.join(file)).expect("plugin");
}
