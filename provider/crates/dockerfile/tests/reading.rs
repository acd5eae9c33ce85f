//! What a target can read of the build contexts, and what the builder will ask for.

#![expect(clippy::unwrap_used, reason = "a test states what it expects with it")]

use std::collections::BTreeMap;

use fastcontainer_dockerfile::{
    Dockerfile, Extent, FollowPaths, NamedContext, Reads, ResolveRequest, Source, platform_args,
};

/// Target, build arguments and named contexts.
type Given<'a> = (
    Option<&'a str>,
    &'a [(&'a str, &'a str)],
    &'a [(&'a str, Option<&'a str>)],
);

const NOTHING: Given<'_> = (None, &[], &[]);

fn reads_given(text: &str, (target, build_args, contexts): Given<'_>) -> Reads {
    let dockerfile = Dockerfile::parse("Dockerfile", text.as_bytes()).unwrap();
    let own = |word: &&str| (*word).to_owned();
    let build_args: BTreeMap<_, _> = build_args.iter().map(|(name, value)| (own(name), own(value))).collect();
    let context =
        |image: &Option<&str>| image.map_or(NamedContext::Directory, |image| NamedContext::Image(own(&image)));
    let contexts: BTreeMap<_, _> = contexts
        .iter()
        .map(|(name, image)| (own(name), context(image)))
        .collect();
    let request = ResolveRequest {
        target,
        build_args: &build_args,
        platform: &platform_args("linux/amd64", "linux/arm64"),
        named_contexts: &contexts,
    };
    dockerfile.resolve(&request).unwrap().reads()
}

/// One line per source, or the reasons.
fn shown(extent: &Extent) -> Vec<String> {
    let source = |source: &Source| {
        let excludes: String = source.excludes.iter().map(|pattern| format!(" -{pattern}")).collect();
        let parents = source
            .parents
            .as_ref()
            .map(|parent| format!(" below `{parent}`"))
            .unwrap_or_default();
        format!("{}{excludes}{parents}", source.path)
    };
    match extent {
        Extent::Whole(reasons) => reasons.iter().map(|reason| format!("! {reason}")).collect(),
        Extent::Paths(sources) => sources.iter().map(source).collect(),
    }
}

fn context(text: &str) -> Vec<String> {
    shown(&reads_given(text, NOTHING).context)
}

/// Checks a table of Dockerfiles, each behind `FROM scratch`, against what they read.
fn check(table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        assert_eq!(context(&format!("FROM scratch\n{text}\n")), *expected, "{text}");
    }
}

#[test]
fn sources_are_clean_and_stay_in_the_context() {
    check(&[
        ("RUN true", &[]),
        ("COPY . .", &[""]),
        ("COPY src ./lib/ /x/", &["src", "lib"]),
        ("COPY ../../a /b/../c /", &["a", "c"]),
        ("COPY *.txt src/[ab]?/ /", &["*.txt", "src/[ab]?"]),
        ("COPY [\"a b\", \"/\"]", &["a b"]),
        ("ADD app.tar.gz /", &["app.tar.gz"]),
        ("copy --link --chown=1:1 --chmod=755 a /", &["a"]),
    ]);
}

#[test]
fn heredocs_and_remote_sources_are_no_paths() {
    check(&[
        ("COPY <<EOF a /x/\nb\nEOF", &["a"]),
        ("COPY [\"<<EOF\", \"/x\"]", &[]),
        ("ADD https://example.com/a http://example.com/b.git c /", &["c"]),
        ("ADD git@github.com:a/b.git ssh://git@h/a git://h/a#v /", &[]),
        (
            "ADD github.com/a/b ./git@h:a HTTP://x/a /",
            &["github.com/a/b", "git@h:a", "HTTP:/x/a"],
        ),
    ]);
}

#[test]
fn parents_and_excludes_are_kept_with_their_pivot() {
    check(&[
        ("COPY --exclude=*.md --exclude=a/** . /", &[" -*.md -a/**"]),
        ("COPY --exclude=$X --exclude=y . /", &[" -y"]),
        ("COPY --parents a/**/b /", &["a/**/b below ``"]),
        ("COPY --parents=true ./a/x/./b/../c /", &["a/x/c below `a/x`"]),
        ("COPY --parents=false a/./b /", &["a/b"]),
    ]);
}

