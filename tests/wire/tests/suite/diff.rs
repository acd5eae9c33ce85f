//! Diff: what updates, what replaces, what is silent, and that the three forms of the answer agree.

use std::collections::BTreeSet;

use fastcontainer_property::{PropertyMap, PropertyPath, PropertyValue};
use fastcontainer_proto::pulumirpc::{diff_response::DiffChanges, property_diff::Kind};
use tempfile::TempDir;
use tonic::Code;
use wire::{Diffed, Image, Provider, bag};

use crate::sources::{context, inputs, with, write};

struct Bench {
    provider: Provider,
    image: Image,
    context: TempDir,
    old: PropertyMap,
}

impl Bench {
    async fn new() -> Self {
        let (provider, image, context) = (Provider::start().await.unwrap(), Image::named("api"), context());
        let start = with(&inputs(context.path()), "tags", vec!["latest"]);
        let old = image.check(&provider, &start).await.unwrap().inputs;
        Self {
            provider,
            image,
            context,
            old,
        }
    }

    /// What Check makes of the program's inputs with one of them changed.
    async fn checked(&self, name: &str, value: impl Into<PropertyValue>) -> PropertyMap {
        let mut news = with(&self.old, name, value);
        news.remove("fingerprint");
        let checked = self.image.check_again(&self.provider, &self.old, &news).await.unwrap();
        assert!(checked.failures.is_empty(), "{:?}", checked.failures);
        checked.inputs
    }

    async fn diff(&self, new: &PropertyMap, ignore: &[&str]) -> Diffed {
        let diffed = self.image.diff(&self.provider, &self.old, new, ignore).await.unwrap();
        let roots: BTreeSet<String> = diffed
            .detailed
            .keys()
            .map(|path| PropertyPath::parse_or_key(path).root().unwrap().to_owned())
            .collect();
        let diffs: BTreeSet<String> = diffed.diffs.iter().cloned().collect();
        assert_eq!(roots, diffs, "`diffs` and `detailedDiff` disagree");
        assert_eq!(diffed.diffs.len(), diffs.len(), "`diffs` holds duplicates");
        assert_eq!(diffed.changes == DiffChanges::DiffSome, !diffs.is_empty());
        let replacing = [Kind::AddReplace, Kind::DeleteReplace, Kind::UpdateReplace];
        assert_eq!(
            diffed.detailed.values().any(|kind| replacing.contains(kind)),
            !diffed.replaces.is_empty()
        );
        diffed
    }
}

#[tokio::test]
async fn nothing_changed_is_no_difference() {
    let bench = Bench::new().await;
    let again = bench.checked("tags", vec!["latest"]).await;
    assert_eq!(bench.diff(&again, &[]).await.changes, DiffChanges::DiffNone);
}

#[tokio::test]
async fn a_changed_file_updates_in_place() {
    let bench = Bench::new().await;
    write(bench.context.path(), "src/main.py", "print('two')\n");
    let diffed = bench.diff(&bench.checked("tags", vec!["latest"]).await, &[]).await;
    assert_eq!((diffed.changes, diffed.replaces.len()), (DiffChanges::DiffSome, 0));
    assert_eq!(diffed.diffs, ["fingerprint"]);
    assert_eq!(
        diffed.detailed.get("fingerprint.context"),
        Some(&Kind::Update),
        "{:?}",
        diffed.detailed
    );
    assert!(!diffed.detailed.contains_key("fingerprint.options"));
}

#[tokio::test]
async fn a_changed_repository_replaces() {
    let bench = Bench::new().await;
    let diffed = bench
        .diff(&bench.checked("repository", "localhost:1/other").await, &[])
        .await;
    assert_eq!(diffed.replaces, ["repository"]);
    assert_eq!(diffed.diffs, ["repository"], "the content is the same");
}

#[tokio::test]
async fn a_changed_build_argument_shows_itself_and_the_fingerprint() {
    let bench = Bench::new().await;
    let diffed = bench
        .diff(&bench.checked("buildArgs", bag([("VERSION", "2".into())])).await, &[])
        .await;
    let diffs: BTreeSet<&str> = diffed.diffs.iter().map(String::as_str).collect();
    assert_eq!(diffs, BTreeSet::from(["buildArgs", "fingerprint"]));
    assert!(diffed.replaces.is_empty());
}

