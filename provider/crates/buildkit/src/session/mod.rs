//! The session: what the builder may ask of us while it builds.
//!
//! Responsible for opening `Control.Session`, a stream of bytes inside the builder's gRPC channel in which the roles
//! are swapped: the builder is the client and we serve file sync, registry credentials, secrets and health on it.
//!
//! Refuses everything that is not listed when the session opens: no SSH agent, no uploads.

mod auth;
mod file_sync;
mod health;
mod secrets;
mod sender;
mod tree;
#[cfg(test)]
mod wire_tests;

use std::io;

use bollard_buildkit_proto::health::health_server::HealthServer;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard_buildkit_proto::moby::buildkit::v1::BytesMessage;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::filesync::packet::file_sync_server::FileSyncServer;
use bollard_buildkit_proto::moby::filesync::v1::auth_server::AuthServer;
use futures_util::{StreamExt, future, stream};
use tokio::io::{AsyncWriteExt, DuplexStream, WriteHalf};
use tokio_util::io::ReaderStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::transport::{Channel, Server};
use tonic::{Request, Status, Streaming};

pub(crate) use auth::Credentials;
pub(crate) use file_sync::{FileSyncService, ServedContext, SessionFailure, Traffic, TrafficCount};
pub(crate) use secrets::BuildSecrets;
pub(crate) use tree::Tree;

/// Bytes in one message of the session; far below the 16 MiB that a builder accepts.
const PIECE: usize = 64 * 1024;
/// Bytes that may wait between the two directions.
const BUFFER: usize = 1024 * 1024;

/// The methods that the builder may call.
const METHODS: [&str; 7] = [
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.filesync.v1.Auth/FetchToken",
    "/moby.filesync.v1.Auth/GetTokenAuthority",
    "/moby.filesync.v1.Auth/VerifyTokenAuthority",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/grpc.health.v1.Health/Check",
];

/// Who a session says it is.
pub(crate) struct SessionName<'a> {
    /// Random id; the solve request names it.
    pub(crate) id: &'a str,
    /// Key of the received tree in the builder.
    pub(crate) shared_key: &'a str,
}

/// What a session serves.
pub(crate) struct Served {
    /// The directories.
    pub(crate) files: FileSyncService,
    /// Credentials of registries.
    pub(crate) credentials: Credentials,
    /// Secrets of RUN steps.
    pub(crate) secrets: BuildSecrets,
}

/// An open session. It ends when it is dropped: both directions must, since either one alone keeps the stream, the
/// server and with it the whole snapshot alive.
pub(crate) struct Session {
    _outgoing: DropGuard,
    _server: AbortOnDropHandle<()>,
    _pump: AbortOnDropHandle<()>,
}

impl Session {
    /// Opens a session that serves these.
    pub(crate) async fn open(
        control: &mut ControlClient<Channel>,
        name: SessionName<'_>,
        Served {
            files,
            credentials,
            secrets,
        }: Served,
    ) -> Result<Self, Status> {
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let server = Server::builder()
            .add_service(FileSyncServer::new(files))
            .add_service(AuthServer::new(credentials))
            .add_service(SecretsServer::new(secrets))
            .add_service(HealthServer::new(health::Serving));
        let incoming = stream::iter([Ok::<_, io::Error>(ours)]).chain(stream::pending());
        let server = tokio::spawn(async move {
            if let Err(error) = server.serve_with_incoming(incoming).await {
                tracing::debug!(%error, "session server ended");
            }
        });
        let server = AbortOnDropHandle::new(server);
        let (reader, writer) = tokio::io::split(theirs);
        let end = CancellationToken::new();
        let outgoing = ReaderStream::with_capacity(reader, PIECE)
            .filter_map(|piece| future::ready(piece.ok().map(|bytes| BytesMessage { data: bytes.to_vec() })))
            .take_until(end.clone().cancelled_owned());
        let end = end.drop_guard();
        let mut request = Request::new(outgoing);
        describe(request.metadata_mut(), &name)?;
        let incoming = control.session(request).await?.into_inner();
        let pump = AbortOnDropHandle::new(tokio::spawn(pump(incoming, writer)));
        Ok(Self {
            _outgoing: end,
            _server: server,
            _pump: pump,
        })
    }
}

fn describe(metadata: &mut MetadataMap, name: &SessionName<'_>) -> Result<(), Status> {
    let value = |text: &str| MetadataValue::try_from(text).map_err(|_| Status::invalid_argument("session metadata"));
    metadata.insert("x-docker-expose-session-uuid", value(name.id)?);
    metadata.insert("x-docker-expose-session-sharedkey", value(name.shared_key)?);
    metadata.insert("x-docker-expose-session-name", value("fastcontainer")?);
    for method in METHODS {
        metadata.append("x-docker-expose-session-grpc-method", value(method)?);
    }
    Ok(())
}

/// Carries what the builder says to our server.
async fn pump(mut incoming: Streaming<BytesMessage>, mut writer: WriteHalf<DuplexStream>) {
    while let Ok(Some(message)) = incoming.message().await {
        if writer.write_all(&message.data).await.is_err() {
            return;
        }
    }
}
