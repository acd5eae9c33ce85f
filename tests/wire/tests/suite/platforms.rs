//! Images for several platforms: which lists are one, what counts for each, and what is refused.

use fastcontainer_property::{
    PropertyMap, PropertyValue,
    wire::{from_struct, to_struct},
};
use fastcontainer_proto::pulumirpc::InvokeRequest;
use tempfile::TempDir;
use wire::{Checked, Image, Provider, bag};

use crate::sources::{context, inputs, with, write};

const OWN_FILE: &str = "FROM scratch\nARG TARGETARCH\nCOPY shared /\nCOPY bin-$TARGETARCH /app\n";

struct Bench {
    provider: Provider,
    context: TempDir,
}

impl Bench {
    /// A context of which each platform takes another file.
    async fn new() -> Self {
        let context = context();
        write(context.path(), "Dockerfile", OWN_FILE);
        for name in ["shared", "bin-amd64", "bin-arm64"] {
            write(context.path(), name, name);
        }
        Self {
            provider: Provider::start().await.unwrap(),
            context,
        }
    }

    fn inputs(&self, platforms: &[&str]) -> PropertyMap {
        with(&inputs(self.context.path()), "platforms", platforms.to_vec())
    }

    async fn check(&self, platforms: &[&str]) -> Checked {
        let checked = Image::named("api").check(&self.provider, &self.inputs(platforms)).await;
        checked.unwrap()
    }

    async fn total(&self, platforms: &[&str]) -> String {
        let checked = self.check(platforms).await;
        let total = checked.fingerprint("total");
        total.unwrap_or_else(|| panic!("{:?}", checked.failures)).to_owned()
    }
}

#[tokio::test]
async fn order_and_spelling_do_not_count() {
    let bench = Bench::new().await;
    let both = bench.total(&["linux/amd64", "linux/arm64"]).await;
    for same in [
        ["linux/arm64", "linux/amd64"],
        ["linux/aarch64", "linux/x86_64"],
        ["linux/arm64/v8", "linux/amd64/v1"],
    ] {
        assert_eq!(bench.total(&same).await, both, "{same:?}");
    }
    let plain = Image::named("api")
        .check(&bench.provider, &inputs(bench.context.path()))
        .await
        .unwrap();
    assert_eq!(plain.fingerprint("total"), Some(&*bench.total(&["linux/amd64"]).await));
}

#[tokio::test]
async fn every_set_of_platforms_is_another_content() {
    let bench = Bench::new().await;
    write(bench.context.path(), "Dockerfile", "FROM scratch\nCOPY shared /\n");
    let sets: [&[&str]; 5] = [
        &["linux/amd64"],
        &["linux/arm64"],
        &["linux/amd64", "linux/arm64"],
        &["linux/amd64", "linux/s390x"],
        &["linux/amd64", "linux/arm64", "linux/s390x"],
    ];
    let mut totals = Vec::new();
    for set in sets {
        totals.push(bench.total(set).await);
    }
    totals.sort();
    totals.dedup();
    assert_eq!(totals.len(), sets.len());
}

#[tokio::test]
async fn the_files_of_every_platform_count_and_no_others() {
    let bench = Bench::new().await;
    let (both, one) = (["linux/amd64", "linux/arm64"], ["linux/amd64"]);
    let before = (bench.total(&both).await, bench.total(&one).await);
    write(bench.context.path(), "bin-arm64", "changed");
    let after = (bench.total(&both).await, bench.total(&one).await);
    assert_ne!(before.0, after.0);
    assert_eq!(before.1, after.1, "arm64's file counts for amd64");
    write(bench.context.path(), "bin-s390x", "nobody's");
    assert_eq!(bench.total(&both).await, after.0);
}

#[tokio::test]
async fn each_wrong_platform_is_named_with_what_would_be_right() {
    let bench = Bench::new().await;
    let list = ["linux/amd64", "linux/arm46", "amd64", "linux/x86_64", "plan9/amd64"];
    let failures = bench.check(&list).await.failures;
    let paths: Vec<_> = failures.keys().map(String::as_str).collect();
    assert_eq!(paths, ["platforms[1]", "platforms[2]", "platforms[3]", "platforms[4]"]);
    let says = [
        ("platforms[1]", "did you mean `linux/arm64`?"),
        ("platforms[2]", "`linux/amd64`"),
        (
            "platforms[3]",
            "is the same platform as `linux/amd64`; remove one of them",
        ),
        ("platforms[4]", "`plan9` is no operating system"),
    ];
    for (path, part) in says {
        assert!(failures[path].contains(part), "{path}: {}", failures[path]);
    }
}

#[tokio::test]
async fn the_function_names_what_each_platform_reads() {
    let bench = Bench::new().await;
    let mut arguments = bench.inputs(&["linux/arm64", "linux/amd64"]);
    arguments.remove("repository");
    let request = InvokeRequest {
        tok: "fastcontainer:index:getFingerprint".to_owned(),
        args: Some(to_struct(&arguments)),
        preview: true,
    };
    let answer = bench.provider.client().invoke(request).await.unwrap().into_inner();
    assert_eq!(answer.failures.len(), 0, "{:?}", answer.failures);
    let result = from_struct(&answer.r#return.unwrap()).unwrap();
    let step = |step: &str, line: f64, file: &str| -> PropertyValue {
        let files = vec![file].into();
        bag([("step", step.into()), ("line", line.into()), ("files", files)]).into()
    };
    let expected = vec![
        step("[1/2] COPY shared /", 3.0, "shared"),
        step("[linux/amd64 2/2] COPY bin-amd64 /app", 4.0, "bin-amd64"),
        step("[linux/arm64 2/2] COPY bin-arm64 /app", 4.0, "bin-arm64"),
    ];
    assert_eq!(result["steps"], expected.into());
    assert_eq!(result["files"], vec!["bin-amd64", "bin-arm64", "shared"].into());
    assert_eq!(result["mode"], "precise".into());
}
