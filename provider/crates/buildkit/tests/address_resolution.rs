//! Which builder is chosen, for every source of an address and for every way to get one wrong.
//!
//! Responsible for the order of the sources and for the text forms of addresses, with environments that are plain
//! values and Docker configurations in a directory of their own.
//!
//! Refuses to look at the environment of the test itself.

use std::path::Path;

use fastcontainer_buildkit::{AddressError, AddressOrigin, BuilderAddress, Environment, ResolvedAddress, resolve};
use sha2::{Digest, Sha256};

/// A home directory with a Docker configuration.
struct Home(tempfile::TempDir);

#[cfg(test)]
impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn file(&self, path: &str, content: &str) {
        let path = self.0.path().join(".docker").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    fn context(&self, name: &str, host: &str) {
        let id = hex::encode(Sha256::digest(name));
        let meta = format!(
            r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#
        );
        self.file(&format!("contexts/meta/{id}/meta.json"), &meta);
    }
    fn environment(&self, vars: &[(&str, &str)]) -> Environment {
        let vars = vars
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Environment {
            vars,
            home: Some(self.0.path().to_owned()),
        }
    }
    fn resolve(&self, explicit: Option<&str>, vars: &[(&str, &str)]) -> Result<ResolvedAddress, AddressError> {
        resolve(explicit, &self.environment(vars))
    }
}

fn unix(path: &str) -> BuilderAddress {
    BuilderAddress::Unix(Path::new(path).to_owned())
}

