//! Writes an OCI image layout with a single image as one tar archive (OCI Image Specification, "Image Layout").

use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, Header};

use crate::error::{LabError, Result, cannot};
use crate::images::layer::{EPOCH, Layer};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const GZIP_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The architecture of this machine in the words of OCI.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Writes the archive `path` for an image with one layer.
pub(crate) fn write(path: &Path, layer: &Layer, environment: &[&str], command: &str) -> Result<()> {
    let config = encode(&json!({
        "architecture": architecture(),
        "os": "linux",
        "created": "2023-11-14T22:13:20Z",
        "config": { "Env": environment, "Cmd": [command] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", layer.diff_id)] },
        "history": [{ "created": "2023-11-14T22:13:20Z", "created_by": "made from Debian packages" }],
    }))?;
    let manifest = encode(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, &config),
        "layers": [{ "mediaType": GZIP_LAYER, "digest": format!("sha256:{}", layer.digest), "size": layer.size }],
    }))?;
    let index = encode(&json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [descriptor(MANIFEST, &manifest)],
    }))?;
    let file = File::create(path).map_err(cannot("create", path))?;
    let mut archive = Builder::new(file);
    let mut blob = |name: &str, bytes: &[u8]| {
        archive
            .append_data(&mut header(bytes.len() as u64), name, bytes)
            .map_err(cannot("write", path))
    };
    blob("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    blob("index.json", &index)?;
    for bytes in [&config, &manifest] {
        blob(&format!("blobs/sha256/{}", sha256(bytes)), bytes)?;
    }
    let content = File::open(&layer.path).map_err(cannot("open", &layer.path))?;
    archive
        .append_data(
            &mut header(layer.size),
            format!("blobs/sha256/{}", layer.digest),
            content,
        )
        .and_then(|()| archive.into_inner())
        .and_then(|mut file| file.flush())
        .map_err(cannot("write", path))?;
    std::fs::remove_file(&layer.path).map_err(cannot("remove", &layer.path))
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": format!("sha256:{}", sha256(bytes)), "size": bytes.len() })
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn encode(value: &Value) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| LabError::malformed("the image's JSON", error))
}

fn header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(size);
    header.set_mtime(EPOCH);
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::layer::LayerWriter;

    fn image(folder: &Path) -> Vec<u8> {
        let mut writer = LayerWriter::create(&folder.join("layer.tar.gz")).unwrap();
        writer.directory("bin", 0o755).unwrap();
        writer.file("bin/tool", 0o755, b"tool").unwrap();
        writer.symlink("bin/alias", "tool").unwrap();
        let layer = writer.finish().unwrap();
        write(&folder.join("image.tar"), &layer, &["PATH=/bin"], "tool").unwrap();
        std::fs::read(folder.join("image.tar")).unwrap()
    }

    #[test]
    fn same_files_give_the_same_archive() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        assert_eq!(image(folders[0].path()), image(folders[1].path()));
    }

    #[test]
    fn every_blob_has_the_name_of_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let archive = image(folder.path());
        let mut blobs = 0;
        for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().into_owned();
            let Ok(digest) = path.strip_prefix("blobs/sha256") else {
                continue;
            };
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            assert_eq!(digest.to_str().unwrap(), sha256(&bytes));
            blobs += 1;
        }
        assert_eq!(blobs, 3);
    }
}
