//! Steps: how they are numbered and shown, and which changes reach which of them.

#![expect(clippy::unwrap_used, reason = "a test states what it expects with it")]

use std::collections::BTreeMap;

use fastcontainer_dockerfile::{
    Dockerfile, NamedContext, ResolveRequest, Source, Step, StepKind, platform_args, step_keys,
};

fn steps_given(text: &str, build_args: &[(&str, &str)], context: Option<(&str, NamedContext)>) -> Vec<Step> {
    let dockerfile = Dockerfile::parse("Dockerfile", text.as_bytes()).unwrap();
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let request = ResolveRequest {
        target: None,
        build_args: &build_args.iter().map(own).collect(),
        platform: &platform_args("linux/amd64", "linux/amd64"),
        named_contexts: &context
            .into_iter()
            .map(|(name, kind)| (name.to_owned(), kind))
            .collect(),
    };
    dockerfile.resolve(&request).unwrap().steps()
}

fn labels(text: &str) -> Vec<String> {
    steps_given(text, &[], None)
        .into_iter()
        .map(|step| step.label)
        .collect()
}

#[test]
fn a_single_stage_has_no_name() {
    assert_eq!(
        labels("FROM alpine\nRUN a\nENV X=1\ncopy src $X/\nWORKDIR /w\nCMD x\n"),
        [
            "[1/4] FROM docker.io/library/alpine:latest",
            "[2/4] RUN a",
            "[3/4] COPY src 1/",
            "[4/4] WORKDIR /w",
        ]
    );
    assert_eq!(labels("FROM scratch\nADD a /\n"), ["[1/1] ADD a /"]);
}

#[test]
fn images_copied_from_and_mounts_count_as_stages() {
    for line in ["COPY --from=busybox a /", "RUN --mount=type=cache,target=/x y"] {
        let shown = labels(&format!("FROM scratch\n{line}\n"));
        assert_eq!(shown, [format!("[stage-0 1/1] {line}")]);
    }
}

#[test]
fn stages_are_numbered_on_their_own_and_only_reached_ones_appear() {
    let text =
        "FROM a:1 AS Build\nRUN one\nFROM b\nRUN two\nFROM build\nCOPY x /\nFROM scratch\nCOPY --from=build y /\n";
    assert_eq!(
        labels(text),
        [
            "[build 1/2] FROM docker.io/library/a:1",
            "[build 2/2] RUN one",
            "[stage-3 1/1] COPY --from=build y /"
        ]
    );
}

#[test]
fn numbers_are_those_of_the_builder_also_where_it_miscounts() {
    let text = "FROM scratch AS a\nONBUILD ENV X=1\nONBUILD RUN t\nFROM a\nWORKDIR /\nRUN r\n";
    assert_eq!(labels(text), ["[stage-1 1/4] ONBUILD RUN t", "[stage-1 2/4] RUN r"]);
    let many = labels(&format!("FROM scratch\n{}", "RUN x\n".repeat(10)));
    assert_eq!((many[0].as_str(), many[9].as_str()), ("[ 1/10] RUN x", "[10/10] RUN x"));
}

#[test]
fn labels_expand_what_is_known_and_hide_secrets() {
    let text = "FROM a\nARG V=1\nRUN --mount=type=secret,id=k,env=K x $V \"$K\" $U\nRUN <<E\none $V\ntwo\nE\nCOPY '$V' \"$V\" /\n";
    assert_eq!(
        labels(text)[1..],
        [
            "[stage-0 2/4] RUN --mount=type=secret,id=k,env=K x 1 \"****\" $U",
            "[stage-0 3/4] RUN <<E (one 1...)",
            "[stage-0 4/4] COPY $V 1 /",
        ]
    );
}

#[test]
fn a_named_context_as_base_is_shown_as_such() {
    let text = "FROM lib\nRUN x\n";
    let directory = steps_given(text, &[], Some(("lib", NamedContext::Directory)));
    assert_eq!(directory[0].label, "[context lib] load from client");
    assert_eq!(
        (directory[0].kind, directory[1].label.as_str()),
        (StepKind::Context, "[1/2] RUN x")
    );
    let image = steps_given(text, &[], Some(("lib", NamedContext::Image("alpine:3".to_owned()))));
    assert_eq!(image[0].label, "[context lib] alpine:3");
}