#[tokio::test]
async fn changed_tags_update_without_a_build() {
    let bench = Bench::new().await;
    let diffed = bench
        .diff(&bench.checked("tags", vec!["latest", "v2"]).await, &[])
        .await;
    assert_eq!(diffed.diffs, ["tags"]);
    assert!(diffed.replaces.is_empty());
}

#[tokio::test]
async fn silent_inputs_make_no_difference() {
    let bench = Bench::new().await;
    let copy = context();
    let dockerfile = copy.path().join("Dockerfile").to_str().unwrap().to_owned();
    let builder = bag([("local", bag([("address", "unix:///x".into())]).into())]);
    let changes: [(&str, PropertyValue); 5] = [
        ("noCache", true.into()),
        ("reuse", "stack".into()),
        ("builder", builder.into()),
        ("context", copy.path().to_str().unwrap().into()),
        ("dockerfile", dockerfile.into()),
    ];
    for (name, value) in changes {
        let diffed = bench.diff(&bench.checked(name, value).await, &[]).await;
        assert_eq!(diffed.changes, DiffChanges::DiffNone, "{name}: {diffed:?}");
    }
}

#[tokio::test]
async fn an_unknown_input_is_a_difference_without_a_replacement() {
    let bench = Bench::new().await;
    for name in ["context", "buildArgs"] {
        let diffed = bench
            .diff(&bench.checked(name, PropertyValue::Unknown).await, &[])
            .await;
        assert_eq!(diffed.changes, DiffChanges::DiffSome, "{name}");
        assert!(diffed.replaces.is_empty(), "{name}");
        assert!(
            diffed.diffs.iter().any(|root| root == "fingerprint"),
            "{name}: {diffed:?}"
        );
    }
}

#[tokio::test]
async fn ignored_properties_do_not_differ() {
    let bench = Bench::new().await;
    write(bench.context.path(), "src/main.py", "print('two')\n");
    let new = bench.checked("tags", vec!["v2"]).await;
    assert_eq!(bench.diff(&new, &["tags"]).await.diffs, ["fingerprint"]);
    assert_eq!(bench.diff(&new, &["tags[0]"]).await.diffs, ["fingerprint"]);
}

/// Check hands the old fingerprint back while it may be kept, so one that differs asks for a build.
#[tokio::test]
async fn a_fingerprint_that_check_computed_afresh_differs_although_it_is_ignored() {
    let bench = Bench::new().await;
    let new = bench.checked("buildArgs", bag([("A", "2".into())])).await;
    let diffed = bench.diff(&new, &["fingerprint"]).await;
    assert!(diffed.diffs.contains(&"fingerprint".to_owned()), "{diffed:?}");
}

#[tokio::test]
async fn a_fingerprint_that_nobody_ignores_was_written_by_somebody() {
    let bench = Bench::new().await;
    let handed = bench.old.clone();
    let checked = bench
        .image
        .check_again(&bench.provider, &bench.old, &handed)
        .await
        .unwrap();
    assert!(
        checked.failures.is_empty(),
        "equal to the old one: it may come from ignoreChanges"
    );
    let refused = bench
        .image
        .diff(&bench.provider, &bench.old, &checked.inputs, &[])
        .await
        .unwrap_err();
    assert_eq!(refused.status().unwrap().code(), Code::InvalidArgument);
    bench.diff(&checked.inputs, &["fingerprint"]).await;
}

/// While `ignoreChanges` covers the fingerprint, an image may be built from other content than the inputs say.
#[tokio::test]
async fn what_was_built_is_compared_when_the_fingerprint_is_ignored_no_more() {
    let bench = Bench::new().await;
    write(bench.context.path(), "src/main.py", "print('two')\n");
    let edited = bench.checked("tags", vec!["latest"]).await;
    let built = with(&bench.old, "fingerprint", edited["fingerprint"].clone());
    let diff = async |new: &PropertyMap, ignore: &[&str]| {
        let state = (&bench.old, &built);
        let diffed = bench.image.diff_from(&bench.provider, state, new, ignore).await;
        diffed.unwrap().changes
    };
    assert_eq!(diff(&edited, &[]).await, DiffChanges::DiffNone);
    assert_eq!(diff(&bench.old, &[]).await, DiffChanges::DiffSome);
    assert_eq!(diff(&bench.old, &["fingerprint"]).await, DiffChanges::DiffNone);
}
