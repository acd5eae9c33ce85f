//! A plain file server, as a company has one inside.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server of the files in one folder. Lives until the tests end.
pub(crate) struct Mirror {
    /// Its address.
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Mirror {
    pub(crate) fn of(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/plugins", listener.local_addr().expect("an address"));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (folder, noted) = (folder.to_owned(), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.expect("a connection"), &folder, &noted);
            }
        });
        Self { url, asked }
    }

    /// Paths that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("the list").clone()
    }
}

fn answer(mut stream: TcpStream, folder: &Path, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().expect("a connection")).lines();
    let Some(Ok(first)) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let _headers = lines
        .take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
        .count();
    let file: Option<PathBuf> = path.strip_prefix("/plugins/").map(|name| folder.join(name));
    asked.lock().expect("the list").push(path);
    let (status, body) = match file.map(fs::read) {
        Some(Ok(body)) => ("200 OK", body),
        _ => ("404 Not Found", b"no such file".to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // A client that has seen enough goes away.
    let _sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}
