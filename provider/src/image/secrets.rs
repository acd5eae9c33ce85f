//! The secrets of a build that is about to run: what lives on this machine is read now, and never before.
//!
//! Responsible for comparing the ids that a program gives with those that the Dockerfile's steps mount: a required one
//! that is missing fails before anything is built, one that nothing uses is a warning. Values of AWS are left to whoever
//! builds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::Path;

use fastcontainer_buildkit::LARGEST_SECRET;
use fastcontainer_dockerfile::SecretMount;
use secrecy::{ExposeSecret, SecretSlice};

use super::content::Content;
use super::error::ImageError;
use super::inputs::ImageInputs;
use super::operation::Operation;
use crate::planning::secrets::{SecretReference, SecretSource};

/// Secrets that BuildKit itself asks for when an `ADD` needs a login; no mount names them.
const OF_BUILDKIT: [&str; 2] = ["GIT_AUTH_", "HTTP_AUTH_"];

/// Why a build cannot have its secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable does not exist.
    #[error("secret `{id}`: the environment variable `{variable}` is not set")]
    VariableUnset {
        /// Id of the secret.
        id: String,
        /// Name of the variable.
        variable: String,
    },
    /// The file cannot be read.
    #[error("secret `{id}`: the file `{path}` cannot be read")]
    FileUnreadable {
        /// Id of the secret.
        id: String,
        /// Path as it was written.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// No builder takes it.
    #[error("secret `{id}`: `{reference}` is larger than {} KiB", LARGEST_SECRET / 1024)]
    TooLarge {
        /// Id of the secret.
        id: String,
        /// Where it comes from.
        reference: String,
    },
    /// A step demands a secret that the program does not give.
    #[error("{dockerfile}:{line}: the step needs the secret `{id}`, which is neither in `secrets` nor in `secretRefs`")]
    Missing {
        /// Id of the secret.
        id: String,
        /// Name of the Dockerfile.
        dockerfile: String,
        /// Line of the instruction, from 1.
        line: usize,
    },
}

/// The secrets that the build of `content` gets.
///
/// # Errors
/// Everything that is missing, as [`ImageError::Secrets`].
pub async fn secrets_for_build(
    op: &Operation,
    inputs: &ImageInputs,
    content: &Content,
) -> Result<BTreeMap<String, SecretSource>, ImageError> {
    let (mounts, ids) = (content.needs.secret_mounts(), inputs.secret_ids());
    let mut problems = missing(&mounts, &ids, &content.dockerfile.name);
    for id in unused(&mounts, &ids) {
        op.reporter.warning(&format!(
            "{}: secret `{id}` is not used: no `RUN --mount=type=secret,id={id}` in what is built of {}",
            op.urn.name, content.dockerfile.name
        ));
    }
    let worker = inputs.clone();
    let read = tokio::task::spawn_blocking(move || sources(&worker)).await;
    let (sources, unreadable) = read.map_err(|_| ImageError::Cancelled)?;
    problems.extend(unreadable);
    if problems.is_empty() {
        Ok(sources)
    } else {
        Err(ImageError::Secrets(problems))
    }
}

fn missing(mounts: &[SecretMount], ids: &BTreeSet<String>, dockerfile: &str) -> Vec<SecretError> {
    let required = mounts.iter().filter(|mount| mount.required);
    let absent = required.filter_map(|mount| Some((mount.id.as_ref()?, mount.line)));
    let mut told = BTreeSet::new();
    absent
        .filter(|(id, _)| !ids.contains(*id) && told.insert(*id))
        .map(|(id, line)| SecretError::Missing {
            id: id.clone(),
            dockerfile: dockerfile.to_owned(),
            line,
        })
        .collect()
}

/// Ids that no step mounts; none as long as it cannot be told which secrets some step mounts.
fn unused<'a>(mounts: &[SecretMount], ids: &'a BTreeSet<String>) -> Vec<&'a str> {
    let Some(used) = mounts
        .iter()
        .map(|mount| mount.id.as_deref())
        .collect::<Option<BTreeSet<_>>>()
    else {
        return Vec::new();
    };
    let asked_for = |id: &str| used.contains(id) || OF_BUILDKIT.iter().any(|prefix| id.starts_with(prefix));
    ids.iter().map(String::as_str).filter(|id| !asked_for(id)).collect()
}