#[test]
fn variables_follow_the_rules_of_the_frontend() {
    check(&[
        ("ENV A=a B=$A\nCOPY $A/$B.x /", &["a/.x"]),
        ("ENV A=a\nENV B=$A\nCOPY $B /", &["a"]),
        ("ARG A=1\nENV A=2\nCOPY $A /", &["2"]),
        ("ENV A=2\nARG A=1\nCOPY $A /", &["1"]),
        ("ARG A=1 B=$A/b\nCOPY ${B} ${C:-c} $D/d /", &["1/b", "c", "d"]),
        ("ARG TARGETARCH\nCOPY bin-$TARGETARCH $TARGETOS. /", &["bin-arm64", ""]),
        ("ENV $X=1 A=\"b c\"\nCOPY '$A' \"${A}\" /", &["$A", "b c"]),
        (
            "COPY $PATH /",
            &["usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        ),
    ]);
}

#[test]
fn global_arguments_count_only_where_a_stage_declares_them() {
    let text = "ARG A=g\nARG B=g\nFROM scratch\nCOPY x$A /\nARG A\nARG B=own\nCOPY x$A x$B /\n";
    assert_eq!(context(text), ["x", "xg", "xown"]);
    let given = reads_given(text, (None, &[("A", "1"), ("B", "$A")], &[]));
    assert_eq!(shown(&given.context), ["x", "x1", "x$A"]);
}

#[test]
fn a_stage_built_on_another_inherits_arguments_and_variables() {
    let text = "FROM scratch AS a\nARG X=arg\nENV Y=env\nARG Y=later\nCOPY $Y /\nFROM a AS b\nCOPY $X $Y /\n";
    assert_eq!(context(text), ["later", "arg", "env"]);
}

#[test]
fn what_only_the_base_image_may_set_is_not_decided() {
    let table = [
        (
            "FROM a\nCOPY $X /\n",
            "line 2: variable `X` may be set by the base image",
        ),
        (
            "FROM a\nENV Y=${X:-d}\nCOPY $Y /\n",
            "line 3: variable `X` may be set by the base image",
        ),
        (
            "FROM a\nARG X\nCOPY $X /\n",
            "line 3: variable `X` may be set by the base image",
        ),
        (
            "FROM a AS s\nARG X=1\nFROM s\nCOPY $X /\n",
            "line 4: variable `X` may be set by the base image",
        ),
        (
            "FROM a\nRUN --mount=source=$X,target=/x y\n",
            "line 2: variable `X` may be set by the base image",
        ),
        (
            "FROM a\nENV Z=z $X=1\nENV W=w\nCOPY $Z /\n",
            "line 4: variable `X` may be set by the base image",
        ),
        (
            "FROM a\nARG BUILDARCH\nCOPY $BUILDARCH /\n",
            "line 3: variable `BUILDARCH` depends on the builder",
        ),
    ];
    for (text, reason) in table {
        assert_eq!(context(text), [format!("! {reason}")], "{text}");
    }
    assert_eq!(
        context("FROM a\nENV X=x\nCOPY $X /\nFROM a\nCOPY --from=0 $X /\n"),
        ["x"]
    );
    let given = reads_given(
        "FROM a\nARG BUILDARCH\nCOPY $BUILDARCH /\n",
        (None, &[("BUILDARCH", "x")], &[]),
    );
    assert_eq!(shown(&given.context), ["x"]);
}

#[test]
fn a_base_that_the_builder_decides_leaves_everything_open() {
    let text = "FROM a AS x-amd64\nCOPY one /\nFROM a AS x-arm64\nCOPY two /\nFROM x-$BUILDARCH\n";
    assert_eq!(context(text), ["! line 5: variable `BUILDARCH` depends on the builder"]);
    let text = "FROM --platform=$BUILDPLATFORM a\nCOPY one /\n";
    assert_eq!(context(text), ["one"]);
}

#[test]
fn mounts_read_by_kind() {
    check(&[
        ("RUN --mount=target=/x,source=docs/ y", &["docs"]),
        ("RUN --mount=type=bind,dst=/x y", &[""]),
        ("RUN --mount=TYPE=Bind,src=a,source=./b,target=/x y", &["b"]),
        ("RUN --mount=type=cache,target=/x --mount=type=tmpfs,target=/y z", &[]),
        ("RUN --mount=type=secret,id=a,source=x --mount=type=ssh y", &[]),
        (
            "ENV T=cache S=s\nRUN --mount=type=$T,target=/x --mount=source=$S/a,target=/y z",
            &["s/a"],
        ),
        ("RUN --mount=source=a,from=scratch,target=/x y", &[]),
        (
            "RUN --mount=type=new,target=/x y",
            &["! line 2: unknown mount type `new`"],
        ),
        (
            "RUN --mount=target=/x,subset=a y",
            &["! line 2: unknown mount field `subset`"],
        ),
        (
            "RUN --mount=source=a*,target=/x y",
            &["! line 2: path `a*` can be read in more than one way"],
        ),
    ]);
}

#[test]
fn only_reached_stages_read() {
    let text =
        "FROM scratch AS a\nCOPY a /\nFROM scratch AS b\nCOPY b /\nFROM scratch AS c\nCOPY --from=A x /\nCOPY c /\n";
    assert_eq!(context(text), ["a", "c"]);
    assert_eq!(shown(&reads_given(text, (Some("b"), &[], &[])).context), ["b"]);
}

#[test]
fn inherited_triggers_read_where_they_run() {
    let text = "FROM scratch AS a\nENV D=d\nONBUILD ARG E=e\nONBUILD COPY $D/$E /\nFROM a AS b\nFROM b\n";
    assert_eq!(
        shown(&reads_given(text, (Some("a"), &[], &[])).context),
        Vec::<String>::new()
    );
    assert_eq!(shown(&reads_given(text, (Some("b"), &[], &[])).context), ["d/e"]);
    assert_eq!(context(text), ["d/e"]);
}

#[test]
fn what_the_analysis_does_not_know_makes_the_extent_whole() {
    let table: [(&str, &str); 9] = [
        (
            "# syntax=acme/df\nFROM scratch\nCOPY a /\n",
            "line 1: syntax image `acme/df` is not the official one",
        ),
        (
            "# syntax=docker/dockerfile:1\nFROM scratch\nCOPY --new=1 a /\n",
            "line 3: unknown flag `--new`",
        ),
        (
            "FROM scratch\nCOPY a\\\\b /\n",
            "line 2: path `a\\b` can be read in more than one way",
        ),
        (
            "FROM scratch\nCOPY [a /\n",
            "line 2: path `[a` can be read in more than one way",
        ),
        (
            "FROM scratch\nCOPY ${A /\n",
            "line 2: `${A` cannot be expanded: missing `}`",
        ),
        (
            "FROM scratch\nARG BUILDKIT_SBOM_SCAN_CONTEXT=1\n",
            "line 2: `BUILDKIT_SBOM_SCAN_CONTEXT` is set",
        ),
        (
            "ARG SOURCE_DATE_EPOCH=context\nFROM scratch\n",
            "line 0: `SOURCE_DATE_EPOCH` is `context`, expected a number",
        ),
        ("FROM a AS scratch\nFROM b\n", "line 1: stage named `scratch`"),
        (
            "FROM --platform=windows/amd64 a\nCOPY a b\n",
            "line 1: paths for platform `windows/amd64`",
        ),
    ];
    for (text, reason) in table {
        let reads = reads_given(text, NOTHING);
        assert_eq!(shown(&reads.context), [format!("! {reason}")], "{text}");
        assert!(reads.follow_paths(None).covers(["anything"]), "{text}");
    }
    let text = "# syntax=acme/df\nFROM scratch\nCOPY a /\n";
    let official = reads_given(text, (None, &[("BUILDKIT_SYNTAX", "docker/dockerfile:1 x")], &[]));
    assert_eq!(shown(&official.context), ["a"]);
    let bytes = b"FROM scratch\nCOPY caf\xe9 /\n";
    let latin1 = Dockerfile::parse("Dockerfile", bytes).unwrap();
    let request = ResolveRequest {
        target: None,
        build_args: &BTreeMap::new(),
        platform: &BTreeMap::new(),
        named_contexts: &BTreeMap::new(),
    };
    assert!(matches!(
        latin1.resolve(&request).unwrap().reads().context,
        Extent::Whole(_)
    ));
}

#[test]
fn a_directory_as_named_context_takes_the_reads_of_its_name() {
    let dir: Given<'_> = (None, &[], &[("lib", None)]);
    let table: [(&str, &[&str], &[&str]); 8] = [
        ("FROM scratch\nCOPY --from=lib a b /\nCOPY c /\n", &["c"], &["a", "b"]),
        ("FROM scratch\nCOPY --from=docker.io/library/LIB:latest a /\n", &[], &[]),
        (
            "FROM scratch\nCOPY --from=docker.io/library/lib:latest a /\n",
            &[],
            &["a"],
        ),
        ("FROM scratch\nRUN --mount=from=lib,source=s,target=/s x\n", &[], &["s"]),
        (
            "FROM scratch AS Lib\nCOPY own /\nFROM scratch\nCOPY --from=lib a /\n",
            &[],
            &["a"],
        ),
        ("FROM scratch AS lib\nCOPY own /\nFROM lib\nCOPY c /\n", &["c"], &[""]),
        ("FROM lib\n", &[], &[""]),
        ("FROM lib AS x\nFROM scratch\nCOPY --from=x a /\n", &[], &["a"]),
    ];
    for (text, main, named) in table {
        let reads = reads_given(text, dir);
        assert_eq!(shown(&reads.context), main, "{text}");
        assert_eq!(reads.named.get("lib").map(shown).unwrap_or_default(), named, "{text}");
    }
    let image: Given<'_> = (None, &[], &[("lib", Some("alpine"))]);
    let reads = reads_given(
        "FROM scratch AS lib\nCOPY own /\nFROM lib\nCOPY --from=lib a /\nCOPY c /\n",
        image,
    );
    assert_eq!((shown(&reads.context), reads.named.len()), (vec!["c".to_owned()], 0));
    let custom = reads_given("# syntax=acme/df\nFROM scratch\n", dir);
    assert!(matches!(custom.named["lib"], Extent::Whole(_)));
}

#[test]
fn the_expected_list_is_what_the_builder_sends() {
    let asked =
        |text: &str| -> FollowPaths { reads_given(&format!("FROM scratch\n{text}\n"), NOTHING).follow_paths(None) };
    let table: [(&str, &[&str]); 7] = [
        ("COPY src /", &["src"]),
        ("COPY --exclude=*.md src /", &["src"]),
        ("COPY --parents src/./**/b.md /", &["src/**/b.md"]),
        ("RUN --mount=source=docs,target=/d x", &["docs"]),
        ("COPY a /\nADD http://x/y git://h/r /", &["a", "git:/h/r"]),
        ("COPY a /\nRUN --mount=type=tmpfs,target=/t x", &[]),
        ("COPY --exclude=a . /", &[]),
    ];
    for (text, sent) in table {
        assert!(asked(text).covers(sent.iter().copied()), "{text}");
        let more = sent.iter().copied().chain(["secret"]);
        assert!(!asked(text).covers(more), "{text}");
    }
    assert!(!asked("COPY src /").covers([]));
    assert!(asked("COPY . /").covers(["anything"]));
    assert_eq!(asked("RUN x"), FollowPaths::default());
    assert!(!asked("RUN x").covers([]));
}

#[test]
fn the_builder_also_asks_for_stages_behind_a_replaced_one() {
    let text = "FROM scratch AS deep\nCOPY deep /\nFROM scratch AS lib\nCOPY --from=deep x /\nFROM scratch\n\
                COPY --from=lib a /\nCOPY c /\n";
    let reads = reads_given(text, (None, &[], &[("lib", None)]));
    assert_eq!(shown(&reads.context), ["c"]);
    assert!(reads.follow_paths(None).covers(["c", "deep"]));
    assert!(reads.follow_paths(Some("lib")).covers(["a"]));
    assert!(!reads.follow_paths(Some("lib")).covers(["b"]));
}