#[test]
fn the_first_source_that_is_set_wins() {
    let home = Home::new();
    home.context("lab", "unix:///context.sock");
    home.context("other", "unix:///other.sock");
    home.file("config.json", r#"{"auths":{},"currentContext":"lab"}"#);
    let mut vars = vec![
        ("DOCKER_CONTEXT", "other"),
        ("DOCKER_HOST", "unix:///docker.sock"),
        ("BUILDKIT_HOST", "unix:///buildkit.sock"),
    ];
    let found = |explicit, vars: &[_]| home.resolve(explicit, vars).unwrap();
    let expected = |path, origin| ResolvedAddress {
        address: unix(path),
        origin,
    };
    assert_eq!(
        found(Some("unix:///mine.sock"), &vars),
        expected("/mine.sock", AddressOrigin::Explicit)
    );
    assert_eq!(
        found(None, &vars),
        expected("/buildkit.sock", AddressOrigin::BuildkitHost)
    );
    vars.pop();
    assert_eq!(found(None, &vars), expected("/docker.sock", AddressOrigin::DockerHost));
    vars.pop();
    assert_eq!(
        found(None, &vars),
        expected("/other.sock", AddressOrigin::DockerContext("other".into()))
    );
    vars.pop();
    assert_eq!(
        found(None, &vars),
        expected("/context.sock", AddressOrigin::CurrentContext("lab".into()))
    );
}

#[test]
fn without_any_source_the_default_socket_is_used() {
    let home = Home::new();
    let expected = ResolvedAddress {
        address: unix("/var/run/docker.sock"),
        origin: AddressOrigin::DefaultSocket,
    };
    assert_eq!(home.resolve(None, &[]).unwrap(), expected);
    assert_eq!(
        home.resolve(
            None,
            &[
                ("BUILDKIT_HOST", ""),
                ("DOCKER_HOST", ""),
                ("DOCKER_CONTEXT", "default")
            ]
        )
        .unwrap(),
        expected
    );
    home.file("config.json", r#"{"currentContext":"default"}"#);
    assert_eq!(home.resolve(None, &[]).unwrap(), expected);
    assert_eq!(resolve(None, &Environment::default()).unwrap(), expected);
}

#[test]
fn docker_config_moves_the_configuration() {
    let (home, elsewhere) = (Home::new(), Home::new());
    elsewhere.context("lab", "ssh://me@far");
    let directory = elsewhere.0.path().join(".docker");
    let vars = [
        ("DOCKER_CONFIG", directory.to_str().unwrap()),
        ("DOCKER_CONTEXT", "lab"),
    ];
    let far = BuilderAddress::Ssh {
        destination: "me@far".into(),
        port: None,
    };
    assert_eq!(home.resolve(None, &vars).unwrap().address, far);
}

#[test]
fn every_scheme_is_read_and_written_alike() {
    let texts = [
        "unix:///run/buildkit/buildkitd.sock",
        "tcp://127.0.0.1:1234",
        "tcp://[::1]:1234",
        "tcp://builder.example:2375",
        "docker-container://buildx_buildkit_default",
        "ssh://me@far.example",
        "ssh://me@far.example:2222",
    ];
    for text in texts {
        assert_eq!(BuilderAddress::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn what_others_could_read_is_known() {
    let private = |text| BuilderAddress::parse(text).unwrap().is_private();
    for text in [
        "unix:///a",
        "docker-container://a",
        "tcp://localhost:1",
        "tcp://127.0.0.9:1",
        "tcp://[::1]:1",
        "ssh://far",
    ] {
        assert!(private(text), "{text}");
    }
    for text in [
        "tcp://10.0.0.1:1",
        "tcp://localhost.evil.example:1",
        "tcp://docker:2375",
    ] {
        assert!(!private(text), "{text}");
    }
}

#[test]
fn malformed_addresses_are_refused_with_the_text() {
    let texts = [
        "",
        "/var/run/docker.sock",
        "unix://relative.sock",
        "tcp://host",
        "tcp://:1",
        "tcp://host:port",
        "tcp://a:b:1",
        "docker-container://",
        "docker-container://-it",
        "docker-container://a b",
        "ssh://",
        "ssh://-oProxyCommand=x",
        "ssh://me@far/path",
        "ssh://me@far:port",
    ];
    for text in texts {
        let error = BuilderAddress::parse(text).unwrap_err();
        assert!(
            matches!(&error, AddressError::Malformed { address, .. } if address == text),
            "{text}: {error}"
        );
    }
}

#[test]
fn other_schemes_are_refused_by_name() {
    for text in ["npipe:////./pipe/docker_engine", "kube-pod://a", "http://a:1"] {
        let error = BuilderAddress::parse(text).unwrap_err();
        assert!(matches!(error, AddressError::SchemeNotSupported { .. }), "{error}");
    }
}

#[test]
fn a_set_but_wrong_source_is_an_error_and_not_skipped() {
    let home = Home::new();
    assert!(
        home.resolve(
            None,
            &[("BUILDKIT_HOST", "nonsense"), ("DOCKER_HOST", "unix:///docker.sock")]
        )
        .is_err()
    );
}

#[test]
fn an_unknown_context_is_named() {
    let error = Home::new().resolve(None, &[("DOCKER_CONTEXT", "lab")]).unwrap_err();
    assert!(
        matches!(&error, AddressError::ContextNotFound { name, .. } if name == "lab"),
        "{error}"
    );
}

#[test]
fn tls_is_refused_instead_of_dropped() {
    let home = Home::new();
    let error = home
        .resolve(None, &[("DOCKER_HOST", "tcp://far:2376"), ("DOCKER_TLS_VERIFY", "1")])
        .unwrap_err();
    assert!(matches!(error, AddressError::TlsNotSupported { .. }), "{error}");
    home.context("lab", "tcp://far:2376");
    home.file(
        &format!("contexts/tls/{}/docker/ca.pem", hex::encode(Sha256::digest("lab"))),
        "",
    );
    let error = home.resolve(None, &[("DOCKER_CONTEXT", "lab")]).unwrap_err();
    assert!(matches!(error, AddressError::TlsNotSupported { .. }), "{error}");
    assert!(
        home.resolve(None, &[("DOCKER_HOST", "unix:///a.sock"), ("DOCKER_TLS_VERIFY", "1")])
            .is_ok()
    );
}

#[test]
fn an_unreadable_configuration_is_an_error_with_its_path() {
    let home = Home::new();
    home.file("config.json", "{");
    let error = home.resolve(None, &[]).unwrap_err();
    assert!(error.to_string().contains("config.json"), "{error}");
}
