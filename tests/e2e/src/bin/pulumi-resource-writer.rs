//! A provider for tests with one resource, `writer:index:File`, that writes a file.
//!
//! Inputs are `path`, relative to the program's directory, and `content`. Outputs are the inputs and `directory`, the
//! path's parent; all of them are unknown until the file is written, as those of any resource that makes things are.
//! Delete leaves the file: it stands for a generator, not for the file. What no program needs is refused.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use fastcontainer_property::wire::{from_struct, to_struct};
use fastcontainer_property::{PropertyMap, PropertyValue};
use fastcontainer_proto::pulumirpc as rpc;
use fastcontainer_proto::pulumirpc::diff_response::DiffChanges;
use fastcontainer_proto::pulumirpc::resource_provider_server::{ResourceProvider, ResourceProviderServer};
use prost_types::Struct;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

const SCHEMA: &str = r#"{
  "name": "writer",
  "version": "0.1.0",
  "resources": {
    "writer:index:File": {
      "inputProperties": {"path": {"type": "string"}, "content": {"type": "string"}},
      "requiredInputs": ["path", "content"],
      "properties": {"path": {"type": "string"}, "content": {"type": "string"}, "directory": {"type": "string"}},
      "required": ["path", "content", "directory"]
    }
  }
}"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    let service = ResourceProviderServer::new(Writer);
    Ok(tonic::transport::Server::builder()
        .add_service(service)
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?)
}

struct Writer;

type Answer<T> = Result<Response<T>, Status>;

fn answer<T>(message: T) -> Answer<T> {
    Ok(Response::new(message))
}

/// Writes the file, unless it is a preview, and returns the outputs.
fn write(inputs: Option<Struct>, preview: bool) -> Result<Struct, Status> {
    let inputs = inputs.unwrap_or_default();
    let outputs = ["path", "content", "directory"].map(|name| (name.to_owned(), PropertyValue::Unknown));
    if preview {
        return Ok(to_struct(&outputs.into()));
    }
    let mut map = from_struct(&inputs).map_err(|error| Status::invalid_argument(error.to_string()))?;
    let (path, content) = (Path::new(text(&map, "path")?), text(&map, "content")?);
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(path, content))
        .map_err(|error| Status::failed_precondition(format!("{}: {error}", path.display())))?;
    let directory = directory.display().to_string();
    map.insert("directory".to_owned(), PropertyValue::String(directory));
    Ok(to_struct(&map))
}

fn text<'a>(map: &'a PropertyMap, name: &str) -> Result<&'a str, Status> {
    match map.get(name) {
        Some(PropertyValue::String(text)) => Ok(text),
        other => Err(Status::invalid_argument(format!(
            "`{name}` must be a string, not {other:?}"
        ))),
    }
}

#[tonic::async_trait]
impl ResourceProvider for Writer {
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
        let properties = write(request.properties, request.preview)?;
        let id = if request.preview {
            String::new()
        } else {
            "file".to_owned()
        };
        answer(rpc::CreateResponse {
            id,
            properties: Some(properties),
            ..Default::default()
        })
    }

    async fn update(&self, request: Request<rpc::UpdateRequest>) -> Answer<rpc::UpdateResponse> {
        let request = request.into_inner();
        let properties = write(request.news, request.preview)?;
        answer(rpc::UpdateResponse {
            properties: Some(properties),
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
