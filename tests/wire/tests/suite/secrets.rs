//! Secrets and caches among the inputs: what counts, what is hidden, what is refused.

use fastcontainer_property::{PropertyMap, PropertyValue};
use fastcontainer_proto::pulumirpc::diff_response::DiffChanges;
use prost::Message;
use wire::{Checked, Image, Provider, bag};

use crate::sources::{context, inputs, with, write};

const CANARY: &str = "canary-7c1f4d";
const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:npm-AbCdEf";

fn secrets(value: impl Into<PropertyValue>) -> PropertyMap {
    bag([("token", value.into())])
}

async fn checked(provider: &Provider, news: &PropertyMap) -> Checked {
    let checked = Image::named("api").check(provider, news).await.unwrap();
    assert!(checked.failures.is_empty(), "{:?}", checked.failures);
    checked
}

#[tokio::test]
async fn values_come_back_marked_as_secret_and_outputs_do_not_repeat_them() {
    let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
    let news = with(&inputs(context.path()), "secrets", secrets(CANARY));
    let checked = checked(&provider, &news).await.inputs;
    let wanted = PropertyValue::Object(secrets(PropertyValue::secret(CANARY)));
    assert_eq!(checked["secrets"], wanted);
    let answer = provider.client().create(image.creation(&checked, true)).await.unwrap();
    let bytes = answer.into_inner().encode_to_vec();
    assert!(!holds(&bytes, CANARY) && !holds(&bytes, "secrets"), "{bytes:?}");
    let said = format!(
        "{:?} {} {}",
        provider.engine.logs(),
        provider.stdout(),
        provider.stderr()
    );
    assert!(!said.contains(CANARY), "{said}");
}

#[tokio::test]
async fn ids_count_and_values_do_not() {
    let (provider, context) = (Provider::start().await.unwrap(), context());
    let plain = inputs(context.path());
    let total = async |news: PropertyMap| {
        let checked = checked(&provider, &news).await;
        checked.fingerprint("total").unwrap().to_owned()
    };
    let with_secret = total(with(&plain, "secrets", secrets(CANARY))).await;
    assert_ne!(with_secret, total(plain.clone()).await);
    assert_eq!(with_secret, total(with(&plain, "secrets", secrets("another"))).await);
    assert_eq!(with_secret, total(with(&plain, "secretRefs", secrets(ARN))).await);
    assert_eq!(
        total(plain.clone()).await,
        total(with(&plain, "secrets", PropertyMap::new())).await
    );
    let other_id = bag([("other", CANARY.into())]);
    assert_ne!(with_secret, total(with(&plain, "secrets", other_id)).await);
}

#[tokio::test]
async fn a_value_that_is_not_known_yet_keeps_nothing_from_being_told() {
    let (provider, context) = (Provider::start().await.unwrap(), context());
    let plain = inputs(context.path());
    let known = checked(&provider, &with(&plain, "secrets", secrets(CANARY))).await;
    for name in ["secrets", "secretRefs"] {
        let open = checked(&provider, &with(&plain, name, secrets(PropertyValue::Unknown))).await;
        assert_eq!(open.fingerprint("total"), known.fingerprint("total"), "{name}");
        let all = checked(&provider, &with(&plain, name, PropertyValue::Unknown)).await;
        assert!(all.is_unknown("total") && all.is_unknown("options"), "{name}");
    }
}

#[tokio::test]
async fn a_new_value_or_another_cache_is_no_difference_and_a_new_id_is_one() {
    let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
    let plain = inputs(context.path());
    let old = checked(&provider, &with(&plain, "secrets", secrets(CANARY)))
        .await
        .inputs;
    let cache = bag([("mode", "max".into())]);
    for news in [
        with(&plain, "secrets", secrets("rotated")),
        with(&plain, "secretRefs", secrets("env:TOKEN")),
        with(&with(&plain, "secrets", secrets(CANARY)), "cache", cache),
    ] {
        let new = image.check_again(&provider, &old, &news).await.unwrap().inputs;
        let diff = image.diff(&provider, &old, &new, &[]).await.unwrap();
        assert_eq!(diff.changes, DiffChanges::DiffNone, "{news:?}");
    }
    let two = bag([("token", "rotated".into()), ("more", CANARY.into())]);
    let new = image
        .check_again(&provider, &old, &with(&plain, "secrets", two))
        .await
        .unwrap()
        .inputs;
    let diff = image.diff(&provider, &old, &new, &[]).await.unwrap();
    let paths: Vec<_> = diff.detailed.keys().map(String::as_str).collect();
    assert_eq!(paths, ["fingerprint.options", "secrets.more"]);
}

