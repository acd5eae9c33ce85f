//! Byte streams to a builder, and gRPC channels over them.
//!
//! Responsible for opening one raw stream for an address (socket, TCP, or the standard streams of a child process
//! that dials from within) and for turning it into a tonic [`Channel`]: HTTP/2 at once, or HTTP/1.1 `POST /grpc`
//! with `Upgrade: h2c` as the Docker Engine API before 1.53 wants it.
//!
//! Refuses to reconnect: a channel lives as long as its one stream, and each build opens its own.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, Command};
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::transport::Channel;

use crate::address::BuilderAddress;

/// As much of a child's standard error as is worth showing.
const CHILD_STDERR_LIMIT: usize = 2048;
/// How often a child's last words are looked for, every 10 ms.
const CHILD_LAST_WORDS: u32 = 30;
/// Flow-control window that we grant the daemon.
const WINDOW: u32 = 1 << 20;

/// Anything that bytes can be read from and written to.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// How gRPC is spoken at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// HTTP/2 with prior knowledge: buildkitd, and dockerd with Engine API 1.53 or later.
    Http2,
    /// HTTP/1.1 upgraded at `POST /grpc`: older dockerd.
    UpgradedAtGrpc,
}

/// One raw stream to a builder.
pub(crate) struct ByteStream {
    inner: Box<dyn Duplex>,
    complaint: Complaint,
}

/// What the child process behind a stream wrote to its standard error; nothing for sockets.
#[derive(Clone, Default)]
pub(crate) struct Complaint(Option<Arc<Mutex<String>>>);

impl Complaint {
    /// The text, without surrounding white space. A child's last words may arrive a little after its last byte.
    async fn text(&self) -> Option<String> {
        let text = self.0.as_ref()?;
        for _ in 0..CHILD_LAST_WORDS {
            let text = text.lock().map(|text| text.trim().to_owned()).unwrap_or_default();
            if !text.is_empty() {
                return Some(text);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }

    /// Says of a failed exchange what the child says, because the failure itself is only that of a closed pipe; then
    /// the kind is `NotConnected`. Without a child that complains, says all that the error knows.
    pub(crate) async fn or(&self, error: impl std::error::Error) -> io::Error {
        match self.text().await {
            Some(text) => io::Error::new(io::ErrorKind::NotConnected, text),
            None => io::Error::other(chain(error.to_string(), error.source())),
        }
    }

    /// As [`Complaint::or`], for the status of a call.
    pub(crate) async fn or_status(&self, status: &Status) -> io::Error {
        match self.text().await {
            Some(text) => io::Error::new(io::ErrorKind::NotConnected, text),
            None => io::Error::other(chain(status.message().to_owned(), std::error::Error::source(status))),
        }
    }
}

/// A text and its causes in one line; a cause that the text already ends with is not repeated.
fn chain(mut text: String, mut cause: Option<&(dyn std::error::Error + 'static)>) -> String {
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Tries whether the socket at `address` takes a connection; what is dialled from within a child is not tried.
pub(crate) async fn reach(address: &BuilderAddress) -> io::Result<()> {
    match address {
        BuilderAddress::Unix(_) | BuilderAddress::Tcp { .. } => ByteStream::open(address).await.map(|_| ()),
        BuilderAddress::DockerContainer(_) | BuilderAddress::Ssh { .. } => Ok(()),
    }
}

impl ByteStream {
    /// Opens a stream.
    pub(crate) async fn open(address: &BuilderAddress) -> io::Result<Self> {
        match address {
            BuilderAddress::Unix(path) => Ok(Self::plain(UnixStream::connect(path).await?)),
            BuilderAddress::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Self::plain(stream))
            }
            BuilderAddress::DockerContainer(name) => {
                let mut command = Command::new("docker");
                command.args(["exec", "-i", name, "buildctl", "dial-stdio"]);
                Self::child(command)
            }
            BuilderAddress::Ssh { destination, port } => {
                let mut command = Command::new("ssh");
                if let Some(port) = port {
                    command.arg("-p").arg(port.to_string());
                }
                // No question may be asked: nobody would see it.
                command.args([
                    "-T",
                    "-o",
                    "BatchMode=yes",
                    "-o",
                    "ConnectTimeout=10",
                    "--",
                    destination,
                ]);
                command.args(["docker", "system", "dial-stdio"]);
                Self::child(command)
            }
        }
    }

    fn plain(stream: impl Duplex + 'static) -> Self {
        Self {
            inner: Box::new(stream),
            complaint: Complaint::default(),
        }
    }

    fn child(mut command: Command) -> io::Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let words = Arc::new(Mutex::new(String::new()));
        let complaint = Complaint(Some(words.clone()));
        let listener = AbortOnDropHandle::new(tokio::spawn(listen(stderr, words)));
        let streams = tokio::io::join(stdout, stdin);
        Ok(Self {
            inner: Box::new(ChildStream {
                streams,
                _child: child,
                _listener: listener,
            }),
            complaint,
        })
    }

    /// What the child process behind the stream complains of.
    pub(crate) fn complaint(&self) -> Complaint {
        self.complaint.clone()
    }
}

/// Keeps the beginning of what is written to standard error, and drains the rest.
async fn listen(mut stderr: tokio::process::ChildStderr, words: Arc<Mutex<String>>) {
    let mut buffer = [0; 512];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        if let Ok(mut text) = words.lock()
            && text.len() < CHILD_STDERR_LIMIT
        {
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }
}

/// The standard streams of a child process, which ends with them.
struct ChildStream {
    streams: tokio::io::Join<tokio::process::ChildStdout, tokio::process::ChildStdin>,
    _child: Child,
    _listener: AbortOnDropHandle<()>,
}

impl AsyncRead for ChildStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.streams).poll_read(cx, buf)
    }
}

