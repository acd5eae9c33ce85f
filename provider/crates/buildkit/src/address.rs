//! Builder addresses: their text form and the order in which one is chosen.
//!
//! Responsible for turning configuration and environment into one [`ResolvedAddress`]. The order is: the explicit
//! address, `BUILDKIT_HOST`, `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context of the Docker configuration, the
//! default socket. The first one that is set wins; a set but unusable one is an error, never skipped.
//!
//! Refuses to contact anything, and to guess what listens at an address: a Unix socket may be a dockerd or a
//! buildkitd, which [`crate::connect`] finds out by asking. Refuses addresses that need TLS or a Windows pipe.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::docker_context;

/// Where dockerd listens when nothing says otherwise.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// What the resolution may look at. A plain value, so that tests need not touch the process.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Environment variables.
    pub vars: BTreeMap<String, String>,
    /// The user's home directory, below which the Docker configuration is expected.
    pub home: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process. Variables that are not UTF-8 are left out.
    pub fn of_this_process() -> Self {
        let vars = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self {
            vars: vars.collect(),
            home: std::env::home_dir(),
        }
    }

    /// A variable's value; empty counts as unset, as it does for Docker's own tools.
    pub(crate) fn var(&self, name: &str) -> Option<&str> {
        self.vars
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// How the byte stream to a builder is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuilderAddress {
    /// `unix:///path`: a socket of dockerd or buildkitd.
    Unix(PathBuf),
    /// `tcp://host:port`, without TLS.
    Tcp {
        /// Name or literal address; IPv6 without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// `docker-container://NAME`: a buildkitd inside a container of the local Docker.
    DockerContainer(String),
    /// `ssh://[user@]host[:port]`: the dockerd of another machine.
    Ssh {
        /// `[user@]host` as the `ssh` program takes it.
        destination: String,
        /// Port, if not the configured one.
        port: Option<u16>,
    },
}

impl BuilderAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// [`AddressError::Malformed`] or [`AddressError::SchemeNotSupported`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let malformed = |reason| AddressError::Malformed {
            address: text.to_owned(),
            reason,
        };
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| malformed("a scheme such as `unix://` is missing"))?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(PathBuf::from(rest))),
            "unix" => Err(malformed("the path of the socket must be absolute")),
            "tcp" => tcp(rest).ok_or_else(|| malformed("`tcp://` needs a host and a port")),
            "docker-container" if is_container_name(rest) => Ok(Self::DockerContainer(rest.to_owned())),
            "docker-container" => Err(malformed(
                "the container's name is missing or has impossible characters",
            )),
            "ssh" => ssh(rest).ok_or_else(|| malformed("`ssh://` needs `[user@]host[:port]` and nothing more")),
            other => Err(AddressError::SchemeNotSupported {
                scheme: other.to_owned(),
                address: text.to_owned(),
            }),
        }
    }

    /// Whether nobody on the way can read what travels: it stays on this machine, or `ssh` encrypts it.
    pub fn is_private(&self) -> bool {
        match self {
            Self::Unix(_) | Self::DockerContainer(_) | Self::Ssh { .. } => true,
            Self::Tcp { host, .. } => {
                host == "localhost"
                    || host
                        .parse::<std::net::IpAddr>()
                        .is_ok_and(|address| address.is_loopback())
            }
        }
    }
}

impl fmt::Display for BuilderAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::DockerContainer(name) => write!(f, "docker-container://{name}"),
            Self::Ssh {
                destination,
                port: Some(port),
            } => write!(f, "ssh://{destination}:{port}"),
            Self::Ssh {
                destination,
                port: None,
            } => write!(f, "ssh://{destination}"),
        }
    }
}

/// `host:port`, the host perhaps in brackets; a trailing slash is tolerated.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.trim_end_matches('/').rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    let plausible = !host.is_empty() && !host.contains('/') && (bare.is_some() || !host.contains(':'));
    plausible.then_some((host.to_owned(), port.parse().ok()?))
}

fn tcp(rest: &str) -> Option<BuilderAddress> {
    let (host, port) = host_and_port(rest)?;
    Some(BuilderAddress::Tcp { host, port })
}

/// A leading `-` would be read as an option by the `ssh` program.
fn ssh(rest: &str) -> Option<BuilderAddress> {
    let rest = rest.trim_end_matches('/');
    if rest.is_empty() || rest.starts_with('-') || rest.contains(['/', ' ', '?', '#']) {
        return None;
    }
    match rest.rsplit_once(':') {
        Some((destination, port)) if !destination.is_empty() => Some(BuilderAddress::Ssh {
            destination: destination.to_owned(),
            port: Some(port.parse().ok()?),
        }),
        Some(_) => None,
        None => Some(BuilderAddress::Ssh {
            destination: rest.to_owned(),
            port: None,
        }),
    }
}

