//! The outside end of the gateway: TLS and HTTP on a Unix socket, in the process that started the lab.
//!
//! Answers GET and HEAD for the gateway's names, from the store or from upstream. Everything else is refused here, so that a lab can
//! neither publish anything nor reach anything that is not listed.

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use http_body_util::{BodyExt, Either, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::io::ReaderStream;

use super::store::{Answer, Question, Store};
use super::upstream::Upstream;
use super::{NAMES, authority};
use crate::error::{LabError, Result, cannot, render};
use crate::tools::{Tool, Tools};

type Body = Either<Full<Bytes>, http_body_util::combinators::UnsyncBoxBody<Bytes, std::io::Error>>;

/// Bytes of a body that are read, to be thrown away.
const MOST_READ: usize = 1 << 20;

/// A gateway that is ready to serve.
pub(crate) struct Gateway {
    tls: TlsAcceptor,
    registries: Arc<Registries>,
}

#[derive(Debug)]
struct Registries {
    store: Store,
    upstream: Upstream,
}

impl Gateway {
    /// Loads the certificate.
    ///
    /// # Errors
    /// When `setup` has not made it yet.
    pub(crate) fn open(tools: &Tools) -> Result<Self> {
        let folder = tools.require(Tool::Authority)?;
        Ok(Self {
            tls: TlsAcceptor::from(Arc::new(server_config(&folder)?)),
            registries: Arc::new(Registries {
                store: Store(tools.root().join("packages")),
                upstream: Upstream::new()?,
            }),
        })
    }

    /// Serves on `socket`, on the current runtime, for as long as that lives.
    ///
    /// # Errors
    /// When there cannot be a socket.
    pub(crate) fn serve_on(self, socket: &Path) -> Result<()> {
        let _ = fs::remove_file(socket);
        let listener = UnixListener::bind(socket).map_err(cannot("listen on", socket))?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A connection that breaks is its client's to report.
                tokio::spawn(serve_connection(stream, self.tls.clone(), Arc::clone(&self.registries)));
            }
        });
        Ok(())
    }
}

fn server_config(folder: &Path) -> Result<ServerConfig> {
    let load = || -> std::result::Result<ServerConfig, Box<dyn std::error::Error>> {
        let chain = CertificateDer::pem_file_iter(folder.join(authority::SERVER))?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(folder.join(authority::SERVER_KEY))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    };
    load().map_err(|error| LabError::malformed("the lab's certificate", error))
}

async fn serve_connection(stream: UnixStream, tls: TlsAcceptor, registries: Arc<Registries>) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(move |request| {
        let registries = Arc::clone(&registries);
        async move { Ok::<_, Infallible>(registries.answer(request).await) }
    });
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Registries {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let question = match question(&request) {
            Ok(question) => question,
            Err((status, reason)) => {
                // A client that is still sending takes an answer for a broken connection.
                let _ = Limited::new(request.into_body(), MOST_READ).collect().await;
                return refusal(status, reason);
            }
        };
        match self.look_up(&question).await {
            Ok(answer) => response(answer, request.method() == Method::HEAD),
            Err(error) => refusal(StatusCode::BAD_GATEWAY, &render(&error)),
        }
    }

    /// From the store if it is fresh there; otherwise asked for, and an old answer is better than none.
    async fn look_up(&self, question: &Question) -> Result<Answer> {
        let stored = match self.store.find(question) {
            Some((answer, true)) => return Ok(answer),
            Some((answer, false)) => Some(answer),
            None => None,
        };
        let fetched = match &stored {
            Some(_) => self.upstream.fetch(question, &self.store).await,
            None => self.upstream.fetch_patiently(question, &self.store).await,
        };
        match fetched {
            Ok(file) => {
                self.store.keep(question, file)?;
                let found = self.store.find(question);
                found
                    .map(|(answer, _)| answer)
                    .ok_or_else(|| LabError::malformed("the store of packages", "an answer is gone"))
            }
            Err(error) => stored.ok_or(error),
        }
    }
}

fn question<B>(request: &Request<B>) -> std::result::Result<Question, (StatusCode, &'static str)> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "the gateway of a lab only reads"));
    }
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = request.uri().host().or_else(|| header(HOST)).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    if !NAMES.contains(&host) {
        return Err((StatusCode::MISDIRECTED_REQUEST, "not a name that leads out of a lab"));
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    Ok(Question {
        host: host.to_owned(),
        path: path.to_owned(),
        accept: header(ACCEPT).unwrap_or("*/*").to_owned(),
    })
}

fn response(answer: Answer, head_only: bool) -> Response<Body> {
    let mut response = Response::builder()
        .status(answer.head.status)
        .header(CONTENT_LENGTH, answer.length);
    if let Some(kind) = &answer.head.content_type {
        response = response.header(CONTENT_TYPE, kind);
    }
    let body = if head_only {
        Either::Left(Full::default())
    } else {
        let chunks = ReaderStream::new(tokio::fs::File::from_std(answer.file));
        let frames = futures_util::StreamExt::map(chunks, |chunk| chunk.map(Frame::data));
        Either::Right(StreamBody::new(frames).boxed_unsync())
    };
    response
        .body(body)
        .unwrap_or_else(|_| refusal(StatusCode::BAD_GATEWAY, "the stored answer is malformed"))
}

fn refusal(status: StatusCode, reason: &str) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::from(format!("{reason}\n"))));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, host: &str) -> std::result::Result<Question, StatusCode> {
        let request = Request::builder().method(method).uri("/simple/six/").header(HOST, host);
        question(&request.body(()).unwrap()).map_err(|(status, _)| status)
    }

    #[test]
    fn only_reading_gets_through() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "CONNECT"] {
            assert_eq!(
                asked(method, "pypi.org"),
                Err(StatusCode::METHOD_NOT_ALLOWED),
                "{method}"
            );
        }
        assert_eq!(asked("HEAD", "pypi.org").unwrap().path, "/simple/six/");
    }

    #[test]
    fn only_listed_names_get_through() {
        assert_eq!(asked("GET", "example.org"), Err(StatusCode::MISDIRECTED_REQUEST));
        assert_eq!(asked("GET", "upload.pypi.org"), Err(StatusCode::MISDIRECTED_REQUEST));
        assert_eq!(asked("GET", "pypi.org:443").unwrap().host, "pypi.org");
    }
}