impl AsyncWrite for ChildStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.streams).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.streams).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.streams).poll_shutdown(cx)
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A gRPC channel on a stream of its own.
pub(crate) struct Connection {
    /// The channel.
    pub(crate) channel: Channel,
    /// What to say when a call fails for want of a connection.
    pub(crate) complaint: Complaint,
}

impl Connection {
    /// Opens a stream and a gRPC channel on it.
    pub(crate) async fn open(address: &BuilderAddress, dialect: Dialect) -> io::Result<Self> {
        let stream = ByteStream::open(address).await?;
        let complaint = stream.complaint();
        let result = match dialect {
            Dialect::Http2 => channel_over(TokioIo::new(stream)).await,
            Dialect::UpgradedAtGrpc => channel_over(upgrade(stream).await?).await,
        };
        match result {
            Ok(channel) => Ok(Self { channel, complaint }),
            Err(error) => Err(complaint.or(error).await),
        }
    }
}

async fn channel_over<S>(stream: S) -> Result<Channel, tonic::transport::Error>
where
    S: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
{
    let mut once = Some(stream);
    let connector = tower::service_fn(move |_: http::Uri| {
        let stream = once.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        async move { stream }
    });
    tonic::transport::Endpoint::from_static("http://buildkit")
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .connect_with_connector(connector)
        .await
}

/// Asks a dockerd to go on with HTTP/2 on this stream.
async fn upgrade(stream: ByteStream) -> io::Result<hyper::upgrade::Upgraded> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection.with_upgrades());
    let request = http::Request::post("/grpc")
        .header(http::header::HOST, "docker")
        .header(http::header::CONNECTION, "Upgrade")
        .header(http::header::UPGRADE, "h2c")
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    if response.status() != http::StatusCode::SWITCHING_PROTOCOLS {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("`/grpc` answered {}", response.status()),
        ));
    }
    hyper::upgrade::on(response).await.map_err(io::Error::other)
}
