//! The registries that this machine uses: read from the settings of its own package managers, then asked.
//!
//! A mirror gets the questions that its public registry would get. What cargo should ask for archives is part of an index, so inside
//! labs that part is always the public one, and archives are fetched from where the index in use says. Settings are read
//! when a kind of package is first asked for, because the tools take their time to start.

use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Url};
use serde::Deserialize;
use tempfile::NamedTempFile;
use tokio::sync::OnceCell;

use super::mirrors;
use super::store::{Head, Question, Store};
use crate::error::{LabError, Result, cannot};

const PATIENCE: Duration = Duration::from_secs(300);

/// Pauses before a question is asked again.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// A client for registries, with what is known about them.
#[derive(Debug)]
pub(super) struct Upstream {
    client: Client,
    python: OnceLock<Option<String>>,
    node: OnceLock<Option<String>>,
    go: OnceLock<Option<String>>,
    crates: OnceLock<Option<String>>,
    maven: OnceLock<Option<String>>,
    archives: OnceCell<IndexSettings>,
}

/// The settings in an index of crates, as far as they are of interest.
#[derive(Debug, Deserialize)]
struct IndexSettings {
    /// Where archives are: an address with markers, or one to which crate, version and `download` are added.
    dl: String,
}

const CRATE_INDEX: &str = "https://index.crates.io";

/// What the index of crates.io says about itself in public.
const INDEX_SETTINGS: &str = r#"{"dl":"https://static.crates.io/crates","api":"https://crates.io"}"#;

impl Upstream {
    pub(super) fn new() -> Result<Self> {
        // Fails when there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(PATIENCE)
            .build()
            .map_err(|error| LabError::malformed("the TLS settings of this machine", error))?;
        Ok(Self {
            client,
            python: OnceLock::new(),
            node: OnceLock::new(),
            go: OnceLock::new(),
            crates: OnceLock::new(),
            maven: OnceLock::new(),
            archives: OnceCell::new(),
        })
    }

    /// Asks up to three times, for what there is no older answer to: a registry that stumbles once fails no build.
    pub(super) async fn fetch_patiently(&self, question: &Question, store: &Store) -> Result<NamedTempFile> {
        for pause in AGAIN_AFTER {
            match self.fetch(question, store).await {
                Err(_) => tokio::time::sleep(pause).await,
                answer => return answer,
            }
        }
        self.fetch(question, store).await
    }

    /// Asks, and writes what is answered into a new file of the store. Answers of a registry in trouble are errors.
    pub(super) async fn fetch(&self, question: &Question, store: &Store) -> Result<NamedTempFile> {
        if question.host == "index.crates.io" && question.path == "/config.json" {
            return index_settings(store);
        }
        let shown = format!("GET {}{}", question.host, question.path);
        // The address may hold a password, so it goes into no message.
        let failed = |error: reqwest::Error| LabError::malformed(&shown, error.without_url());
        let mut response = self
            .client
            .get(self.address(question).await?)
            .header(ACCEPT, &question.accept)
            .send()
            .await
            .map_err(failed)?;
        let status = response.status();
        if !(status.is_success() || matches!(status.as_u16(), 404 | 410)) {
            return Err(LabError::Refused {
                operation: shown,
                status: status.as_u16(),
                body: String::new(),
            });
        }
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let mut file = store.begin(&Head {
            status: status.as_u16(),
            content_type: content_type.map(str::to_owned),
            source: format!("{}{}", question.host, question.path),
        })?;
        while let Some(bytes) = response.chunk().await.map_err(failed)? {
            file.write_all(&bytes).map_err(cannot("write", file.path()))?;
        }
        Ok(file)
    }

