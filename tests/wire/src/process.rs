//! The provider process: started, connected, observed, killed on drop.
//!
//! Keeps it away from the machine: home, cache and Docker configuration are empty temporary folders, and no builder or
//! AWS variable is passed on. What it prints after the port line is collected, because a provider must print nothing.

use std::{
    env,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fastcontainer_proto::pulumirpc::resource_provider_client::ResourceProviderClient;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, ChildStdin, Command},
    time::timeout,
};
use tonic::transport::Channel;

use crate::{Engine, HarnessError, engine::MAX_MESSAGE_BYTES};

/// Variables of the machine that must not reach the provider.
const OUTSIDE: [&str; 8] = [
    "BUILDKIT_HOST",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
];

/// How a provider is started.
#[derive(Debug, Default)]
pub struct Options {
    /// Arguments before the engine's address.
    pub arguments: Vec<String>,
    /// Leave out the engine's address, as for a provider that is attached to later.
    pub detached: bool,
    /// Additional environment.
    pub environment: Vec<(String, String)>,
    /// Working directory; the test's own by default.
    pub directory: Option<PathBuf>,
    /// Give it a pipe as standard input, which [`Provider::close_input`] closes.
    pub piped_input: bool,
}

/// A running provider with its engine.
#[derive(Debug)]
pub struct Provider {
    /// The engine that it reports to.
    pub engine: Engine,
    /// The port that it announced.
    pub port: u16,
    channel: Channel,
    child: Child,
    input: Option<ChildStdin>,
    stdout: Collected,
    stderr: Collected,
    _home: TempDir,
}

type Collected = Arc<Mutex<String>>;

impl Provider {
    /// Starts the provider as an engine does.
    ///
    /// # Errors
    /// When there is no binary, or it does not announce a port within 10 s.
    pub async fn start() -> Result<Self, HarnessError> {
        Self::start_with(Options::default()).await
    }

    /// Starts the provider in another way.
    ///
    /// # Errors
    /// When there is no binary, or it does not announce a port within 10 s.
    pub async fn start_with(options: Options) -> Result<Self, HarnessError> {
        let engine = Engine::start().await?;
        let home = TempDir::new()?;
        let mut child = command(&options, &engine, &home)?.spawn()?;
        let input = child.stdin.take();
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(std::io::Error::other("the provider has no output").into());
        };
        let stderr = collect(stderr);
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let read = timeout(Duration::from_secs(10), stdout.read_line(&mut line)).await;
        let port = match (read, line.strip_suffix('\n').unwrap_or_default().parse()) {
            (Ok(Ok(_)), Ok(port)) if port > 0 => port,
            _ => {
                return Err(HarnessError::NoPort {
                    line,
                    stderr: text(&stderr),
                });
            }
        };
        let stdout = collect(stdout);
        // One attempt only: the port line promises a listener.
        let channel = Channel::from_shared(format!("http://127.0.0.1:{port}"));
        let channel = channel.map_err(std::io::Error::other)?.connect().await?;
        Ok(Self {
            engine,
            port,
            channel,
            child,
            input,
            stdout,
            stderr,
            _home: home,
        })
    }

    /// A client of the provider, with an engine's limits.
    pub fn client(&self) -> ResourceProviderClient<Channel> {
        ResourceProviderClient::new(self.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// The connection itself, for other services of the same process.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// The process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// What was printed to standard output after the port line.
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// What was printed to standard error.
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Closes the pipe that is the provider's standard input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Waits for the process to end; `None` when it still runs after `patience`.
    pub async fn exited(&mut self, patience: Duration) -> Option<ExitStatus> {
        timeout(patience, self.child.wait()).await.ok()?.ok()
    }
}

/// The binary under test.
///
/// # Errors
/// When it does not exist.
pub fn provider_binary() -> Result<PathBuf, HarnessError> {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/pulumi-resource-fastcontainer");
    let path = env::var_os("FASTCONTAINER_PROVIDER").map_or(built, PathBuf::from);
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(_) => Err(HarnessError::NoProvider { path }),
    }
}

fn command(options: &Options, engine: &Engine, home: &TempDir) -> Result<Command, HarnessError> {
    let mut command = Command::new(provider_binary()?);
    command.args(&options.arguments);
    if !options.detached {
        command.arg(engine.address());
    }
    for name in OUTSIDE {
        command.env_remove(name);
    }
    for name in ["HOME", "XDG_CACHE_HOME", "DOCKER_CONFIG"] {
        command.env(name, home.path());
    }
    command.envs(options.environment.iter().map(|(name, value)| (name, value)));
    if let Some(directory) = &options.directory {
        command.current_dir(directory);
    }
    let input = if options.piped_input {
        Stdio::piped()
    } else {
        Stdio::null()
    };
    command
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Ok(command)
}

fn collect(mut from: impl AsyncRead + Unpin + Send + 'static) -> Collected {
    let collected = Collected::default();
    let into = collected.clone();
    tokio::spawn(async move {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut chunk).await {
            into.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&String::from_utf8_lossy(&chunk[..count]));
        }
    });
    collected
}

fn text(collected: &Collected) -> String {
    collected.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
