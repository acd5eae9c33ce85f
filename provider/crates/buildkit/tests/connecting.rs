//! What happens when nothing useful answers at an address.
//!
//! Responsible for the time and the words of a failed connection, against sockets that this test holds itself.
//!
//! Refuses to need a builder.

use std::path::Path;
use std::time::{Duration, Instant};

use fastcontainer_buildkit::{AddressOrigin, BuilderAddress, ConnectError, Patience, ResolvedAddress, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

fn socket(path: &Path) -> ResolvedAddress {
    ResolvedAddress {
        address: BuilderAddress::Unix(path.to_owned()),
        origin: AddressOrigin::DefaultSocket,
    }
}

/// Waits for an answer that long.
#[cfg(test)]
fn patience(answer: Duration) -> Patience {
    let reach = Duration::from_millis(200);
    Patience { reach, answer }
}

#[tokio::test]
async fn no_socket_fails_at_once_and_says_where_it_looked() {
    let start = Instant::now();
    let error = connect(
        &socket(Path::new("/nonexistent/docker.sock")),
        patience(Duration::from_secs(2)),
    )
    .await
    .unwrap_err();
    assert!(start.elapsed() < Duration::from_millis(1500));
    assert!(matches!(error, ConnectError::Unreachable { .. }));
    let text = error.to_string();
    for part in [
        "unix:///nonexistent/docker.sock",
        "BUILDKIT_HOST",
        "DOCKER_HOST",
        "Docker context",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn a_listener_that_never_answers_is_given_up_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("silent.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let start = Instant::now();
    let error = connect(&socket(&path), patience(Duration::from_millis(300)))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_connection_that_is_stuck_is_given_up_for_another() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stuck.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let mut stuck = Vec::new();
        for _ in 0..2 {
            stuck.push(listener.accept().await);
        }
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
        }
    });
    let error = connect(&socket(&path), patience(Duration::from_secs(3)))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::NotABuilder { .. }), "{error}");
}

#[tokio::test]
async fn a_listener_that_takes_its_time_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("busy.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(600)).await;
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
        }
    });
    let error = connect(&socket(&path), patience(Duration::from_secs(10)))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::NotABuilder { .. }), "{error}");
}

/// Answers each connection with the same bytes.
#[cfg(test)]
async fn answering(path: &Path, answer: &'static [u8]) {
    let listener = UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(answer).await;
        }
    });
}

#[tokio::test]
async fn other_services_are_not_taken_for_builders() {
    let answers: [&[u8]; 4] = [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"",
    ];
    for (i, answer) in answers.into_iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(format!("{i}.sock"));
        answering(&path, answer).await;
        let error = connect(&socket(&path), patience(Duration::from_secs(5)))
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectError::NotABuilder { .. }), "{i}: {error}");
    }
}

#[tokio::test]
async fn a_container_without_docker_or_buildctl_is_unreachable_with_the_reason() {
    let address = ResolvedAddress {
        address: BuilderAddress::DockerContainer("no-such-container-of-mine".into()),
        origin: AddressOrigin::Explicit,
    };
    let error = connect(&address, patience(Duration::from_secs(10))).await.unwrap_err();
    assert!(
        matches!(
            &error,
            ConnectError::Unreachable { .. } | ConnectError::NotABuilder { .. }
        ),
        "{error}"
    );
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(!source.is_empty() && !source.contains("broken pipe"), "{source}");
}
