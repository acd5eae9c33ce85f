//! Check: every mistake at once, at its place, with a way out; unknowns and secrets keep what they are.

use std::{collections::BTreeMap, fs};

use fastcontainer_property::{PropertyMap, PropertyValue};
use wire::{Checked, Image, Provider, bag};

use crate::sources::{context, inputs, with, write};

async fn check(news: &PropertyMap) -> Checked {
    let provider = Provider::start().await.unwrap();
    Image::named("api").check(&provider, news).await.unwrap()
}

/// The reason of the only failure.
async fn failure_at(path: &str, news: &PropertyMap) -> String {
    let failures = check(news).await.failures;
    assert_eq!(failures.keys().collect::<Vec<_>>(), [path], "{failures:?}");
    failures[path].clone()
}

#[tokio::test]
async fn all_mistakes_are_named_at_once() {
    let args = bag([
        ("TOKEN", PropertyValue::secret("hunter2")),
        ("VERSION", 1.5.into()),
        ("OK", true.into()),
    ]);
    let news = bag([
        ("contxt", ".".into()),
        ("noCache", "yes".into()),
        ("tags", vec![PropertyValue::from("v1"), 1.25.into()].into()),
        ("buildArgs", args.into()),
        ("platforms", vec!["amd64"].into()),
        ("reuse", "sometimes".into()),
        ("network", "bridge".into()),
    ]);
    let failures = check(&news).await.failures;
    let paths: Vec<&str> = failures.keys().map(String::as_str).collect();
    let expected = [
        "buildArgs.TOKEN",
        "buildArgs.VERSION",
        "contxt",
        "network",
        "noCache",
        "platforms[0]",
        "repository",
        "reuse",
        "tags[1]",
    ];
    assert_eq!(paths, expected, "{failures:?}");
    assert!(failures["contxt"].contains("`context`"), "{}", failures["contxt"]);
    assert!(
        failures["buildArgs.VERSION"].contains("quote"),
        "{}",
        failures["buildArgs.VERSION"]
    );
    assert!(failures["tags[1]"].contains("quote"), "{}", failures["tags[1]"]);
    assert!(failures.values().all(|reason| !reason.contains("hunter2")));
}

#[tokio::test]
async fn a_missing_context_comes_with_a_hint() {
    let reason = failure_at("context", &inputs("/nowhere/at/all".as_ref())).await;
    assert!(reason.contains("/nowhere/at/all"), "{reason}");
    assert!(
        reason.contains("output"),
        "the resource that writes the context may be meant: {reason}"
    );
}

#[tokio::test]
async fn a_missing_dockerfile_is_named() {
    let context = context();
    fs::remove_file(context.path().join("Dockerfile")).unwrap();
    let reason = failure_at("dockerfile", &inputs(context.path())).await;
    assert!(reason.contains("Dockerfile"), "{reason}");
}

#[tokio::test]
async fn a_mistake_in_the_dockerfile_has_file_and_line() {
    let context = context();
    write(
        context.path(),
        "Dockerfile",
        "FROM busybox:1.36\n\n# comment\nCOYP src /app\n",
    );
    let reason = failure_at("dockerfile", &inputs(context.path())).await;
    assert!(reason.contains("Dockerfile:4`") && reason.contains("COPY"), "{reason}");
}

