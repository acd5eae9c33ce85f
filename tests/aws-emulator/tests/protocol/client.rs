//! A started emulator, an AWS SDK client for it, and requests to it under any host name.

use std::net::SocketAddr;

use aws_emulator::{Addresses, Server, Settings};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub(crate) const ECR: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An answer with its body read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap().to_owned()
    }

    /// Path and query of the Location header, which must be absolute.
    pub(crate) fn location(&self, origin: &str) -> String {
        let location = self.header("location");
        location
            .strip_prefix(origin)
            .unwrap_or_else(|| panic!("`{location}` is not at {origin}"))
            .to_owned()
    }
}

/// An emulator of one test.
pub(crate) struct Emulator {
    pub(crate) address: SocketAddr,
    pub(crate) server: Option<Server>,
    pub(crate) data: TempDir,
}

impl Emulator {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let data = TempDir::new().unwrap();
        let (server, address) = serve(&data, change).await;
        Self {
            address,
            server: Some(server),
            data,
        }
    }

    /// Ends the emulator and starts another on the same data.
    pub(crate) async fn restart(&mut self) {
        self.server = None;
        let (server, address) = serve(&self.data, |_| ()).await;
        (self.server, self.address) = (Some(server), address);
    }

    pub(crate) fn ecr(&self) -> aws_sdk_ecr::Client {
        self.ecr_as("test", "test")
    }

    pub(crate) fn ecr_as(&self, access_key: &str, secret_key: &str) -> aws_sdk_ecr::Client {
        let credentials = aws_credential_types::Credentials::new(access_key, secret_key, None, None, "test");
        self.ecr_with(credentials)
    }

    pub(crate) fn ecr_with(&self, credentials: aws_credential_types::Credentials) -> aws_sdk_ecr::Client {
        let config = aws_sdk_ecr::Config::builder()
            .behavior_version(aws_sdk_ecr::config::BehaviorVersion::latest())
            .region(aws_sdk_ecr::config::Region::new("eu-central-1"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(credentials)
            .endpoint_url(format!("http://{}", self.address))
            .build();
        aws_sdk_ecr::Client::from_conf(config)
    }

    /// What every SDK client is made with: the emulator as endpoint, the test key, the given region.
    fn sdk(&self, region: &str) -> aws_types::SdkConfig {
        let credentials = aws_credential_types::Credentials::new("test", "test", None, None, "test");
        self.sdk_with(region, credentials)
    }

    fn sdk_with(&self, region: &str, credentials: aws_credential_types::Credentials) -> aws_types::SdkConfig {
        aws_types::SdkConfig::builder()
            .behavior_version(aws_sdk_ecr::config::BehaviorVersion::latest())
            .region(aws_sdk_ecr::config::Region::new(region.to_owned()))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
                credentials,
            ))
            .endpoint_url(format!("http://{}", self.address))
            .build()
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        self.s3_in("eu-central-1")
    }

    pub(crate) fn s3_as(&self, credentials: aws_credential_types::Credentials) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.sdk_with("eu-central-1", credentials))
    }

    pub(crate) fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.sdk("eu-central-1"))
    }

    pub(crate) fn sts_as(&self, credentials: aws_credential_types::Credentials) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.sdk_with("eu-central-1", credentials))
    }

    pub(crate) fn s3_in(&self, region: &str) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.sdk(region))
    }

    /// A client and a bucket.
    pub(crate) async fn s3_with_bucket(&self, name: &str) -> aws_sdk_s3::Client {
        self.admin(("PUT", &format!("bucket?name={name}")), "").await;
        self.s3()
    }

    pub(crate) fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        aws_sdk_cloudwatchlogs::Client::new(&self.sdk("eu-central-1"))
    }

    pub(crate) fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.sdk("eu-central-1"))
    }

    pub(crate) fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.sdk("eu-central-1"))
    }

    /// Returns the value of an Authorization header for ECR's registry API.
    pub(crate) async fn login(&self) -> String {
        self.login_of(self.ecr()).await
    }

    pub(crate) async fn login_with(&self, credentials: aws_credential_types::Credentials) -> String {
        self.login_of(self.ecr_with(credentials)).await
    }

    async fn login_of(&self, ecr: aws_sdk_ecr::Client) -> String {
        let answer = ecr.get_authorization_token().send().await.unwrap();
        format!(
            "Basic {}",
            answer.authorization_data()[0].authorization_token().unwrap()
        )
    }

    pub(crate) async fn create_repository(&self, name: &str) {
        self.ecr()
            .create_repository()
            .repository_name(name)
            .send()
            .await
            .unwrap();
    }

    /// Sends `METHOD PATH` to `host`; an error means that the connection was dropped.
    pub(crate) async fn try_send(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, hyper::Error> {
        let stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = sender
            .send_request(request.body(Full::new(body.into())).unwrap())
            .await?;
        let (parts, body) = response.into_parts();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await?.to_bytes(),
        })
    }

    pub(crate) async fn send(&self, line: (&str, &str), headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        self.try_send(line, headers, body).await.unwrap()
    }

    pub(crate) async fn admin(&self, line: (&str, &str), body: impl Into<Bytes>) -> Value {
        let answer = self
            .send((line.0, &format!("/_admin/{}", line.1)), &[("host", "localhost")], body)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    }

    /// Pushes a blob with one PUT and returns its digest.
    pub(crate) async fn push_blob(&self, to: &Repository<'_>, content: &[u8]) -> String {
        let digest = digest(content);
        let started = to.send(self, ("POST", "blobs/uploads/"), &[], "").await;
        assert_eq!(started.status, StatusCode::ACCEPTED, "{started:?}");
        let path = format!("{}&digest={digest}", started.location(&to.origin()));
        let finished = self.send(("PUT", &path), &to.headers(), content.to_vec()).await;
        assert_eq!(finished.status, StatusCode::CREATED, "{finished:?}");
        digest
    }

    /// Pushes an image of one layer and returns the manifest's digest.
    pub(crate) async fn push_image(&self, to: &Repository<'_>, tag: &str, layer: &[u8]) -> String {
        let manifest = self.prepare_image(to, layer).await;
        let answer = to.put_manifest(self, (tag, OCI_MANIFEST), &manifest).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.header("docker-content-digest").to_owned()
    }

    /// Pushes config and layer of an image and returns its manifest.
    pub(crate) async fn prepare_image(&self, to: &Repository<'_>, layer: &[u8]) -> String {
        self.push_blob(to, b"{}").await;
        self.push_blob(to, layer).await;
        image_manifest(b"{}", layer)
    }
}

