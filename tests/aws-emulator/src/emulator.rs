//! The state of everything, and the way of a request through it.
//!
//! Answering a request is: classify, count, apply a fault if one matches, hand over to the service. It holds no rule of
//! any service.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

use crate::aws::{Credentials, Permissions};
use crate::codebuild::{BuildHost, CodeBuild};
use crate::ecr::AuthorizationTokens;
use crate::faults::{Effect, Faults};
use crate::logs::LogStore;
use crate::registry::{BearerTokens, Exchange, Uploads};
use crate::reply::{self, Reply};
use crate::route::{Route, Scheme};
use crate::s3::Buckets;
use crate::secrets_manager::SecretStore;
use crate::ssm::ParameterStore;
use crate::store::{Catalog, ContentStore};
use crate::traffic::Traffic;
use crate::{admin, aws, codebuild, ecr, kms, logs, random, registry, s3, secrets_manager, spoil, ssm};

/// What an emulator is set up with.
#[derive(Clone)]
pub struct Settings {
    /// Directory of blobs, repositories and objects.
    pub data: PathBuf,
    /// Account of the access key.
    pub account: String,
    /// Id of the only long-lived access key.
    pub access_key: String,
    /// Secret of that key.
    pub secret_key: String,
    /// User and password of the plain registry; without them everybody may pull and push.
    pub plain_login: Option<(String, String)>,
    /// How long ECR logins live, in seconds.
    pub token_lifetime_seconds: u32,
    /// Whether ECR takes blobs over from other repositories.
    pub blob_mounting: bool,
    /// What the machine lends to builds of CodeBuild.
    pub build_host: BuildHost,
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection dropped on purpose")]
pub(crate) struct Dropped;

/// State of all services.
pub(crate) struct Emulator {
    /// Account of the long-lived access key.
    pub(crate) account: String,
    pub(crate) catalog: Catalog,
    pub(crate) content: Arc<ContentStore>,
    pub(crate) uploads: Uploads,
    pub(crate) credentials: Credentials,
    pub(crate) permissions: Permissions,
    pub(crate) tokens: AuthorizationTokens,
    pub(crate) bearer: BearerTokens,
    pub(crate) buckets: Buckets,
    pub(crate) logs: LogStore,
    pub(crate) parameters: ParameterStore,
    pub(crate) secrets: SecretStore,
    pub(crate) codebuild: CodeBuild,
    pub(crate) faults: Faults,
    pub(crate) traffic: Traffic,
    /// Signs the URLs of layers.
    pub(crate) layer_key: [u8; 32],
    /// What the keys of KMS follow from.
    pub(crate) kms_secret: Vec<u8>,
    pub(crate) plain_login: Option<(String, String)>,
    blob_mounting: AtomicBool,
}

impl Emulator {
    /// Loads what an earlier run left in the data directory.
    pub(crate) fn open(settings: Settings, running: &CancellationToken) -> io::Result<Self> {
        std::fs::create_dir_all(&settings.data)?;
        Ok(Self {
            codebuild: CodeBuild::new(settings.build_host, settings.data.join("builds"), running.child_token()),
            account: settings.account.clone(),
            catalog: Catalog::open(&settings.data)?,
            content: Arc::new(ContentStore::open(&settings.data)?),
            uploads: Uploads::default(),
            credentials: Credentials::new(&settings.account, &settings.access_key, &settings.secret_key),
            permissions: Permissions::default(),
            tokens: AuthorizationTokens::new(settings.token_lifetime_seconds),
            bearer: BearerTokens::default(),
            buckets: Buckets::open(&settings.data)?,
            logs: LogStore::default(),
            parameters: ParameterStore::default(),
            secrets: SecretStore::default(),
            faults: Faults::default(),
            traffic: Traffic::default(),
            layer_key: random::key(),
            kms_secret: settings.secret_key.into_bytes(),
            plain_login: settings.plain_login,
            blob_mounting: AtomicBool::new(settings.blob_mounting),
        })
    }

