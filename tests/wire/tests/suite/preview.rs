//! Previews without a registry: promises that can be kept, and a reason for everything else.

use std::time::Duration;

use fastcontainer_property::{
    PropertyMap, PropertyValue,
    wire::{from_struct, to_struct},
};
use fastcontainer_proto::pulumirpc::InvokeRequest;
use tokio::time::timeout;
use wire::{Image, Provider, bag};

use crate::sources::{context, inputs, with, write};

async fn previewed(provider: &Provider, image: &Image, inputs: &PropertyMap) -> PropertyMap {
    let creating = provider
        .client()
        .create(image.creation(inputs, true))
        .await
        .unwrap()
        .into_inner();
    from_struct(&creating.properties.unwrap()).unwrap()
}

#[tokio::test]
async fn a_new_image_is_announced_once_with_a_reason() {
    let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
    let checked = image.check(&provider, &inputs(context.path())).await.unwrap().inputs;
    let outputs = previewed(&provider, &image, &checked).await;
    for open in ["imageUri", "digest"] {
        assert_eq!(outputs[open], PropertyValue::Unknown, "{open}");
    }
    assert_eq!(outputs["fingerprint"], checked["fingerprint"]);
    let tag = outputs["contentTag"].as_str().unwrap();
    assert!(tag.len() == 43 && tag.starts_with("fc-"), "{tag}");
    assert_eq!(
        outputs["contentTagUri"].as_str(),
        Some(&*format!("localhost:1/app:{tag}"))
    );
    let lasting = provider.engine.lasting(&image.urn());
    assert_eq!(lasting.len(), 1, "{lasting:?}");
    assert!(lasting[0].starts_with("api: "), "{lasting:?}");
}

#[tokio::test]
async fn what_stands_on_an_unknown_input_is_unknown() {
    let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
    let news = with(&inputs(context.path()), "context", PropertyValue::Unknown);
    let checked = image.check(&provider, &news).await.unwrap().inputs;
    let outputs = previewed(&provider, &image, &checked).await;
    for open in ["imageUri", "digest", "contentTag", "contentTagUri"] {
        assert_eq!(outputs[open], PropertyValue::Unknown, "{open}");
    }
    let lasting = provider.engine.lasting(&image.urn()).join("\n");
    assert!(lasting.contains("context"), "the unknown input is not named: {lasting}");
}

#[tokio::test]
async fn equal_content_has_one_tag_in_every_stack_unless_it_is_kept_apart() {
    let (provider, context) = (Provider::start().await.unwrap(), context());
    let mut tags = Vec::new();
    for (stack, reuse) in [
        ("dev", "anywhere"),
        ("prod", "anywhere"),
        ("dev", "stack"),
        ("prod", "stack"),
    ] {
        let image = Image {
            name: "api".to_owned(),
            stack: stack.to_owned(),
        };
        let checked = image
            .check(&provider, &with(&inputs(context.path()), "reuse", reuse))
            .await
            .unwrap()
            .inputs;
        tags.push(previewed(&provider, &image, &checked).await["contentTag"].clone());
    }
    assert_eq!(tags[0], tags[1]);
    assert!(
        tags[1] != tags[2] && tags[2] != tags[3] && tags[1] != tags[3],
        "{tags:?}"
    );
}

#[tokio::test]
async fn a_build_that_shares_nothing_has_no_tag_yet() {
    let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
    let checked = image
        .check(&provider, &with(&inputs(context.path()), "reuse", "never"))
        .await
        .unwrap()
        .inputs;
    assert_eq!(
        previewed(&provider, &image, &checked).await["contentTag"],
        PropertyValue::Unknown
    );
}

#[tokio::test]
async fn outputs_made_from_a_secret_are_secret() {
    let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
    let news = with(
        &inputs(context.path()),
        "repository",
        PropertyValue::secret("localhost:1/hidden"),
    );
    let checked = image.check(&provider, &news).await.unwrap().inputs;
    let outputs = previewed(&provider, &image, &checked).await;
    for name in ["repository", "imageUri", "contentTagUri"] {
        assert!(outputs[name].contains_secret(), "{name}");
    }
    let lasting = provider.engine.lasting(&image.urn()).join("\n");
    assert!(!lasting.contains("localhost:1/hidden"), "{lasting}");
}

/// The outputs of an image that was built from checked inputs.
fn built(inputs: &PropertyMap) -> PropertyMap {
    let digest = format!("sha256:{}", "5".repeat(64));
    let build = bag([
        ("backend", "buildkit".into()),
        ("reason", "new image".into()),
        ("reused", false.into()),
        ("startedAt", "2026-01-02T03:04:05Z".into()),
        ("durationSeconds", 1.5.into()),
        ("steps", 3.0.into()),
        ("cachedSteps", 0.0.into()),
        ("contextBytesSent", 20.0.into()),
    ]);
    let own = bag([
        ("imageUri", format!("localhost:1/app@{digest}").into()),
        ("digest", digest.clone().into()),
        ("contentTag", format!("fc-{}", "a".repeat(40)).into()),
        ("contentTagUri", format!("localhost:1/app:fc-{}", "a".repeat(40)).into()),
        ("platformDigests", bag([("linux/amd64", digest.into())]).into()),
        ("sizeBytes", 1000.0.into()),
        ("build", build.into()),
    ]);
    inputs.clone().into_iter().chain(own).collect()
}

