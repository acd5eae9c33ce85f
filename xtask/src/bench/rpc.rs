//! A provider's program as an engine starts it, and an engine's requests for one resource of it.
//!
//! Works with any provider: bags are `Struct`s as they come over the wire, and come back as they were sent. Every request
//! has to succeed; one that does not ends the measurement with what the provider said.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fastcontainer_proto::pulumirpc::diff_response::DiffChanges;
use fastcontainer_proto::pulumirpc::resource_provider_client::ResourceProviderClient;
use fastcontainer_proto::pulumirpc::{CheckRequest, ConfigureRequest, CreateRequest, DiffRequest};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tonic::transport::Channel;
use wire::Engine;

const NAME: &str = "app";

/// A running provider; ends with its value.
pub(super) struct Running {
    client: ResourceProviderClient<Channel>,
    child: Child,
    _engine: Engine,
    /// Open, so that whatever the provider prints does not end it.
    _output: BufReader<ChildStdout>,
}

/// A resource in the state.
pub(super) struct State {
    pub(super) inputs: Struct,
    pub(super) outputs: Struct,
}

impl Running {
    /// Starts and configures it.
    pub(super) async fn start(program: &Path, configuration: &Value) -> Self {
        let engine = Engine::start().await.expect("an engine");
        let mut child = Command::new(program)
            .arg(engine.address())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut output = BufReader::new(child.stdout.take().expect("standard output"));
        let mut port = String::new();
        output.read_line(&mut port).await.expect("the port line");
        let address = format!("http://127.0.0.1:{}", port.trim());
        let client = ResourceProviderClient::connect(address).await.expect("the provider");
        let mut running = Self {
            client,
            child,
            _engine: engine,
            _output: output,
        };
        let request = ConfigureRequest {
            args: Some(bag(configuration)),
            accept_secrets: true,
            accept_resources: true,
            sends_old_inputs: true,
            ..Default::default()
        };
        running.client.configure(request).await.expect("Configure");
        running
    }

    /// The checked inputs.
    pub(super) async fn check(&mut self, kind: &str, olds: Option<Struct>, news: Struct) -> Struct {
        let request = CheckRequest {
            urn: urn(kind),
            olds,
            news: Some(news),
            random_seed: vec![7; 32],
            name: NAME.to_owned(),
            r#type: kind.to_owned(),
            ..Default::default()
        };
        let answer = self.client.check(request).await.expect("Check").into_inner();
        assert!(answer.failures.is_empty(), "Check: {:?}", answer.failures);
        answer.inputs.expect("checked inputs")
    }

    /// Makes the resource; the answer is its outputs.
    pub(super) async fn create(&mut self, kind: &str, inputs: Struct) -> Struct {
        self.send_create(kind, inputs, false).await
    }

    /// The outputs that a preview of its creation promises.
    pub(super) async fn preview(&mut self, kind: &str, inputs: Struct) -> Struct {
        self.send_create(kind, inputs, true).await
    }

    async fn send_create(&mut self, kind: &str, inputs: Struct, preview: bool) -> Struct {
        let request = CreateRequest {
            urn: urn(kind),
            properties: Some(inputs),
            preview,
            name: NAME.to_owned(),
            r#type: kind.to_owned(),
            ..Default::default()
        };
        let answer = self.client.create(request).await.expect("Create").into_inner();
        answer.properties.expect("outputs")
    }

    /// Demands that nothing differs.
    pub(super) async fn diff(&mut self, kind: &str, state: &State, news: Struct) {
        let request = DiffRequest {
            id: NAME.to_owned(),
            urn: urn(kind),
            olds: Some(state.outputs.clone()),
            news: Some(news),
            old_inputs: Some(state.inputs.clone()),
            name: NAME.to_owned(),
            r#type: kind.to_owned(),
            ..Default::default()
        };
        let answer = self.client.diff(request).await.expect("Diff").into_inner();
        assert_eq!(answer.changes(), DiffChanges::DiffNone, "{answer:?}");
    }

    /// Ends it as an engine does at its own end: Cancel, and a moment to tidy up.
    pub(super) async fn end(mut self) {
        self.client.cancel(()).await.expect("Cancel");
        let patience = Duration::from_secs(1);
        // A provider that is still there goes with its value.
        let _ = tokio::time::timeout(patience, self.child.wait()).await;
    }
}

fn urn(kind: &str) -> String {
    format!("urn:pulumi:dev::bench::{kind}::{NAME}")
}

/// A text among properties.
pub(super) fn text<'a>(properties: &'a Struct, name: &str) -> Option<&'a str> {
    match properties.fields.get(name)?.kind.as_ref()? {
        Kind::StringValue(text) => Some(text),
        _ => None,
    }
}

/// A property bag from a JSON object.
pub(super) fn bag(object: &Value) -> Struct {
    let members = object.as_object().expect("an object").iter();
    Struct {
        fields: members.map(|(name, member)| (name.clone(), value(member))).collect(),
    }
}

fn value(json: &Value) -> prost_types::Value {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(truth) => Kind::BoolValue(*truth),
        Value::Number(number) => Kind::NumberValue(number.as_f64().expect("a number")),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(list) => Kind::ListValue(ListValue {
            values: list.iter().map(value).collect(),
        }),
        Value::Object(_) => Kind::StructValue(bag(json)),
    };
    prost_types::Value { kind: Some(kind) }
}
