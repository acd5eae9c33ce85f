//! The few calls of the Docker Engine API that BuildKit's own API has no counterpart for.
//!
//! Responsible for single HTTP/1.1 exchanges over a fresh byte stream of any kind: version, info, tag, push,
//! distribution. The daemon's own error text is kept.
//!
//! Refuses to keep connections, and to interpret what a caller asked for.

use std::io;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::task::AbortOnDropHandle;

use crate::address::BuilderAddress;
use crate::transport::{ByteStream, Complaint};

/// Largest JSON answer that is read.
const ANSWER_LIMIT: usize = 8 << 20;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// No connection.
    #[error("no connection")]
    NoConnection(#[source] io::Error),
    /// Something answers that is not an Engine API.
    #[error("the answer is not one of the Docker Engine API")]
    NotAnEngine(#[source] io::Error),
    /// The engine refuses.
    #[error("{message} (status {status})")]
    Refused {
        /// HTTP status.
        status: StatusCode,
        /// The engine's message.
        message: String,
    },
}

/// An answer whose body is still to be read; its connection lives as long.
pub(crate) struct Answer {
    body: Incoming,
    _connection: AbortOnDropHandle<()>,
}

impl Answer {
    /// The next part of the body, or `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, EngineError> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(EngineError::NotAnEngine(io::Error::other(error))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    async fn whole(mut self) -> Result<Vec<u8>, EngineError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_LIMIT {
                return Err(EngineError::NotAnEngine(io::Error::from(io::ErrorKind::FileTooLarge)));
            }
        }
        Ok(bytes)
    }

    /// The whole body as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, EngineError> {
        let bytes = self.whole().await?;
        serde_json::from_slice(&bytes).map_err(|error| EngineError::NotAnEngine(io::Error::from(error)))
    }
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// One call: `path` with its query, and the value of `X-Registry-Auth` if the call takes one.
pub(crate) async fn call(
    address: &BuilderAddress,
    method: Method,
    path: &str,
    registry_auth: Option<&str>,
) -> Result<Answer, EngineError> {
    let stream = ByteStream::open(address).await.map_err(EngineError::NoConnection)?;
    let complaint = stream.complaint();
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = match handshake {
        Ok(connected) => connected,
        Err(error) => return Err(foreign(error, &complaint).await),
    };
    let connection = AbortOnDropHandle::new(tokio::spawn(async move {
        let _ = connection.await;
    }));
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::HOST, "docker");
    if let Some(value) = registry_auth {
        request = request.header("X-Registry-Auth", value);
    }
    let request = request.body(Empty::<Bytes>::new());
    let request = request.map_err(|error| EngineError::NotAnEngine(io::Error::other(error)))?;
    let response = match sender.send_request(request).await {
        Ok(response) => response,
        Err(error) => return Err(foreign(error, &complaint).await),
    };
    let status = response.status();
    let answer = Answer {
        body: response.into_body(),
        _connection: connection,
    };
    if status.is_success() {
        return Ok(answer);
    }
    let body = answer.whole().await?;
    let message = serde_json::from_slice(&body).map(|refusal: Refusal| refusal.message);
    let message = message.unwrap_or_else(|_| String::from_utf8_lossy(&body).trim().to_owned());
    Err(EngineError::Refused { status, message })
}

/// A child process that complains did not reach an engine; without one, something else than an engine answered.
async fn foreign(error: hyper::Error, complaint: &Complaint) -> EngineError {
    let error = complaint.or(error).await;
    match error.kind() {
        io::ErrorKind::NotConnected => EngineError::NoConnection(error),
        _ => EngineError::NotAnEngine(error),
    }
}
