//! Refusals: a code that never marks the user's state as suspect, and words that help.

use std::time::{Duration, Instant};

use fastcontainer_property::{PropertyValue, wire::to_struct};
use fastcontainer_proto::pulumirpc::{
    CheckRequest, ConfigureRequest, CreateRequest, DeleteRequest, DiffRequest, InvokeRequest, ReadRequest,
    UpdateRequest,
};
use prost_types::{Struct, Value, value::Kind};
use tonic::{Code, Status};
use wire::{Image, Provider, bag};

use crate::sources::{context, inputs, with};

/// The engine takes these as "what happened to the resource is not known".
const SUSPECT: [Code; 3] = [Code::Internal, Code::Unknown, Code::DataLoss];

/// A bag with a special value of a kind that does not exist.
fn malformed() -> Struct {
    let text = |text: &str| Value {
        kind: Some(Kind::StringValue(text.to_owned())),
    };
    let special = [(
        "4dabf18193072939515e22adb298388d".to_owned(),
        text("ffffffffffffffffffffffffffffffff"),
    )]
    .into();
    let special = Value {
        kind: Some(Kind::StructValue(Struct { fields: special })),
    };
    Struct {
        fields: [("context".to_owned(), special)].into(),
    }
}

fn invocation(token: &str, arguments: Struct) -> InvokeRequest {
    InvokeRequest {
        tok: token.to_owned(),
        args: Some(arguments),
        ..Default::default()
    }
}

#[tokio::test]
async fn resource_values_of_an_unknown_kind_are_refused() {
    let provider = Provider::start().await.unwrap();
    let (mut client, bad) = (provider.client(), Some(malformed()));
    let mut check = CheckRequest::default();
    let mut diff = DiffRequest::default();
    let mut create = CreateRequest::default();
    let mut update = UpdateRequest::default();
    let mut read = ReadRequest::default();
    for slot in [
        &mut check.news,
        &mut diff.news,
        &mut create.properties,
        &mut update.news,
        &mut read.inputs,
    ] {
        slot.clone_from(&bad);
    }
    let refusals: [(&str, Result<(), Status>); 5] = [
        ("Check", client.check(check).await.map(drop)),
        ("Diff", client.diff(diff).await.map(drop)),
        ("Create", client.create(create).await.map(drop)),
        ("Update", client.update(update).await.map(drop)),
        ("Read", client.read(read).await.map(drop)),
    ];
    for (call, refusal) in refusals {
        assert_eq!(refusal.unwrap_err().code(), Code::InvalidArgument, "{call}");
    }
}

#[tokio::test]
async fn configuration_and_arguments_of_an_unknown_kind_are_refused() {
    let provider = Provider::start().await.unwrap();
    let (mut client, bad) = (provider.client(), Some(malformed()));
    let check = CheckRequest {
        news: bad.clone(),
        ..CheckRequest::default()
    };
    let configure = ConfigureRequest {
        args: bad,
        ..ConfigureRequest::default()
    };
    let refusals: [(&str, Result<(), Status>); 4] = [
        ("CheckConfig", client.check_config(check).await.map(drop)),
        ("Configure", client.configure(configure).await.map(drop)),
        (
            "getImage",
            client
                .invoke(invocation("fastcontainer:index:getImage", malformed()))
                .await
                .map(drop),
        ),
        (
            "no function",
            client
                .invoke(invocation("fastcontainer:index:no", Struct::default()))
                .await
                .map(drop),
        ),
    ];
    for (call, refusal) in refusals {
        assert_eq!(refusal.unwrap_err().code(), Code::InvalidArgument, "{call}");
    }
}

