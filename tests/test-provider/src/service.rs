//! The RPCs of a provider: what is asked of [`Resources`], and the answers that are the same for all providers.

use fastcontainer_proto::pulumirpc as rpc;
use fastcontainer_proto::pulumirpc::diff_response::DiffChanges;
use fastcontainer_proto::pulumirpc::resource_provider_server::ResourceProvider;
use tokio::task::block_in_place;
use tonic::{Request, Response, Status};

use crate::{Change, Made, Resources};

pub(crate) struct Service<R>(pub(crate) R);

type Answer<T> = Result<Response<T>, Status>;

fn answer<T>(message: T) -> Answer<T> {
    Ok(Response::new(message))
}

impl<R: Resources> Service<R> {
    fn apply(
        &self,
        urn: String,
        id: Option<String>,
        preview: bool,
        inputs: Option<prost_types::Struct>,
    ) -> Result<Made, Status> {
        // A URN is `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`.
        let kind = urn.split("::").nth(2).and_then(|kinds| kinds.rsplit('$').next());
        let change = Change {
            kind: kind.unwrap_or_default().to_owned(),
            urn,
            id,
            preview,
            inputs: inputs.unwrap_or_default(),
        };
        block_in_place(|| self.0.apply(change))
    }
}

#[tonic::async_trait]
impl<R: Resources> ResourceProvider for Service<R> {
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
            schema: self.0.schema().to_owned(),
        })
    }

    async fn check_config(&self, request: Request<rpc::CheckRequest>) -> Answer<rpc::CheckResponse> {
        self.check(request).await
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
        let made = self.apply(request.urn, None, request.preview, request.properties)?;
        answer(rpc::CreateResponse {
            id: if request.preview { String::new() } else { made.id },
            properties: Some(made.outputs),
            ..Default::default()
        })
    }

    async fn update(&self, request: Request<rpc::UpdateRequest>) -> Answer<rpc::UpdateResponse> {
        let request = request.into_inner();
        let made = self.apply(request.urn, Some(request.id), request.preview, request.news)?;
        answer(rpc::UpdateResponse {
            properties: Some(made.outputs),
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

    async fn invoke(&self, request: Request<rpc::InvokeRequest>) -> Answer<rpc::InvokeResponse> {
        let request = request.into_inner();
        let result = block_in_place(|| self.0.call(&request.tok, request.args.unwrap_or_default()))?;
        answer(rpc::InvokeResponse {
            r#return: Some(result),
            ..Default::default()
        })
    }

    async fn get_mapping(&self, _: Request<rpc::GetMappingRequest>) -> Answer<rpc::GetMappingResponse> {
        answer(rpc::GetMappingResponse::default())
    }

    async fn get_mappings(&self, _: Request<rpc::GetMappingsRequest>) -> Answer<rpc::GetMappingsResponse> {
        answer(rpc::GetMappingsResponse::default())
    }
}
