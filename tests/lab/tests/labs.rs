//! Whole labs: each starts with a real builder, does what is promised inside, and leaves nothing behind.
//!
//! They make namespaces and start daemons, so they need root and the tools of `cargo xtask setup`, and are run with
//! `cargo test -p fastcontainer-lab -- --ignored`.

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn lab(arguments: &[&str], script: &str) -> std::io::Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.arg("run").args(arguments).args(["--", "bash", "-euc", script]);
    command.stderr(Stdio::inherit()).output()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Builds `FROM busybox` with a RUN step, pushes it to ECR, runs it by digest.
const BUILD_PUSH_RUN: &str = r#"
    lab login
    curl -sSf -X PUT "$FASTCONTAINER_EMULATOR/_admin/repository?repository=$FASTCONTAINER_ECR/app" >&2
    mkdir "$HOME/context"
    printf 'FROM busybox:1.36\nRUN echo built > /proof\nCMD ["cat", "/proof"]\n' > "$HOME/context/Dockerfile"
    buildctl build --frontend dockerfile.v0 --local context="$HOME/context" --local dockerfile="$HOME/context" \
        --output type=image,name="$FASTCONTAINER_ECR/app:1",push=true >&2
    digest=$(lab image pull "$FASTCONTAINER_ECR/app:1")
    lab image run "$FASTCONTAINER_ECR/app@$digest"
"#;

#[test]
#[ignore = "needs root and the tools of `cargo xtask setup`"]
fn image_that_buildkitd_pushed_runs_by_digest() {
    let output = lab(&["--endpoint", "buildkitd"], BUILD_PUSH_RUN).unwrap();
    assert_eq!(text(&output), "built\n");
    assert!(output.status.success());
}

#[test]
#[ignore = "needs root and the tools of `cargo xtask setup`"]
fn run_steps_work_on_both_image_stores_of_dockerd() {
    for (endpoint, store) in [("docker-containerd", "overlayfs"), ("docker-classic", "overlay2")] {
        let script = r#"
            cd "$HOME"
            printf 'FROM busybox:1.36\nRUN echo ran a step\n' > Dockerfile
            tar -c Dockerfile | curl -sSf --unix-socket "${DOCKER_HOST#unix://}" -X POST -H 'Content-Type: application/x-tar' \
                --data-binary @- 'http://docker/build'
            curl -sSf --unix-socket "${DOCKER_HOST#unix://}" http://docker/info
        "#;
        let said = text(&lab(&["--endpoint", endpoint], script).unwrap());
        assert!(
            said.contains("ran a step") && said.contains("Successfully built"),
            "{endpoint}: {said}"
        );
        assert!(said.contains(&format!("\"Driver\":\"{store}\"")), "{endpoint}: {said}");
    }
}

#[test]
#[ignore = "needs root and the tools of `cargo xtask setup`"]
fn reset_builder_has_forgotten_what_it_built() {
    let script = r#"
        printf 'FROM busybox:1.36\nRUN echo once\n' > "$HOME/Dockerfile"
        build() { buildctl build --progress=plain --frontend dockerfile.v0 --local context="$HOME" --local dockerfile="$HOME" 2>&1; }
        build > /dev/null
        echo "cached after a build: $(build | grep -c CACHED || true)"
        lab builder reset
        echo "cached after a reset: $(build | grep -c CACHED || true)"
    "#;
    let said = text(&lab(&["--endpoint", "buildkitd"], script).unwrap());
    assert!(!said.contains("after a build: 0"), "{said}");
    assert!(said.contains("after a reset: 0"), "{said}");
}

#[test]
#[ignore = "needs root and the tools of `cargo xtask setup`"]
fn exit_code_is_passed_on_and_nothing_is_left() {
    let output = lab(&["--endpoint", "buildkitd"], "echo $FASTCONTAINER_LAB_DIR; exit 7").unwrap();
    assert_eq!(output.status.code(), Some(7));
    let directory = text(&output);
    assert!(
        directory.starts_with('/') && !Path::new(directory.trim()).exists(),
        "{directory}"
    );
}

#[test]
#[ignore = "needs root and the tools of `cargo xtask setup`"]
fn only_the_loopback_network_is_reachable() {
    let script = r#"
        getent hosts "$FASTCONTAINER_ECR" | cut -d' ' -f1
        getent hosts example.com || echo unknown
        cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '
    "#;
    assert_eq!(
        text(&lab(&["--endpoint", "buildkitd"], script).unwrap()),
        "127.0.0.1\nunknown\nlo\n"
    );
}

/// Two builders that share a socket's path start one at a time only.
#[test]
#[ignore = "needs root and the tools of `cargo xtask setup`"]
fn builders_listen_nowhere_but_in_their_lab() {
    for endpoint in ["buildkitd", "docker-containerd", "docker-classic"] {
        let script = r#"
            awk '$8 ~ "^/" { print $8 }' /proc/net/unix | sort -u | sed "s|^$FASTCONTAINER_LAB_DIR/||"
        "#;
        let said = text(&lab(&["--endpoint", endpoint], script).unwrap());
        let is_outside = |socket: &str| socket.starts_with('/');
        assert!(
            said.contains("run/") && !said.lines().any(is_outside),
            "{endpoint}: {said}"
        );
    }
}

#[test]
#[ignore = "needs root and the tools of `cargo xtask setup`"]
fn labs_run_at_the_same_time() {
    let script = "sleep 2; curl -sSf $FASTCONTAINER_EMULATOR/_admin/ready > /dev/null; echo $FASTCONTAINER_LAB_DIR";
    let labs = [(); 2].map(|()| std::thread::spawn(move || text(&lab(&["--endpoint", "buildkitd"], script).unwrap())));
    let directories = labs.map(|lab| lab.join().unwrap());
    assert!(
        directories.iter().all(|directory| directory.starts_with('/')),
        "{directories:?}"
    );
    assert_ne!(directories[0], directories[1]);
}
