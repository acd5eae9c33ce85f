//! What the builder asks for: covered by the fingerprint, or the build fails; and named contexts.
//!
//! Responsible for the traffic that only a real frontend causes: the lists of paths for each form of COPY and of mounts,
//! `ONBUILD` of a base image, the ignore files of named contexts, the transfer of directories that did not change.

use fastcontainer_buildkit::{BuildError, EndpointKind, FollowPaths, NamedContextSource};

use crate::lab::{Build, Site, only};

/// The error of a build that asks for too much.
fn outside(error: &BuildError) -> (&str, &str) {
    match error {
        BuildError::OutsideFingerprint { context, asked } => (context, asked),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn lists_that_are_covered_are_served() {
    let site = Site::enter("covered").await;
    site.write("src/a", &site.clock_text());
    site.write("docs/b.md", "b\n");
    let rows: [(&str, &[&str]); 4] = [
        ("COPY src /src\n", &["src"]),
        ("COPY src/a docs/*.md /to/\n", &["src/a", "docs/*.md"]),
        ("COPY docs/b.md /b\n", &["docs"]),
        ("COPY . /\n", &[""]),
    ];
    for (copy, patterns) in rows {
        let dockerfile = format!("FROM scratch\n{copy}");
        let outcome = site.build(Build::of(&dockerfile).asking_only(patterns)).await;
        assert!(outcome.is_ok(), "{copy}: {outcome:?}");
    }
    let nothing = "FROM scratch\nWORKDIR /made\n";
    let outcome = site.build(Build::of(nothing).asking_nothing()).await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn lists_that_are_not_covered_fail_the_build() {
    let site = Site::enter("not-covered").await;
    site.write("src/a", &site.clock_text());
    site.write("lib/b", "b\n");
    let rows: [(&str, &[&str], &str); 3] = [
        ("COPY src /src\nCOPY lib /lib\n", &["src"], "`lib`"),
        ("COPY src /src\n", &["src/a"], "`src`"),
        ("COPY . /\n", &["src", "lib"], "all files"),
    ];
    for (copy, patterns, expected) in rows {
        let dockerfile = format!("FROM scratch\n{copy}");
        let error = site
            .build(Build::of(&dockerfile).asking_only(patterns))
            .await
            .unwrap_err();
        assert_eq!(outside(&error), ("the build context", expected), "{copy}");
    }
    let error = site
        .build(Build::of("FROM scratch\nCOPY src /\n").asking_nothing())
        .await;
    assert_eq!(outside(&error.unwrap_err()).1, "`src`");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn each_form_of_a_source_asks_for_its_own_list() {
    let site = Site::enter("forms").await;
    site.write("src/a", &site.clock_text());
    site.write("docs/b.md", "b\n");
    let run = "[\"/bin/busybox\", \"true\"]";
    let everywhere = [
        ("COPY src /x".to_owned(), "`src`"),
        ("COPY ./src/../docs/ /x".to_owned(), "`docs`"),
        ("COPY ../src /x".to_owned(), "`src`"),
        ("COPY [\"src/a\", \"/docs\", \"/x/\"]".to_owned(), "`docs`, `src/a`"),
        (
            "ARG WHAT=src\nADD ${WHAT}/* docs/b.md /x/".to_owned(),
            "`docs/b.md`, `src/*`",
        ),
        (format!("RUN --mount=type=bind,source=docs,target=/d {run}"), "`docs`"),
        (format!("RUN --mount=type=bind,target=/d {run}"), "all files"),
        (
            format!("COPY src /x\nRUN --mount=type=tmpfs,target=/d {run}"),
            "all files",
        ),
    ];
    let recent = [
        ("COPY --exclude=*.md src docs /x/".to_owned(), "`docs`, `src`"),
        ("COPY --parents docs/**/b.md /x/".to_owned(), "`docs/**/b.md`"),
    ];
    // Only recent frontends know these; the lab's most recent one is buildkitd's.
    let recent = recent
        .into_iter()
        .filter(|_| site.endpoint.kind == EndpointKind::Buildkitd);
    for (line, expected) in everywhere.into_iter().chain(recent) {
        let build = Build::of(&format!("FROM scratch\n{line}\n")).asking_nothing();
        let error = site.build(build).await.unwrap_err();
        assert_eq!(outside(&error).1, expected, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn names_that_are_not_ascii_are_recognised() {
    let site = Site::enter("escaped").await;
    site.write("src/gr\u{fc}n 100%+", &site.clock_text());
    let dockerfile = "FROM scratch\nCOPY [\"src/gr\u{fc}n 100%+\", \"/a\"]\n";
    let build = || Build::of(dockerfile).asking_only(&["src/gr\u{fc}n 100%+"]);
    assert!(site.build(build()).await.is_ok());
    let error = site
        .build(Build::of(dockerfile).asking_only(&["src/gr"]))
        .await
        .unwrap_err();
    assert_eq!(outside(&error).1, "`src/gr\u{fc}n 100%+`");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn onbuild_of_a_base_image_is_noticed() {
    let site = Site::enter("onbuild").await;
    site.write("src/a", &site.clock_text());
    let base = site
        .build(Build::of("FROM scratch\nCOPY src /\nONBUILD COPY . /all\n"))
        .await;
    let digest = site.pushed(base.unwrap().image).await;
    site.tag("onbuild", &digest).await;
    let dockerfile = format!("FROM {}:onbuild\nCOPY src /b\n", site.repository());
    let error = site
        .build(Build::of(&dockerfile).asking_only(&["src"]))
        .await
        .unwrap_err();
    assert_eq!(outside(&error), ("the build context", "all files"));
    assert!(site.build(Build::of(&dockerfile)).await.is_ok());
}

const THREE_USES: &str = "FROM scratch AS base\nCOPY busybox /bin/busybox\nCOPY --from=other one /one\n\
    RUN --mount=type=bind,from=other,source=two,target=/two [\"/bin/busybox\", \"cat\", \"/one\", \"/two/a\"]\n\
    FROM base\nCOPY --from=other one /again\n";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_named_context_is_served_beside_the_build_context() {
    let site = Site::enter("named").await;
    if !site.endpoint.pins_images() {
        return refused(&site).await;
    }
    let stamp = site.clock_text();
    site.write_beside("other", "one", &format!("1 of {stamp}\n"));
    site.write_beside("other", "two/a", &format!("2 of {stamp}\n"));
    site.write_beside("other", ".dockerignore", "one\n");
    let build = || {
        let other = site.directory("other", only(&["one", "two"]));
        Build::of(THREE_USES)
            .asking_only(&["busybox"])
            .with_context("other", other)
    };
    let mut first = build();
    site.build_watched(&mut first).await.unwrap();
    assert!(first.logged(&format!("1 of {stamp}")) && first.logged(&format!("2 of {stamp}")));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn only_what_changed_of_a_named_context_is_sent() {
    let site = Site::enter("named-sent").await;
    if !site.endpoint.pins_images() {
        return;
    }
    site.write_beside("other", "one", &site.clock_text());
    site.write_beside("other", "two/a", "first\n");
    let dockerfile = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY --from=other one two /o/\n\
        RUN [\"/bin/busybox\", \"cat\", \"/o/a\"]\n";
    let build = || {
        let other = site.directory("other", only(&["one", "two"]));
        Build::of(dockerfile)
            .asking_only(&["busybox"])
            .with_context("other", other)
    };
    let first = site.build(build()).await.unwrap();
    assert_eq!(first.context_files_sent, 3);
    let unchanged = site.build(build()).await.unwrap();
    assert_eq!((unchanged.context_files_sent, unchanged.image), (0, first.image));
    assert_eq!((unchanged.steps, unchanged.cached_steps), (3, 3));
    site.write_beside("other", "two/a", "again\n");
    let mut changed = build();
    assert_eq!(site.build_watched(&mut changed).await.unwrap().context_files_sent, 1);
    assert!(changed.logged("again"));
}

/// A builder without named contexts says so before it builds.
async fn refused(site: &Site) {
    let other = NamedContextSource::Image("alpine".to_owned());
    let error = site
        .build(Build::of(THREE_USES).with_context("other", other))
        .await
        .unwrap_err();
    assert!(matches!(error, BuildError::Unsupported { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_whole_named_context_with_an_ignore_file_is_not_filtered_twice() {
    let site = Site::enter("named-whole").await;
    if !site.endpoint.pins_images() {
        return;
    }
    site.write_beside("other", "one", &format!("{}\n", site.clock_text()));
    site.write_beside("other", "two/a", "read\n");
    site.write_beside("other", ".dockerignore", "one\n");
    let other = site.directory("other", FollowPaths::Everything);
    let mut build = Build::of(THREE_USES).with_context("other", other);
    site.build_watched(&mut build).await.unwrap();
    assert!(build.logged("read"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_named_context_is_covered_for_itself() {
    let site = Site::enter("named-covered").await;
    if !site.endpoint.pins_images() {
        return;
    }
    site.write_beside("other", "one", &site.clock_text());
    site.write_beside("other", "two/a", "x");
    for follow in [only(&["three"]), FollowPaths::NotAsked] {
        let other = site.directory("other", follow);
        let error = site
            .build(Build::of(THREE_USES).with_context("other", other))
            .await
            .unwrap_err();
        // Each use is a transfer of its own; either may come first.
        let (context, asked) = outside(&error);
        assert_eq!(context, "the named context `other`");
        assert!(["`one`", "`two`"].contains(&asked), "{asked}");
    }
    let whole = "FROM other\nWORKDIR /made\n";
    let build = |follow| {
        Build::of(whole)
            .asking_nothing()
            .with_context("other", site.directory("other", follow))
    };
    let error = site.build(build(only(&["one", "two"]))).await.unwrap_err();
    assert_eq!(outside(&error), ("the named context `other`", "all files"));
    assert!(site.build(build(FollowPaths::Everything)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn named_contexts_replace_images_and_stages() {
    let site = Site::enter("named-replace").await;
    if !site.endpoint.pins_images() {
        return;
    }
    site.write("src/a", &site.clock_text());
    let base = site
        .build(Build::of("FROM scratch\nCOPY src /from-base\n"))
        .await
        .unwrap();
    let digest = site.pushed(base.image).await;
    site.tag("base", &digest).await;
    let image = NamedContextSource::Image(format!("{}:base", site.repository()));
    site.write_beside("dir", "f", "x");
    // The stage `made` would fail; the image `no/such:latest` does not exist.
    let dockerfile = "FROM scratch AS made\nCOPY nowhere /\nFROM no/such:latest\nCOPY --from=made f /f\n";
    let build = Build::of(dockerfile)
        .asking_nothing()
        .with_context("docker.io/no/such:latest", image)
        .with_context("made", site.directory("dir", only(&["f"])));
    site.build(build).await.unwrap();
}