#[tokio::test]
async fn a_registry_that_is_down_does_not_fail_a_preview() {
    let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
    let news = inputs(context.path());
    let old = image.check(&provider, &news).await.unwrap().inputs;
    write(context.path(), "src/main.py", "print('two')\n");
    let new = image.check_again(&provider, &old, &news).await.unwrap().inputs;
    let request = image.change((&old, &built(&old)), &new, true);
    let mut client = provider.client();
    let answer = timeout(Duration::from_secs(60), client.update(request))
        .await
        .expect("the preview hangs");
    let outputs = from_struct(&answer.unwrap().into_inner().properties.unwrap()).unwrap();
    assert_eq!(outputs["digest"], PropertyValue::Unknown);
    assert_eq!(outputs["fingerprint"], new["fingerprint"]);
    let lasting = provider.engine.lasting(&image.urn());
    assert_eq!(lasting.len(), 1, "{lasting:?}");
    assert!(lasting[0].starts_with("api: rebuild"), "{lasting:?}");
    assert!(
        lasting[0].contains("src/main.py"),
        "the changed file is not named: {lasting:?}"
    );
    assert!(
        !lasting[0].contains("data.txt"),
        "a file that did not change is named: {lasting:?}"
    );
}

/// Other tags for the image in the state, whatever it was built from while the fingerprint was ignored.
#[tokio::test]
async fn other_tags_are_no_rebuild_when_the_registry_is_down() {
    let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
    let news = inputs(context.path());
    let old = image.check(&provider, &news).await.unwrap().inputs;
    write(context.path(), "src/main.py", "print('two')\n");
    let edited = image.check(&provider, &news).await.unwrap().inputs;
    let tagged = with(&old, "tags", vec!["v2"]);
    for (content, ignored) in [(&old, "tags"), (&edited, "fingerprint")] {
        let mut request = image.change((&old, &built(content)), &tagged, true);
        request.ignore_changes = vec![ignored.to_owned()];
        provider.client().update(request).await.unwrap();
        let lasting = provider.engine.lasting(&image.urn()).pop().unwrap();
        assert!(lasting.starts_with("api: cannot tell yet"), "{lasting}");
    }
}

#[tokio::test]
async fn a_switched_mode_is_named_before_the_files_that_count_now() {
    let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
    let news = inputs(context.path());
    let old = image.check(&provider, &news).await.unwrap().inputs;
    let whole = with(&news, "fingerprintMode", "context");
    let new = image.check_again(&provider, &old, &whole).await.unwrap().inputs;
    let request = image.change((&old, &built(&old)), &new, true);
    provider.client().update(request).await.unwrap();
    let lasting = provider.engine.lasting(&image.urn()).join("\n");
    assert!(
        lasting.starts_with("api: rebuild – fingerprintMode changed; "),
        "{lasting}"
    );
}

#[tokio::test]
async fn the_function_computes_the_fingerprint_of_the_resource() {
    let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
    let args = bag([("VERSION", "2".into())]);
    let checked = image
        .check(&provider, &with(&inputs(context.path()), "buildArgs", args.clone()))
        .await
        .unwrap();
    let arguments = bag([
        ("context", context.path().to_str().unwrap().into()),
        ("buildArgs", args.into()),
    ]);
    let request = InvokeRequest {
        tok: "fastcontainer:index:getFingerprint".to_owned(),
        args: Some(to_struct(&arguments)),
        preview: true,
    };
    let answer = provider.client().invoke(request).await.unwrap().into_inner();
    assert_eq!(answer.failures.len(), 0, "{:?}", answer.failures);
    let result = from_struct(&answer.r#return.unwrap()).unwrap();
    assert_eq!(result["fingerprint"], checked.inputs["fingerprint"]);
    let PropertyValue::List(files) = &result["files"] else {
        panic!("{result:?}")
    };
    assert!(files.contains(&"src/main.py".into()), "{files:?}");
}

#[tokio::test]
async fn functions_answer_no_question_that_is_not_known_yet() {
    let (provider, context) = (Provider::start().await.unwrap(), context());
    let target = with(&inputs(context.path()), "target", PropertyValue::Unknown);
    let tag = bag([
        ("repository", "localhost:1/app".into()),
        ("tag", PropertyValue::Unknown),
    ]);
    for (function, mut arguments, open) in [("getFingerprint", target, "target"), ("getImage", tag, "tag")] {
        if function == "getFingerprint" {
            arguments.remove("repository");
        }
        let request = InvokeRequest {
            tok: format!("fastcontainer:index:{function}"),
            args: Some(to_struct(&arguments)),
            preview: true,
        };
        let answer = provider.client().invoke(request).await.unwrap().into_inner();
        let failed: Vec<_> = answer
            .failures
            .iter()
            .map(|failure| failure.property.as_str())
            .collect();
        assert_eq!(failed, [open], "{:?}", answer.failures);
    }
}
