//! A plain HTTP client for daemons of the lab: one request per connection, over TCP or a Unix socket.
//!
//! Speaks HTTP/1.0, so that answers end with the connection and are never chunked. No TLS, no redirects, no reuse: whatever needs those
//! (registries, AWS) goes through real clients.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{LabError, Result, cannot};

const SHOWN: usize = 400;

/// Where a daemon listens.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// Unix socket.
    Unix(PathBuf),
}

/// What a request carries.
pub(crate) enum Body<'a> {
    /// Nothing.
    Empty,
    /// A JSON text.
    Json(&'a str),
    /// The bytes of a file.
    File(&'a Path),
}

/// Sends a request and returns the body of a successful answer.
///
/// # Errors
/// When nobody answers, or with another status than 2xx.
pub(crate) fn request(address: &Address, method: &str, path: &str, body: &Body<'_>) -> Result<Vec<u8>> {
    let operation = format!("{method} {path}");
    let answer = exchange(address, &operation, body)?;
    let (status, content) =
        split(&answer).ok_or_else(|| LabError::malformed(format!("the answer to {operation}"), "no HTTP"))?;
    if (200..300).contains(&status) {
        return Ok(content.to_vec());
    }
    let shown = &content[..content.len().min(SHOWN)];
    Err(LabError::Refused {
        operation,
        status,
        body: String::from_utf8_lossy(shown).trim().to_owned(),
    })
}

fn exchange(address: &Address, operation: &str, body: &Body<'_>) -> Result<Vec<u8>> {
    let mut answer = Vec::new();
    match address {
        Address::Tcp(socket) => TcpStream::connect_timeout(socket, Duration::from_secs(5))
            .and_then(|mut stream| talk(&mut stream, operation, body, &mut answer)),
        Address::Unix(path) => {
            UnixStream::connect(path).and_then(|mut stream| talk(&mut stream, operation, body, &mut answer))
        }
    }
    .map_err(cannot("talk to", &address.shown()))?;
    Ok(answer)
}

fn talk(stream: &mut (impl Read + Write), operation: &str, body: &Body<'_>, answer: &mut Vec<u8>) -> io::Result<()> {
    let (length, kind) = match body {
        Body::Empty => (0, "application/octet-stream"),
        Body::Json(text) => (text.len() as u64, "application/json"),
        Body::File(path) => (path.metadata()?.len(), "application/x-tar"),
    };
    write!(
        stream,
        "{operation} HTTP/1.0\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    )?;
    match body {
        Body::Empty => {}
        Body::Json(text) => stream.write_all(text.as_bytes())?,
        Body::File(path) => {
            io::copy(&mut File::open(path)?, stream)?;
        }
    }
    stream.flush()?;
    stream.read_to_end(answer).map(drop)
}

fn split(answer: &[u8]) -> Option<(u16, &[u8])> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, &answer[end + 4..]))
}

impl Address {
    fn shown(&self) -> PathBuf {
        match self {
            Self::Tcp(socket) => PathBuf::from(socket.to_string()),
            Self::Unix(path) => path.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn answering(answer: &'static str) -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // A socket closed with unread bytes resets the connection and takes the answer with it.
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                asked.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
        });
        Address::Tcp(address)
    }

    #[test]
    fn body_of_a_good_answer_is_returned() {
        let address = answering("HTTP/1.0 200 OK\r\nX: y\r\n\r\nhello");
        assert_eq!(request(&address, "GET", "/", &Body::Empty).unwrap(), b"hello");
    }

    #[test]
    fn refusal_carries_status_and_text() {
        let address = answering("HTTP/1.1 404 Not Found\r\n\r\nno such thing\n");
        let error = request(&address, "GET", "/x", &Body::Empty).unwrap_err();
        assert_eq!(error.to_string(), "GET /x was answered with status 404: no such thing");
    }
}
