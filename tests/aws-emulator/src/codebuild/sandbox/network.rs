//! Sockets inside a sandbox's network, held by the emulator outside.
//!
//! A socket belongs to the network in which it was made. A thread of its own enters the sandbox's network, makes the
//! socket and ends, so that a build reaches the emulator under real addresses and ports without any relay. Other servers
//! that a build may reach are relayed to.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// Listens at an address in the network of the process `pid`.
pub(in crate::codebuild) fn open_tcp(pid: u32, address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
    let listener = inside(pid, move || TcpListener::bind(address))?;
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

/// Receives datagrams at an address in the network of the process `pid`.
pub(in crate::codebuild) fn open_udp(pid: u32, address: SocketAddr) -> io::Result<tokio::net::UdpSocket> {
    let socket = inside(pid, move || UdpSocket::bind(address))?;
    socket.set_nonblocking(true)?;
    tokio::net::UdpSocket::from_std(socket)
}

/// Hands connections to `address` in the network of the process `pid` on to that address outside, until told to end.
pub(in crate::codebuild) fn relay(pid: u32, address: SocketAddr, running: CancellationToken) -> io::Result<()> {
    let listener = open_tcp(pid, address)?;
    tokio::spawn(async move {
        tokio::select! {
            () = running.cancelled() => {}
            () = hand_over(&listener, address) => {}
        }
    });
    Ok(())
}

async fn hand_over(listener: &tokio::net::TcpListener, address: SocketAddr) {
    loop {
        // A failed accept concerns one client, or passes when descriptors are free again.
        let Ok((mut client, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(async move {
            // A connection that fails is its client's to report.
            if let Ok(mut server) = TcpStream::connect(address).await {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

fn inside<T: Send + 'static>(pid: u32, make: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let network = File::open(format!("/proc/{pid}/ns/net"))?;
    let thread = std::thread::spawn(move || {
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&network), Some(LinkNameSpaceType::Network))?;
        make()
    });
    thread
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the thread in the sandbox's network ended")))
}