/// Docker's own rule for container names.
fn is_container_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// Why an address was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressOrigin {
    /// Given in the program or in the configuration of the provider.
    Explicit,
    /// The variable `BUILDKIT_HOST`.
    BuildkitHost,
    /// The variable `DOCKER_HOST`.
    DockerHost,
    /// The Docker context that the variable `DOCKER_CONTEXT` names.
    DockerContext(String),
    /// The current context of the Docker configuration.
    CurrentContext(String),
    /// Nothing was set.
    DefaultSocket,
}

impl fmt::Display for AddressOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Explicit => f.write_str("the configured builder address"),
            Self::BuildkitHost => f.write_str("BUILDKIT_HOST"),
            Self::DockerHost => f.write_str("DOCKER_HOST"),
            Self::DockerContext(name) => write!(f, "DOCKER_CONTEXT (context `{name}`)"),
            Self::CurrentContext(name) => write!(f, "the current Docker context `{name}`"),
            Self::DefaultSocket => {
                f.write_str("the default socket, as neither BUILDKIT_HOST, DOCKER_HOST nor a Docker context is set")
            }
        }
    }
}

/// An address and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedAddress {
    /// The address.
    pub address: BuilderAddress,
    /// What it comes from.
    pub origin: AddressOrigin,
}

impl fmt::Display for ResolvedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` from {}", self.address, self.origin)
    }
}

/// Why no builder address could be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The text is not an address.
    #[error("builder address `{address}` is malformed: {reason}")]
    Malformed {
        /// The text.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A scheme that this client has no transport for.
    #[error("builder address `{address}` has the scheme `{scheme}`; unix, tcp, docker-container and ssh are supported")]
    SchemeNotSupported {
        /// The scheme.
        scheme: String,
        /// The whole text.
        address: String,
    },
    /// The address asks for TLS.
    #[error("builder `{address}` needs TLS, which is not supported; use `ssh://` or a local builder")]
    TlsNotSupported {
        /// The address.
        address: String,
    },
    /// A Docker context is named that does not exist.
    #[error("docker context `{name}` was not found in `{directory}`")]
    ContextNotFound {
        /// The context's name.
        name: String,
        /// The Docker configuration directory.
        directory: PathBuf,
    },
    /// A file of the Docker configuration cannot be read or understood.
    #[error("docker configuration file `{path}` cannot be used")]
    ConfigurationUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Chooses the builder's address. Reads the Docker configuration when it is asked that far, contacts nothing.
///
/// # Errors
/// [`AddressError`] when the first source that is set cannot be used.
pub fn resolve(explicit: Option<&str>, environment: &Environment) -> Result<ResolvedAddress, AddressError> {
    if let Some(text) = explicit {
        return Ok(ResolvedAddress {
            address: BuilderAddress::parse(text)?,
            origin: AddressOrigin::Explicit,
        });
    }
    if let Some(text) = environment.var("BUILDKIT_HOST") {
        return Ok(ResolvedAddress {
            address: BuilderAddress::parse(text)?,
            origin: AddressOrigin::BuildkitHost,
        });
    }
    if let Some(text) = environment.var("DOCKER_HOST") {
        let address = BuilderAddress::parse(text)?;
        let wants_tls = environment.var("DOCKER_TLS_VERIFY").is_some() || environment.var("DOCKER_TLS").is_some();
        if wants_tls && matches!(address, BuilderAddress::Tcp { .. }) {
            return Err(AddressError::TlsNotSupported {
                address: text.to_owned(),
            });
        }
        return Ok(ResolvedAddress {
            address,
            origin: AddressOrigin::DockerHost,
        });
    }
    if let Some(name) = environment.var("DOCKER_CONTEXT") {
        return from_context(name, environment, AddressOrigin::DockerContext(name.to_owned()));
    }
    match docker_context::current(environment)? {
        Some(name) => {
            let origin = AddressOrigin::CurrentContext(name.clone());
            from_context(&name, environment, origin)
        }
        None => Ok(default_socket()),
    }
}

fn default_socket() -> ResolvedAddress {
    let address = BuilderAddress::Unix(Path::new(DEFAULT_SOCKET).to_owned());
    ResolvedAddress {
        address,
        origin: AddressOrigin::DefaultSocket,
    }
}

/// The context `default` is the name for "no context".
fn from_context(name: &str, env: &Environment, origin: AddressOrigin) -> Result<ResolvedAddress, AddressError> {
    if name == "default" {
        return Ok(default_socket());
    }
    match docker_context::host(name, env)? {
        Some(host) => Ok(ResolvedAddress {
            address: BuilderAddress::parse(&host)?,
            origin,
        }),
        None => Ok(default_socket()),
    }
}
