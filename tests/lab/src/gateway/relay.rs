//! The inside end of the gateway: hands every connection to the Unix socket, byte by byte.
//!
//! It reads nothing and decides nothing; a socket in a folder is reachable from any network namespace, which is all it uses.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;

use super::ADDRESS;
use crate::error::{Result, cannot};

/// Listens on port 443 of the gateway's address until the process ends.
///
/// # Errors
/// When the address is taken.
pub(crate) fn start(socket: &Path) -> Result<()> {
    let listener = TcpListener::bind((ADDRESS, 443)).map_err(cannot("listen for", socket))?;
    let socket = socket.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let socket: PathBuf = socket.clone();
            // A connection that fails is its client's to report.
            thread::spawn(move || relay(&stream, &socket));
        }
    });
    Ok(())
}

fn relay(client: &TcpStream, socket: &Path) -> io::Result<()> {
    let server = UnixStream::connect(socket)?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let upwards = thread::spawn(move || {
        let outcome = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
        outcome
    });
    let (mut from_server, mut to_client) = (server, client.try_clone()?);
    let downwards = io::copy(&mut from_server, &mut to_client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = upwards.join();
    downwards.map(drop)
}
