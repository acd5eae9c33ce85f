//! Responses: the few shapes that AWS services and registries answer with, and reading small request bodies.
//!
//! Knows HTTP framing and nothing about what an answer means. File contents are streamed, never held in memory.

use std::io;
use std::path::Path;

use bytes::Bytes;
use futures_util::TryStreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An answer of the emulator.
pub(crate) type Reply = Response<Body>;

/// A request body that is longer than the service accepts, or that broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyRefused {
    /// More bytes than allowed.
    #[error("request body is longer than {0} bytes")]
    TooLong(usize),
    /// The client went away.
    #[error("request body broke off")]
    BrokeOff(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Answers without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    with_body(status, Empty::new().map_err(|never| match never {}).boxed_unsync())
}

/// Answers a text of the given media type.
pub(crate) fn text(status: StatusCode, media_type: &str, text: impl Into<Bytes>) -> Reply {
    let bytes = text.into();
    let length = bytes.len();
    with_body(status, Full::new(bytes).map_err(|never| match never {}).boxed_unsync())
        .with(CONTENT_TYPE, media_type)
        .with(CONTENT_LENGTH, &length.to_string())
}

/// Answers a JSON document.
pub(crate) fn json(status: StatusCode, value: &Value) -> Reply {
    text(status, "application/json", value.to_string())
}

/// Answers `length` bytes of a file from `start` on.
///
/// # Errors
///
/// Fails if the file cannot be opened or positioned.
pub(crate) async fn file(status: StatusCode, path: &Path, start: u64, length: u64) -> io::Result<Reply> {
    let mut file = tokio::fs::File::open(path).await?;
    file.seek(io::SeekFrom::Start(start)).await?;
    let frames = ReaderStream::with_capacity(file.take(length), 128 * 1024).map_ok(Frame::data);
    Ok(with_body(status, StreamBody::new(frames).boxed_unsync()).with(CONTENT_LENGTH, &length.to_string()))
}

/// Reads a request body of at most `limit` bytes into memory.
pub(crate) async fn read(body: Incoming, limit: usize) -> Result<Bytes, BodyRefused> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(BodyRefused::TooLong(limit)),
        Err(error) => Err(BodyRefused::BrokeOff(error)),
    }
}

fn with_body(status: StatusCode, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply
}

/// Adds headers to an answer.
pub(crate) trait WithHeader {
    /// Sets the header; a value that HTTP cannot carry is left out.
    fn with(self, name: HeaderName, value: &str) -> Self;
}

impl WithHeader for Reply {
    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers_mut().insert(name, value);
        }
        self
    }
}