/// Reads what is on this machine. Blocks on disk.
fn sources(inputs: &ImageInputs) -> (BTreeMap<String, SecretSource>, Vec<SecretError>) {
    let (mut sources, mut problems) = (BTreeMap::new(), Vec::new());
    for (id, value) in inputs.secrets.iter().flatten() {
        if let Some(value) = value {
            let bytes = value.expose_secret().as_bytes().to_vec();
            sources.insert(id.clone(), SecretSource::Value(bytes.into()));
        }
    }
    for (id, reference) in inputs.secret_refs.iter().flatten() {
        match reference.as_ref().map(|reference| source(id, reference)) {
            Some(Ok(source)) => drop(sources.insert(id.clone(), source)),
            Some(Err(problem)) => problems.push(problem),
            None => {}
        }
    }
    (sources, problems)
}

fn source(id: &str, reference: &SecretReference) -> Result<SecretSource, SecretError> {
    let value: SecretSlice<u8> = match reference {
        SecretReference::Aws(secret) => return Ok(SecretSource::Aws(secret.clone())),
        SecretReference::Environment(variable) => {
            let value = std::env::var_os(variable).ok_or_else(|| SecretError::VariableUnset {
                id: id.to_owned(),
                variable: variable.clone(),
            })?;
            value.into_encoded_bytes().into()
        }
        SecretReference::File(path) => read(Path::new(path))
            .map_err(|source| SecretError::FileUnreadable {
                id: id.to_owned(),
                path: path.clone(),
                source,
            })?
            .into(),
    };
    if value.expose_secret().len() > LARGEST_SECRET {
        return Err(SecretError::TooLarge {
            id: id.to_owned(),
            reference: reference.to_string(),
        });
    }
    Ok(SecretSource::Value(value))
}

/// A regular file, and no more of it than tells that it is too large.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    let most = LARGEST_SECRET as u64 + 1;
    std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn mount(id: Option<&str>, required: bool, line: usize) -> SecretMount {
        SecretMount {
            id: id.map(str::to_owned),
            required,
            line,
        }
    }

    fn read_reference(text: &str) -> Result<Vec<u8>, String> {
        match source("token", &SecretReference::parse(text).unwrap()) {
            Ok(SecretSource::Value(value)) => Ok(value.expose_secret().to_vec()),
            Ok(SecretSource::Aws(_)) => panic!("nothing of AWS is read here"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_required_secret_that_is_missing_is_told_once_with_its_line() {
        let mounts = [
            mount(Some("a"), true, 2),
            mount(Some("b"), true, 3),
            mount(Some("b"), true, 4),
            mount(Some("c"), false, 5),
            mount(None, true, 6),
        ];
        let told: Vec<_> = missing(&mounts, &ids(&["a"]), "app/Dockerfile")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told,
            ["app/Dockerfile:3: the step needs the secret `b`, which is neither in `secrets` nor in `secretRefs`"]
        );
    }

    #[test]
    fn an_unused_secret_is_found_unless_a_mount_may_use_it() {
        let given = ids(&["a", "b", "GIT_AUTH_TOKEN.example.com"]);
        assert_eq!(unused(&[mount(Some("a"), false, 2)], &given), ["b"]);
        assert_eq!(unused(&[mount(None, false, 2)], &given), Vec::<&str>::new());
    }

    #[test]
    fn files_are_read_byte_for_byte_up_to_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let reference = format!("file:{}", path.display());
        std::fs::write(&path, b"canary\n\xff").unwrap();
        assert_eq!(read_reference(&reference), Ok(b"canary\n\xff".to_vec()));
        std::fs::write(&path, vec![b'x'; LARGEST_SECRET]).unwrap();
        assert_eq!(read_reference(&reference).map(|bytes| bytes.len()), Ok(LARGEST_SECRET));
        std::fs::write(&path, vec![b'x'; LARGEST_SECRET + 1]).unwrap();
        let refused = read_reference(&reference).unwrap_err();
        assert_eq!(refused, format!("secret `token`: `{reference}` is larger than 500 KiB"));
    }

    #[test]
    fn what_is_not_there_is_named_with_the_id() {
        assert_eq!(
            read_reference("env:FASTCONTAINER_NO_SUCH_VARIABLE").unwrap_err(),
            "secret `token`: the environment variable `FASTCONTAINER_NO_SUCH_VARIABLE` is not set"
        );
        assert_eq!(
            read_reference("file:/no/such/file").unwrap_err(),
            "secret `token`: the file `/no/such/file` cannot be read"
        );
        assert!(read_reference("file:/dev/null").is_err());
    }
}
