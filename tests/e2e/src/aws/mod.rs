//! AWS's own command-line interface, as a user calls it.
//!
//! Starting it takes half a second of CPU, so one process answers all calls of a test program, one after the other.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use fastcontainer_lab::Tool;
use serde_json::{Value, json};

use crate::lab;

/// Region of calls that name none.
const REGION: &str = "eu-central-1";

/// Calls AWS's own command-line interface.
///
/// # Panics
/// When the call fails.
pub fn aws(arguments: &[&str]) -> Value {
    aws_with(&[], arguments)
}

/// The same with more variables, such as keys.
pub(crate) fn aws_with(environment: &[(&str, String)], arguments: &[&str]) -> Value {
    call(environment, arguments).unwrap_or_else(|said| panic!("aws {arguments:?}: {said}"))
}

/// The same for who can live with a refusal.
///
/// # Errors
/// What the call said.
pub fn try_aws(arguments: &[&str]) -> Result<Value, String> {
    call(&[], arguments)
}

fn call(environment: &[(&str, String)], arguments: &[&str]) -> Result<Value, String> {
    let environment: Value = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let arguments = [arguments, &["--output", "json"]].concat();
    let call = json!({ "environment": environment, "arguments": arguments });
    let answer = ask(&call).map_err(|error| format!("its process: {error}"))?;
    let text = |member: &str| answer[member].as_str().unwrap_or_default().trim();
    if answer["success"] == true {
        return Ok(serde_json::from_str(text("said")).unwrap_or_default());
    }
    Err(text("complained").to_owned())
}

/// The process that answers; started by the first call, ends with the test program.
static RESIDENT: Mutex<Option<Resident>> = Mutex::new(None);

struct Resident {
    _process: Child,
    calls: ChildStdin,
    answers: BufReader<ChildStdout>,
}

fn ask(call: &Value) -> io::Result<Value> {
    let mut resident = RESIDENT.lock().unwrap_or_else(PoisonError::into_inner);
    let resident = match resident.as_mut() {
        Some(resident) => resident,
        None => resident.insert(Resident::start()?),
    };
    resident.ask(call)
}

impl Resident {
    fn start() -> io::Result<Self> {
        let mut process = Command::new(lab().tools().directory(Tool::AwsCli).join("bin/python"))
            .args(["-c", include_str!("resident.py")])
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_CA_BUNDLE", std::env::var_os("SSL_CERT_FILE").unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(calls), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Self {
            _process: process,
            calls,
            answers: BufReader::new(answers),
        })
    }

    fn ask(&mut self, call: &Value) -> io::Result<Value> {
        writeln!(self.calls, "{call}")?;
        self.calls.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Ok(serde_json::from_str(&answer)?)
    }
}