#[tokio::test]
async fn requests_with_nothing_in_them_never_make_the_state_suspect() {
    let provider = Provider::start().await.unwrap();
    let mut client = provider.client();
    let answers: [(&str, Result<(), Status>); 7] = [
        ("Check", client.check(CheckRequest::default()).await.map(drop)),
        ("Diff", client.diff(DiffRequest::default()).await.map(drop)),
        ("Create", client.create(CreateRequest::default()).await.map(drop)),
        ("Update", client.update(UpdateRequest::default()).await.map(drop)),
        ("Read", client.read(ReadRequest::default()).await.map(drop)),
        ("Delete", client.delete(DeleteRequest::default()).await.map(drop)),
        ("Invoke", client.invoke(InvokeRequest::default()).await.map(drop)),
    ];
    for (call, answer) in answers {
        let code = answer.err().map_or(Code::Ok, |status| status.code());
        assert!(!SUSPECT.contains(&code), "{call}: {code:?}");
    }
}

#[tokio::test]
async fn an_import_without_a_registry_cannot_tell() {
    let provider = Provider::start().await.unwrap();
    let import = |id: &str| ReadRequest {
        id: id.to_owned(),
        urn: Image::named("api").urn(),
        ..Default::default()
    };
    let down = provider.client().read(import("localhost:1/app:v1")).await.unwrap_err();
    assert_eq!(down.code(), Code::Unavailable, "{down}");
    assert!(down.message().contains("localhost:1"), "{down}");
    let nonsense = provider.client().read(import("Not A Reference")).await.unwrap_err();
    assert_eq!(nonsense.code(), Code::InvalidArgument, "{nonsense}");
}

#[tokio::test]
async fn a_refresh_without_a_registry_keeps_the_state() {
    let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
    let inputs = image.check(&provider, &inputs(context.path())).await.unwrap().inputs;
    let outputs = with(&inputs, "digest", format!("sha256:{}", "0".repeat(64)));
    let request = ReadRequest {
        id: "localhost:1/app#api".to_owned(),
        urn: image.urn(),
        properties: Some(to_struct(&outputs)),
        inputs: Some(to_struct(&inputs)),
        ..Default::default()
    };
    // Either an error or the state as it was; an empty id would drop the resource.
    match provider.client().read(request).await {
        Ok(answer) => assert_eq!(answer.into_inner().id, "localhost:1/app#api"),
        Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status}"),
    }
}

#[tokio::test]
async fn without_a_builder_an_update_fails_soon_and_says_what_to_start() {
    let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
    let builder = bag([(
        "local",
        bag([("address", "unix:///nowhere/buildkitd.sock".into())]).into(),
    )]);
    let checked = image
        .check(&provider, &with(&inputs(context.path()), "builder", builder))
        .await
        .unwrap()
        .inputs;
    let begin = Instant::now();
    let status = provider
        .client()
        .create(image.creation(&checked, false))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn delete_forgets_and_asks_nobody() {
    let provider = Provider::start().await.unwrap();
    let properties = bag([("repository", "localhost:1/app".into()), ("digest", "sha256:0".into())]);
    let request = DeleteRequest {
        id: "localhost:1/app#api".to_owned(),
        urn: Image::named("api").urn(),
        properties: Some(to_struct(&properties)),
        ..Default::default()
    };
    provider.client().delete(request).await.unwrap();
}

#[tokio::test]
async fn secrets_appear_in_no_refusal_and_no_log() {
    let provider = Provider::start().await.unwrap();
    let login = bag([
        ("address", "localhost:1".into()),
        ("username", "me".into()),
        ("password", PropertyValue::secret("hunter2")),
    ]);
    let arguments = to_struct(&bag([
        ("registries", vec![login].into()),
        ("reuseKey", PropertyValue::secret("hunter2")),
    ]));
    provider
        .client()
        .configure(ConfigureRequest {
            args: Some(arguments),
            ..Default::default()
        })
        .await
        .unwrap();
    let (image, context) = (Image::named("api"), context());
    let checked = image.check(&provider, &inputs(context.path())).await.unwrap().inputs;
    let status = provider
        .client()
        .create(image.creation(&checked, false))
        .await
        .unwrap_err();
    let logs = provider
        .engine
        .logs()
        .into_iter()
        .map(|log| log.message)
        .collect::<String>();
    for text in [status.message(), &logs, &provider.stdout(), &provider.stderr()] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}
