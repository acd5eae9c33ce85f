//! A stretch of a file as the body of a request.
//!
//! Read while it is sent, a small block at a time, so that parts of any size take no memory; and read again from its
//! beginning when the SDK repeats a request. Says with each block that the request makes progress.
//!
//! Reads in the thread that sends: the file was just written on this machine.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const BLOCK: usize = 64 * 1024;

/// A stretch of a file.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    pub(super) file: Arc<File>,
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Stretch {
    /// The body of a request, as often as it is asked for.
    pub(super) fn body(&self, progress: &Progress) -> ByteStream {
        let (stretch, progress) = (self.clone(), progress.clone());
        ByteStream::new(SdkBody::retryable(move || {
            SdkBody::from_body_1_x(StretchBody {
                left: stretch.clone(),
                progress: progress.clone(),
            })
        }))
    }

    /// SHA-256 of the bytes. Blocks.
    pub(super) fn sha256(mut self, cancel: &CancellationToken) -> io::Result<[u8; 32]> {
        let mut hash = Sha256::new();
        while self.length > 0 && !cancel.is_cancelled() {
            hash.update(&self.take_block()?);
        }
        Ok(hash.finalize().into())
    }

    fn take_block(&mut self) -> io::Result<Bytes> {
        let length = usize::try_from(self.length).map_or(BLOCK, |left| left.min(BLOCK));
        let mut block = vec![0; length];
        self.file.read_exact_at(&mut block, self.offset)?;
        self.offset += length as u64;
        self.length -= length as u64;
        Ok(block.into())
    }
}

struct StretchBody {
    left: Stretch,
    progress: Progress,
}

impl Body for StretchBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left.length == 0 {
            return Poll::Ready(None);
        }
        self.progress.beat();
        Poll::Ready(Some(self.left.take_block().map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left.length == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.length)
    }
}

/// Tells a slow request from one that stands still.
#[derive(Debug, Clone)]
pub(super) struct Progress(Arc<watch::Sender<u64>>);

impl Progress {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    fn beat(&self) {
        self.0.send_modify(|beats| *beats += 1);
    }

    /// Ends when nothing was sent for `patience`.
    pub(super) async fn stands_still(&self, patience: Duration) {
        let mut beats = self.0.subscribe();
        while tokio::time::timeout(patience, beats.changed()).await.is_ok() {}
    }
}
