//! Writes an OCI image layout with a single image as one tar archive, and reads what it wrote (OCI Image Specification, "Image Layout").

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, Header};

use crate::error::{LabError, Result, cannot};
use crate::images::layer::{EPOCH, Layer};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const BLOBS: &str = "blobs/sha256";
const GZIP_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The architecture of this machine in the words of OCI.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Writes the archive `path` for an image with these layers, lowest first, whose containers start as `configuration` says. The files of
/// the layers are removed.
pub(crate) fn write(path: &Path, layers: &[Layer], configuration: &Value) -> Result<()> {
    let diff_ids: Vec<_> = layers.iter().map(|layer| format!("sha256:{}", layer.diff_id)).collect();
    let history = json!({ "created": "2023-11-14T22:13:20Z", "created_by": "made from Debian packages" });
    let config = encode(&json!({
        "architecture": architecture(),
        "os": "linux",
        "created": "2023-11-14T22:13:20Z",
        "config": configuration,
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": vec![history; layers.len()],
    }))?;
    let manifest = encode(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, &config),
        "layers": layers.iter().map(Layer::descriptor).collect::<Vec<_>>(),
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
        blob(&format!("{BLOBS}/{}", sha256(bytes)), bytes)?;
    }
    for layer in layers {
        let content = File::open(&layer.path).map_err(cannot("open", &layer.path))?;
        let name = format!("{BLOBS}/{}", layer.digest);
        archive
            .append_data(&mut header(layer.size), name, content)
            .map_err(cannot("write", path))?;
        fs::remove_file(&layer.path).map_err(cannot("remove", &layer.path))?;
    }
    archive
        .into_inner()
        .and_then(|mut file| file.flush())
        .map_err(cannot("write", path))
}

/// Takes the layers, lowest first, out of the archive of an image that this machine made, as files in `directory`.
pub(crate) fn layers(path: &Path, directory: &Path) -> Result<Vec<Layer>> {
    let mut blobs = BTreeMap::new();
    let mut archive = Archive::new(File::open(path).map_err(cannot("open", path))?);
    for entry in archive.entries().map_err(cannot("read", path))? {
        let mut entry = entry.map_err(cannot("read", path))?;
        let name = entry.path().map_err(cannot("read", path))?.into_owned();
        let target = directory.join(name.file_name().unwrap_or_default());
        entry.unpack(&target).map_err(cannot("write", &target))?;
        blobs.insert(name, target);
    }
    let malformed = || LabError::malformed(path.display().to_string(), "not an image layout");
    let take = |name: &str| blobs.get(Path::new(name)).ok_or_else(malformed);
    let blob = |digest: &Value| take(&format!("{BLOBS}/{}", hex_of(digest)));
    let index = decode(take("index.json")?)?;
    let manifest = decode(blob(&index["manifests"][0]["digest"])?)?;
    let config = decode(blob(&manifest["config"]["digest"])?)?;
    let descriptors = manifest["layers"].as_array().into_iter().flatten();
    let diff_ids = config["rootfs"]["diff_ids"].as_array().into_iter().flatten();
    let layer = |(descriptor, diff_id): (&Value, &Value)| {
        Ok(Layer {
            path: blob(&descriptor["digest"])?.clone(),
            digest: hex_of(&descriptor["digest"]).to_owned(),
            diff_id: hex_of(diff_id).to_owned(),
            size: descriptor["size"].as_u64().ok_or_else(malformed)?,
        })
    };
    let layers: Vec<Layer> = descriptors.zip(diff_ids).map(layer).collect::<Result<_>>()?;
    for other in blobs
        .values()
        .filter(|path| layers.iter().all(|layer| layer.path != **path))
    {
        fs::remove_file(other).map_err(cannot("remove", other))?;
    }
    Ok(layers)
}

fn hex_of(digest: &Value) -> &str {
    digest.as_str().unwrap_or_default().trim_start_matches("sha256:")
}

fn decode(path: &Path) -> Result<Value> {
    let bytes = fs::read(path).map_err(cannot("read", path))?;
    serde_json::from_slice(&bytes).map_err(|error| LabError::malformed(path.display().to_string(), error))
}

impl Layer {
    fn descriptor(&self) -> Value {
        json!({ "mediaType": GZIP_LAYER, "digest": format!("sha256:{}", self.digest), "size": self.size })
    }
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
        write(
            &folder.join("image.tar"),
            &[layer],
            &json!({ "Env": ["PATH=/bin"], "Cmd": ["tool"] }),
        )
        .unwrap();
        fs::read(folder.join("image.tar")).unwrap()
    }

    #[test]
    fn same_files_give_the_same_archive() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        assert_eq!(image(folders[0].path()), image(folders[1].path()));
    }

    #[test]
    fn layers_that_are_taken_out_are_those_that_went_in() {
        let folder = tempfile::tempdir().unwrap();
        image(folder.path());
        let taken = layers(&folder.path().join("image.tar"), folder.path()).unwrap();
        assert_eq!(taken.len(), 1);
        assert_eq!(sha256(&fs::read(&taken[0].path).unwrap()), taken[0].digest);
        let plain = folder.path().join("plain.tar");
        crate::images::decompress(&taken[0].path, &plain).unwrap();
        assert_eq!(sha256(&fs::read(plain).unwrap()), taken[0].diff_id);
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
