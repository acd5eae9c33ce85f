//! Runs the built images and asks them, so that "it works" means that a container answered.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use fastcontainer_lab::{ContainerOptions, Lab};

const PATIENCE: Duration = Duration::from_secs(20);

/// Starts an HTTP service from its image and returns the answer to `GET path`.
pub(super) fn ask_http(lab: &Lab, image: &str, path: &str) -> String {
    let options = ContainerOptions {
        environment: vec![("PORT".into(), "8080".into())],
        ..Default::default()
    };
    let container = lab
        .start_image(image, &options)
        .unwrap_or_else(|error| panic!("{image}: {error}"));
    let started = Instant::now();
    let answer = loop {
        match get("127.0.0.1:8080", path) {
            Ok(answer) if answer.starts_with("HTTP/1") => break answer,
            _ if started.elapsed() > PATIENCE => panic!("{image} does not answer:\n{}", container.log()),
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    container.stop().unwrap_or_else(|error| panic!("{image}: {error}"));
    answer
}

fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: demo\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Runs a Lambda image against a runtime API of our own that hands out one event, and returns what the function
/// answered.
pub(super) fn invoke_lambda(lab: &Lab, image: &str, event: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let options = ContainerOptions {
        environment: vec![("AWS_LAMBDA_RUNTIME_API".into(), address)],
        ..Default::default()
    };
    let container = lab
        .start_image(image, &options)
        .unwrap_or_else(|error| panic!("{image}: {error}"));
    let answer = runtime_api(&listener, event);
    container.stop().unwrap_or_else(|error| panic!("{image}: {error}"));
    answer
}

/// `GET …/invocation/next` gets the event, `POST …/response` brings the answer.
fn runtime_api(listener: &TcpListener, event: &str) -> String {
    loop {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let (head, body) = request(&mut stream);
        let next = head.starts_with("GET") && head.contains("/invocation/next");
        let (status, answer) = if next {
            ("200 OK", event)
        } else {
            ("202 Accepted", "{}")
        };
        let headers = "Lambda-Runtime-Aws-Request-Id: demo-1\r\nLambda-Runtime-Deadline-Ms: 4102444800000\r\n\
                       Content-Type: application/json\r\nConnection: close";
        write!(
            stream,
            "HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        )
        .expect("an answer");
        if head.starts_with("POST") {
            assert!(
                head.contains("/invocation/demo-1/response"),
                "the function failed: {body}"
            );
            return body;
        }
    }
}

fn request(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).expect("a request");
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return (head.to_owned(), body.to_owned());
        }
    }
}
