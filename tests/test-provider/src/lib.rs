//! What every provider for tests has in common: the wire and the answers that are the same for all.
//!
//! A provider says what its resources do ([`Resources`]); [`serve`] is its whole program. Nothing is checked, and any change of
//! inputs is an update in place. Reading gives back what the engine knows. What no program needs is refused.

mod json;
mod service;

use std::error::Error;
use std::io::Write as _;

use fastcontainer_proto::pulumirpc::resource_provider_server::ResourceProviderServer;
use prost_types::Struct;
use tokio::net::TcpListener;
use tonic::Status;
use tonic::transport::server::TcpIncoming;

pub use json::{from_json, to_json};

/// The text that stands for a value that is not known yet.
pub const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/// What the engine wants of a resource.
#[derive(Debug, Clone)]
pub struct Change {
    /// The type's token, such as `writer:index:File`.
    pub kind: String,
    /// The resource's URN, unique in the world of one backend.
    pub urn: String,
    /// The id, when the resource is there already.
    pub id: Option<String>,
    /// Whether nothing may be done yet.
    pub preview: bool,
    /// The inputs; values from other resources are [`UNKNOWN`] at a preview.
    pub inputs: Struct,
}

/// A resource as it is after a change.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its id; means nothing at a preview.
    pub id: String,
    /// Its outputs.
    pub outputs: Struct,
}

/// The resources and functions of one provider. Calls may take their time.
pub trait Resources: Send + Sync + 'static {
    /// The package schema in JSON.
    fn schema(&self) -> &str;

    /// Makes a resource, or changes the one that is there.
    ///
    /// # Errors
    /// What the engine then shows.
    fn apply(&self, change: Change) -> Result<Made, Status>;

    /// Answers a function.
    ///
    /// # Errors
    /// Without an answer.
    fn call(&self, function: &str, arguments: Struct) -> Result<Struct, Status> {
        let _ = arguments;
        Err(Status::unimplemented(format!("there is no function `{function}`")))
    }
}

/// Serves a provider as the engine wants it: the port on standard output, then RPCs until the engine ends the process.
///
/// # Errors
/// When there is no port to listen on.
pub async fn serve(resources: impl Resources) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    let service = ResourceProviderServer::new(service::Service(resources)).max_decoding_message_size(400 << 20);
    Ok(tonic::transport::Server::builder()
        .add_service(service)
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?)
}
