//! The `ResourceProvider` service: one short method per RPC.

use std::sync::{Arc, Mutex, PoisonError};

use fastcontainer_property::PropertyMap;
use fastcontainer_property::wire::{from_struct, to_struct};
use fastcontainer_proto::pulumirpc::resource_provider_server::ResourceProvider;
use fastcontainer_proto::pulumirpc::{self as rpc};
use prost_types::Struct;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::answer::{check_failures, failed, init_failed, property_diff};
use super::engine::{EngineLog, UrnReporter};
use crate::config::{Settings, check_config, decode_config, diff_config};
use crate::functions;
use crate::image::lifecycle::{self, Applied, Creation, Reading, Updating};
use crate::image::operation::Operation;
use crate::schema;
use crate::session::Session;
use crate::urn::Urn;

/// The provider as the engine sees it.
pub(crate) struct Provider {
    engine: Mutex<Option<EngineLog>>,
    session: Mutex<Option<Arc<Session>>>,
    operations: CancellationToken,
}

impl Provider {
    pub(crate) fn new(operations: CancellationToken) -> Self {
        Self {
            engine: Mutex::new(None),
            session: Mutex::new(None),
            operations,
        }
    }

    /// Connects to the engine at `address`; messages go there from now on.
    pub(crate) fn attach_to(&self, address: &str) {
        if let Some(log) = EngineLog::connect(address) {
            *self.engine.lock().unwrap_or_else(PoisonError::into_inner) = Some(log);
        }
    }

    fn log(&self) -> Option<EngineLog> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The configured session; one with defaults when Configure never came, as in schema tools.
    fn session(&self) -> Arc<Session> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session
            .get_or_insert_with(|| Arc::new(Session::new(Settings::new(Default::default()))))
            .clone()
    }

    fn operation(&self, urn: &str) -> Operation {
        Operation {
            urn: Urn::parse(urn),
            reporter: UrnReporter::new(self.log(), urn),
            cancel: self.operations.child_token(),
            session: self.session(),
            timed_out: Arc::default(),
        }
    }

    /// Lets messages arrive before the answer they belong to.
    async fn flush(&self) {
        if let Some(log) = self.log() {
            log.flush().await;
        }
    }
}

fn decode(properties: Option<Struct>) -> Result<PropertyMap, Status> {
    from_struct(&properties.unwrap_or_default()).map_err(|error| Status::invalid_argument(error.to_string()))
}

type Answer<T> = Result<Response<T>, Status>;

fn answer<T>(message: T) -> Answer<T> {
    Ok(Response::new(message))
}

#[tonic::async_trait]
impl ResourceProvider for Provider {
    async fn handshake(
        &self,
        request: Request<rpc::ProviderHandshakeRequest>,
    ) -> Answer<rpc::ProviderHandshakeResponse> {
        let request = request.into_inner();
        if !request.engine_address.is_empty() {
            self.attach_to(&request.engine_address);
        }
        answer(rpc::ProviderHandshakeResponse {
            accept_secrets: true,
            accept_resources: false,
            accept_outputs: true,
            ..Default::default()
        })
    }

    async fn attach(&self, request: Request<rpc::PluginAttach>) -> Answer<()> {
        self.attach_to(&request.into_inner().address);
        answer(())
    }

    async fn get_plugin_info(&self, _: Request<()>) -> Answer<rpc::PluginInfo> {
        answer(rpc::PluginInfo {
            version: schema::VERSION.to_owned(),
        })
    }

    async fn get_schema(&self, request: Request<rpc::GetSchemaRequest>) -> Answer<rpc::GetSchemaResponse> {
        match request.into_inner().version {
            0 => answer(rpc::GetSchemaResponse {
                schema: schema::served_schema().to_string(),
            }),
            other => Err(Status::invalid_argument(format!(
                "schema version {other} is not known; ask for version 0"
            ))),
        }
    }

    async fn check_config(&self, request: Request<rpc::CheckRequest>) -> Answer<rpc::CheckResponse> {
        let news = decode(request.into_inner().news)?;
        let (inputs, failures) = check_config(news);
        answer(rpc::CheckResponse {
            inputs: Some(to_struct(&inputs)),
            failures: check_failures(failures),
        })
    }

    async fn diff_config(&self, request: Request<rpc::DiffRequest>) -> Answer<rpc::DiffResponse> {
        let request = request.into_inner();
        let (old, new) = (decode(request.old_inputs.or(request.olds))?, decode(request.news)?);
        answer(property_diff(&diff_config(&old, &new)))
    }

    async fn configure(&self, request: Request<rpc::ConfigureRequest>) -> Answer<rpc::ConfigureResponse> {
        let arguments = decode(request.into_inner().args)?;
        let config = decode_config(&arguments).map_err(|failures| {
            Status::invalid_argument(
                failures
                    .iter()
                    .map(|failure| format!("{}: {}", failure.path, failure.reason))
                    .collect::<Vec<_>>()
                    .join("\n"),
            )
        })?;
        let session = Arc::new(Session::new(Settings::new(config)));
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        answer(rpc::ConfigureResponse {
            accept_secrets: true,
            supports_preview: true,
            accept_resources: false,
            accept_outputs: true,
            ..Default::default()
        })
    }