#[test]
fn every_source_knows_its_step() {
    let steps = steps_given("FROM a\nCOPY x y /\nRUN --mount=source=z,target=/z t\n", &[], None);
    for (index, paths) in [(1, &["x", "y"][..]), (2, &["z"][..])] {
        let sources = &steps[index].sources;
        assert!(sources.iter().all(|source| source.step == index));
        assert_eq!(
            sources.iter().map(|source| source.path.as_str()).collect::<Vec<_>>(),
            paths
        );
    }
}

const TWO_STAGES: &str = "FROM golang:1 AS build\nARG VERSION=1\nWORKDIR /src\nCOPY go.mod ./\nRUN go mod download\n\
                          COPY . .\nRUN make\nFROM alpine\nRUN apk add x\nCOPY --from=build /out /\nUSER 1\nCMD x\n";

/// The labels' numbers of the steps whose keys differ between two builds.
fn changed(old: (&str, &[(&str, &str)], &str), new: (&str, &[(&str, &str)], &str)) -> Vec<String> {
    let build = |(text, args, edited): (&str, &[(&str, &str)], &str)| {
        let steps = steps_given(text, args, None);
        let digest = |source: &Source, _: Option<&str>| [u8::from(!edited.is_empty() && source.path == edited); 32];
        let keys = step_keys(&steps, &digest, &|image| {
            (image == edited).then(|| "sha256:0".to_owned())
        });
        (steps, keys)
    };
    let ((_, old), (steps, new)) = (build(old), build(new));
    let label = |step: &Step| {
        step.label
            .split(']')
            .next()
            .unwrap_or_default()
            .trim_start_matches('[')
            .to_owned()
    };
    let pairs = steps.iter().zip(&new).enumerate();
    pairs
        .filter(|(index, (_, key))| old.get(*index) != Some(*key))
        .map(|(_, (step, _))| label(step))
        .collect()
}

#[test]
fn a_change_reaches_the_steps_from_the_first_that_sees_it() {
    let behind_copy = ["build 5/6", "build 6/6", "stage-1 3/3"];
    let behind_workdir = [
        "build 2/6",
        "build 3/6",
        "build 4/6",
        "build 5/6",
        "build 6/6",
        "stage-1 3/3",
    ];
    let base = (TWO_STAGES, &[][..], "");
    assert_eq!(changed(base, base), Vec::<String>::new());
    assert_eq!(
        changed(base, (&TWO_STAGES.replace("COPY . .", "COPY . ./"), &[], "")),
        behind_copy
    );
    assert_eq!(
        changed(base, (&TWO_STAGES.replace("/src", "/app"), &[], "")),
        behind_workdir
    );
    assert_eq!(changed(base, (TWO_STAGES, &[], "go.mod")), behind_workdir[1..]);
    // The argument is declared before the first RUN, which is where it counts; COPY does not look at it.
    assert_eq!(
        changed(base, (TWO_STAGES, &[("VERSION", "2")], "")),
        behind_workdir[2..]
    );
    assert_eq!(
        changed(base, (TWO_STAGES, &[], "alpine")),
        ["stage-1 1/3", "stage-1 2/3", "stage-1 3/3"]
    );
}

#[test]
fn what_only_describes_the_image_changes_no_step() {
    let described = TWO_STAGES.replace(
        "CMD x",
        "CMD y\nENTRYPOINT z\nEXPOSE 1\nLABEL a=b\nVOLUME /v\nSTOPSIGNAL 9\nHEALTHCHECK NONE\n# note",
    );
    assert_eq!(
        changed((TWO_STAGES, &[], ""), (&described, &[], "")),
        Vec::<String>::new()
    );
}

