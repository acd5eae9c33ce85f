//! The floor of a provider: one resource, `idle:index:Image`, that does nothing.
//!
//! It takes three inputs of an image and returns them as outputs; what an engine and its program cost with it is what they
//! cost with any provider. Nothing is read from disk and nobody is asked. What no program needs is refused.

use std::error::Error;
use std::io::Write as _;

use fastcontainer_proto::pulumirpc as rpc;
use fastcontainer_proto::pulumirpc::diff_response::DiffChanges;
use fastcontainer_proto::pulumirpc::resource_provider_server::{ResourceProvider, ResourceProviderServer};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

const SCHEMA: &str = r#"{
  "name": "idle",
  "version": "0.1.0",
  "resources": {
    "idle:index:Image": {
      "inputProperties": {
        "repository": {"type": "string"}, "context": {"type": "string"}, "dockerfile": {"type": "string"}
      },
      "requiredInputs": ["repository"],
      "properties": {
        "repository": {"type": "string"}, "context": {"type": "string"}, "dockerfile": {"type": "string"}
      },
      "required": ["repository"]
    }
  }
}"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    let service = ResourceProviderServer::new(Idle);
    Ok(tonic::transport::Server::builder()
        .add_service(service)
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?)
}

struct Idle;

type Answer<T> = Result<Response<T>, Status>;

fn answer<T>(message: T) -> Answer<T> {
    Ok(Response::new(message))
}

#[tonic::async_trait]
impl ResourceProvider for Idle {
    async fn handshake(&self, _: Request<rpc::ProviderHandshakeRequest>) -> Answer<rpc::ProviderHandshakeResponse> {
        answer(rpc::ProviderHandshakeResponse::default())
    }

    async fn attach(&self, _: Request<rpc::PluginAttach>) -> Answer<()> {
        answer(())
    }

    async fn get_plugin_info(&self, _: Request<()>) -> Answer<rpc::PluginInfo> {
        answer(rpc::PluginInfo {
            version: "0.1.0".to_owned(),
        })
    }

    async fn get_schema(&self, _: Request<rpc::GetSchemaRequest>) -> Answer<rpc::GetSchemaResponse> {
        answer(rpc::GetSchemaResponse {
            schema: SCHEMA.to_owned(),
        })
    }

    async fn check_config(&self, request: Request<rpc::CheckRequest>) -> Answer<rpc::CheckResponse> {
        answer(rpc::CheckResponse {
            inputs: request.into_inner().news,
            ..Default::default()
        })
    }

    async fn diff_config(&self, _: Request<rpc::DiffRequest>) -> Answer<rpc::DiffResponse> {
        answer(rpc::DiffResponse {
            changes: DiffChanges::DiffNone.into(),
            ..Default::default()
        })
    }

    async fn configure(&self, _: Request<rpc::ConfigureRequest>) -> Answer<rpc::ConfigureResponse> {
        answer(rpc::ConfigureResponse {
            supports_preview: true,
            ..Default::default()
        })
    }

    async fn check(&self, request: Request<rpc::CheckRequest>) -> Answer<rpc::CheckResponse> {
        answer(rpc::CheckResponse {
            inputs: request.into_inner().news,
            ..Default::default()
        })
    }

    async fn diff(&self, request: Request<rpc::DiffRequest>) -> Answer<rpc::DiffResponse> {
        let request = request.into_inner();
        let changes = if request.old_inputs == request.news {
            DiffChanges::DiffNone
        } else {
            DiffChanges::DiffSome
        };
        answer(rpc::DiffResponse {
            changes: changes.into(),
            ..Default::default()
        })
    }

    async fn create(&self, request: Request<rpc::CreateRequest>) -> Answer<rpc::CreateResponse> {
        let request = request.into_inner();
        let id = if request.preview { "" } else { "image" };
        answer(rpc::CreateResponse {
            id: id.to_owned(),
            properties: request.properties,
            ..Default::default()
        })
    }

    async fn update(&self, request: Request<rpc::UpdateRequest>) -> Answer<rpc::UpdateResponse> {
        answer(rpc::UpdateResponse {
            properties: request.into_inner().news,
            ..Default::default()
        })
    }

    async fn read(&self, request: Request<rpc::ReadRequest>) -> Answer<rpc::ReadResponse> {
        let rpc::ReadRequest {
            id, properties, inputs, ..
        } = request.into_inner();
        answer(rpc::ReadResponse {
            id,
            properties,
            inputs,
            ..Default::default()
        })
    }

    async fn delete(&self, _: Request<rpc::DeleteRequest>) -> Answer<()> {
        answer(())
    }

    async fn cancel(&self, _: Request<()>) -> Answer<()> {
        answer(())
    }

    async fn invoke(&self, _: Request<rpc::InvokeRequest>) -> Answer<rpc::InvokeResponse> {
        Err(Status::unimplemented("there are no functions"))
    }

    async fn get_mapping(&self, _: Request<rpc::GetMappingRequest>) -> Answer<rpc::GetMappingResponse> {
        answer(rpc::GetMappingResponse::default())
    }

    async fn get_mappings(&self, _: Request<rpc::GetMappingsRequest>) -> Answer<rpc::GetMappingsResponse> {
        answer(rpc::GetMappingsResponse::default())
    }
}
