//! Calls a function's image the way Lambda does: gives its container a Runtime API, and one event.
//!
//! Serves what runtime interface clients ask for: the next invocation, its response or error, and errors of loading the handler
//! (Lambda Developer Guide, "Using the Lambda runtime API"). One event per container, which is ended as soon as it has answered.

use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::blocking::on_own_thread;
use crate::container::{ContainerOptions, RunningContainer};
use crate::error::{LabError, Result, cannot};
use crate::lab::Lab;

const PATIENCE: Duration = Duration::from_secs(30);
const API: &str = "/2018-06-01/runtime/";
const REQUEST_ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

/// How a function took an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Invocation {
    /// Its handler returned this.
    Returned(Value),
    /// Its handler failed so.
    Failed(Value),
    /// Its handler could not be loaded.
    NotLoaded(Value),
}

/// The Runtime API of one container.
#[derive(Debug)]
struct Runtime {
    event: String,
    is_taken: AtomicBool,
    outcome: UnboundedSender<Invocation>,
}

/// Starts a container of the image `reference`, gives it `event` and waits for what comes of it.
pub(crate) fn invoke(lab: &Lab, reference: &str, event: &Value) -> Result<Invocation> {
    let place = Path::new("the Runtime API");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot("listen for", place))?;
    listener.set_nonblocking(true).map_err(cannot("listen for", place))?;
    let address = listener.local_addr().map_err(cannot("listen for", place))?;
    let environment = [
        ("AWS_LAMBDA_RUNTIME_API", address.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", "function".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
        ("AWS_REGION", crate::settings::REGION.to_owned()),
    ];
    let options = ContainerOptions {
        environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
        ..ContainerOptions::default()
    };
    let container = lab.start_image(reference, &options)?;
    let (outcome, outcomes) = unbounded_channel();
    let runtime = Arc::new(Runtime {
        event: event.to_string(),
        is_taken: AtomicBool::new(false),
        outcome,
    });
    let outcome = on_own_thread(async {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(cannot("listen for", place))?;
        tokio::spawn(serve(listener, runtime));
        outcome_of(&container, outcomes).await
    });
    container.stop()?;
    outcome
}

/// The first outcome, or why there will be none.
async fn outcome_of(container: &RunningContainer, mut outcomes: UnboundedReceiver<Invocation>) -> Result<Invocation> {
    let begun = Instant::now();
    loop {
        let was_running = container.is_running();
        if let Ok(Some(outcome)) = tokio::time::timeout(Duration::from_millis(200), outcomes.recv()).await {
            return Ok(outcome);
        }
        if !was_running {
            return Err(LabError::CommandFailed {
                what: "the function's container".to_owned(),
                status: "no answer".to_owned(),
                tail: container.log(),
            });
        }
        if begun.elapsed() > PATIENCE {
            return Err(LabError::NotReady {
                service: "the function".to_owned(),
                seconds: PATIENCE.as_secs(),
                tail: container.log(),
            });
        }
    }
}

async fn serve(listener: tokio::net::TcpListener, runtime: Arc<Runtime>) {
    while let Ok((stream, _)) = listener.accept().await {
        let runtime = Arc::clone(&runtime);
        let service = service_fn(move |request| {
            let runtime = Arc::clone(&runtime);
            async move { Ok::<_, Infallible>(runtime.answer(request).await) }
        });
        // A connection that breaks is its client's to report.
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Runtime {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().strip_prefix(API).unwrap_or_default().to_owned();
        if request.method() == Method::GET && path == "invocation/next" {
            return self.next().await;
        }
        let Ok(body) = request.into_body().collect().await else {
            return status(StatusCode::BAD_REQUEST);
        };
        let body = body.to_bytes();
        let said = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
        let outcome = match path
            .strip_prefix("invocation/")
            .and_then(|rest| rest.strip_prefix(REQUEST_ID))
        {
            Some("/response") => Invocation::Returned(said),
            Some("/error") => Invocation::Failed(said),
            _ if path == "init/error" => Invocation::NotLoaded(said),
            _ => return status(StatusCode::NOT_FOUND),
        };
        // Whoever waited has given up if it cannot be told.
        let _ = self.outcome.send(outcome);
        status(StatusCode::ACCEPTED)
    }

    /// The event, once; Lambda too lets functions wait here for as long as there is nothing to do.
    async fn next(&self) -> Response<Full<Bytes>> {
        if self.is_taken.swap(true, Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + PATIENCE;
        let region = crate::settings::REGION;
        let account = crate::settings::ACCOUNT;
        Response::builder()
            .header("Content-Type", "application/json")
            .header("Lambda-Runtime-Aws-Request-Id", REQUEST_ID)
            .header("Lambda-Runtime-Deadline-Ms", deadline.as_millis().to_string())
            .header(
                "Lambda-Runtime-Invoked-Function-Arn",
                format!("arn:aws:lambda:{region}:{account}:function:function"),
            )
            .body(Full::from(self.event.clone()))
            .unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
