//! Previews without a registry: promises that can be kept, and a reason for everything else.

use std::time::Duration;

use fastcontainer_property::{PropertyMap, PropertyValue, wire::from_struct};
use tokio::time::timeout;
use wire::{Image, Provider};

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

#[tokio::test]
async fn a_registry_that_is_down_does_not_fail_a_preview() {
    let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
    let checked = image.check(&provider, &inputs(context.path())).await.unwrap().inputs;
    write(context.path(), "src/main.py", "print('two')\n");
    let mut changed = inputs(context.path());
    changed = image.check_again(&provider, &checked, &changed).await.unwrap().inputs;
    let request = image.change((&checked, &checked), &changed, true);
    let mut client = provider.client();
    let answer = timeout(Duration::from_secs(60), client.update(request))
        .await
        .expect("the preview hangs");
    let outputs = from_struct(&answer.unwrap().into_inner().properties.unwrap()).unwrap();
    assert_eq!(outputs["digest"], PropertyValue::Unknown);
    let lasting = provider.engine.lasting(&image.urn()).join("\n");
    assert!(
        lasting.contains("src/main.py"),
        "the changed file is not named: {lasting}"
    );
}
