//! Blob uploads: start or mount, chunks in order, finish with a digest that is verified.
//!
//! A session lives in memory and ends with the process. Its Location carries an opaque state that must come back
//! unchanged. A chunk that breaks off leaves the session where it was. Nothing is buffered: chunks go to a scratch
//! file while they are hashed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderName, LOCATION, RANGE};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::error::RegistryError;
use super::{Exchange, Kind};
use crate::digest::Digest;
use crate::random;
use crate::reply::{self, Reply, WithHeader};
use crate::store::RepositoryKey;

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// All uploads that are under way.
#[derive(Default)]
pub(crate) struct Uploads {
    sessions: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Session>>>>,
}

struct Session {
    repository: RepositoryKey,
    state: String,
    file: PathBuf,
    received: u64,
    hasher: Sha256,
}

impl Session {
    /// Takes the bytes of one request; on failure the session is as before.
    async fn append(&mut self, mut body: Incoming) -> Result<u64, RegistryError> {
        let mut file = tokio::fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&self.file)
            .await?;
        file.set_len(self.received).await?;
        file.seek(std::io::SeekFrom::End(0)).await?;
        let mut hasher = self.hasher.clone();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(RegistryError::UploadBrokeOff)?.into_data() {
                file.write_all(&data).await?;
                hasher.update(&data);
                length += data.len() as u64;
            }
        }
        file.flush().await?;
        self.hasher = hasher;
        self.received += length;
        Ok(length)
    }
}

impl Exchange<'_> {
    pub(super) fn start_upload(&self, name: &str) -> Result<Reply, RegistryError> {
        let key = self.key(name);
        if self.registry.kind == Kind::Plain {
            self.emulator.catalog.ensure(&key)?;
        }
        self.emulator.catalog.look(&key, |_| ())?;
        if let Some(mounted) = self.mount(&key)? {
            return Ok(self.created(&key, &mounted));
        }
        let id = random::hex(16);
        let session = Session {
            repository: key,
            state: random::hex(16),
            file: self.emulator.content.scratch(),
            received: 0,
            hasher: Sha256::new(),
        };
        let reply = self.progress(StatusCode::ACCEPTED, &id, &session);
        let mut sessions = self
            .emulator
            .uploads
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sessions.insert(id, Arc::new(tokio::sync::Mutex::new(session)));
        Ok(reply)
    }

    /// Takes a blob over from another repository of the registry, if that is asked for, allowed and possible.
    fn mount(&self, to: &RepositoryKey) -> Result<Option<Digest>, RegistryError> {
        let allowed = self.registry.kind == Kind::Plain || self.emulator.blob_mounting();
        let (Some(digest), Some(from), true) = (self.query("mount"), self.query("from"), allowed) else {
            return Ok(None);
        };
        let digest: Digest = digest.parse().map_err(|_| RegistryError::DigestMalformed(digest))?;
        let size = self
            .emulator
            .catalog
            .look(&self.key(&from), |repository| repository.blobs.get(&digest).copied());
        let Ok(Some(size)) = size else {
            return Ok(None);
        };
        self.emulator.catalog.change(to, |repository| {
            repository.blobs.insert(digest.clone(), size);
            Ok(Some(digest))
        })
    }

    pub(super) async fn upload(&self, name: &str, id: &str, body: Incoming) -> Result<Reply, RegistryError> {
        let found = {
            let sessions = self
                .emulator
                .uploads
                .sessions
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            sessions.get(id).cloned().ok_or(RegistryError::UploadUnknown)?
        };
        let mut session = found.lock().await;
        if session.repository != self.key(name) || self.query("_state").as_ref() != Some(&session.state) {
            return Err(RegistryError::UploadUnknown);
        }
        match self.parts.method {
            Method::GET => Ok(self.progress(StatusCode::NO_CONTENT, id, &session)),
            Method::PATCH => {
                self.receive(id, &mut session, body).await?;
                Ok(self.progress(StatusCode::ACCEPTED, id, &session))
            }
            Method::PUT => self.finish(id, &mut session, body).await,
            Method::DELETE => {
                self.forget(id, &session).await;
                Ok(reply::empty(StatusCode::NO_CONTENT))
            }
            _ => Err(RegistryError::Unsupported),
        }
    }

    async fn receive(&self, id: &str, session: &mut Session, body: Incoming) -> Result<(), RegistryError> {
        let declared = match self.header(CONTENT_RANGE) {
            None => None,
            Some(range) => {
                let out_of_order = || RegistryError::ChunkOutOfOrder {
                    location: self.location(id, session),
                    received: session.received,
                };
                let (first, last) = parse_content_range(range).ok_or_else(out_of_order)?;
                if first != session.received {
                    return Err(out_of_order());
                }
                Some(last - first + 1)
            }
        };
        let announced = self
            .header(CONTENT_LENGTH)
            .and_then(|length| length.parse::<u64>().ok());
        if let (Some(declared), Some(announced)) = (declared, announced)
            && declared != announced
        {
            return Err(RegistryError::ChunkLength {
                declared,
                received: announced,
            });
        }
        let before = (session.received, session.hasher.clone());
        let received = session.append(body).await?;
        match declared {
            Some(declared) if declared != received => {
                (session.received, session.hasher) = before;
                Err(RegistryError::ChunkLength { declared, received })
            }
            _ => Ok(()),
        }
    }

    async fn finish(&self, id: &str, session: &mut Session, body: Incoming) -> Result<Reply, RegistryError> {
        let declared = self.query("digest").unwrap_or_default();
        let digest: Digest = declared
            .parse()
            .map_err(|_| RegistryError::DigestMalformed(declared.clone()))?;
        self.receive(id, session, body).await?;
        let actual = Digest::finish(session.hasher.clone());
        if actual != digest {
            self.forget(id, session).await;
            return Err(RegistryError::DigestMismatch { declared, actual });
        }
        self.emulator.content.adopt(&session.file, &digest).await?;
        self.forget(id, session).await;
        self.emulator.catalog.change(&session.repository, |repository| {
            repository.blobs.insert(digest.clone(), session.received);
            Ok::<_, RegistryError>(())
        })?;
        Ok(self.created(&session.repository, &digest))
    }

    async fn forget(&self, id: &str, session: &Session) {
        self.emulator
            .uploads
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
        // Absent when nothing was received, or when the file has become a blob.
        let _ = tokio::fs::remove_file(&session.file).await;
    }

    fn location(&self, id: &str, session: &Session) -> String {
        format!(
            "{}/v2/{}/blobs/uploads/{id}?_state={}",
            self.origin, session.repository.name, session.state
        )
    }

    fn progress(&self, status: StatusCode, id: &str, session: &Session) -> Reply {
        reply::empty(status)
            .with(LOCATION, &self.location(id, session))
            .with(RANGE, &format!("0-{}", session.received.saturating_sub(1)))
            .with(UPLOAD_ID, id)
            .with(CONTENT_LENGTH, "0")
    }

    fn created(&self, key: &RepositoryKey, digest: &Digest) -> Reply {
        reply::empty(StatusCode::CREATED)
            .with(LOCATION, &format!("{}/v2/{}/blobs/{digest}", self.origin, key.name))
            .with(CONTENT_DIGEST, &digest.to_string())
            .with(CONTENT_LENGTH, "0")
    }
}

/// Reads `FIRST-LAST`, the form that the distribution specification gives this header for uploads.
fn parse_content_range(header: &str) -> Option<(u64, u64)> {
    let (first, last) = header.split_once('-')?;
    let range = (first.parse().ok()?, last.parse().ok()?);
    (range.0 <= range.1).then_some(range)
}
