//! Listeners and connections: plain and TLS, HTTP/1.1 and HTTP/2.
//!
//! A connection task ends with its connection or with the server. What is answered is decided elsewhere; here only a
//! dropped answer becomes a closed connection.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::codebuild::Entrance;
use crate::dns;
use crate::emulator::{Emulator, Settings};
use crate::route::Scheme;
use crate::tls::{self, TlsError};

/// Where to listen. At least one listener is needed to be of any use.
#[derive(Clone, Default)]
pub struct Addresses {
    /// Address of the plain listener; port 0 is any free one.
    pub http: Option<SocketAddr>,
    /// Address of the TLS listener; port 0 is any free one.
    pub https: Option<SocketAddr>,
    /// Directory of the test CA and the server certificate.
    pub tls_directory: PathBuf,
    /// Addresses of the name server, if one is wanted.
    pub dns: Vec<SocketAddr>,
    /// Names that it and builds know besides those of AWS, in lower case. Builds reach port 443 of their addresses.
    pub names: HashMap<String, Ipv4Addr>,
    /// Regions whose names the certificate is made for.
    pub regions: Vec<String>,
}

/// A running emulator; dropping it ends it.
pub struct Server {
    /// Address of the plain listener.
    pub http: Option<SocketAddr>,
    /// Address of the TLS listener.
    pub https: Option<SocketAddr>,
    _running: DropGuard,
}

/// Why the emulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory is unreadable or belongs to something else.
    #[error("data directory `{0}` is not usable")]
    Data(PathBuf, #[source] io::Error),
    /// The address is taken or not ours.
    #[error("address `{0}` is not available")]
    Address(SocketAddr, #[source] io::Error),
    /// No certificate.
    #[error("no TLS on `{0}`")]
    Tls(SocketAddr, #[source] TlsError),
}

impl Server {
    /// Opens the listeners and serves until the returned value is dropped.
    ///
    /// # Errors
    ///
    /// Fails if the data directory, an address or the certificate is not usable.
    pub async fn start(settings: Settings, addresses: Addresses) -> Result<Self, StartError> {
        let data = settings.data.clone();
        let running = CancellationToken::new();
        let emulator = Emulator::open(settings, &running).map_err(|error| StartError::Data(data, error))?;
        let emulator = Arc::new(emulator);
        let mut server = Self {
            http: None,
            https: None,
            _running: running.clone().drop_guard(),
        };
        if let Some(address) = addresses.http {
            let listener = bind(address).await?;
            server.http = listener.local_addr().ok();
            tokio::spawn(accept(listener, None, Arc::clone(&emulator), running.clone()));
        }
        let mut tls = None;
        if let Some(address) = addresses.https {
            let config = tls::server_config(&addresses.tls_directory, &addresses.regions)
                .map_err(|error| StartError::Tls(address, error))?;
            let listener = bind(address).await?;
            server.https = listener.local_addr().ok();
            tls = Some(TlsAcceptor::from(Arc::new(config)));
            tokio::spawn(accept(listener, tls.clone(), Arc::clone(&emulator), running.clone()));
        }
        for address in addresses.dns {
            let socket = UdpSocket::bind(address)
                .await
                .map_err(|error| StartError::Address(address, error))?;
            tokio::spawn(dns::serve(socket, addresses.names.clone(), running.clone()));
        }
        emulator.codebuild.open_to(Entrance {
            http: server.http,
            tls,
            names: addresses.names,
        });
        Ok(server)
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| StartError::Address(address, error))
}

/// Serves a listener until told to end.
pub(crate) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    emulator: Arc<Emulator>,
    running: CancellationToken,
) {
    loop {
        let stream = tokio::select! {
            () = running.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        // A failed accept concerns one client, or passes when descriptors are free again.
        let Ok((stream, _)) = stream else {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let (tls, emulator, running) = (tls.clone(), Arc::clone(&emulator), running.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = running.cancelled() => {}
                () = connection(stream, tls, emulator) => {}
            }
        });
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, emulator: Arc<Emulator>) {
    // Without it small answers wait for acknowledgements; a socket that refuses is only slower.
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve(stream, emulator, Scheme::Http).await,
        Some(acceptor) => {
            // A client that does not trust the test CA gives up here; there is nobody to tell.
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, emulator, Scheme::Https).await;
            }
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, emulator: Arc<Emulator>, scheme: Scheme) {
    let service = service_fn(move |request| {
        let emulator = Arc::clone(&emulator);
        async move { emulator.answer(request, scheme).await }
    });
    // Ends with an error when the client goes away or when a fault drops the answer; both are meant.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
