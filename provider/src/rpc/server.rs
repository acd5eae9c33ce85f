//! Process life: bind, announce the port, serve, and end when the engine is done with us.
//!
//! The process ends on SIGTERM or SIGINT, when the other end of its standard input is closed, and when the process that
//! started it is gone. Cancel ends operations, not the process: the engine still wants their answers.

use std::io::Write as _;
use std::time::Duration;

use fastcontainer_proto::pulumirpc::resource_provider_server::ResourceProviderServer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::MAX_MESSAGE_BYTES;
use super::service::Provider;

/// How often the engine's process is looked for.
const ENGINE_CHECK: Duration = Duration::from_secs(2);
/// How long running operations may take to notice that the process ends.
const GRACE: Duration = Duration::from_secs(2);

/// Serves until shutdown. `announce` writes the port line to its place.
///
/// # Errors
/// When the listener cannot be bound or the server fails.
pub async fn serve(engine_address: Option<String>) -> Result<(), Box<dyn std::error::Error>> {
    let parent = parent_id();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(listener.local_addr()?.port())?;
    let shutdown = CancellationToken::new();
    let provider = Provider::new(shutdown.child_token());
    if let Some(address) = &engine_address {
        provider.attach_to(address);
    }
    tokio::spawn(watch(shutdown.clone(), engine_address.is_some().then_some(parent)));
    let service = ResourceProviderServer::new(provider)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder().add_service(service).add_service(health);
    let ended = shutdown.clone();
    // Without it an answer of several packets waits 40 ms for an acknowledgement.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let serving = server.serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned());
    tokio::select! {
        result = serving => result?,
        () = async { ended.cancelled().await; tokio::time::sleep(GRACE).await } => {}
    }
    Ok(())
}

/// The engine reads the port from the first line of standard output.
fn announce(port: u16) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{port}")?;
    stdout.flush()
}

/// Cancels `shutdown` when the process should end. Without an engine (attach mode) nobody started us, so nobody's end
/// matters.
async fn watch(shutdown: CancellationToken, engine: Option<u32>) {
    tokio::select! {
        () = signals() => {}
        () = gone(engine) => {}
        () = input_closed(), if input_is_a_pipe() => {}
        () = shutdown.cancelled() => {}
    }
    shutdown.cancel();
}

#[cfg(unix)]
async fn signals() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! { _ = term.recv() => {} _ = int.recv() => {} }
}

#[cfg(not(unix))]
async fn signals() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns when the process that started us has ended: then another one is our parent.
async fn gone(engine: Option<u32>) {
    let Some(engine) = engine else {
        return std::future::pending().await;
    };
    while parent_id() == engine {
        tokio::time::sleep(ENGINE_CHECK).await;
    }
}

#[cfg(unix)]
fn parent_id() -> u32 {
    std::os::unix::process::parent_id()
}

/// Elsewhere nothing tells; the engine ends its plugins itself.
#[cfg(not(unix))]
fn parent_id() -> u32 {
    0
}

/// Whether standard input is a pipe whose other end means something; the Pulumi CLI gives none.
fn input_is_a_pipe() -> bool {
    #[cfg(unix)]
    return rustix::fs::fstat(std::io::stdin())
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Fifo);
    #[cfg(not(unix))]
    false
}

/// Returns when the other end of standard input was closed.
async fn input_closed() {
    let (closed, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = closed.send(());
    });
    let _ = ended.await;
}
