//! Talks to language servers as editors do: Pyright over the Language Server Protocol, TypeScript over its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

struct Pipes {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Pipes {
    fn open(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            input: child.stdin.take().expect("a pipe"),
            output: BufReader::new(child.stdout.take().expect("a pipe")),
            child,
        }
    }

    /// One message with its `Content-Length` header.
    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).expect("the server's answer");
            assert!(read > 0, "the language server has ended");
            if let Some(number) = line.strip_prefix("Content-Length: ") {
                length = number.trim().parse().expect("a length");
            } else if line.trim().is_empty() && length > 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).expect("the server's answer");
        serde_json::from_slice(&body).expect("JSON")
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server of the Language Server Protocol.
pub struct LanguageServer {
    pipes: Pipes,
    last: u64,
}

impl LanguageServer {
    /// Starts a server on a folder.
    #[must_use]
    pub fn start(command: &mut Command, folder: &Path) -> Self {
        let mut server = Self {
            pipes: Pipes::open(command),
            last: 0,
        };
        let uri = format!("file://{}", folder.display());
        let plain = json!({ "documentationFormat": ["plaintext"] });
        let capabilities = json!({ "textDocument": {
            "completion": { "completionItem": plain },
            "signatureHelp": { "signatureInformation": plain },
        } });
        server.ask(
            "initialize",
            &json!({ "processId": null, "rootUri": uri, "capabilities": capabilities,
                "workspaceFolders": [{ "uri": uri, "name": "program" }] }),
        );
        server.tell("initialized", &json!({}));
        server
    }

    /// Asks what fits behind `text` at its end, and returns the item called `label` with everything known about it.
    #[must_use]
    pub fn complete(&mut self, file: &Path, language: &str, text: &str, label: &str) -> Value {
        let place = self.open(file, language, text);
        let found = self.ask("textDocument/completion", &place);
        let items = found["items"].as_array().cloned().unwrap_or_default();
        let labels: Vec<&Value> = items.iter().map(|item| &item["label"]).take(60).collect();
        let item = items.iter().find(|item| item["label"] == label);
        let item = item.unwrap_or_else(|| panic!("no `{label}` among {labels:?}")).clone();
        self.ask("completionItem/resolve", &item)
    }

    /// Asks what is known about the call that `text` ends in.
    #[must_use]
    pub fn signature(&mut self, file: &Path, language: &str, text: &str) -> Value {
        let place = self.open(file, language, text);
        self.ask("textDocument/signatureHelp", &place)
    }

    /// Opens a file; the answer is the place at its end.
    fn open(&mut self, file: &Path, language: &str, text: &str) -> Value {
        let uri = format!("file://{}", file.display());
        let document = json!({ "uri": uri, "languageId": language, "version": 1, "text": text });
        self.tell("textDocument/didOpen", &json!({ "textDocument": document }));
        let last = text.rsplit('\n').next().unwrap_or_default();
        let position = json!({ "line": text.matches('\n').count(), "character": last.len() });
        json!({ "textDocument": { "uri": uri }, "position": position })
    }

    fn tell(&mut self, method: &str, parameters: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": parameters }));
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let id = self.last;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters }));
        loop {
            let message = self.pipes.receive();
            if message["method"].is_string() && !message["id"].is_null() {
                // A question of the server, such as for settings: there are none.
                let count = message["params"]["items"].as_array().map_or(0, Vec::len);
                let none: Vec<Value> = vec![Value::Null; count];
                self.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": none }));
            } else if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        write!(self.pipes.input, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("the server reads");
        self.pipes.input.flush().expect("the server reads");
    }
}

/// TypeScript's own server, which editors use for it.
pub struct TypeScriptServer {
    pipes: Pipes,
    last: u64,
}

impl TypeScriptServer {
    /// Starts the server.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        Self {
            pipes: Pipes::open(command.arg("--disableAutomaticTypingAcquisition")),
            last: 0,
        }
    }

    /// Asks what fits behind `text` at its end, and returns all that is known about `name`.
    #[must_use]
    pub fn complete(&mut self, file: &Path, text: &str, name: &str) -> Value {
        self.send("open", &json!({ "file": file, "fileContent": text }));
        let last = text.rsplit('\n').next().unwrap_or_default();
        let place = json!({ "file": file, "line": text.matches('\n').count() + 1, "offset": last.len() + 1 });
        let found = self.ask("completionInfo", &place);
        let entries = found["entries"].as_array().cloned().unwrap_or_default();
        assert!(
            entries.iter().any(|entry| entry["name"] == name),
            "no `{name}` among {:?}",
            entries.iter().map(|entry| &entry["name"]).take(60).collect::<Vec<_>>()
        );
        let mut details = place;
        details["entryNames"] = json!([name]);
        self.ask("completionEntryDetails", &details)[0].clone()
    }

    fn send(&mut self, command: &str, arguments: &Value) {
        self.last += 1;
        let request = json!({ "seq": self.last, "type": "request", "command": command, "arguments": arguments });
        writeln!(self.pipes.input, "{request}").expect("the server reads");
        self.pipes.input.flush().expect("the server reads");
    }

    fn ask(&mut self, command: &str, arguments: &Value) -> Value {
        self.send(command, arguments);
        loop {
            let message = self.pipes.receive();
            if message["type"] == "response" && message["request_seq"] == self.last {
                assert_eq!(message["success"], true, "{command}: {message}");
                return message["body"].clone();
            }
        }
    }
}