/// A repository, and how to log in there.
pub(crate) struct Repository<'a> {
    pub(crate) host: &'a str,
    pub(crate) name: &'a str,
    pub(crate) authorization: String,
}

impl Repository<'_> {
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.host)
    }

    pub(crate) fn headers(&self) -> Vec<(&str, &str)> {
        vec![("host", self.host), ("authorization", &self.authorization)]
    }

    /// Sends `METHOD PATH` below the repository.
    pub(crate) async fn send(
        &self,
        emulator: &Emulator,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let all: Vec<_> = self.headers().into_iter().chain(headers.iter().copied()).collect();
        emulator
            .send((method, &format!("/v2/{}/{path}", self.name)), &all, body)
            .await
    }

    pub(crate) async fn put_manifest(
        &self,
        emulator: &Emulator,
        (reference, media_type): (&str, &str),
        manifest: &str,
    ) -> Answer {
        let path = format!("manifests/{reference}");
        self.send(
            emulator,
            ("PUT", &path),
            &[("content-type", media_type)],
            manifest.to_owned(),
        )
        .await
    }
}

/// Creates a repository in ECR and logs in.
pub(crate) async fn ecr_repository<'a>(emulator: &Emulator, name: &'a str) -> Repository<'a> {
    emulator.create_repository(name).await;
    Repository {
        host: ECR,
        name,
        authorization: emulator.login().await,
    }
}

pub(crate) fn digest(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

pub(crate) fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(content), "size": content.len()})
}

pub(crate) fn image_manifest(config: &[u8], layer: &[u8]) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer)],
    })
    .to_string()
}

async fn serve(data: &TempDir, change: impl FnOnce(&mut Settings)) -> (Server, SocketAddr) {
    let mut settings = Settings {
        data: data.path().to_owned(),
        account: "123456789012".into(),
        access_key: "test".into(),
        secret_key: "test".into(),
        plain_login: None,
        token_lifetime_seconds: 43_200,
        blob_mounting: false,
        build_host: aws_emulator::BuildHost::default(),
    };
    change(&mut settings);
    let addresses = Addresses {
        http: Some(([127, 0, 0, 1], 0).into()),
        ..Addresses::default()
    };
    let server = Server::start(settings, addresses).await.unwrap();
    let address = server.http.unwrap();
    (server, address)
}
