//! Files that objects consist of: one for a whole upload, one per part otherwise.
//!
//! A file lives as long as anybody refers to it; an answer under way keeps it. Reading streams, never more than a
//! buffer in memory.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::random;
use crate::reply::{Reply, WithHeader};

const BUFFER: usize = 128 * 1024;

/// A file that is removed with the last reference to it.
pub(super) struct Segment {
    path: PathBuf,
    size: u64,
}

impl Segment {
    /// A segment in a fresh file of `directory`, which does not exist yet.
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            path: directory.join(random::hex(16)),
            size: 0,
        }
    }

    /// The segment with everything written.
    pub(super) fn complete(mut self, size: u64) -> Self {
        self.size = size;
        self
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Length in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // Absent if the upload failed before anything came.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Answers `length` bytes of the segments, one after the other, from `start` on.
pub(super) fn answer(status: StatusCode, segments: &[Arc<Segment>], (start, length): (u64, u64)) -> Reply {
    let mut pieces = Vec::new();
    let (mut skip, mut left) = (start, length);
    for segment in segments {
        let here = segment.size.saturating_sub(skip).min(left);
        if here > 0 {
            pieces.push((Arc::clone(segment), skip, here));
        }
        skip = skip.saturating_sub(segment.size);
        left -= here;
    }
    let frames = stream::iter(pieces)
        .then(|(segment, start, length)| async move {
            let mut file = tokio::fs::File::open(&segment.path).await?;
            file.seek(io::SeekFrom::Start(start)).await?;
            io::Result::Ok(ReaderStream::with_capacity(file.take(length), BUFFER))
        })
        .try_flatten()
        .map_ok(Frame::data);
    let mut reply = Reply::new(StreamBody::new(frames).boxed_unsync());
    *reply.status_mut() = status;
    reply.with(CONTENT_LENGTH, &length.to_string())
}