    async fn check(&self, request: Request<rpc::CheckRequest>) -> Answer<rpc::CheckResponse> {
        let request = request.into_inner();
        let (olds, news) = (decode(request.olds)?, decode(request.news)?);
        let op = self.operation(&request.urn);
        let checked = lifecycle::check(&op, olds, news).await;
        self.flush().await;
        answer(rpc::CheckResponse {
            inputs: Some(to_struct(&checked.inputs)),
            failures: check_failures(checked.failures),
        })
    }

    async fn diff(&self, request: Request<rpc::DiffRequest>) -> Answer<rpc::DiffResponse> {
        let request = request.into_inner();
        let (old, outputs) = (decode(request.old_inputs)?, decode(request.olds)?);
        let new = decode(request.news)?;
        let op = self.operation(&request.urn);
        let found =
            lifecycle::diff(&op, (&old, &outputs), &new, &request.ignore_changes).map_err(|report| failed(&report))?;
        answer(property_diff(&found))
    }

    async fn create(&self, request: Request<rpc::CreateRequest>) -> Answer<rpc::CreateResponse> {
        let request = request.into_inner();
        let op = self.operation(&request.urn).with_timeout(request.timeout);
        let creation = Creation {
            news: decode(request.properties)?,
            preview: request.preview,
        };
        let result = lifecycle::create(&op, creation).await;
        self.flush().await;
        match result {
            Ok(Applied { id, properties }) => answer(rpc::CreateResponse {
                id: if request.preview { String::new() } else { id },
                properties: Some(to_struct(&properties)),
                ..Default::default()
            }),
            Err(failure) => Err(init_failed(failure)),
        }
    }

    async fn update(&self, request: Request<rpc::UpdateRequest>) -> Answer<rpc::UpdateResponse> {
        let request = request.into_inner();
        let op = self.operation(&request.urn).with_timeout(request.timeout);
        let updating = Updating {
            old_inputs: decode(request.old_inputs)?,
            olds: decode(request.olds)?,
            news: decode(request.news)?,
            ignore_changes: request.ignore_changes,
            preview: request.preview,
        };
        let result = lifecycle::update(&op, updating).await;
        self.flush().await;
        match result {
            Ok(applied) => answer(rpc::UpdateResponse {
                properties: Some(to_struct(&applied.properties)),
                ..Default::default()
            }),
            Err(failure) => Err(init_failed(failure)),
        }
    }

    async fn read(&self, request: Request<rpc::ReadRequest>) -> Answer<rpc::ReadResponse> {
        let request = request.into_inner();
        let op = self.operation(&request.urn).with_timeout(request.timeout);
        let reading = Reading {
            id: request.id,
            inputs: decode(request.inputs)?,
            properties: decode(request.properties)?,
        };
        let result = lifecycle::read(&op, reading).await;
        self.flush().await;
        let found = result.map_err(|report| failed(&report))?;
        answer(
            found.map_or_else(rpc::ReadResponse::default, |found| rpc::ReadResponse {
                id: found.id,
                properties: Some(to_struct(&found.properties)),
                inputs: Some(to_struct(&found.inputs)),
                ..Default::default()
            }),
        )
    }

    /// Forgets: the content tag is shared by every stack and resource with equal content, so nothing is removed from
    /// the registry.
    async fn delete(&self, _: Request<rpc::DeleteRequest>) -> Answer<()> {
        answer(())
    }

    async fn cancel(&self, _: Request<()>) -> Answer<()> {
        self.operations.cancel();
        // The engine calls this at every end, and ends the process soon after.
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(session) = session {
            let persisting = tokio::task::spawn_blocking(move || session.stats.persist());
            if persisting.await.is_err() {
                tracing::debug!("the stat cache was not written");
            }
        }
        answer(())
    }

    async fn invoke(&self, request: Request<rpc::InvokeRequest>) -> Answer<rpc::InvokeResponse> {
        let request = request.into_inner();
        let arguments = decode(request.args)?;
        let op = self.operation("");
        match functions::invoke(&op, &request.tok, &arguments).await {
            Ok(Ok(result)) => answer(rpc::InvokeResponse {
                r#return: Some(to_struct(&result)),
                failures: Vec::new(),
            }),
            Ok(Err(failures)) => answer(rpc::InvokeResponse {
                r#return: None,
                failures: check_failures(failures),
            }),
            Err(report) => Err(failed(&report)),
        }
    }

    async fn get_mapping(&self, _: Request<rpc::GetMappingRequest>) -> Answer<rpc::GetMappingResponse> {
        answer(rpc::GetMappingResponse::default())
    }

    async fn get_mappings(&self, _: Request<rpc::GetMappingsRequest>) -> Answer<rpc::GetMappingsResponse> {
        answer(rpc::GetMappingsResponse::default())
    }
}
