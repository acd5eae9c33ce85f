//! Images as they run: pulled by digest, as the user that the image names, asked over HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use e2e::{lab, port};
use fastcontainer_lab::ContainerOptions;
use serde_json::Value;

/// Starts a server that listens on the port in `PORT`, and returns what it answers to `GET path`.
#[track_caller]
pub(crate) fn answer(reference: &str, path: &str) -> String {
    assert!(reference.contains("@sha256:"), "{reference}");
    let port = port();
    let options = ContainerOptions {
        environment: vec![("PORT".to_owned(), port.to_string())],
        ..ContainerOptions::default()
    };
    let container = lab().start_image(reference, &options).expect("a container");
    let deadline = Instant::now() + Duration::from_secs(40);
    let text = loop {
        if let Some(text) = get(port, path) {
            break text;
        }
        assert!(
            Instant::now() < deadline && container.is_running(),
            "{reference} does not answer: {}",
            container.log()
        );
        std::thread::sleep(Duration::from_millis(50));
    };
    container.stop().expect("the container ends");
    text
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?;
    assert_eq!(status, "200", "{text}");
    Some(body.to_owned())
}

/// The user that an image's programs run as.
pub(crate) fn user_of(reference: &str) -> Value {
    let pulled = lab().pull(reference).expect("an image");
    pulled.config["config"]["User"].clone()
}