#[tokio::test]
async fn a_mistake_in_the_inline_dockerfile_is_found_there() {
    let context = context();
    let news = with(
        &inputs(context.path()),
        "dockerfileInline",
        "FROM busybox:1.36\nRNU true\n",
    );
    let reason = failure_at("dockerfileInline", &news).await;
    assert!(
        reason.contains("`dockerfileInline:2`") && reason.contains("`RUN`"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_target_that_does_not_exist_is_refused_with_those_that_do() {
    let context = context();
    let reason = failure_at("target", &with(&inputs(context.path()), "target", "ap")).await;
    assert!(reason.contains("app"), "{reason}");
}

#[tokio::test]
async fn two_dockerfiles_are_one_too_many() {
    let context = context();
    let path = context.path().join("Dockerfile");
    let news = with(&inputs(context.path()), "dockerfile", path.to_str().unwrap());
    failure_at("dockerfileInline", &with(&news, "dockerfileInline", "FROM scratch\n")).await;
}

#[tokio::test]
async fn a_repository_with_a_tag_is_refused() {
    let context = context();
    for repository in [
        "localhost:1/app:latest",
        "localhost:1/App",
        "https://localhost:1/app",
        "",
    ] {
        failure_at("repository", &with(&inputs(context.path()), "repository", repository)).await;
    }
}

#[tokio::test]
async fn a_fingerprint_in_the_program_is_refused() {
    let context = context();
    let fingerprint = bag([("total", "0".repeat(64).into())]);
    failure_at(
        "fingerprint",
        &with(&inputs(context.path()), "fingerprint", fingerprint),
    )
    .await;
}

#[tokio::test]
async fn booleans_and_integers_are_texts_of_build_arguments() {
    let context = context();
    let args = |value: PropertyValue| with(&inputs(context.path()), "buildArgs", bag([("VERSION", value)]));
    let (typed, quoted) = (check(&args(3.0.into())).await, check(&args("3".into())).await);
    assert_eq!(typed.failures, BTreeMap::new());
    assert_eq!(
        typed.fingerprint("total").unwrap(),
        quoted.fingerprint("total").unwrap()
    );
}

#[tokio::test]
async fn an_unknown_context_leaves_the_fingerprint_open() {
    let context = context();
    let checked = check(&with(&inputs(context.path()), "context", PropertyValue::Unknown)).await;
    assert_eq!(checked.failures, BTreeMap::new());
    assert!(checked.is_unknown("total") && checked.is_unknown("context"));
    assert_eq!(checked.inputs["context"], PropertyValue::Unknown);
}

#[tokio::test]
async fn an_unknown_repository_leaves_the_fingerprint_known() {
    let context = context();
    let known = check(&inputs(context.path())).await;
    for unknown in [PropertyValue::Unknown, PropertyValue::secret(PropertyValue::Unknown)] {
        let checked = check(&with(&inputs(context.path()), "repository", unknown.clone())).await;
        assert_eq!(
            checked.fingerprint("total").unwrap(),
            known.fingerprint("total").unwrap()
        );
        assert_eq!(checked.inputs["repository"], unknown);
    }
}

#[tokio::test]
async fn an_unknown_label_opens_the_options_and_an_unknown_build_argument_the_context_too() {
    let context = context();
    let known = check(&inputs(context.path())).await;
    let unknown = bag([("VERSION", PropertyValue::Unknown)]);
    let checked = check(&with(&inputs(context.path()), "buildArgs", unknown.clone())).await;
    let open = ["total", "options", "context"].map(|part| checked.is_unknown(part));
    assert_eq!(open, [true; 3], "an argument may stand in a path");
    let checked = check(&with(&inputs(context.path()), "labels", unknown)).await;
    assert!(checked.is_unknown("total") && checked.is_unknown("options"));
    assert_eq!(checked.fingerprint("context"), known.fingerprint("context"));
    assert!(known.fingerprint("context").is_some());
}

#[tokio::test]
async fn an_unknown_trigger_inside_a_list_opens_the_total() {
    let context = context();
    let triggers = vec![PropertyValue::from("a"), PropertyValue::Unknown];
    let checked = check(&with(&inputs(context.path()), "triggers", triggers)).await;
    assert_eq!(checked.failures, BTreeMap::new());
    assert!(checked.is_unknown("total"));
}

#[tokio::test]
async fn mistakes_beside_an_unknown_are_still_found() {
    let news = bag([
        ("repository", PropertyValue::Unknown),
        ("context", PropertyValue::Unknown),
        ("tgas", "x".into()),
    ]);
    let reason = failure_at("tgas", &news).await;
    assert!(reason.contains("`tags`"), "{reason}");
}

#[tokio::test]
async fn secret_inputs_stay_secret() {
    let context = context();
    let news = with(
        &inputs(context.path()),
        "repository",
        PropertyValue::secret("localhost:1/app"),
    );
    let checked = check(&news).await;
    assert_eq!(checked.failures, BTreeMap::new());
    assert_eq!(checked.inputs["repository"], PropertyValue::secret("localhost:1/app"));
}

#[tokio::test]
async fn an_archive_is_no_context() {
    let archive = PropertyValue::Opaque(
        fastcontainer_property::OpaqueKind::Archive,
        bag([("path", "./app".into())]),
    );
    let reason = failure_at("context", &with(&inputs("x".as_ref()), "context", archive)).await;
    assert!(reason.contains("path"), "{reason}");
}

#[tokio::test]
async fn named_contexts_that_no_build_would_read_are_refused() {
    let (context, directory) = (context(), "src");
    let news = |names: [(&str, PropertyValue); 2]| with(&inputs(context.path()), "namedContexts", bag(names));
    let twice = news([("docker.io/library/lib", directory.into()), ("lib", directory.into())]);
    let reason = failure_at("namedContexts.lib", &twice).await;
    assert!(reason.contains("`docker.io/library/lib`"), "{reason}");
    let never = news([("lib", directory.into()), ("scratch", directory.into())]);
    failure_at("namedContexts.scratch", &never).await;
}

#[tokio::test]
async fn secrets_that_would_come_to_light_are_refused() {
    let context = context();
    let inline = PropertyValue::secret("FROM busybox:1.36\nRUN login hunter2\n");
    let reason = failure_at(
        "dockerfileInline",
        &with(&inputs(context.path()), "dockerfileInline", inline),
    )
    .await;
    assert!(!reason.contains("hunter2"), "{reason}");
    let lib = bag([("lib", PropertyValue::secret("docker-image://hunter2/lib"))]);
    let reason = failure_at(
        "namedContexts.lib",
        &with(&inputs(context.path()), "namedContexts", lib),
    )
    .await;
    assert!(!reason.contains("hunter2"), "{reason}");
}

#[tokio::test]
async fn unknown_inputs_of_the_fingerprint_leave_it_open() {
    let context = context();
    let lib = bag([("lib", PropertyValue::Unknown)]);
    for (name, value) in [
        ("namedContexts", lib.into()),
        ("fingerprintMode", PropertyValue::Unknown),
        ("baseImages", PropertyValue::Unknown),
    ] {
        let checked = check(&with(&inputs(context.path()), name, value)).await;
        assert_eq!(checked.failures, BTreeMap::new(), "{name}");
        assert!(checked.is_unknown("total"), "{name}");
    }
}
