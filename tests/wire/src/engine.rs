//! The engine's side of the wire: a gRPC server that records what the provider logs.
//!
//! Answers the Engine service only. Stops with its value; a provider then finds its engine gone.

use std::sync::{Arc, Mutex, PoisonError};

use fastcontainer_proto::pulumirpc::{
    self as rpc, LogRequest,
    engine_server::{Engine as EngineService, EngineServer},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::HarnessError;

/// The largest message that an engine takes, in bytes.
pub(crate) const MAX_MESSAGE_BYTES: usize = 400 << 20;

/// A running engine that records log messages.
#[derive(Debug)]
pub struct Engine {
    address: String,
    logs: Logs,
    server: JoinHandle<()>,
}

type Logs = Arc<Mutex<Vec<LogRequest>>>;

impl Engine {
    /// Starts an engine on a free port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> Result<Self, HarnessError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let logs = Logs::default();
        let service = EngineServer::new(Recorder(logs.clone())).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let server = tonic::transport::Server::builder().add_service(service);
        let serving = server.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)));
        let server = tokio::spawn(async move { drop(serving.await) });
        Ok(Self { address, logs, server })
    }

    /// `host:port` of the engine.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Everything that was logged so far.
    pub fn logs(&self) -> Vec<LogRequest> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The texts that were logged for `urn` and are kept, without status lines.
    pub fn lasting(&self, urn: &str) -> Vec<String> {
        let logs = self.logs().into_iter().filter(|log| log.urn == urn && !log.ephemeral);
        logs.map(|log| log.message).collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Recorder(Logs);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl EngineService for Recorder {
    async fn log(&self, request: Request<LogRequest>) -> Answer<()> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request.into_inner());
        Ok(Response::new(()))
    }

    async fn get_root_resource(&self, _: Request<rpc::GetRootResourceRequest>) -> Answer<rpc::GetRootResourceResponse> {
        Ok(Response::new(rpc::GetRootResourceResponse::default()))
    }

    async fn set_root_resource(&self, _: Request<rpc::SetRootResourceRequest>) -> Answer<rpc::SetRootResourceResponse> {
        Err(Status::permission_denied(
            "a resource provider has no business with the root resource",
        ))
    }

    async fn start_debugging(&self, _: Request<rpc::StartDebuggingRequest>) -> Answer<()> {
        Err(Status::failed_precondition("no debugger was asked for"))
    }

    async fn require_pulumi_version(
        &self,
        _: Request<rpc::RequirePulumiVersionRequest>,
    ) -> Answer<rpc::RequirePulumiVersionResponse> {
        Ok(Response::new(rpc::RequirePulumiVersionResponse::default()))
    }
}