#[test]
fn variables_users_and_shells_change_the_commands_behind_them() {
    for line in ["ENV A=1", "USER 2", "SHELL [\"/bin/bash\", \"-c\"]", "ARG A=1"] {
        let text = TWO_STAGES.replace("FROM alpine\n", &format!("FROM alpine\n{line}\n"));
        assert_eq!(
            changed((TWO_STAGES, &[], ""), (&text, &[], "")),
            ["stage-1 2/3", "stage-1 3/3"],
            "{line}"
        );
    }
    let order = |text: &str| TWO_STAGES.replace("FROM alpine\n", &format!("FROM alpine\n{text}\n"));
    let (one, other) = (order("ENV A=1\nENV B=2"), order("ENV B=3\nENV A=1 B=2"));
    assert_eq!(changed((&one, &[], ""), (&other, &[], "")), Vec::<String>::new());
}

#[test]
fn heredoc_bodies_are_part_of_their_step() {
    let text = |body: &str| format!("FROM scratch\nCOPY <<E /x\n{body}\nE\n");
    assert_eq!(changed((&text("a"), &[], ""), (&text("b"), &[], "")), ["1/1"]);
    let expanded = "FROM scratch\nARG A=1\nCOPY <<E /x\n$A\nE\n";
    assert_eq!(changed((expanded, &[], ""), (expanded, &[("A", "2")], "")), ["1/1"]);
}

#[test]
fn a_named_context_is_told_apart_from_the_main_one() {
    let directory = BTreeMap::from([("lib", NamedContext::Directory)]);
    let steps = steps_given("FROM scratch\nCOPY --from=lib a /\n", &[], directory.into_iter().next());
    let key = |named: u8| {
        step_keys(
            &steps,
            &|_, context| [if context == Some("lib") { named } else { 0 }; 32],
            &|_| None,
        )
    };
    assert_ne!(key(1), key(2));
}

fn secrets(text: &str) -> Vec<(Option<String>, bool, usize)> {
    let dockerfile = Dockerfile::parse("Dockerfile", text.as_bytes()).unwrap();
    let request = ResolveRequest {
        target: None,
        build_args: &BTreeMap::new(),
        platform: &platform_args("linux/amd64", "linux/amd64"),
        named_contexts: &BTreeMap::new(),
    };
    let mounts = dockerfile.resolve(&request).unwrap().secret_mounts();
    mounts.into_iter().map(|one| (one.id, one.required, one.line)).collect()
}

#[test]
fn a_secret_is_named_by_source_id_or_target() {
    let mount = |options: &str| secrets(&format!("FROM scratch\nRUN --mount=type=secret,{options} x\n"));
    let named = |id: &str, required| vec![(Some(id.to_owned()), required, 2)];
    assert_eq!(mount("id=token"), named("token", false));
    assert_eq!(mount("source=token,target=/a/b"), named("token", false));
    assert_eq!(mount("target=/etc/npmrc/"), named("npmrc", false));
    assert_eq!(mount("id=token,env=TOKEN,required"), named("token", true));
    assert_eq!(mount("id=token,required=true"), named("token", true));
    assert_eq!(mount("id=token,required=0"), named("token", false));
    assert_eq!(mount("required=1,ID=token"), named("token", true));
}

#[test]
fn secrets_of_unreached_stages_do_not_count_and_other_mounts_are_none() {
    let text = "FROM a AS unused\nRUN --mount=type=secret,id=x y\nFROM b\nRUN --mount=type=ssh --mount=type=cache,id=c,target=/c y\n\
                RUN --mount=type=secret,id=one --mount=type=secret,id=two,required y\n";
    let wanted = [("one", false), ("two", true)].map(|(id, required)| (Some(id.to_owned()), required, 5));
    assert_eq!(secrets(text), wanted);
}

#[test]
fn the_id_of_a_secret_takes_variables_as_far_as_they_are_known() {
    let text =
        "FROM a\nARG NAME=token\nRUN --mount=type=secret,id=$NAME y\nRUN --mount=type=secret,id=$OF_THE_BASE y\n";
    assert_eq!(secrets(text), [(Some("token".to_owned()), false, 3), (None, false, 4)]);
}