#[tokio::test]
async fn mistakes_are_named_with_their_place_and_without_the_value() {
    let (provider, context) = (Provider::start().await.unwrap(), context());
    let large = "x".repeat(500 * 1024 + 1);
    let values = bag([
        ("token", CANARY.into()),
        ("two words", CANARY.into()),
        ("large", large.as_str().into()),
    ]);
    let references = bag([
        ("token", "env:TOKEN".into()),
        ("value", CANARY.into()),
        ("empty", "file:".into()),
    ]);
    let registry = |reference: &str| bag([("registry", bag([("ref", reference.into())]).into())]);
    let digest = format!("ghcr.io/me/app@sha256:{}", "0".repeat(64));
    let exports: Vec<PropertyValue> = vec![
        registry("ghcr.io/me/app:cache").into(),
        registry(&digest).into(),
        registry("ghcr.io/me/app:fc-0").into(),
        PropertyMap::new().into(),
    ];
    let imports: Vec<PropertyValue> = vec![registry(&digest).into(), registry("Not An Image").into()];
    let cache = bag([
        ("imports", imports.into()),
        ("exports", exports.into()),
        ("mode", "full".into()),
    ]);
    let mut news = with(&inputs(context.path()), "secrets", values);
    news.insert("secretRefs".to_owned(), references.into());
    news.insert("cache".to_owned(), cache.into());
    let failures = Image::named("api").check(&provider, &news).await.unwrap().failures;
    let paths: Vec<_> = failures.keys().map(String::as_str).collect();
    let expected = [
        "cache.exports[1].registry.ref",
        "cache.exports[2].registry.ref",
        "cache.exports[3]",
        "cache.imports[1].registry.ref",
        "cache.mode",
        "secretRefs.empty",
        "secretRefs.token",
        "secretRefs.value",
        "secrets.large",
        "secrets[\"two words\"]",
    ];
    assert_eq!(paths, expected, "{failures:?}");
    assert!(failures.values().all(|reason| !reason.contains(CANARY)), "{failures:?}");
}

#[tokio::test]
async fn images_with_secrets_have_tags_of_their_own() {
    let (provider, context) = (Provider::start().await.unwrap(), context());
    write(context.path(), "Dockerfile", "FROM scratch\nCOPY src /src\n");
    let plain = with(&inputs(context.path()), "secrets", secrets(CANARY));
    let mut tags = Vec::new();
    for (name, stack, reuse) in [
        ("api", "dev", None),
        ("api", "prod", None),
        ("web", "dev", None),
        ("api", "dev", Some("anywhere")),
        ("web", "prod", Some("anywhere")),
    ] {
        let image = Image {
            name: name.to_owned(),
            stack: stack.to_owned(),
        };
        let news = reuse.map_or_else(|| plain.clone(), |reuse| with(&plain, "reuse", reuse));
        let checked = image.check(&provider, &news).await.unwrap().inputs;
        let answer = provider
            .client()
            .create(image.creation(&checked, true))
            .await
            .unwrap()
            .into_inner();
        let outputs = fastcontainer_property::wire::from_struct(&answer.properties.unwrap()).unwrap();
        tags.push(outputs["contentTag"].as_str().unwrap().to_owned());
    }
    let kept_apart = [&tags[0], &tags[1], &tags[2], &tags[3]];
    assert!(
        kept_apart
            .iter()
            .enumerate()
            .all(|(at, tag)| !kept_apart[..at].contains(tag)),
        "{tags:?}"
    );
    assert_eq!(tags[3], tags[4]);
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
