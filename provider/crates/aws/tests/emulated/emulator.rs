//! An emulator of one test, what is arranged in it, and what is left in it.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_emulator::{Addresses, Server, Settings};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use fastcontainer_aws::{Aws, S3Bucket, Upload};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const REGION: &str = "eu-central-1";

pub(crate) struct Emulator {
    pub(crate) address: SocketAddr,
    _server: Server,
    _data: TempDir,
}

impl Emulator {
    pub(crate) async fn start() -> Self {
        let data = TempDir::new().unwrap();
        let settings = Settings {
            data: data.path().to_owned(),
            account: "123456789012".into(),
            access_key: "test".into(),
            secret_key: "test".into(),
            plain_login: None,
            token_lifetime_seconds: 43_200,
            blob_mounting: false,
            build_host: aws_emulator::BuildHost::default(),
        };
        let addresses = Addresses {
            http: Some(([127, 0, 0, 1], 0).into()),
            ..Addresses::default()
        };
        let server = Server::start(settings, addresses).await.unwrap();
        Self {
            address: server.http.unwrap(),
            _server: server,
            _data: data,
        }
    }

    pub(crate) fn aws(&self) -> Aws {
        Aws::with_config(config(self.address))
    }

    /// A bucket named `b`.
    pub(crate) async fn bucket(&self) -> S3Bucket {
        self.admin("PUT", "bucket?name=b", "").await;
        self.aws().bucket("b", REGION)
    }

    pub(crate) async fn fault(&self, operation: &str, members: Value) {
        let mut fault = json!({"match": {"operation": operation}, "count": 1});
        fault
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        self.admin("POST", "faults", &fault.to_string()).await;
    }

    /// How often an operation was called.
    pub(crate) async fn count(&self, operation: &str) -> u64 {
        let counters = self.admin("GET", "counters", "").await;
        counters["operations"][operation].as_u64().unwrap_or_else(|| {
            assert!(counters["operations"].is_object(), "{counters}");
            0
        })
    }

    /// Keys and open uploads of the bucket `b`.
    pub(crate) async fn left_in_bucket(&self) -> (usize, usize) {
        let left = self.admin("GET", "leftovers", "").await;
        let number = |what: &str| left["buckets"]["b"][what].as_array().unwrap().len();
        (number("keys"), number("uploads"))
    }

    pub(crate) async fn admin(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let head = format!("{method} /_admin/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        let request = format!("{head}content-length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        serde_json::from_str(body).unwrap()
    }
}

/// A configuration that leads to `address`, with quick retries.
pub(crate) fn config(address: SocketAddr) -> SdkConfig {
    let keys = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new(REGION))
        .endpoint_url(format!("http://{address}"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(4)
                .with_initial_backoff(Duration::from_millis(1)),
        )
        .build()
}

/// An upload of `size` bytes in which no block is like another, from a file without a name.
pub(crate) fn upload(key: &str, size: usize) -> Upload {
    let mut bytes = vec![7; size];
    for (number, block) in bytes.chunks_mut(4096).enumerate() {
        let mark = number.to_le_bytes();
        let length = block.len().min(mark.len());
        block[..length].copy_from_slice(&mark[..length]);
    }
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    Upload {
        key: key.to_owned(),
        file,
        sha256: Sha256::digest(&bytes).into(),
        size: size as u64,
        metadata: [("made-by".to_owned(), "test".to_owned())].into(),
    }
}

/// A second handle on an upload's file.
pub(crate) fn content(upload: &Upload) -> Vec<u8> {
    let mut file: File = upload.file.try_clone().unwrap();
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}
