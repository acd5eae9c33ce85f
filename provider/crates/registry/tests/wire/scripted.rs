//! A registry that does what a test says, one answer after the other, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use fastcontainer_registry::Repository;
use tokio::net::TcpListener;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn authorization(&self) -> &str {
        self.header("authorization")
    }
}

type Behaviour = dyn Fn(&Seen, usize) -> Option<Response> + Send + Sync;

struct Shared {
    behaviour: Box<Behaviour>,
    seen: Mutex<Vec<Seen>>,
}

pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

impl Scripted {
    /// Serves on a free port of this machine. The behaviour gets each request with its number, counted from 0, and never
    /// answers when it returns nothing.
    pub(crate) async fn serve(behaviour: impl Fn(&Seen, usize) -> Option<Response> + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared {
            behaviour: Box::new(behaviour),
            seen: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, shared }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub(crate) fn repository(&self) -> Repository {
        Repository::parse(&format!("{}/team/app", self.address)).unwrap()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let seen = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: to_bytes(body, 1 << 20).await.unwrap().to_vec(),
    };
    let number = {
        let mut all = shared.seen.lock().unwrap();
        all.push(seen.clone());
        all.len() - 1
    };
    match (shared.behaviour)(&seen, number) {
        Some(response) => response,
        None => std::future::pending().await,
    }
}

/// An answer with a status, headers and a body.
pub(crate) fn respond(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Option<Response> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Some(response.body(body.into()).unwrap())
}

/// An error of the distribution protocol.
pub(crate) fn refuse(status: u16, code: &str, message: &str) -> Option<Response> {
    let body = serde_json::json!({"errors": [{"code": code, "message": message, "detail": {}}]});
    respond(status, &[("content-type", "application/json")], body.to_string())
}

pub(crate) const IMAGE_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A manifest of 30 bytes of content.
pub(crate) const IMAGE: &str = r#"{"schemaVersion":2,"config":{"size":10},"layers":[{"size":20}]}"#;

pub(crate) fn image() -> Option<Response> {
    respond(200, &[("content-type", IMAGE_TYPE)], IMAGE)
}