    async fn address(&self, question: &Question) -> Result<Url> {
        let set = match question.host.as_str() {
            "pypi.org" => self.python.get_or_init(mirrors::python_index).as_deref(),
            "registry.npmjs.org" => self.node.get_or_init(mirrors::npm_registry).as_deref(),
            "proxy.golang.org" => self.go.get_or_init(mirrors::go_proxy).as_deref(),
            "repo1.maven.org" | "repo.maven.apache.org" => self.maven.get_or_init(mirrors::maven_mirror).as_deref(),
            "index.crates.io" | "static.crates.io" => self.crates.get_or_init(mirrors::crate_index).as_deref(),
            _ => None,
        };
        let text = match (set, question.host.as_str()) {
            (index, "static.crates.io") => self.archive(index.unwrap_or(CRATE_INDEX), &question.path).await?,
            (None, host) => format!("https://{host}{}", question.path),
            (Some(mirror), _) => {
                // Mirrors of Maven Central stand for this folder of it.
                let path = question.path.strip_prefix("/maven2").unwrap_or(&question.path);
                format!("{}{path}", mirror.trim_end_matches('/'))
            }
        };
        Url::parse(&text).map_err(|error| LabError::malformed(format!("the address for {}", question.host), error))
    }

    /// Where the registry with this index has the archive that is `/crates/NAME/VERSION/download` in public.
    async fn archive(&self, index: &str, path: &str) -> Result<String> {
        let failed = |error: reqwest::Error| LabError::malformed("the index of crates", error.without_url());
        let ask = || async {
            let answer = self.client.get(format!("{index}/config.json")).send().await?;
            answer.error_for_status()?.json().await
        };
        let settings: &IndexSettings = self.archives.get_or_try_init(ask).await.map_err(failed)?;
        archive_address(&settings.dl, path)
            .ok_or_else(|| LabError::malformed("what was asked of static.crates.io", "no crate and version"))
    }
}

/// Fills in the markers of the Cargo Book, "Index Configuration", except those of the prefix and the checksum.
fn archive_address(dl: &str, path: &str) -> Option<String> {
    let mut parts = path.strip_prefix("/crates/")?.split('/');
    let (name, version) = (parts.next()?, parts.next()?);
    if dl.contains('{') {
        return Some(dl.replace("{crate}", name).replace("{version}", version));
    }
    Some(format!("{}/{name}/{version}/download", dl.trim_end_matches('/')))
}

fn index_settings(store: &Store) -> Result<NamedTempFile> {
    let mut file = store.begin(&Head {
        status: 200,
        content_type: Some("application/json".to_owned()),
        source: "index.crates.io/config.json".to_owned(),
    })?;
    file.write_all(INDEX_SETTINGS.as_bytes())
        .map_err(cannot("write", file.path()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[test]
    fn archive_of_a_crate_is_where_the_mirror_says() {
        let path = "/crates/itoa/1.0.15/download";
        for (dl, address) in [
            ("https://m.example/dl/", "https://m.example/dl/itoa/1.0.15/download"),
            (
                "https://m.example/{crate}-{version}.crate",
                "https://m.example/itoa-1.0.15.crate",
            ),
        ] {
            assert_eq!(archive_address(dl, path).as_deref(), Some(address));
        }
        assert_eq!(archive_address("https://m.example", "/favicon.ico"), None);
    }

    #[tokio::test]
    async fn registry_that_stumbles_once_is_asked_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Upstream::new().unwrap();
        let mirror = format!("http://{}", listener.local_addr().unwrap());
        upstream.python.set(Some(mirror)).unwrap();
        tokio::spawn(async move {
            for answer in ["503 Service Unavailable", "200 OK"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _question = stream.read(&mut [0; 4096]).await.unwrap();
                let text = format!("HTTP/1.1 {answer}\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody");
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let question = Question {
            host: "pypi.org".to_owned(),
            path: "/simple/".to_owned(),
            accept: "*/*".to_owned(),
        };
        let store = Store(folder.path().to_owned());
        let answer = upstream.fetch_patiently(&question, &store).await.unwrap();
        assert!(std::fs::read_to_string(answer.path()).unwrap().ends_with("\nbody"));
    }
}
