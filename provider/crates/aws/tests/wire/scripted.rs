//! An AWS endpoint that does what a test says and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use fastcontainer_aws::EcrHost;
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpListener;

/// One call as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The operation.
    pub(crate) call: String,
    /// Region, service and access key are in it.
    pub(crate) authorization: String,
    pub(crate) input: Value,
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
    /// Serves on a free port of this machine. The behaviour gets each call with its number, counted from 0, and never
    /// answers when it returns nothing.
    pub(crate) async fn serve(behaviour: impl Fn(&Seen, usize) -> Option<Response> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (app, shared) = app(behaviour);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, shared }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// A configuration that leads here, with few and quick retries.
    pub(crate) fn config(&self) -> SdkConfig {
        let keys = Credentials::for_tests();
        self.config_with(SharedCredentialsProvider::new(keys))
    }

    pub(crate) fn config_with(&self, credentials: SharedCredentialsProvider) -> SdkConfig {
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(Duration::from_secs(3))
            .build();
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(Builder::new().build_http())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{}", self.address))
            .credentials_provider(credentials)
            .sleep_impl(aws_smithy_async_sleep())
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(4)
                    .with_initial_backoff(Duration::from_millis(1)),
            )
            .timeout_config(timeouts)
            .build()
    }
}

fn aws_smithy_async_sleep() -> aws_smithy_async::rt::sleep::SharedAsyncSleep {
    aws_smithy_async::rt::sleep::SharedAsyncSleep::new(aws_smithy_async::rt::sleep::TokioSleep::new())
}

fn app(behaviour: impl Fn(&Seen, usize) -> Option<Response> + Send + Sync + 'static) -> (Router, Arc<Shared>) {
    let shared = Arc::new(Shared {
        behaviour: Box::new(behaviour),
        seen: Mutex::default(),
    });
    (Router::new().fallback(answer).with_state(shared.clone()), shared)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let header = |name| {
        parts
            .headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
            .to_owned()
    };
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let seen = Seen {
        call: header("x-amz-target").rsplit('.').next().unwrap().to_owned(),
        authorization: header("authorization"),
        input: serde_json::from_slice(&body).unwrap_or(Value::Null),
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

pub(crate) fn respond(status: u16, body: &Value) -> Option<Response> {
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.1");
    Some(response.body(Body::from(body.to_string())).unwrap())
}

pub(crate) fn refuse(status: u16, code: &str, message: &str) -> Option<Response> {
    respond(status, &serde_json::json!({"__type": code, "message": message}))
}

pub(crate) fn host() -> EcrHost {
    EcrHost::parse("123456789012.dkr.ecr.eu-west-1.amazonaws.com").unwrap()
}
