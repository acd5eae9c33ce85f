//! The fingerprint: what it counts, what it does not, and what old inputs and `ignoreChanges` do to it.

use std::{
    fs::{self, File},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::{Duration, SystemTime},
};

use fastcontainer_property::PropertyMap;
use tempfile::TempDir;
use wire::{Image, Options, Provider, bag};

use crate::sources::{context, inputs, with, write};

struct Bench {
    provider: Provider,
    context: TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self {
            provider: Provider::start().await.unwrap(),
            context: context(),
        }
    }

    async fn total_of(&self, inputs: &PropertyMap) -> String {
        let checked = Image::named("api").check(&self.provider, inputs).await.unwrap();
        checked
            .fingerprint("total")
            .unwrap_or_else(|| panic!("{:?}", checked.failures))
            .to_owned()
    }

    async fn total(&self) -> String {
        self.total_of(&inputs(self.context.path())).await
    }

    /// Whether a change on disk changes the fingerprint.
    async fn counts(&self, change: impl FnOnce(&Path)) -> bool {
        let before = self.total().await;
        change(self.context.path());
        before != self.total().await
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn set_time(path: &Path, time: SystemTime) {
    File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

#[tokio::test]
async fn times_and_modes_of_a_checkout_do_not_count() {
    let bench = Bench::new().await;
    assert!(
        !bench
            .counts(|at| set_time(&at.join("src/main.py"), SystemTime::UNIX_EPOCH))
            .await,
        "mtime"
    );
    assert!(
        !bench.counts(|at| set_mode(&at.join("src/main.py"), 0o600)).await,
        "umask 077"
    );
    assert!(
        !bench.counts(|at| set_mode(&at.join("src"), 0o700)).await,
        "umask 077 for directories"
    );
    assert!(
        !bench.counts(|at| set_mode(&at.join("src/main.py"), 0o664)).await,
        "umask 002"
    );
}

#[tokio::test]
async fn the_same_content_elsewhere_has_the_same_fingerprint() {
    let bench = Bench::new().await;
    let other = context();
    assert_eq!(bench.total().await, bench.total_of(&inputs(other.path())).await);
    // A relative path from another working directory, in another process.
    let parent = other.path().parent().unwrap().to_owned();
    let provider = Provider::start_with(Options {
        directory: Some(parent),
        ..Options::default()
    })
    .await
    .unwrap();
    let name = other.path().file_name().unwrap();
    let relative = Image::named("api")
        .check(&provider, &inputs(Path::new(name)))
        .await
        .unwrap();
    assert_eq!(relative.fingerprint("total"), Some(&*bench.total().await));
}

#[tokio::test]
async fn content_kind_and_executable_bit_count() {
    let bench = Bench::new().await;
    assert!(
        bench.counts(|at| write(at, "src/main.py", "print('two')\n")).await,
        "content"
    );
    assert!(
        bench.counts(|at| set_mode(&at.join("src/main.py"), 0o755)).await,
        "executable bit"
    );
    assert!(bench.counts(|at| write(at, "src/new.py", "")).await, "a new empty file");
    assert!(
        bench.counts(|at| fs::create_dir(at.join("src/empty")).unwrap()).await,
        "an empty directory"
    );
    assert!(
        bench
            .counts(|at| symlink("main.py", at.join("src/link")).unwrap())
            .await,
        "a symlink"
    );
    let elsewhere = |at: &Path| {
        fs::remove_file(at.join("src/link")).unwrap();
        symlink("data.txt", at.join("src/link")).unwrap();
    };
    assert!(bench.counts(elsewhere).await, "where a symlink points");
    assert!(
        bench
            .counts(|at| fs::rename(at.join("src/new.py"), at.join("src/old.py")).unwrap())
            .await,
        "a name"
    );
    assert!(
        bench.counts(|at| fs::remove_file(at.join("src/old.py")).unwrap()).await,
        "a file that is gone"
    );
}

#[tokio::test]
async fn an_edit_that_keeps_size_and_time_counts() {
    let bench = Bench::new().await;
    let file = bench.context.path().join("src/data.txt");
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    set_time(&file, long_ago);
    let edit = |_: &Path| {
        fs::write(&file, "atad\n").unwrap();
        set_time(&file, long_ago);
    };
    assert!(bench.counts(edit).await);
}

#[tokio::test]
async fn ignored_files_do_not_count() {
    let bench = Bench::new().await;
    write(bench.context.path(), ".dockerignore", "*.log\n.dockerignore\n");
    assert!(!bench.counts(|at| write(at, "build.log", "noise\n")).await);
    assert!(bench.counts(|at| write(at, "src/data.txt", "signal\n")).await);
}

#[tokio::test]
async fn comments_in_the_dockerfile_do_not_count() {
    let bench = Bench::new().await;
    write(bench.context.path(), ".dockerignore", "Dockerfile\n.dockerignore\n");
    let dockerfile = crate::sources::DOCKERFILE;
    let commented = format!("# what this is\n\n{}", dockerfile.replace("COPY", "# why\nCOPY"));
    assert!(!bench.counts(|at| write(at, "Dockerfile", &commented)).await);
    assert!(
        bench
            .counts(|at| write(at, "Dockerfile", &dockerfile.replace("/app", "/srv")))
            .await
    );
}

#[tokio::test]
async fn where_an_image_goes_and_how_it_is_built_do_not_count() {
    let bench = Bench::new().await;
    let plain = inputs(bench.context.path());
    let before = bench.total().await;
    let silent = [
        with(&plain, "repository", "ghcr.io/me/other"),
        with(&plain, "tags", vec!["latest"]),
        with(&plain, "noCache", true),
        with(&plain, "reuse", "never"),
        with(
            &plain,
            "builder",
            bag([("local", bag([("address", "unix:///x".into())]).into())]),
        ),
        with(&plain, "platforms", vec!["linux/amd64"]),
    ];
    for inputs in silent {
        assert_eq!(bench.total_of(&inputs).await, before, "{inputs:?}");
    }
    let mut elsewhere = Image::named("other");
    elsewhere.stack = "prod".to_owned();
    let checked = elsewhere.check(&bench.provider, &plain).await.unwrap();
    assert_eq!(checked.fingerprint("total"), Some(&*before));
}

#[tokio::test]
async fn every_option_of_the_build_counts() {
    let bench = Bench::new().await;
    let plain = inputs(bench.context.path());
    let mut totals = vec![bench.total().await];
    let options = [
        with(&plain, "target", "base"),
        with(&plain, "platforms", vec!["linux/arm64"]),
        with(&plain, "buildArgs", bag([("VERSION", "2".into())])),
        with(&plain, "labels", bag([("VERSION", "2".into())])),
        with(&plain, "network", "none"),
        with(&plain, "addHosts", vec!["db:10.0.0.5"]),
        with(&plain, "triggers", vec!["once"]),
    ];
    for inputs in options {
        totals.push(bench.total_of(&inputs).await);
    }
    let count = totals.len();
    totals.sort();
    totals.dedup();
    assert_eq!(totals.len(), count, "two of them have one fingerprint");
}

#[tokio::test]
async fn an_unchanged_image_keeps_its_fingerprint_in_silence() {
    let bench = Bench::new().await;
    let (image, news) = (Image::named("api"), inputs(bench.context.path()));
    let first = image.check(&bench.provider, &news).await.unwrap();
    let second = image.check_again(&bench.provider, &first.inputs, &news).await.unwrap();
    assert_eq!(second.inputs, first.inputs);
    assert!(
        bench.provider.engine.logs().is_empty(),
        "{:?}",
        bench.provider.engine.logs()
    );
}

#[tokio::test]
async fn an_ignored_fingerprint_freezes_the_content() {
    let bench = Bench::new().await;
    let (image, news) = (Image::named("api"), inputs(bench.context.path()));
    let first = image.check(&bench.provider, &news).await.unwrap().inputs;
    write(bench.context.path(), "src/main.py", "print('two')\n");
    // With `ignoreChanges: [fingerprint]` the engine puts the old value into the news.
    let frozen = with(&news, "fingerprint", first["fingerprint"].clone());
    let second = image.check_again(&bench.provider, &first, &frozen).await.unwrap();
    assert_eq!(second.inputs["fingerprint"], first["fingerprint"]);
    let args = with(&frozen, "buildArgs", bag([("VERSION", "2".into())]));
    let third = image.check_again(&bench.provider, &first, &args).await.unwrap();
    let parts = |part: &str| {
        let old = first["fingerprint"].as_object().unwrap()[part]
            .as_str()
            .unwrap()
            .to_owned();
        (third.fingerprint(part).unwrap().to_owned(), old)
    };
    let ((new, old), (new_options, old_options)) = (parts("context"), parts("options"));
    assert_ne!(new, old, "a changed option computes everything afresh");
    assert_ne!(new_options, old_options);
}

#[tokio::test]
async fn a_base_image_that_cannot_be_asked_for_keeps_its_digest() {
    let bench = Bench::new().await;
    write(
        bench.context.path(),
        "Dockerfile",
        "FROM localhost:1/base:1\nCOPY src /app\n",
    );
    let (image, ignored) = (Image::named("api"), inputs(bench.context.path()));
    let news = with(&ignored, "baseImages", "track");
    let refused = image.check(&bench.provider, &news).await.unwrap();
    let why = format!("{:?}", refused.failures);
    assert!(why.contains("localhost:1/base:1"), "there is no digest to keep: {why}");
    let mut old = image.check(&bench.provider, &ignored).await.unwrap().inputs;
    let mut parts = old["fingerprint"].as_object().unwrap().clone();
    let known = "ab".repeat(32);
    parts.insert("baseImages".to_owned(), known.as_str().into());
    old.insert("fingerprint".to_owned(), parts.into());
    let again = image.check_again(&bench.provider, &old, &news).await.unwrap();
    assert_eq!(again.fingerprint("baseImages"), Some(&*known));
    let warnings = format!("{:?}", bench.provider.engine.logs());
    assert!(warnings.contains("the last known one is kept"), "{warnings}");
    let untracked = image
        .check_again(&bench.provider, &again.inputs, &ignored)
        .await
        .unwrap();
    assert_eq!(untracked.fingerprint("baseImages"), None);
}