    /// Tells whether ECR takes blobs over from other repositories.
    pub(crate) fn blob_mounting(&self) -> bool {
        self.blob_mounting.load(Ordering::Relaxed)
    }

    /// Switches ECR's blob mounting on or off.
    pub(crate) fn set_blob_mounting(&self, enabled: bool) {
        self.blob_mounting.store(enabled, Ordering::Relaxed);
    }

    /// Answers one request that came in over a listener of this scheme.
    pub(crate) async fn answer(self: &Arc<Self>, request: Request<Incoming>, scheme: Scheme) -> Result<Reply, Dropped> {
        let (parts, body) = request.into_parts();
        let Some(host) = host_of(&parts) else {
            return Ok(reply::text(StatusCode::BAD_REQUEST, "text/plain", "no host\n"));
        };
        let route = Route::of(&parts, &host, scheme);
        if route == Route::Admin {
            return Ok(admin::answer(self, &parts, body).await);
        }
        let operation = route.operation(&parts.method);
        let number = self.traffic.begin(&operation, &parts, &host);
        let outcome = match self.faults.take(&operation, (&parts, &host)) {
            None => Ok(self.serve(&route, (&parts, body), (scheme, &host)).await),
            Some(Effect::DropBefore) => Err(Dropped),
            Some(Effect::Status(status)) => Ok(status.render(&route)),
            Some(Effect::Latency(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(self.serve(&route, (&parts, body), (scheme, &host)).await)
            }
            Some(Effect::Cut(bytes)) => Ok(spoil::cut(
                self.serve(&route, (&parts, body), (scheme, &host)).await,
                bytes,
            )),
            Some(Effect::Slow(rate)) => Ok(spoil::slow(
                self.serve(&route, (&parts, body), (scheme, &host)).await,
                rate,
            )),
            Some(Effect::DropAfter) => {
                self.serve(&route, (&parts, body), (scheme, &host)).await;
                Err(Dropped)
            }
        };
        self.traffic.end(number, outcome.as_ref().ok().map(Reply::status));
        outcome
    }

    async fn serve(
        self: &Arc<Self>,
        route: &Route,
        (parts, body): (&Parts, Incoming),
        (scheme, host): (Scheme, &str),
    ) -> Reply {
        match route {
            Route::Ecr { operation } => ecr::answer(self, parts, body, (host, operation)).await,
            Route::Logs { operation } => logs::answer(self, (parts, body), (host, operation)).await,
            Route::Ssm { operation } => ssm::answer(self, (parts, body), (host, operation)).await,
            Route::SecretsManager { operation } => {
                secrets_manager::answer(self, (parts, body), (host, operation)).await
            }
            Route::Kms { operation } => kms::answer(self, (parts, body), (host, operation)).await,
            Route::CodeBuild { operation } => codebuild::answer(self, (parts, body), (host, operation)).await,
            Route::BuildCredentials => codebuild::answer_credentials(self, parts.uri.path()),
            Route::S3(request) => s3::answer(self, (parts, body), (host, request)).await,
            Route::Sts => aws::answer_sts(self, parts, body, host).await,
            Route::Registry { registry, resource } => {
                let origin = format!("{}://{host}", scheme.name());
                let exchange = Exchange {
                    emulator: self,
                    registry,
                    parts,
                    origin: &origin,
                };
                registry::answer(&exchange, resource, body).await
            }
            Route::Token { registry } => registry::answer_token(self, parts, registry),
            Route::Layer => registry::answer_layer(self, parts).await,
            Route::Admin | Route::Nothing => {
                reply::text(StatusCode::NOT_FOUND, "text/plain", "nothing is emulated here\n")
            }
        }
    }
}

/// Returns host and port as the client sent them.
fn host_of(parts: &Parts) -> Option<String> {
    let authority = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    authority.or_else(|| parts.headers.get(http::header::HOST)?.to_str().ok().map(str::to_owned))
}
