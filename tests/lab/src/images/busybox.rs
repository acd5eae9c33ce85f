//! The file system of `busybox:1.36`: one static program under the names of all its applets.

use std::fs;
use std::process::Command;

use crate::error::{Result, cannot};
use crate::images::layer::LayerWriter;
use crate::process::capture;
use crate::tools::Tools;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n";
const GROUP: &str = "root:x:0:\nnobody:x:65534:\n";

/// Adds the image's files to the layer.
pub(super) fn write(tools: &Tools, layer: &mut LayerWriter) -> Result<()> {
    let program = tools.debian_root()?.join("bin/busybox");
    let applets = capture("busybox --list", Command::new(&program).arg("--list"))?;
    let bytes = fs::read(&program).map_err(cannot("read", &program))?;
    layer.directory("bin", 0o755)?;
    layer.file("bin/busybox", 0o755, &bytes)?;
    for applet in applets.lines().filter(|name| *name != "busybox") {
        layer.hard_link(&format!("bin/{applet}"), "bin/busybox")?;
    }
    layer.directory("etc", 0o755)?;
    layer.file("etc/group", 0o644, GROUP.as_bytes())?;
    layer.file("etc/passwd", 0o644, PASSWD.as_bytes())?;
    for (path, mode) in [
        ("home", 0o755),
        ("root", 0o700),
        ("tmp", 0o1777),
        ("usr", 0o755),
        ("usr/bin", 0o755),
    ] {
        layer.directory(path, mode)?;
    }
    layer.symlink("usr/bin/env", "/bin/env")?;
    for path in ["var", "var/tmp"] {
        layer.directory(path, 0o755)?;
    }
    Ok(())
}
