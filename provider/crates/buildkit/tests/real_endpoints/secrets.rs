//! Secrets on a real builder: they reach the step that mounts them, and nothing else.

use fastcontainer_buildkit::{BuildError, EndpointKind, ProgressEvent};

use crate::lab::{Build, Site};

const CANARY: &str = "canary-7c1f/4d+e9 a\"b";

fn printing(command: &str) -> String {
    format!(
        "FROM scratch\nCOPY busybox /bin/busybox\nCOPY src /src\n\
         RUN --mount=type=secret,id=token [\"/bin/busybox\", \"sh\", \"-c\", \"{command}\"]\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_secret_reaches_its_step_and_is_hidden_when_it_is_printed() {
    let site = Site::enter("secret").await;
    site.write("src/a", "one\n");
    let command = "/bin/busybox cat /run/secrets/token; echo; /bin/busybox cat /run/secrets/token >&2; echo; \
                   /bin/busybox base64 /run/secrets/token; /bin/busybox wc -c < /run/secrets/token; \
                   t=$(/bin/busybox cat /run/secrets/token); echo ${t%?}; echo -n ${t#c}; /bin/busybox sleep 0.2; echo";
    let mut build = Build::of(&printing(command))
        .with_secret("token", CANARY)
        .with_secret("other", "unused-canary");
    let outcome = site.build_watched(&mut build).await.unwrap();
    let lines: Vec<_> = build
        .events
        .iter()
        .filter_map(|event| match event {
            ProgressEvent::Log { line, .. } => Some(line.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(lines.iter().filter(|line| **line == "***").count(), 3, "{lines:?}");
    let length = CANARY.len().to_string();
    assert!(lines.contains(&length.as_str()), "{lines:?}");
    // A part of a short secret is not one.
    assert!(lines.contains(&&CANARY[..CANARY.len() - 1]), "{lines:?}");
    // The image has it neither in its configuration nor in a layer.
    let digest = site.pushed(outcome.image).await;
    for blob in site.blobs(&digest).await {
        assert!(!contains(&blob, b"canary-7c1f"));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_failing_step_tells_everything_but_the_secret() {
    let site = Site::enter("failing-secret").await;
    site.write("src/a", "one\n");
    let command = "echo token is; /bin/busybox cat /run/secrets/token; exit 3";
    let mut build = Build::of(&printing(command)).with_secret("token", CANARY);
    let error = site.build_watched(&mut build).await.unwrap_err();
    let BuildError::StepFailed { log_tail, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(log_tail, &["token is", "***"]);
    let everything = format!("{error:?} {error} {:?}", build.events);
    assert!(!everything.contains("canary"), "{everything}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_step_without_its_secret_finds_no_file_unless_it_is_required() {
    let site = Site::enter("no-secret").await;
    site.write("src/a", "one\n");
    let mut build = Build::of(&printing("[ ! -e /run/secrets/token ] && echo none")).with_secret("tok", CANARY);
    site.build_watched(&mut build).await.unwrap();
    assert!(build.logged("none"), "{:?}", build.events);
    let required = printing("true").replace("id=token", "id=token,required=true");
    let error = site.build(Build::of(&required)).await.unwrap_err();
    let told = error.to_string();
    assert!(told.contains("secret token") && told.contains("not found"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn another_value_alone_finds_the_step_in_the_cache() {
    let site = Site::enter("rotated-secret").await;
    site.write("src/a", "one\n");
    let build = |value: &str| Build::of(&printing("true")).with_secret("token", value);
    let first = site.build(build("first-value")).await.unwrap();
    let second = site.build(build("second-value")).await.unwrap();
    assert_eq!((second.steps, second.cached_steps), (3, 3));
    assert_eq!(first.image, second.image);
    assert!(site.endpoint.kind != EndpointKind::DockerClassic || first.cached_steps < 3);
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
